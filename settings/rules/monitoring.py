"""Somebody is told before somebody is woken."""

from collections.abc import Iterator

from settings.draft import Draft, Finding
from settings.monitoring import TwoLimits
from settings.rules.rule import Check, place, rule

_AT = "monitoring.thresholds"
_AT_MOST, _AT_LEAST = ("errors", "connections", "cpu", "memory"), ("cache_hits", "postgresql_cache_hits")


@rule(f"{_AT}.latency")
def slow_before_too_slow(draft: Draft) -> Iterator[Finding]:
    latency = draft.settings.monitoring.thresholds.latency
    if latency.warning_ms >= latency.critical_ms:
        yield draft.finding(
            place(f"{_AT}.latency.warning_ms"), f"not under critical_ms ({latency.critical_ms}): warn before"
        )


@rule(*(f"{_AT}.{name}" for name in (*_AT_MOST, *_AT_LEAST)))
def told_before_woken(draft: Draft) -> Iterator[Finding]:
    thresholds = draft.settings.monitoring.thresholds
    for name in _AT_MOST:
        limits: TwoLimits = getattr(thresholds, name)
        if limits.warning >= limits.critical:
            yield draft.finding(
                place(f"{_AT}.{name}.warning"), f"not under critical ({limits.critical:g}): warn before"
            )
    for name in _AT_LEAST:
        limits = getattr(thresholds, name)
        if limits.warning <= limits.critical:
            yield draft.finding(
                place(f"{_AT}.{name}.warning"), f"not over critical ({limits.critical:g}), below which it is worse"
            )


@rule(f"{_AT}.storage_free", f"{_AT}.storage_free_critical")
def filling_before_almost_full(draft: Draft) -> Iterator[Finding]:
    thresholds = draft.settings.monitoring.thresholds
    if thresholds.storage_free <= thresholds.storage_free_critical:
        yield draft.finding(
            place(f"{_AT}.storage_free"),
            f"not over storage_free_critical ({thresholds.storage_free_critical:g}), below which it is worse",
        )


RULES: tuple[Check, ...] = (slow_before_too_slow, told_before_woken, filling_before_almost_full)
