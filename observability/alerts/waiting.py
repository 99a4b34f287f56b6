"""How long users wait, by what the service tells: of itself an alert, and what makes a cause worth waking somebody."""

from typing import Final

from observability.scope import Scope

FEWEST: Final = 0.02
"""Requests per second, six in five minutes: of fewer, one that fails is a large share and no news."""
_P95: Final = 'service:latency_seconds:quantile_rate5m{quantile="0.95"'
LATENCY: Final = f"max by (service, endpoint, method) ({_P95}"
STORES: Final = f'{_P95}, endpoint="/memories", method="POST"}}'
"""A store reads all that its namespace holds (docs/capacity.md), so that one day it is slow whatever is done."""
# `/stats` counts whole tables, and nobody waits for it.
SLOWEST: Final = f'{LATENCY}, endpoint!="/stats"}})'


TOLD: Final = f'max by (service) ({_P95}, endpoint!="/stats"}} unless {STORES})'
"""What the service itself tells of its slowest kind of request that does not grow with what a namespace holds."""
SUDDEN: Final = 2
"""Times as slow as the least within a day: growth takes longer, so that it is a fault."""


def as_ever(slowness: str) -> str:
    """What of a series of times to an answer did not become slow at once."""
    return f"{slowness} <= {SUDDEN:g} * min_over_time({slowness}[1d])"


def users_wait(scope: Scope) -> str:
    """Operand of `and on ()`: some kind of request but a store, which is slow by itself, is over the warning limit."""
    limit = scope.monitoring.thresholds.latency.warning_ms / 1000
    return f"max({SLOWEST} unless max by (service, endpoint, method) ({STORES})) > {limit:g}"
