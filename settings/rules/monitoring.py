"""Somebody is told before somebody is woken."""

from collections.abc import Iterator

from settings.draft import Draft, Finding
from settings.rules.rule import Check, place, rule

_AT = "monitoring.thresholds"


@rule(f"{_AT}.latency")
def slow_before_too_slow(draft: Draft) -> Iterator[Finding]:
    latency = draft.settings.monitoring.thresholds.latency
    if latency.warning_ms >= latency.critical_ms:
        yield draft.finding(
            place(f"{_AT}.latency.warning_ms"), f"not under critical_ms ({latency.critical_ms}): warn before"
        )


@rule(f"{_AT}.errors", f"{_AT}.connections", f"{_AT}.cache_hits")
def told_before_woken(draft: Draft) -> Iterator[Finding]:
    thresholds = draft.settings.monitoring.thresholds
    for name, limits in (("errors", thresholds.errors), ("connections", thresholds.connections)):
        if limits.warning >= limits.critical:
            yield draft.finding(
                place(f"{_AT}.{name}.warning"), f"not under critical ({limits.critical:g}): warn before"
            )
    hits = thresholds.cache_hits
    if hits.warning <= hits.critical:
        yield draft.finding(
            place(f"{_AT}.cache_hits.warning"), f"not over critical ({hits.critical:g}), below which it is worse"
        )


RULES: tuple[Check, ...] = (slow_before_too_slow, told_before_woken)
