"""What no plan can be made for although each key is in its bounds: a last day beyond all measure, an early answer."""

import math
from collections.abc import Iterator
from typing import Final

from capacity import service
from capacity.ledger import QUIET
from capacity.load import load
from capacity.plan import last_load
from capacity.workload import Workload
from settings.faults import Fault

MOST_MEMORIES: Final = 10**11
"""Settings take 1000 pods of a store: each would hold 10^8, whose vectors of the default size alone are 300 GB."""
MOST_REQUESTS: Final = 10**7
"""A second at peak: as many as the most users with whom a workload may begin, each asking once a second."""


def faults(workload: Workload) -> list[Fault]:
    """Every fault of that kind, with its path in the workload."""
    return [*_too_much(workload), *_too_early(workload)]


def _too_much(workload: Workload) -> Iterator[Fault]:
    last = last_load(workload)
    if last.memories > MOST_MEMORIES:
        grown = f"{last.memories:.3g} memories on the last day, more than a plan can be made for ({MOST_MEMORIES:,})"
        yield Fault("memories_per_day", workload.memories_per_day, f"{grown}: {_remedy('it')}")
    if last.requests > MOST_REQUESTS:
        grown = f"{last.requests:.3g} requests a second on the last day, more than a plan can be made for"
        yield Fault("concurrent_users", workload.concurrent_users, f"{grown} ({MOST_REQUESTS:,}): {_remedy('them')}")


def _remedy(key: str) -> str:
    return f"lower {key}, growth_per_month or horizon_months"


def _too_early(workload: Workload) -> Iterator[Fault]:
    empty = load(workload, 0, QUIET)._replace(memories=0)
    takes, allowed = service.costs(workload, empty).store * 1000, workload.objectives.latency_ms
    if allowed < takes:
        least = math.ceil(takes * 10) / 10
        message = "too low: a store takes longer where no memory is held yet"
        remedy = f"allow {least:g} ms or more, or state a shorter round_trip_ms that holds"
        yield Fault("objectives.latency_ms", allowed, f"{message}: {remedy}")
