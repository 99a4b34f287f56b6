"""What a run ends with: the JSON document for machines, the tables for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from rehearsal.costs import RegionCost
from rehearsal.engine.model import Preview, Result, to_json
from rehearsal.packs import Report, Violation
from rehearsal.paths import shorter
from rehearsal.pods import Placed, ZonePods


@dataclass(frozen=True)
class RegionSummary:
    """One region after a preview, an update, or as it stands."""

    region: str
    role: str
    """`home` or `standby`."""
    outcome: Preview | Result
    reports: Sequence[Report]
    """One for each policy pack."""
    pods: Mapping[str, ZonePods]
    endpoint: str = ""
    kubeconfig: str = ""
    platform: str = ""
    zones: tuple[str, ...] = ()
    """As the cluster labels them."""
    edge: bool = False
    """It takes users near it to home."""
    placed: Placed | None = None
    """Nodes and pods; None for a plan."""
    cost: RegionCost | None = None
    """None without a workload."""

    @property
    def violations(self) -> tuple[Violation, ...]:
        return tuple(violation for report in self.reports for violation in report.violations)

    @property
    def refused(self) -> bool:
        """Whether a mandatory policy is violated."""
        return any(violation.mandatory for violation in self.violations)

    def as_json(self) -> dict[str, Any]:
        return {
            **to_json(self.outcome),
            "role": self.role,
            "policies": [
                {"pack": v.pack, "policy": v.policy, "level": v.level, "urn": v.urn, "message": v.message}
                for v in self.violations
            ],
            "pods": {zone: pods.as_json() for zone, pods in self.pods.items()},
            "endpoint": self.endpoint,
            "kubeconfig": self.kubeconfig,
            **({} if self.cost is None else {"cost": self.cost.as_json()}),
        }


@dataclass(frozen=True)
class Summary:
    """All regions of one run."""

    engine: str
    regions: Sequence[RegionSummary]
    unvalidated_kinds: Sequence[str] = ()
    simulated: Sequence[str] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Where the time went, by step."""

    def as_json(self) -> dict[str, Any]:
        return {
            "engine": self.engine,
            "regions": {region.region: region.as_json() for region in self.regions},
            "unvalidated_kinds": list(self.unvalidated_kinds),
            "simulated": list(self.simulated),
        }

    @property
    def unchanged(self) -> bool:
        """Whether no region had anything to create, update, replace or delete."""
        return all(
            not number
            for region in self.regions
            for change, number in region.outcome.changes.items()
            if change != "same"
        )


@dataclass(frozen=True)
class Standing:
    """One region as it stands now."""

    region: str
    alive: bool
    """Whether its control plane answers."""
    kubeconfig: str
    pods: Mapping[str, ZonePods]
    listed: bool = True
    """Whether the settings still name it."""


def standing_json(standing: Sequence[Standing]) -> dict[str, Any]:
    return {
        "regions": {
            region.region: {
                "alive": region.alive,
                "listed": region.listed,
                "kubeconfig": region.kubeconfig,
                "pods": {zone: pods.as_json() for zone, pods in region.pods.items()},
            }
            for region in standing
        }
    }


def show_standing(standing: Sequence[Standing], console: Console) -> None:
    """The tables of `make status`."""
    for region in standing:
        table = _key_values(region.region)
        down = "down: make up" if region.listed else "down"
        table.add_row("control plane", "up" if region.alive else down)
        if not region.listed:
            table.add_row("settings", "in no list of regions any more: make down ends and removes it")
        if region.alive:
            table.add_row("kubeconfig", shorter(region.kubeconfig))
        for zone, pods in region.pods.items():
            table.add_row(f"pods in {zone}", _pods([pods]))
        console.print(table)


FEW: Final = 4
"""Regions of which each may have lines of its own on a screen."""


def show(summary: Summary, console: Console) -> None:
    """What `make up` and `make preview` end with, short enough for a screen: the report and `--json` have the rest.

    Whatever is refused is told in full.
    """
    table = Table(show_edge=False, pad_edge=False)
    for column in ("region", "resources", "pods", "policies", "advice"):
        table.add_column(column, overflow="fold")
    for region in summary.regions:
        table.add_row(*_row(region))
    console.print(table)
    for region in summary.regions:
        for violation in region.violations:
            if violation.mandatory:
                console.print(f"{region.region}: {violation.policy}: {violation.message}", markup=False, style="red")
    for key, words in _lines(summary):
        # A path is to be copied: it stands on one line, as long as it is.
        cut: Mapping[str, Any] = (
            {"soft_wrap": True} if key == "kubeconfig" else {"no_wrap": True, "overflow": "ellipsis"}
        )
        console.print(f"{key}: {words}", markup=False, **cut)
    if summary.unchanged:
        console.print("nothing changed: every region is as its program says", style="bold green")


def _row(region: RegionSummary) -> tuple[str, ...]:
    counted = [report.counted for report in region.reports]
    total = {what: sum(one[what] for one in counted) for what in ("passed", "advise", "failed")}
    refused = f", {total['failed']} refused" if total["failed"] else ""
    return (
        f"{region.region} ({region.role})",
        _changes(region.outcome.changes),
        _pods(region.pods.values()),
        f"{total['passed']} passed{refused}",
        str(total["advise"]),
    )


def _lines(summary: Summary) -> Iterator[tuple[str, str]]:
    """What concerns all regions, a line each; kubeconfigs are as long as they are, for they are copied."""
    advice = dict.fromkeys(one.policy for region in summary.regions for one in region.violations if not one.mandatory)
    if advice:
        yield "advice", ", ".join(advice)
    endpoints = dict.fromkeys(region.endpoint for region in summary.regions if region.endpoint)
    if endpoints:
        yield "endpoint", ", ".join(endpoints)
    costs = {region.region: region.cost for region in summary.regions if region.cost is not None}
    for region, cost in costs.items() if len(costs) <= FEW else ():
        yield f"cost of {region}", str(cost)
    if len(costs) > FEW:
        # The dates come first: a line is cut where the screen ends.
        dates = " and ".join(dict.fromkeys(cost.date for cost in costs.values()))
        yield f"cost a month by prices of {dates}", ", ".join(f"{one} {cost.short}" for one, cost in costs.items())
    kubeconfigs = {region.region: shorter(region.kubeconfig) for region in summary.regions if region.kubeconfig}
    if len(kubeconfigs) > FEW:
        one = next(iter(kubeconfigs))
        kubeconfigs = {"": kubeconfigs[one].replace(one, "<region>")}
    for path in kubeconfigs.values():
        yield "kubeconfig", path
    if kubeconfigs and summary.simulated:
        yield "simulated", ", ".join(what.partition(":")[0] for what in summary.simulated)
    if summary.unvalidated_kinds:
        yield "accepted without a schema", ", ".join(summary.unvalidated_kinds)
    if summary.seconds:
        slowest = sorted(summary.seconds.items(), key=lambda item: -item[1])
        yield "time", ", ".join(f"{step} {seconds:.1f} s" for step, seconds in slowest)


def _key_values(title: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    return table


def _changes(changes: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {change}" for change, number in changes.items() if number) or "none"


def _pods(zones: Iterable[ZonePods]) -> str:
    zones = list(zones)
    wanted, ready, held = (sum(getattr(one, what) for one in zones) for what in ("wanted", "ready", "held"))
    if not ready and not held:
        return f"{wanted} wanted"
    waiting = f", {held} held" if held else ""
    return f"{ready} of {wanted} ready{waiting}"
