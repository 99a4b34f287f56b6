"""Rules ask for metrics that somebody tells, and for nothing else."""

import re
from collections import Counter
from pathlib import Path

import pytest

from components.versions import ADDONS, CHARTS
from observability import alerts, recording
from observability.__main__ import EVERYTHING
from observability.metrics import SOURCES
from observability.rule import Group, of_region
from observability.rules import rules
from rehearsal.engine.project import Project
from rehearsal.upstream import MODULES
from settings.images import Images

ROOT = Path(__file__).parents[2]
OWN = {
    "Redis gateway": "images/redis-gateway/metrics.go",
    "PostgreSQL gateway": "images/postgresql-gateway/metrics.go",
    "shard exporter": "components/files/qdrant_exporter.py",
}
"""Sources of ours, with the file that names their metrics."""
PINNED = {
    "Qdrant": "qdrant",
    "redis_exporter": "redis_exporter",
    "HAProxy of the edge": "haproxy",
    "HAProxy of the Qdrant gateway": "haproxy",
    "blackbox exporter": "blackbox_exporter",
}
"""Sources of others, with the image whose release says what they tell."""


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


@pytest.mark.parametrize(("source", "image"), PINNED.items())
def test_sources_are_those_of_the_release_that_is_pinned(source: str, image: str) -> None:
    """Who pins another one looks at its metrics again: one that was renamed is an alert that stays silent."""
    (where,) = (one.where for one in SOURCES if one.name == source)
    (version,) = re.findall(r":v?(\d+\.\d+)", getattr(Images.model_construct(), image))
    assert f"v{version}" in where


@pytest.mark.parametrize(
    ("source", "chart"),
    [
        ("CloudNativePG", "cloudnative-pg"),
        ("Barman Cloud plugin", "plugin-barman-cloud"),
        ("NGINX Ingress Controller", "nginx-ingress"),
    ],
)
def test_sources_are_what_the_pinned_charts_bring(source: str, chart: str) -> None:
    (where,) = (one.where for one in SOURCES if one.name == source)
    app = CHARTS[chart].app
    assert app is not None
    assert f" v{app.removeprefix('v').rpartition('.')[0]}" in where


@pytest.mark.parametrize("source", ["kube-state-metrics", "node exporter"])
def test_sources_within_the_monitoring_stack_are_those_of_its_pinned_chart(source: str) -> None:
    (where,) = (one.where for one in SOURCES if one.name == source)
    assert f"kube-prometheus-stack {CHARTS['kube-prometheus-stack'].version} " in where


def test_kubelets_figures_are_those_of_the_newest_kubernetes_that_is_planned_for() -> None:
    (where,) = (one.where for one in SOURCES if one.name == "kubelet")
    newest = max(ADDONS, key=lambda minor: [int(part) for part in minor.split(".")])
    assert f"kubernetes v{newest} " in where


def test_the_services_figures_are_those_of_the_release_that_regions_run() -> None:
    (where,) = (one.where for one in SOURCES if one.name == "memory service")
    for name, settings in Project.load(ROOT).settings().items():
        assert f" {settings.memory.image.rpartition(':')[2]};" in where, name


def test_charts_say_where_their_version_is_told() -> None:
    told = {name: chart for name, chart in CHARTS.items() if chart.source or chart.app}
    assert set(told) == {"cloudnative-pg", "plugin-barman-cloud", "nginx-ingress", "kube-prometheus-stack"}
    for name, chart in told.items():
        assert chart.app and chart.source, name
        # Of a repository that has more than the chart, tags are those of what it brings.
        tag = f"v{chart.app}" if name == "nginx-ingress" else f"{name}-v?{re.escape(chart.version)}"
        assert re.fullmatch(rf"[\w-]+/[\w-]+:charts/{name}/Chart\.yaml@{tag}", chart.source)


def test_the_operators_queries_are_those_of_the_release_that_is_pinned() -> None:
    (module,) = (one for one in MODULES if one.group == "postgresql.cnpg.io")
    (where,) = (one.where for one in SOURCES if one.name == "CloudNativePG")
    assert f"cloudnative-pg {module.version} " in where
    assert (module.version, CHARTS["cloudnative-pg"].version) == ("v1.30.0", "0.29.0")


def test_recorded_series_are_asked_for_in_their_region_alone() -> None:
    """So that the rules of several regions do not take each other's series where one Prometheus has them all."""
    exprs = [rule["expr"] for group in rules(EVERYTHING)["groups"] for rule in group["rules"]]
    recorded = [after for expr in exprs for after in re.findall(r"[a-z_0-9]+:[a-z_0-9]+:[a-z_0-9]+(.{0,18})", expr)]
    assert len(recorded) > 50
    assert all(after.startswith('{region="us-east"') for after in recorded)


def test_names_in_quotes_are_none() -> None:
    assert of_region('a:b:c{le="d:e:f"} > g:h:i', "x") == 'a:b:c{region="x", le="d:e:f"} > g:h:i{region="x"}'
