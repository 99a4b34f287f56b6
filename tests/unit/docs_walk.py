"""Walks through the commands of a page that change a region, against the program itself: settings, then the plan.

What `pulumi config set` and a block of YAML say becomes the configuration of a copy of the stacks in memory, and each
`pulumi up` evaluates the program and compares it with what the one before made, as the in-process engine does.
"""

import copy
import itertools
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast, get_args

from capacity.derive import derived
from rehearsal.engine import diff, elsewhere, program
from rehearsal.engine.model import Change, Plan, Step, Value, revealed
from rehearsal.engine.program import Evaluation
from rehearsal.engine.project import Project
from rehearsal.engine.providers import Recorded
from rehearsal.engine.state import Held
from rehearsal.errors import RehearsalError
from settings import Configuration, Settings, SettingsError, load
from settings.aws import Minor
from settings.model import keys
from tests.unit.aws_region import ACCOUNT, OPERATORS
from tests.unit.docs_pages import ROOT
from tests.unit.docs_shell import StaleError, is_placeholder
from tests.unit.recorder import PROJECT, as_text

BLOCKS = frozenset(keys(Configuration).values())
"""First parts of every key of the settings."""
SECRET = "example-secret"
"""Stands for what a reader fills in."""
STORE: Mapping[str, Any] = {
    "endpoint": "https://objects.example.com",
    "bucket": "soma-backups",
    "access_key_id": SECRET,
    "secret_access_key": SECRET,
}
HOLDS_DATA = ("StatefulSet", "PersistentVolumeClaim", "Cluster", "Namespace")
"""Kinds whose deletion or replacement is a loss of data."""

_PART = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")
Values = dict[str, Any]


@dataclass
class Walk:
    """Stacks as they are after the commands so far."""

    project: Values
    """Defaults of Pulumi.yaml, by key without the project's name."""
    stacks: dict[str, Values]
    plans: dict[str, Plan] = field(default_factory=dict[str, Plan])
    deleted: set[str] = field(default_factory=set[str])
    """URNs of objects that a command deleted by hand: an update sees that by `--refresh` alone."""

    def put(self, stack: str, path: str, value: str, secret: bool = False) -> None:
        """`pulumi config set --path`. ValueError where the path leads nowhere."""
        first, *rest = parts(path)
        if first not in BLOCKS:
            raise ValueError(f"{first} is no key of the settings")
        values = self.stacks[stack]
        if not rest:
            values[first] = meant(value)
            return
        at = values.setdefault(first, {})
        for part, following in itertools.pairwise(rest):
            at = _into(at, part, [] if isinstance(following, int) else {})
        _set(at, rest[-1], SECRET if secret and is_placeholder(value) else value if secret else meant(value))

    def remove(self, stack: str, path: str) -> None:
        """`pulumi config rm --path`. ValueError where there is nothing."""
        *way, last = parts(path)
        at: Any = self.stacks[stack]
        for part in (*way, last):
            if not _has(at, part):
                raise ValueError(f"{path} is not stated")
            at, of = at[part], at
            if part is last:
                del of[part]

    def state(self, block: Mapping[str, Any], stack: str | None) -> None:
        """Keys of a file, each replaced as a whole: of a stack file, or of Pulumi.yaml where `stack` is None."""
        of = self.project if stack is None else self.stacks[stack]
        of |= {key.removeprefix(f"{PROJECT}:"): copy.deepcopy(value) for key, value in block.items()}

    def configuration(self, stack: str) -> Values:
        return {**self.project, **self.stacks[stack]}

    def settings(self, stack: str) -> Settings:
        """SettingsError with every fault."""
        return load(self.configuration(stack), stack, derived)

    def delete(self, kind: str, name: str) -> None:
        """`kubectl delete` of an object; one whose name ends with `-…` by what stands before it."""
        pattern = re.escape(name).replace(re.escape("…"), "[0-9a-f]+")
        for plan in self.plans.values():
            self.deleted |= {
                one.urn
                for one in plan.resources
                if one.type.rpartition(":")[2].lower() == kind
                and re.fullmatch(pattern, str(one.inputs.get("metadata", {}).get("name")))
            }

    def up(self, stack: str, place: str, replace: Collection[str] = (), refresh: bool = False) -> tuple[Step, ...]:
        """What `pulumi up` would change; `replace` holds the URNs that it is to make anew.

        StaleError where the program, or the engine, refuses it, or where it would find what is not there any more.
        """
        before = self.plans.get(stack)
        held = {one.urn: Held(one) for one in before.resources} if before else {}
        gone = sorted(self.deleted & held.keys())
        if gone and not refresh:
            raise StaleError(f"{place}: {gone[0]} was deleted by hand, which an update sees by --refresh alone")
        self.deleted -= held.keys()
        held = {urn: one for urn, one in held.items() if urn not in gone}
        try:
            plan = self._evaluated(stack, {urn: one for urn, one in held.items() if urn not in replace})
            actions = diff.actions(plan, held)
        except (RehearsalError, SettingsError) as error:
            raise StaleError(f"{place}: pulumi up -s {stack} is refused:\n{error}") from None
        emptied = before is not None and _drained(before)
        smaller = [] if before is None or emptied else list(_smaller(before, plan))
        if smaller:
            raise StaleError(f"{place}: pulumi up -s {stack} takes pods of {', '.join(smaller)} away undrained")
        self.plans[stack] = plan
        return tuple(action.step for action in actions if action.step.change is not Change.SAME)

    def _evaluated(self, stack: str, held: Mapping[str, Held]) -> Plan:
        settings = self.settings(stack)
        recorded = {
            urn: Recorded(one.resource.inputs, one.resource.outputs)
            for urn, one in held.items()
            if one.resource.type.startswith(diff.REMEMBERED)
        }
        outputs: dict[str, dict[str, Value] | None] = {name: plan.outputs for name, plan in self.plans.items()}
        there = elsewhere.stated(settings)
        for name, plan in self.plans.items():
            there += elsewhere.made(plan.resources) if name != stack else []
        return program.run(
            program.directory(ROOT),
            Evaluation(
                project=PROJECT,
                stack=stack,
                config={f"{PROJECT}:{key}": as_text(value) for key, value in self.configuration(stack).items()},
                preview=False,
                recorded=recorded,
                stacks={stack: None, **outputs},
                elsewhere=there,
            ),
        )

    def copied(self) -> "Walk":
        """Another one that begins here."""
        return Walk(copy.deepcopy(self.project), copy.deepcopy(self.stacks), dict(self.plans), set(self.deleted))


def begin(platform: str = "kubernetes") -> Walk:
    """The stacks of this checkout with backups, both regions up."""
    return _begun(platform).copied()


@cache
def _begun(platform: str) -> Walk:
    project = Project.load(ROOT)
    walk = Walk(
        {key.removeprefix(f"{PROJECT}:"): value for key, value in project.file.values.items()},
        {stack: _stated(project, stack) for stack in project.stacks},
    )
    for values in walk.stacks.values():
        values |= {"backups": {"s3": dict(STORE)}} if platform == "kubernetes" else _on_aws()
    for stack in walk.stacks:
        walk.up(stack, "the stacks of this checkout")
    return walk


def _stated(project: Project, stack: str) -> Values:
    defaults = project.file.values
    every = project.values(stack)
    own = {key: value for key, value in every.items() if key not in defaults or value != defaults[key]}
    return {key.removeprefix(f"{PROJECT}:"): copy.deepcopy(value) for key, value in own.items()}


def _on_aws() -> Values:
    """Kubernetes one minor version before the newest that the settings take."""
    before = get_args(Minor)[-2]
    return {"platform": "aws", "aws": {"account": ACCOUNT, "cluster": {"admins": [OPERATORS], "version": before}}}


def _drained(plan: Plan) -> bool:
    """Whether the update emptied nodes, so that the next one may take them away."""
    (record,) = (one for one in plan.resources if one.inputs.get("metadata", {}).get("name") == "region-settings")
    return "drain" in json.dumps(revealed(record.inputs)["data"])


def _smaller(before: Plan, after: Plan) -> Iterator[str]:
    """StatefulSets with fewer pods than before."""
    sizes = {one.urn: one.inputs["spec"]["replicas"] for one in before.resources if one.type.endswith(":StatefulSet")}
    for one in after.resources:
        if one.urn in sizes and one.inputs["spec"]["replicas"] < sizes[one.urn]:
            yield str(one.inputs["metadata"]["name"])


def lost(steps: Iterable[Step]) -> list[str]:
    """What holds data and would go, or be made anew."""
    return [
        f"{step.change.value} {step.name}"
        for step in steps
        if step.change in (Change.DELETE, Change.REPLACE) and step.type.rpartition(":")[2] in HOLDS_DATA
    ]


def parts(path: str) -> list[str | int]:
    """`a.b[1].c` taken apart, without the project's name (pkg/resource/config/key.go, ParsePath)."""
    bare = path.removeprefix(f"{PROJECT}:")
    found = [int(index) if index else name for index, name in _PART.findall(bare)]
    if not found or "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in found) != f".{bare}":
        raise ValueError(f"{path} is no path")
    return found


def meant(value: str) -> Any:
    """What the CLI makes of a value that it sets by a path: true, false and whole numbers are no texts
    (pulumi/pulumi, sdk/go/common/resource/config/map.go, adjustObjectValue)."""
    if value in ("true", "false"):
        return value == "true"
    if re.fullmatch(r"0|-?[1-9][0-9]*", value):
        return int(value)
    return value


def _into(at: Any, part: str | int, empty: Any) -> Any:
    if not _has(at, part):
        _set(at, part, empty)
    return at[part]


def _has(at: Any, part: str | int) -> bool:
    if isinstance(part, int):
        return isinstance(at, list) and part < len(cast(list[Any], at))
    return isinstance(at, dict) and part in cast(dict[str, Any], at)


def _set(at: Any, part: str | int, value: Any) -> None:
    if isinstance(part, str) and isinstance(at, dict):
        at[part] = value
    elif isinstance(part, int) and isinstance(at, list) and part <= len(cast(list[Any], at)):
        at[part : part + 1] = [value]
    else:
        raise ValueError(f"nothing has a place {part}")
