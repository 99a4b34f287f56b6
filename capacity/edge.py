"""The edge of a region that is a standby, or may become one: pods for the requests that enter there.

Each region is sized by its own share, home too: once another region is promoted, its users go through an edge.
"""

from typing import NamedTuple

from capacity import facts, spread
from capacity.ledger import QUIET, Ledger
from capacity.load import Load, grown_to
from capacity.workload import Workload


class Needs(NamedTuple):
    """Of one region, at peak."""

    pods: int
    """With those of lost zones."""
    cpu: float
    """Cores of a pod, when zones are lost."""
    calls: float
    """Under way at the same time, in all pods together."""


def needs(workload: Workload, load: Load, ledger: Ledger = QUIET) -> tuple[Needs, ...]:
    """By region, in the workload's order; empty where there is no other region."""
    if len(workload.regions) < 2:
        return ()
    return tuple(_of(workload, load, number, ledger) for number in range(len(workload.regions)))


def _of(workload: Workload, load: Load, number: int, ledger: Ledger) -> Needs:
    region, zones, lost = workload.regions[number], workload.zones, workload.objectives.zones_lost
    rate, seconds = load.requests * region.share, workload.objectives.latency_ms / 1000
    calls = min(rate * seconds / facts.BUSY.value, _users(workload, load) * region.share)
    work = rate * facts.FORWARD_CPU.value / facts.BUSY.value
    wanted = max(calls / facts.EDGE_CALLS.value, work / facts.EDGE_THREADS.value)
    pods, spare = spread.pods(wanted, int(facts.LEAST_PODS.value), zones, lost)
    found = Needs(pods, work * spare / pods, calls)
    if ledger.keeps:
        _tell(f"edge.{region.name}", workload, load, found, (region.share, wanted), ledger)
    return found


def _users(workload: Workload, load: Load) -> float:
    """At the same time, at peak: each waits for one answer."""
    return workload.concurrent_users * grown_to(workload, load.day) * workload.peak_factor


def _tell(name: str, workload: Workload, load: Load, of: Needs, by: tuple[float, float], ledger: Ledger) -> None:
    share, wanted = by
    requests: dict[str, float | facts.Fact] = {
        "stores": load.stores,
        "reads": load.reads,
        "searches": load.searches,
        "share": share,
        "busy": facts.BUSY,
    }
    ledger.note(
        f"{name}.calls",
        of.calls,
        "calls at the same time",
        "min((stores + reads + searches) * latency / busy, users * (1 + monthly) ** (days / month) * peak) * share",
        latency=workload.objectives.latency_ms / 1000,
        users=workload.concurrent_users,
        monthly=workload.growth_per_month,
        days=load.day,
        month=facts.MONTH_DAYS,
        peak=workload.peak_factor,
        **requests,
    )
    ledger.note(
        f"{name}.ready_pods",
        wanted,
        "pods, zones being lost",
        "max(calls / most, (stores + reads + searches) * share * forward / busy / threads)",
        calls=of.calls,
        most=facts.EDGE_CALLS,
        forward=facts.FORWARD_CPU,
        threads=facts.EDGE_THREADS,
        **requests,
    )
    spreading: dict[str, float | facts.Fact] = {
        "least": facts.LEAST_PODS,
        "zones": workload.zones,
        "lost": workload.objectives.zones_lost,
    }
    ledger.note(f"{name}.pods", of.pods, "pods", "evenly(ready, least, zones, lost)", ready=wanted, **spreading)
    ledger.note(
        f"{name}.cpu",
        of.cpu,
        "cores a pod",
        "(stores + reads + searches) * share * forward / busy * even_spare(least, zones, lost) / pods",
        forward=facts.FORWARD_CPU,
        pods=of.pods,
        **spreading,
        **requests,
    )
