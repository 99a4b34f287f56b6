"""What holds data is taken away only once it is empty: lower numbers are refused until a drain is known to be done.

A stack keeps as an output down to what each number may go, and the next run reads its own outputs of the run before.
An engine allows that: a stack reference reads the last snapshot without the lock that an update holds, and a stack
that has none yet has no outputs (pulumi/pulumi:pkg/backend/backend.go backendClient.GetStackOutputs@1b59498); the
outputs of an update that failed are those of the one before (pkg/resource/deploy/step.go SameStep.Apply@1b59498).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import pulumi
from pulumi import Output, ResourceOptions

from components import copy_place, home_moves, link_kind, made, region_order, secret_versions, zone_places
from settings import Settings

OUTPUT = "scale_in"
"""Stack output: path of a number in the settings to the least that the next run may make of it."""

Lowest = Mapping[str, int]
"""What OUTPUT holds."""


@dataclass(frozen=True)
class Size:
    """A number of the settings that must not be lowered over data."""

    path: str
    """Where it stands: "redis.cluster.nodes"."""
    wanted: int
    drain_path: str
    """The setting that empties what is beyond a lower number: "redis.cluster.drain_to"."""
    drain_to: int | None
    """That number, while it is asked for."""
    derived: bool = False
    """The number follows from the workload: it may be stated instead."""

    @property
    def lowest(self) -> int:
        """What the next run may make of it, once everything of this run is done."""
        return self.wanted if self.drain_to is None else self.drain_to

    def fault(self, before: Lowest) -> str | None:
        """Why this run may not have it, with a remedy; None where it may."""
        lowest = before.get(self.path)
        if lowest is None or self.wanted >= lowest:
            return None
        if self.derived:
            return (
                f"{self.path} = {self.wanted} (from the workload)   {int(lowest)} are in use and hold data: state "
                f"{self.path}: {int(lowest)} in the stack file, which a drain by {self.drain_path} may lower later"
            )
        return (
            f"{self.path} = {self.wanted}   {int(lowest)} are in use and hold data: set {self.path} back to what it "
            f"was and {self.drain_path} to {self.wanted}, run pulumi up, then lower it and remove {self.drain_path}"
        )


def sizes(settings: Settings) -> tuple[Size, ...]:
    """All such numbers."""
    redis, qdrant = settings.redis.cluster, settings.qdrant
    every = (
        Size("qdrant.replicas", qdrant.replicas, "qdrant.drain_to", qdrant.drain_to),
        Size("redis.cluster.nodes", redis.nodes, "redis.cluster.drain_to", redis.drain_to),
        Size("redis.cluster.replicas", redis.replicas, "redis.cluster.drain_replicas_to", redis.drain_replicas_to),
    )
    return tuple(replace(size, derived=size.path in (settings.derived or ())) for size in every)


class ScaleIn(pulumi.ComponentResource):
    """Compares the settings with what this stack's run before left behind.

    What must not be lowered yet ends the program with RunError, in a preview as well: before anything is changed.
    """

    outputs: Output[Mapping[str, Any]]
    """Of the run before; secret where one of them is. Empty before the first."""

    checked: Output[pulumi.Resource]
    """Resolves once nothing is lowered over data: what is made after it is not made in vain."""

    def __init__(self, name: str, settings: Settings, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:region:ScaleIn", name, {}, opts)
        stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
        before = pulumi.StackReference(f"{name}-before", stack, opts=ResourceOptions(parent=self))
        wanted = sizes(settings)
        self.outputs = before.outputs.apply(lambda outputs: outputs or {})
        self.checked = self.outputs.apply(lambda outputs: _accepted(before, outputs, wanted, settings))
        self.register_outputs({})


def _accepted(
    before: pulumi.Resource, outputs: Mapping[str, Any], wanted: Iterable[Size], settings: Settings
) -> pulumi.Resource:
    lowest = cast(Lowest, outputs.get(OUTPUT, {}))
    file = f"Pulumi.{settings.stack}.yaml or Pulumi.yaml"
    found: dict[str, Iterable[str | None]] = {
        "what holds data is taken away only once it is empty": (size.fault(lowest) for size in wanted),
        "a workload takes nothing away that is there": made.faults(settings, outputs),
        "zones keep their places and what they hold": zone_places.faults(settings, outputs),
        "regions keep their places": [region_order.fault(settings, outputs)],
        "volumes only grow": made.smaller_volumes(settings, outputs),
        "a secret changes one version after the other": secret_versions.faults(settings, outputs),
        "links keep to what carries them": [link_kind.fault(settings, outputs)],
        "copies of backups stay where they are": [copy_place.fault(settings, outputs)],
        "data has one home": [home_moves.fault(settings, outputs)],
    }
    faults: list[str] = []
    for rule, told in found.items():
        of_rule = [fault for fault in told if fault is not None]
        if of_rule:
            faults += [f"{file}: {rule}", *of_rule]
    if faults:
        raise pulumi.RunError("\n  ".join(faults))
    return before


def for_next_run(settings: Settings, emptied: Iterable[pulumi.Resource]) -> Output[dict[str, int]]:
    """The value of OUTPUT. `emptied` are the Jobs that drain; known only once they are done."""
    lowest = {size.path: size.lowest for size in sizes(settings)}
    return Output.all(*(cast(pulumi.CustomResource, job).id for job in emptied)).apply(lambda _: lowest)
