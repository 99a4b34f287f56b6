"""What an update to the program of a checkout would do to stacks as they once were (record.py): nothing is applied.

A loss is what an operator would not get over: a resource that holds data, or that all else stands on, deleted or made
anew; a change that the operator of PostgreSQL refuses, so that no update ends; pods or an address of the region away
while their object is made anew. What may go, may.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from policies.checks import tokens
from policies.gate import STATEFUL
from rehearsal.engine import diff, elsewhere, program
from rehearsal.engine import property_path as at
from rehearsal.engine.diff import Action
from rehearsal.engine.model import Change, Plan, Value
from rehearsal.engine.program import Evaluation
from rehearsal.engine.project import Project
from rehearsal.engine.providers.answer import Recorded
from rehearsal.engine.state import Held
from rehearsal.record import Kept
from settings import Quantity

_GENERATED: Final = ("random:index/randomPassword:RandomPassword", "tls:index/privateKey:PrivateKey")
"""What opens the data, and who clients know."""
STAYS: Final = frozenset({*STATEFUL, *_GENERATED, tokens.SUBNET})
"""Types that no update of the program may delete or make anew."""
SERVES: Final = frozenset({tokens.DEPLOYMENT, tokens.SERVICE, tokens.POOLER, tokens.VIRTUAL_SERVER})
"""Types that may leave the program, and may not be away while they come back under the same name."""
_FIXED: Final = ("spec.postgresUID", "spec.postgresGID", "spec.storage.storageClass", "spec.walStorage.storageClass")
_SIZES: Final = ("spec.storage.size", "spec.walStorage.size")


@dataclass(frozen=True)
class Loss:
    """One resource that an update would not leave as it has to be."""

    urn: str
    what: str

    def __str__(self) -> str:
        return f"{self.urn} {self.what}"


def plans(kept: Mapping[str, Kept], checkout: Path) -> dict[str, Plan]:
    """What the program of a checkout describes for regions of one platform as they were at one time, home first.

    RehearsalError where the program refuses them.
    """
    project = Project.load(checkout)
    found: dict[str, Plan] = {}
    for region in sorted(kept, key=lambda region: kept[region].outputs.get("role") != "home"):
        found[region] = _today(project, kept, region, found)
    return found


def losses(plan: Plan, kept: Kept) -> list[Loss]:
    """What the update of one region to a plan would lose."""
    # Protection would stop at the first loss; all are wanted here.
    held = {one.urn: Held(replace(one, protect=False, retain_on_delete=False)) for one in kept.resources}
    return list(lost(diff.actions(plan, held)))


def lost(actions: Iterable[Action]) -> Iterator[Loss]:
    """The losses among the steps of an update."""
    for action in actions:
        step = action.step
        why = f" ({', '.join(step.reasons)})" if step.reasons else ""
        if step.change in (Change.DELETE, Change.REPLACE) and step.type in STAYS:
            yield Loss(step.urn, f"would be {step.change.value}d{why}")
        elif action.in_place and step.type in SERVES:
            yield Loss(step.urn, f"would be away while it is made anew{why}")
        elif step.change is Change.UPDATE and step.type == tokens.POSTGRESQL:
            yield from (Loss(step.urn, f"would be refused by its operator: {what}") for what in _refused(action))


def _refused(action: Action) -> Iterator[str]:
    """cloudnative-pg internal/webhook/v1/cluster_webhook.go, validateClusterChanges. It takes another class of storage
    and does nothing with it: volumes stay where they are, so that is a loss, too.
    """
    assert action.held is not None and action.planned is not None  # noqa: S101  (an update has both)
    before, after = action.held.resource.inputs, action.planned.inputs
    for text in _FIXED:
        path = at.parse(text)
        if at.get(before, path) != at.get(after, path):
            yield f"{text} cannot be changed"
    for text in _SIZES:
        had, has = (at.get(inputs, at.parse(text)) for inputs in (before, after))
        if had is not at.ABSENT and (has is at.ABSENT or Quantity(str(has)) < Quantity(str(had))):
            yield f"{text} cannot become less than {had}"


def _today(project: Project, kept: Mapping[str, Kept], region: str, updated: Mapping[str, Plan]) -> Plan:
    """The program's plan beside the other regions: updated, else as they were."""
    remembered = {
        one.urn: Recorded(one.inputs, one.outputs)
        for one in kept[region].resources
        if one.type.startswith(diff.REMEMBERED)
    }
    others = {name: updated.get(name, one) for name, one in kept.items() if name != region}
    outputs: dict[str, dict[str, Value]] = {region: kept[region].outputs}
    return program.run(
        program.directory(project.directory),
        Evaluation(
            project=project.name,
            stack=region,
            config=project.config(region),
            preview=False,
            recorded=remembered,
            stacks=outputs | {name: one.outputs for name, one in others.items()},
            elsewhere=tuple(one for other in others.values() for one in elsewhere.made(other.resources)),
        ),
    )
