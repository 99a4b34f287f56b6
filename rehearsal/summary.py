"""What a run ends with: the JSON document for machines, the tables for people."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from rehearsal.engine.model import Preview, Result, to_json
from rehearsal.packs import Report, Violation
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
            table.add_row("kubeconfig", _shorter(region.kubeconfig))
        for zone, pods in region.pods.items():
            table.add_row(f"pods in {zone}", _pods(pods))
        console.print(table)


def show(summary: Summary, console: Console) -> None:
    """The tables that `make up` and `make preview` end with."""
    for region in summary.regions:
        console.print(_table(region))
        for violation in region.violations:
            console.print(f"  {violation.level}: {violation.policy}: {violation.message}", markup=False)
    if summary.simulated and any(region.kubeconfig for region in summary.regions):
        console.print("simulated:", *(f"  - {what}" for what in summary.simulated), sep="\n", markup=False)
    if summary.unvalidated_kinds:
        console.print("accepted without a schema: " + ", ".join(summary.unvalidated_kinds), markup=False)
    if summary.seconds:
        slowest = sorted(summary.seconds.items(), key=lambda item: -item[1])
        console.print("time: " + ", ".join(f"{step} {seconds:.1f} s" for step, seconds in slowest), markup=False)
    if summary.unchanged:
        console.print("nothing changed: every region is as its program says", style="bold green")


def _table(region: RegionSummary) -> Table:
    table = _key_values(f"{region.region} ({region.role})")
    table.add_row("resources", f"{len(region.outcome.resources)}: {_changes(region.outcome.changes)}")
    for zone, pods in region.pods.items():
        table.add_row(f"pods in {zone}", _pods(pods))
    for report in region.reports:
        counted = ", ".join(f"{number} {what}" for what, number in report.counted.items() if number or what != "advise")
        table.add_row(f"policies {report.pack}", counted)
    for key, text in (("endpoint", region.endpoint), ("kubeconfig", _shorter(region.kubeconfig))):
        if text:
            table.add_row(key, text)
    return table


def _key_values(title: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    return table


def _shorter(path: str) -> str:
    """From here, where that is shorter: a path in a table should stand on one line to be copied."""
    return min(path, os.path.relpath(path), key=len) if path else path


def _changes(changes: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {change}" for change, number in changes.items() if number) or "none"


def _pods(pods: ZonePods) -> str:
    if not pods.ready and not pods.held:
        return f"{pods.wanted} wanted"
    held = f", {pods.held} held until promotion" if pods.held else ""
    return f"{pods.ready} of {pods.wanted} ready{held}"
