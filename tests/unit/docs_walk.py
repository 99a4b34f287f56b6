"""Walks through the commands of a page that change a region, against the program itself: settings, then the plan.

What `pulumi config set` and a block of YAML say becomes the configuration of a copy of the stacks in memory, and each
`pulumi up` evaluates the program and compares it with what the one before made, as the in-process engine does.
"""

import copy
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from rehearsal.engine import diff, elsewhere, program
from rehearsal.engine.model import Change, Plan, Step, Value
from rehearsal.engine.program import Evaluation
from rehearsal.engine.project import Project
from rehearsal.engine.providers import Recorded
from rehearsal.engine.state import Held
from rehearsal.errors import RehearsalError
from settings import Configuration, Settings, SettingsError, load
from settings.model import keys
from tests.unit.aws_region import ACCOUNT, AWS_REGIONS, OPERATORS
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
    secrets: set[str] = field(default_factory=set[str])
    """Keys that were set with `--secret`."""

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
        return load(self.configuration(stack), stack)

    def up(self, stack: str, place: str) -> tuple[Step, ...]:
        """What `pulumi up` would change. StaleError where the program, or the engine, refuses it."""
        before = self.plans.get(stack)
        held = {one.urn: Held(one) for one in before.resources} if before else {}
        try:
            plan = self._evaluated(stack, held)
            actions = diff.actions(plan, held)
        except (RehearsalError, SettingsError) as error:
            raise StaleError(f"{place}: pulumi up -s {stack} is refused:\n{error}") from None
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
        return Walk(copy.deepcopy(self.project), copy.deepcopy(self.stacks), dict(self.plans))


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
    assert set(AWS_REGIONS) >= {"us-east", "us-west"}
    return {"platform": "aws", "aws": {"account": ACCOUNT, "cluster": {"admins": [OPERATORS]}}}


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
