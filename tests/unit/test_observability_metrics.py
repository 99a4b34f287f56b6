"""Rules ask for metrics that somebody tells, and for nothing else."""

import re
from collections import Counter
from pathlib import Path

from observability import alerts, recording
from observability.__main__ import EVERYTHING
from observability.metrics import SOURCES
from observability.rule import Group, of_region
from observability.rules import rules

ROOT = Path(__file__).parents[2]
OWN = {
    "Redis gateway": "images/redis-gateway/metrics.go",
    "PostgreSQL gateway": "images/postgresql-gateway/metrics.go",
    "shard exporter": "components/files/qdrant_exporter.py",
}
"""Sources of ours, with the file that names their metrics."""


def asked(groups: list[Group]) -> set[str]:
    """Names of metrics in expressions: what stands before a selector, or in a function or an operation alone."""
    found: set[str] = set()
    for expr in (rule.expr for group in groups for rule in group.rules):
        bare = re.sub(r'"[^"]*"', "", expr)
        bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b\d[\d.e]*", " ", bare)
        bare = re.sub(r"\b(by|on|group_left|group_right)\s*\([^)]*\)", " ", bare)
        found |= {name for name in re.findall(r"[A-Za-z_][\w:]*(?!\s*\()\b(?!\s*\()", bare) if ":" not in name}
    return found - {"and", "or", "unless", "by", "on", "group_left", "group_right"}


def test_every_metric_that_is_asked_for_is_told_by_somebody_and_the_other_way_round() -> None:
    known = Counter(metric for source in SOURCES for metric in source.metrics)
    assert set(known.values()) == {1}
    assert asked([*recording.groups(EVERYTHING), *alerts.groups(EVERYTHING)]) == set(known)


def test_our_own_sources_have_what_is_asked_of_them() -> None:
    for source in SOURCES:
        if source.name not in OWN:
            continue
        assert source.where == OWN[source.name]
        text = (ROOT / source.where).read_text()
        for metric in source.metrics:
            # One of the gateways writes its prefix once.
            assert metric in text or metric.removeprefix("postgresql_gateway_") in text, metric


def test_recorded_series_are_asked_for_in_their_region_alone() -> None:
    """So that the rules of several regions do not take each other's series where one Prometheus has them all."""
    exprs = [rule["expr"] for group in rules(EVERYTHING)["groups"] for rule in group["rules"]]
    recorded = [after for expr in exprs for after in re.findall(r"[a-z_0-9]+:[a-z_0-9]+:[a-z_0-9]+(.{0,18})", expr)]
    assert len(recorded) > 50
    assert all(after.startswith('{region="us-east"') for after in recorded)


def test_names_in_quotes_are_none() -> None:
    assert of_region('a:b:c{le="d:e:f"} > g:h:i', "x") == 'a:b:c{region="x", le="d:e:f"} > g:h:i{region="x"}'
