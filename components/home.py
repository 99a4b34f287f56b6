"""What a standby region reads from its home region, checked where it is read."""

from collections.abc import Mapping
from typing import Any, cast

import pulumi
from pulumi import Output, ResourceOptions
from pulumi.output import UNKNOWN

from settings import Settings, differences, shared
from settings.shared import Shared

REPLICATION = "postgresql_replication"
"""Secret stack output of home: what a replica cluster needs in order to follow it."""
TOKENS = "memory_tokens"
"""Secret stack output of home: memory namespace to bearer token. Clients keep theirs when a standby takes over."""
EDGES = "edges"
"""Secret stack output of home: how its ingress controller and the edges know each other (edge_entrance.py)."""
SHARED = "shared"
"""Stack output of home: what every region must state alike (settings/shared.py)."""


class Home(pulumi.ComponentResource):
    """The home region's outputs. Only a standby has one; home never reads a standby.

    A region that is demoted reads the standby that is to be home, before it is.

    In an update, outputs that are missing or that this region does not agree with end the program with RunError. In a
    preview home may be about to change as well: what is missing is unknown, what differs is a warning.
    """

    checked: Output[pulumi.Resource]
    """Resolves once home has said all that a standby needs: what is made after it is not made in vain."""

    replication: Output[Any]
    """Secret: certificates and password with which PostgreSQL follows home's."""

    def __init__(
        self, name: str, settings: Settings, after: Output[pulumi.Resource], opts: ResourceOptions | None = None
    ) -> None:
        """`after`: home is read, and judged, once this is known."""
        super().__init__("soma:region:Home", name, {}, opts)
        self._region, own = settings.home, shared(settings)
        stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{self._region}"
        reference = pulumi.StackReference(f"{name}-stack", stack, opts=ResourceOptions(parent=self))
        demoted = settings.promotion.step == "demote"
        read_after = Output.all(after=after, outputs=reference.outputs)
        accepted = read_after.apply(lambda read: _accepted(read["outputs"], settings.stack, own, demoted))
        self._accepted = accepted

        def read(key: str) -> Output[Any]:
            return Output.secret(accepted.apply(lambda outputs: _required(outputs, key, self._region)))

        self.checked = accepted.apply(lambda _: reference)
        self.replication = read(REPLICATION)
        self._tokens = read(TOKENS)
        self.register_outputs({"region": self._region})

    def edges(self) -> Output[Any]:
        """Secret: certificates with which an edge reaches home's ingress controller. Home without one has none."""
        return Output.secret(self._accepted.apply(lambda outputs: _entrance(outputs, self._region)))

    def token(self, namespace: str) -> Output[str]:
        """Secret: the bearer token of a memory namespace."""
        return self._tokens.apply(lambda tokens: _token(tokens, namespace, self._region))


def _accepted(outputs: Mapping[str, Any], stack: str, own: Shared, demoted: bool = False) -> Mapping[str, Any]:
    """Home's outputs, if this region can follow them."""
    region = cast(str, own["multiregion.home"])
    role = outputs.get("role", "home")
    if demoted:
        own = {path: value for path, value in own.items() if path != "multiregion.home"}
    elif role != "home":
        raise pulumi.RunError(f"stack {region} says that it is a {role}, not the home region: see multiregion.home")
    for key in (REPLICATION, TOKENS):
        _required(outputs, key, region)
    if SHARED in outputs:
        _agree(own, outputs[SHARED], stack, region)
    elif not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(
            f"stack {region} was last updated by an earlier release, which does not say what every region shares: "
            f"update {region} first (pulumi up -s {region})"
        )
    return outputs


def _agree(own: Shared, homes: Mapping[str, Any], stack: str, region: str) -> None:
    lines = differences(own, homes, region)
    if not lines:
        return
    if not pulumi.runtime.is_dry_run():
        head = f"Pulumi.{stack}.yaml or Pulumi.yaml: what every region shares differs from the home region {region}"
        raise pulumi.RunError("\n  ".join([head, *lines]))
    # Home may be about to be brought to the same: an update of it comes first in any case.
    head = f"{stack}: the home region {region} is not yet as this region needs it, and has to be updated first"
    pulumi.log.warn("\n  ".join([head, *lines]))


def _required(outputs: Mapping[str, Any], key: str, region: str) -> Any:
    if key in outputs:
        return outputs[key]
    if pulumi.runtime.is_dry_run():
        return UNKNOWN
    raise pulumi.RunError(f"stack {region} has no output {key} yet: bring {region} up first (pulumi up -s {region})")


def _entrance(outputs: Mapping[str, Any], region: str) -> Any:
    if EDGES in outputs or pulumi.runtime.is_dry_run():
        return outputs.get(EDGES, UNKNOWN)
    raise pulumi.RunError(
        f"ingress.enabled = true   {region} does not let the users of other regions in: enable its ingress and bring "
        f"{region} up first (pulumi up -s {region}), or disable it here"
    )


def _token(tokens: Mapping[str, str], namespace: str, region: str) -> Any:
    if namespace in tokens:
        return tokens[namespace]
    if pulumi.runtime.is_dry_run():
        return UNKNOWN
    raise pulumi.RunError(
        f'memory.namespaces: {region} has no token for "{namespace}": update {region} with this namespace first '
        f"(pulumi up -s {region})"
    )
