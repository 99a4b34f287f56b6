"""How a region is watched: what Prometheus collects there, its rules, and the dashboards that Grafana shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_kubernetes import core
from pulumi_kubernetes.apiextensions import CustomResource

from components import monitors, objects
from components.exporters import Exporters, ExportersArgs
from components.objects import untyped
from components.placement import Placement
from observability import dashboards
from observability.alerts.regions import OWN_CERTIFICATE
from observability.rules import rules
from observability.scope import Scope
from settings.grafana import Dashboard

API: Final = "monitoring.coreos.com/v1"
NAME: Final = "somafractalmemory"
CERTIFICATES: Final = f"{NAME}-certificates"
DOCS: Final = "docs"
"""Where the pages are that alerts link to, unless settings say where they are published."""
_LABELS = objects.labels(NAME, "monitoring")


@dataclass(frozen=True)
class MonitoringArgs:
    """What is to be watched."""

    placement: Placement
    scope: Scope
    exporters: ExportersArgs
    hosts: Mapping[str, str]
    """What each region's PostgreSQL is called."""
    certificates: Mapping[str, Output[str]]
    """When each certificate ends that the program has made (RFC 3339), by their names."""
    after: Sequence[pulumi.Resource]
    """What has to be there before rules ask about it: while it is made, it is not missing."""


class Monitoring(pulumi.ComponentResource):
    """The objects that the Prometheus operator and Grafana's sidecar look for."""

    def __init__(self, name: str, args: MonitoringArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:monitoring:Monitoring", name, {}, opts)
        self._name, self._args = name, args
        self._own = ResourceOptions(parent=self, provider=args.placement.provider)
        exporters = Exporters(f"{name}-exporters", args.exporters, ResourceOptions(parent=self))
        for monitor in monitors.monitors(args.scope):
            self._custom("PodMonitor", monitor.job, monitors.pod_monitor_spec(monitor, args.scope))
        for one in monitors.asked(args.scope, args.hosts, tls=args.exporters.tls):
            self._custom("Probe", one.name, monitors.probe_spec(one, args.scope, exporters.prober))
        docs = args.scope.monitoring.docs or DOCS
        ready = ResourceOptions(depends_on=list(args.after))
        self._custom("PrometheusRule", NAME, rules(args.scope, docs), ready)
        # In an object of its own: what certificates are is known after they are made.
        self._custom("PrometheusRule", CERTIFICATES, _ends(args))
        for dashboard in args.scope.dashboards:
            self._dashboard(dashboard)
        self.register_outputs({})

    def _custom(self, kind: str, name: str, spec: Mapping[str, Any], opts: ResourceOptions | None = None) -> None:
        CustomResource(
            f"{self._name}-{kind.lower()}-{name}",
            api_version=API,
            kind=kind,
            metadata=untyped(objects.metadata(name, self._args.placement, _LABELS)),
            spec=untyped(dict(spec)),
            opts=ResourceOptions.merge(self._own, opts),
        )

    def _dashboard(self, dashboard: Dashboard) -> None:
        """Grafana's sidecar takes it by its label, from any namespace (charts/kube-prometheus-stack/values.yaml)."""
        labels = {**_LABELS, "grafana_dashboard": "1"}
        core.v1.ConfigMap(
            f"{self._name}-dashboard-{dashboard}",
            metadata=untyped(objects.metadata(f"dashboard-{dashboard}", self._args.placement, labels)),
            data={f"{dashboard}.json": dashboards.as_json(dashboard, self._args.scope)},
            opts=self._own,
        )


def _ends(args: MonitoringArgs) -> objects.Manifest:
    """Recorded series of certificates: no exporter reads them, and the program knows when they end."""
    recorded = [
        {
            "record": OWN_CERTIFICATE,
            "expr": ends.apply(lambda end: f"vector({datetime.fromisoformat(end).timestamp():.0f}) - time()"),
            "labels": {"region": args.scope.region, "certificate": name},
        }
        for name, ends in args.certificates.items()
    ]
    return {"groups": [{"name": CERTIFICATES, "rules": recorded}]}
