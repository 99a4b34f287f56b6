"""What every policy pack says of every region on every platform, without cloud and Kubernetes: `make policies`."""

import json
import os
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from pulumi.runtime.proto import analyzer_pb2 as proto
from rich.console import Console
from rich.table import Table

from policies import regions
from policies.checks import model as checks
from policies.checks.model import Limits
from policies.checks.plain import Unreadable
from policies.checks.proof import Proof
from policies.checks.regions import Regions
from policies.checks.whole import Whole
from policies.exceptions import stack_of
from policies.regions import RegionsRule
from policies.rules import PARAMETERS, limits
from rehearsal import overlay, packs_config, paths, plain, proofs
from rehearsal.engine import wire
from rehearsal.errors import RehearsalError
from rehearsal.packs import Policy, Report, Violation
from rehearsal.progress import Progress
from rehearsal.run import Rehearsal

PLATFORMS: Final = ("kubernetes", "aws")


@dataclass(frozen=True)
class Judgement:
    """The reports of one region on one platform."""

    platform: str
    region: str
    resources: int
    reports: tuple[Report, ...]
    proofs: tuple[Proof, ...]
    """Of the loss of any one zone."""

    @property
    def refused(self) -> bool:
        return any(report.mandatory for report in self.reports)

    def as_json(self) -> dict[str, Any]:
        return {
            "platform": self.platform,
            "region": self.region,
            "resources": self.resources,
            "packs": {
                report.pack: {
                    "asked": [policy.name for policy in report.policies],
                    "violations": [
                        {"policy": one.policy, "level": one.level, "urn": one.urn, "message": one.message}
                        for one in report.violations
                    ],
                }
                for report in self.reports
            },
            "zone_loss": [proofs.as_json(proven) for proven in self.proofs],
        }


def judge(checkout: Path, progress: Progress, config: Mapping[str, object] | None = None) -> list[Judgement]:
    """Every region, whatever platform its stack file says, on each platform in turn. `config`: see `together`."""
    found: list[Judgement] = []
    asked = configured(config or {})
    for platform in PLATFORMS:
        with own_home():
            summary = Rehearsal(progress, "in-process", overlay.on(platform, checkout)).preview()
        wholes = {one.region: Whole(plain.resources(one.outcome.resources)) for one in summary.regions}
        across = together(wholes, asked)
        found += [
            Judgement(
                platform,
                one.region,
                len(one.outcome.resources),
                (*one.reports, across[one.region]),
                proofs.of(wholes[one.region].resources, tuple(one.pods)),
            )
            for one in summary.regions
        ]
    return found


def together(wholes: Regions, asks: Mapping[str, proto.PolicyConfig] | None = None) -> dict[str, Report]:
    """What the rules for all regions say, told of the region that the resource is of. `asks`: from `configured`."""
    began = time.monotonic()
    said: list[Violation] = []
    asked: list[Policy] = []
    for rule, config in zip(regions.RULES, (asks or configured({})).values(), strict=True):
        if config.enforcementLevel != proto.DISABLED:
            level = proto.EnforcementLevel.Name(config.enforcementLevel).lower()
            values = wire.from_struct(config.properties)
            asked.append(Policy(rule.name, rule.description, level, rule.severity.value, rule.remedy, values))
            said += [
                Violation(regions.NAME, rule.name, level, one.urn, one.message)
                for one in _asked(rule, wholes, limits(values))
            ]
    seconds = time.monotonic() - began
    return {
        region: Report(
            regions.NAME, "", tuple(asked), tuple(one for one in said if stack_of(one.urn) in (region, "")), seconds
        )
        for region in wholes
    }


def configuration(file: Path) -> Mapping[str, object]:
    """Levels and values of the rules for all regions, in the form of Pulumi's `--policy-pack-config` file.

    Raises RehearsalError where there is no such file or it has no such form; what it says is judged by `judge`.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RehearsalError(f"{file}: {getattr(error, 'strerror', None) or 'is no JSON'}: correct --config") from None
    if not isinstance(found, dict):
        raise RehearsalError(f"{file}: is no object of policies: correct --config")
    return cast(Mapping[str, object], found)


def configured(config: Mapping[str, object]) -> dict[str, proto.PolicyConfig]:
    """By rule, in their order. Raises RehearsalError where the configuration does not fit what the rules declare."""
    policies = [
        proto.PolicyInfo(
            name=rule.name,
            enforcementLevel=proto.EnforcementLevel.Value(rule.level.value.upper()),
            configSchema=proto.PolicyConfigSchema(
                properties=wire.to_struct({name: dict(PARAMETERS[name].schema) for name in rule.parameters})
            ),
        )
        for rule in regions.RULES
    ]
    return packs_config.reconciled(proto.AnalyzerInfo(name=regions.NAME, policies=policies), config, {})


def _asked(rule: RegionsRule, wholes: Regions, numbers: Limits) -> Iterator[checks.Violation]:
    """What cannot be read is refused, of all regions."""
    try:
        yield from rule.check(wholes, numbers)
    except Unreadable as problem:
        yield checks.Violation("", f"cannot be judged: {problem}")


@contextmanager
def own_home() -> Generator[None]:
    """The run directory of one platform: the next one's lies beside it, not beside that."""
    before = os.environ.get(paths.HOME)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(paths.HOME, None)
        else:
            os.environ[paths.HOME] = before


def show(judgements: list[Judgement], console: Console) -> None:
    """A table of what was seen and what passed, and beneath it what did not, with the remedy."""
    table = Table(title="policies", title_justify="left")
    for column in ("platform", "region", "resources", "pack", "asked", "passed", "advice", "refused"):
        table.add_column(column)
    for one in judgements:
        for report in one.reports:
            counted = report.counted
            numbers = (str(len(report.policies)), *map(str, counted.values()))
            table.add_row(one.platform, one.region, str(one.resources), report.pack, *numbers)
    console.print(table)
    proven = proofs.table()
    for one in judgements:
        for each in one.proofs:
            proven.add_row(one.platform, one.region, *proofs.row(each))
    console.print(proven)
    for (level, pack, policy, message), places in _gathered(judgements).items():
        console.print(f"{level}: {pack}: {policy}: {message}  ({', '.join(places)})", markup=False)
    for policy, remedy in _remedies(judgements).items():
        console.print(f"remedy of {policy}: {remedy}", markup=False)


def _gathered(judgements: list[Judgement]) -> Mapping[tuple[str, str, str, str], list[str]]:
    """Each message once, with where it was said."""
    said: dict[tuple[str, str, str, str], list[str]] = {}
    for one in judgements:
        for report in one.reports:
            for violation in report.violations:
                key = (violation.level, report.pack, violation.policy, violation.message)
                said.setdefault(key, []).append(f"{one.platform} {one.region}")
    return said


def _remedies(judgements: list[Judgement]) -> Mapping[str, str]:
    """Of the policies that refused something, and where an example is."""
    return {
        f"{report.pack}: {policy.name}": f"{policy.remedy} (docs/policies/{report.pack}.md#{policy.name})"
        for one in judgements
        for report in one.reports
        for policy in report.policies
        if any(violation.policy == policy.name for violation in report.mandatory)
    }
