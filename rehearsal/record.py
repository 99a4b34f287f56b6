"""Keeps what the stacks are now, without their secrets, so that later programs are tested against it (replay.py).

Nothing has to be up: an update leaves in the state what the program described. Kept is what a later plan is compared
by: whole what holds data, of other objects who they are and what cannot be changed, of AWS and of generated values
what the next run is told.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

from policies.gate import STATEFUL
from rehearsal import overlay, paths
from rehearsal.engine import codec, diff, elsewhere, evaluate, immutable, wire
from rehearsal.engine import property_path as at
from rehearsal.engine.clusters import is_object
from rehearsal.engine.model import Plan, PlannedResource, Secret, Value
from rehearsal.engine.project import Project
from rehearsal.engine.providers import AWS
from rehearsal.errors import RehearsalError
from rehearsal.judgement import PLATFORMS, own_home
from rehearsal.progress import Progress

STATES: Final = paths.CHECKOUT / "tests" / "data" / "states"
STAND_IN: Final = "recorded"
"""What every secret becomes."""
_NAME: Final = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_WHO: Final = ("apiVersion", "kind", "metadata.name", "metadata.namespace")
_MAY_GO: Final = (immutable.SECRET, immutable.CONFIG_MAP, "kubernetes:batch/v1:Job")
"""Made anew by many updates, and nothing is lost."""


@dataclass(frozen=True)
class Kept:
    """One region on one platform, as it was."""

    region: str
    resources: tuple[PlannedResource, ...]
    """Without components."""
    outputs: dict[str, Value]


def record_all(name: str, progress: Progress, states: Path = STATES) -> dict[str, int]:
    """Keep every region on every platform under a name. Returns resources by "platform/region".

    RehearsalError for a name that is taken or is none, and what the program itself refuses.
    """
    if not _NAME.fullmatch(name):
        raise RehearsalError(f"{name!r} is no name for a record: lower-case letters, digits, dots and dashes (8-edges)")
    if (states / name).exists():
        raise RehearsalError(f"{name} is recorded already, and what was recorded stays: give the new one another name")
    kept: dict[str, int] = {}
    for platform in PLATFORMS:
        with own_home(), progress.step(f"evaluate the regions on {platform}"):
            plans = evaluated(overlay.on(platform, paths.CHECKOUT))
        for region, plan in plans.items():
            kept[f"{platform}/{region}"] = write(plan, states / name / platform / f"{region}.json")
    return kept


def evaluated(checkout: Path) -> dict[str, Plan]:
    """What the first update of every region would leave, the home region first."""
    project = Project.load(checkout)
    settings = project.settings()
    plans: dict[str, Plan] = {}
    for region in sorted(settings, key=lambda region: not settings[region].is_home):
        others = {name: plan.outputs for name, plan in plans.items()}
        there = [one for plan in plans.values() for one in elsewhere.made(plan.resources)]
        there += elsewhere.stated(settings[region])
        config = project.config(region)
        request = evaluate.ask(project.name, region, config, False, {}, {region: {}, **others}, there)
        plans[region] = evaluate.evaluate(checkout, request)
    return plans


def write(plan: Plan, target: Path) -> int:
    """One line a resource, by URN, so that a review sees what changed. Returns how many there are."""
    resources = sorted((compact(one) for one in plan.resources if one.custom), key=lambda one: one.urn)
    lines = [
        json.dumps(wire.marked(without_secrets(plan.outputs)), sort_keys=True),
        *(json.dumps(codec.encode(one)) for one in resources),
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(resources)


def read(path: Path) -> Kept:
    """What `write` wrote."""
    outputs, *resources = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return Kept(path.stem, tuple(_whole(codec.decode(one)) for one in resources), wire.unmarked(outputs))


def compact(resource: PlannedResource) -> PlannedResource:
    """The resource with what a later plan is compared by, every secret replaced."""
    inputs, outputs = without_secrets(resource.inputs), without_secrets(resource.outputs)
    if is_object(resource.type) and resource.type not in STATEFUL:
        inputs = _only(inputs, (*_WHO, *_fixed(resource)))
    if not resource.type.startswith(diff.REMEMBERED):
        outputs = {}  # the inputs again
    if resource.type.startswith(f"{AWS}:"):
        outputs = {key: value for key, value in outputs.items() if inputs.get(key, at.ABSENT) != value}
    return replace(
        resource,
        inputs=inputs,
        outputs=outputs,
        parent=None,
        depends_on=(),
        ignore_changes=(),
        property_dependencies={},
        aliases=(),
        additional_secret_outputs=(),
        timeouts={},
    )


def without_secrets(value: Any, secret: bool = False) -> Any:
    """The value with `STAND_IN` in place of each secret text or number, still marked as secret; its shape stays."""
    if isinstance(value, Secret):
        return Secret(without_secrets(value.value, secret=True))
    if isinstance(value, dict):
        return {key: without_secrets(item, secret) for key, item in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [without_secrets(item, secret) for item in cast(list[Any], value)]
    return STAND_IN if secret else value


def _fixed(resource: PlannedResource) -> tuple[str, ...]:
    return () if resource.type in _MAY_GO else immutable.FORCED.get(resource.type, ())


def _only(value: Mapping[str, Value], texts: Iterable[str]) -> dict[str, Value]:
    """What stands at the paths. What one would stand in is kept, too: without it, all of it would count as changed."""
    found: dict[str, Value] = {}
    for path in map(at.parse, texts):
        there, within = at.get(value, path), path[:-1]
        if there is not at.ABSENT:
            found = at.placed(found, path, there)
        elif at.get(value, within) is not at.ABSENT and at.get(found, within) is at.ABSENT:
            found = at.placed(found, within, {})
    return found


def _whole(resource: PlannedResource) -> PlannedResource:
    """Undoes what `compact` left out of outputs."""
    if not resource.type.startswith(f"{AWS}:"):
        return resource
    return replace(resource, outputs={**resource.inputs, **resource.outputs})
