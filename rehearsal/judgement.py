"""What every policy pack says of every region on every platform, without cloud and Kubernetes: `make policies`."""

import os
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from policies import regions
from policies.checks import model as checks
from policies.checks.plain import Unreadable
from policies.checks.proof import Proof
from policies.checks.regions import Regions
from policies.checks.whole import Whole
from policies.exceptions import stack_of
from policies.regions import RegionsRule
from rehearsal import overlay, paths, plain, proofs
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


def judge(checkout: Path, progress: Progress) -> list[Judgement]:
    """Every region, whatever platform its stack file says, on each platform in turn."""
    found: list[Judgement] = []
    for platform in PLATFORMS:
        with _own_home():
            summary = Rehearsal(progress, "in-process", overlay.on(platform, checkout)).preview()
        wholes = {one.region: Whole(plain.resources(one.outcome.resources)) for one in summary.regions}
        across = together(wholes)
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


def together(wholes: Regions) -> dict[str, Report]:
    """What the rules for all regions say, told of the region that the resource is of."""
    began = time.monotonic()
    said = [
        Violation(regions.NAME, rule.name, rule.level.value, one.urn, one.message)
        for rule in regions.RULES
        for one in _asked(rule, wholes)
    ]
    asked = tuple(
        Policy(rule.name, rule.description, rule.level.value, rule.severity.value, rule.remedy, {})
        for rule in regions.RULES
    )
    seconds = time.monotonic() - began
    return {
        region: Report(
            regions.NAME, "", asked, tuple(one for one in said if stack_of(one.urn) in (region, "")), seconds
        )
        for region in wholes
    }


def _asked(rule: RegionsRule, wholes: Regions) -> Iterator[checks.Violation]:
    """What cannot be read is refused, of all regions."""
    try:
        yield from rule.check(wholes)
    except Unreadable as problem:
        yield checks.Violation("", f"cannot be judged: {problem}")


@contextmanager
def _own_home() -> Generator[None]:
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
    """A table of what passed, and beneath it what did not, with the remedy."""
    table = Table(title="policies", title_justify="left")
    for column in ("platform", "region", "pack", "asked", "passed", "advice", "refused"):
        table.add_column(column)
    for one in judgements:
        for report in one.reports:
            counted = report.counted
            table.add_row(one.platform, one.region, report.pack, str(len(report.policies)), *map(str, counted.values()))
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
    """Of the policies that refused something."""
    return {
        f"{report.pack}: {policy.name}": policy.remedy
        for one in judgements
        for report in one.reports
        for policy in report.policies
        if any(violation.policy == policy.name for violation in report.mandatory)
    }
