"""What a standby region reads from its home region, checked where it is read."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import Output, ResourceOptions
from pulumi.output import UNKNOWN

REPLICATION = "postgresql_replication"
"""Secret stack output of home: what a replica cluster needs in order to follow it."""
TOKENS = "memory_tokens"
"""Secret stack output of home: memory namespace to bearer token. Clients keep theirs when a standby takes over."""


class Home(pulumi.ComponentResource):
    """The home region's outputs. Only a standby has one; home never reads a standby.

    In a preview, outputs that are not there yet are unknown; in an update they end the program with RunError.
    """

    checked: Output[pulumi.Resource]
    """Resolves once home has said all that a standby needs: what is made after it is not made in vain."""

    replication: Output[Any]
    """Secret: certificates and password with which PostgreSQL follows home's."""

    def __init__(self, name: str, region: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:region:Home", name, {}, opts)
        stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{region}"
        reference = pulumi.StackReference(f"{name}-stack", stack, opts=ResourceOptions(parent=self))

        def read(key: str) -> Output[Any]:
            return Output.secret(reference.outputs.apply(lambda outputs: _required(outputs, key, region)))

        self.checked = reference.outputs.apply(lambda outputs: _checked(outputs, region, reference))
        self.replication = read(REPLICATION)
        self._tokens = read(TOKENS)
        self.register_outputs({"region": region})

    def token(self, namespace: str) -> Output[str]:
        """Secret: the bearer token of a memory namespace."""
        return self._tokens[namespace]


def _checked(outputs: Mapping[str, Any], region: str, reference: pulumi.Resource) -> pulumi.Resource:
    role = outputs.get("role", "home")
    if role != "home":
        raise pulumi.RunError(f"stack {region} says that it is a {role}, not the home region: see multiregion.home")
    for key in (REPLICATION, TOKENS):
        _required(outputs, key, region)
    return reference


def _required(outputs: Mapping[str, Any], key: str, region: str) -> Any:
    if key in outputs:
        return outputs[key]
    if pulumi.runtime.is_dry_run():
        return UNKNOWN
    raise pulumi.RunError(f"stack {region} has no output {key} yet: bring {region} up first (pulumi up -s {region})")
