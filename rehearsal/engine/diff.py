"""Compares what the program describes with what the state holds: pure, nothing is asked or changed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from rehearsal.engine import identity, immutable
from rehearsal.engine import property_path as at
from rehearsal.engine.clusters import is_object
from rehearsal.engine.model import Change, Plan, PlannedResource, Step, Value
from rehearsal.engine.providers import AWS, aws
from rehearsal.engine.state import Held
from rehearsal.errors import RehearsalError

GENERATED = ("random:", "tls:")
"""Types whose outputs are made by the engine: a new value is a replacement."""
REMEMBERED = (*GENERATED, f"{AWS}:")
"""Types that are told what the last update made of a resource."""
PROVIDER = "pulumi:providers:"
RETAINED = "kept in the cluster (retain_on_delete)"


@dataclass(frozen=True)
class Action:
    """One step, with what it needs to be done."""

    step: Step
    planned: PlannedResource | None
    """As it should become, ignored changes taken from the state; None for a deletion."""
    held: Held | None
    """As the state has it; None for a creation."""
    in_place: bool = False
    """A replacement under the same identity: the former object has to go first."""


def actions(plan: Plan, held: Mapping[str, Held], absent: Mapping[str, str] | None = None) -> list[Action]:
    """What to do, in the order of the plan, deletions last.

    `absent`: URNs of held objects that are not in the cluster, with the reason. Raises RehearsalError before anything
    is done when a protected resource would be deleted or replaced, or one replaced in its place that is to be kept;
    every one of them is named.
    """
    absent = absent or {}
    known = (*(before.resource for before in held.values()), *plan.resources)
    providers = {resource.urn: resource.inputs for resource in known if resource.type.startswith(PROVIDER)}
    found: list[Action] = []
    taken: set[str] = set()
    for resource in plan.resources:
        before = _former(resource, held)
        if before is not None:
            taken.add(before.resource.urn)
        found.append(_action(resource, before, providers, absent))
    gone = [_deletion(before, absent) for urn, before in held.items() if urn not in taken]
    found += reversed(gone)
    _refuse_protected(found, absent)
    _refuse_retained(found)
    return found


def _former(resource: PlannedResource, held: Mapping[str, Held]) -> Held | None:
    for urn in (resource.urn, *resource.aliases):
        if urn in held:
            return held[urn]
    return None


def _action(
    resource: PlannedResource,
    before: Held | None,
    providers: Mapping[str, Mapping[str, Value]],
    absent: Mapping[str, str],
) -> Action:
    if before is None:
        return Action(_step(Change.CREATE, resource, ()), resource, None)
    resource = with_ignored(resource, before.resource)
    if before.resource.urn in absent:
        return Action(_step(Change.CREATE, resource, (absent[before.resource.urn],)), resource, before)
    change, reasons = _change(resource, before, providers.get(resource.provider or "", {}))
    if change is not Change.REPLACE or not is_object(resource.type):
        return Action(_step(change, resource, reasons), resource, before)
    new, old = (identity.of(one, providers.get(one.provider or "", {})) for one in (resource, before.resource))
    if before.resource.retain_on_delete and new != old:
        reasons = (*reasons, f"the former object is {RETAINED}")
    return Action(_step(change, resource, reasons), resource, before, in_place=new == old)


def _change(resource: PlannedResource, before: Held, provider: Mapping[str, Value]) -> tuple[Change, tuple[str, ...]]:
    old = before.resource
    paths = list(at.differences(old.inputs, resource.inputs))
    reasons = tuple(at.show(path) for path in paths)
    if resource.type.startswith(GENERATED):
        renewed = reasons or (("due for renewal",) if old.outputs != resource.outputs else ())
        return (Change.REPLACE if renewed else Change.SAME), renewed
    if aws.replaced(resource.type, old.inputs, resource.inputs):
        return Change.REPLACE, reasons
    if is_object(resource.type):
        forced = immutable.forced(resource.type, resource.inputs, provider)
        if any(at.covers(field, path) for field in forced for path in paths):
            return Change.REPLACE, reasons
        if before.pending:
            return Change.UPDATE, (*reasons, "was not ready after the last update")
    return (Change.UPDATE if paths else Change.SAME), reasons


def _deletion(before: Held, absent: Mapping[str, str]) -> Action:
    old = before.resource
    if before.resource.urn in absent:
        reasons: tuple[str, ...] = (absent[before.resource.urn],)
    else:
        reasons = (RETAINED,) if old.retain_on_delete else ()
    return Action(_step(Change.DELETE, old, reasons), None, before)


def with_ignored(resource: PlannedResource, before: PlannedResource) -> PlannedResource:
    """The resource with the state's inputs at each path of `ignore_changes` (`*` ignores every change)."""
    inputs = at.kept(resource.ignore_changes, before.inputs, resource.inputs)
    return resource if inputs is resource.inputs else replace(resource, inputs=inputs)


def refuse_protected(urns: Collection[str], what: str) -> None:
    """RehearsalError that names every protected resource that an update would delete or replace."""
    if urns:
        named = "\n".join(f"  {urn}" for urn in urns)
        raise RehearsalError(
            f"nothing was changed: the update would {what} what is protected:\n{named}\n"
            "Unset protect first: take `protect` off in the program and run an update, then change or remove it."
        )


def _refuse_protected(found: list[Action], absent: Collection[str]) -> None:
    deleted = [
        action.held.resource.urn
        for action in found
        if action.held is not None
        and action.step.change is Change.DELETE
        and action.held.resource.protect
        and action.held.resource.urn not in absent
    ]
    refuse_protected(deleted, "delete")
    replaced = [action.step.urn for action in found if action.step.change is Change.REPLACE and is_protected(action)]
    refuse_protected(replaced, "replace")


def is_protected(action: Action) -> bool:
    """Whether a resource may not be replaced: protected before and after.

    One update may take the protection off, or put it on, and replace (pulumi, pkg/resource/deploy/step_generator.go).
    """
    planned, held = action.planned, action.held
    return planned is not None and held is not None and planned.protect and held.resource.protect


def _refuse_retained(found: list[Action]) -> None:
    urns = [action.step.urn for action in found if action.in_place and is_retained(action)]
    if urns:
        named = "\n".join(f"  {urn}" for urn in urns)
        raise RehearsalError(
            f"nothing was changed: the update would replace, under the same name, what is to be kept "
            f"(retain_on_delete):\n{named}\n"
            "Give the new one another metadata.name, or take `retain_on_delete` off in the program and run an update, "
            "then change it."
        )


def is_retained(action: Action) -> bool:
    """Whether the former object stays when its replacement comes: the state decides, as at a deletion."""
    return action.held is not None and action.held.resource.retain_on_delete


def _step(change: Change, resource: PlannedResource, reasons: tuple[str, ...]) -> Step:
    return Step(change, resource.urn, resource.type, resource.name, reasons)
