"""The objective of availability, by how fast its error budget is used up.

Windows and factors are those of the SRE workbook (sre.google/workbook/alerting-on-slos, "Multiwindow, Multi-Burn-Rate
Alerts"): a long window says that it matters, a short one that it still goes on.
"""

from collections.abc import Iterator

from observability.rule import Alert, Severity
from observability.scope import MEMORY, Scope

BURNS: tuple[tuple[str, Severity, float, str, str], ...] = (
    ("ErrorBudgetBurnsFast", "critical", 14.4, "1h", "5m"),
    ("ErrorBudgetBurns", "critical", 6, "6h", "30m"),
    ("ErrorBudgetBurnsSlowly", "warning", 3, "1d", "2h"),
    ("ErrorBudgetMelts", "warning", 1, "3d", "6h"),
)
"""Name, severity, multiple of the rate that would just use the budget up in 30 days, long window, short window."""
FEWEST_FAILED = 10
"""Requests that have to fail in the long window: where few ask, one that fails is a large share (the same chapter,
"Low-Traffic Services and Error Budget Alerting").
"""


def alerts(scope: Scope) -> Iterator[Alert]:
    """Of the requests to the service."""
    budget = 1 - scope.monitoring.availability
    failed = scope.of(MEMORY, 'status=~"5.."')
    for name, severity, factor, long, short in BURNS:
        limit = f"{factor * budget:.6g}"
        yield Alert(
            name,
            f"service:errors:ratio_rate{long} > {limit} and service:errors:ratio_rate{short} > {limit}"
            f" and on (service) sum by (service) (increase(api_responses_total{failed}[{long}])) >= {FEWEST_FAILED}",
            severity,
            "{{ $labels.service }} failed {{ $value | humanizePercentage }} of its requests in " + long,
            f"Errors come {factor:g} times as fast as an availability of {scope.monitoring.availability:.3%} over "
            "30 days allows.",
            "As for MemoryServiceErrors: find the store or the release that they began with, and take it back.",
        )
