"""Whoever serves is watched: Prometheus collects the figures of all pods that stay, and has rules that tell of them."""

from collections.abc import Iterator

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import at, flag_at, labels_at, list_at, text_at
from policies.checks.recorded import settings
from policies.checks.services import Index, reachable
from policies.checks.tokens import DEPLOYMENT, POD_MONITOR, POOLER, POSTGRESQL, PROMETHEUS_RULE, STATEFUL_SET
from policies.checks.whole import Whole, each

_FIGURES = "metrics"
"""In the name of a port by which figures are served."""


def collected(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Where the settings want a region watched. Of monitors for pods of other namespaces, which are charts', nothing is
    known."""
    del limits
    if not flag_at(settings(whole), "monitoring", "enabled", default=False):
        return
    there, asked = Index(), dict[str, set[str]]()

    def known(resource: Resource) -> Iterator[str]:
        there.add(reachable(resource))
        yield from ()

    def check(monitor: Resource) -> Iterator[str]:
        labels = labels_at(monitor.inputs, "spec", "selector", "matchLabels")
        if at(monitor.inputs, "spec", "namespaceSelector") is not None:
            return
        chosen = there.selected(metadata.namespace(monitor), labels) if labels else []
        ports = [text_at(endpoint, "port") for endpoint in list_at(monitor.inputs, "spec", "podMetricsEndpoints")]
        for it in chosen:
            lacking = set(ports) - {name for name, _, _ in it.ports}
            if ports and not lacking:
                asked.setdefault(it.resource.urn, set()).update(ports)
            elif lacking:
                yield f"asks a port that no container of {it.resource.name} declares"
        if not chosen or not ports:
            yield "collects no figures of this stack"

    def left_out(resource: Resource) -> Iterator[str]:
        if resource.urn not in asked:
            yield "no PodMonitor collects its figures: nobody hears of it"
            return
        for name in sorted(name for name, _, _ in reachable(resource).ports if _FIGURES in name):
            if name not in asked[resource.urn]:
                yield f"no PodMonitor asks its port {name}"

    serving = whole.of(DEPLOYMENT, STATEFUL_SET, POSTGRESQL, POOLER)
    yield from each(serving, known)
    yield from each(whole.of(POD_MONITOR), check)
    yield from each(serving, left_out)
    if not whole.of(PROMETHEUS_RULE):
        yield Violation("", "the stack holds no PrometheusRule: figures are collected, and nobody is told")
