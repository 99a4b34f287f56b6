"""What capacity promises: ten thousand plans in a second, and an estimate at once from a cold start."""

import os
import statistics
import subprocess
import sys
import time
import timeit
from typing import Final

from capacity.nodes import Pool, pool
from capacity.plan import plan
from capacity.workload import Workload
from rehearsal import paths
from rehearsal.bench.measure import Measure
from rehearsal.progress import Progress

PLANS: Final = 10_000
PLANS_SECONDS, START_SECONDS = 1.0, 0.5
STARTS: Final = 5
ROUNDS: Final = 5
_ESTIMATE: Final = ("estimate", "memories_per_day=20", "concurrent_users=5", "objectives.latency_ms=20000")


def measure(progress: Progress, plans: int = PLANS, starts: int = STARTS) -> list[Measure]:
    """CPU of many different plans, and the median of some runs of the command.

    That of the round which others on the machine disturbed least; no machine is known from an earlier round.
    """
    with progress.step(f"make {plans:,} plans, and estimate {starts} times from a cold start"):
        spent, started = _seconds(plans), statistics.median(_cold() for _ in range(starts))
    return [
        Measure(f"capacity: {plans:,} plans with their machines", spent, "s of CPU", PLANS_SECONDS * plans / PLANS),
        Measure("capacity: an estimate from a cold start", started, "s", START_SECONDS),
    ]


def _seconds(plans: int) -> float:
    given = [
        Workload(memories_per_day=1.0 + n % 997, concurrent_users=1.0 + n % 89, payload_bytes=256 + n % 4096)
        for n in range(plans)
    ]

    def all_of_them() -> None:
        for each in given:
            _with_machines(each)

    _with_machines(given[0])
    return min(timeit.repeat(all_of_them, pool.cache_clear, time.process_time, repeat=ROUNDS, number=1))


def _with_machines(workload: Workload) -> tuple[Pool, ...]:
    """A plan chooses them when it is asked for them."""
    return plan(workload).pools


def _cold() -> float:
    environment = {**os.environ, "PYTHONPATH": str(paths.CHECKOUT)}
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "capacity", *_ESTIMATE], check=True, env=environment, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - started
