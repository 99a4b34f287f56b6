"""Platform services of a region's cluster: releases of the charts that their makers publish, with pinned versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

from components import service_values
from components.objects import SYSTEM_NAMESPACE, labels, named, untyped
from components.versions import CHARTS
from settings import Kubernetes
from settings.services import Service

TIMEOUT_SECONDS: Final = 900
"""Until a release is ready: images are pulled and a load balancer is made meanwhile."""
AFTER: Final[Mapping[Service, tuple[Service, ...]]] = {
    # Its webhook looks at every Service that is made.
    "cert-manager": ("aws-load-balancer-controller",),
    "cloudnative-pg": ("aws-load-balancer-controller",),
    # Its certificates are cert-manager's, and it serves the operator.
    "plugin-barman-cloud": ("cert-manager", "cloudnative-pg"),
    # It watches certificates where it is told to.
    "nginx-ingress": ("aws-load-balancer-controller", "cert-manager"),
    "kube-prometheus-stack": ("aws-load-balancer-controller",),
}


@dataclass(frozen=True)
class ServicesArgs:
    """Which services, and where."""

    provider: kubernetes.Provider
    """Kubernetes provider of the cluster."""
    names: Sequence[Service]
    """Those to install, in their order."""
    settings: Kubernetes
    more_values: Mapping[Service, Mapping[str, Any]] = field(default_factory=dict)
    """Values that the platform adds to a service's own; maps are merged."""
    after: Sequence[pulumi.Input[pulumi.Resource]] = ()
    """Must be there before the first release."""


class PlatformServices(pulumi.ComponentResource):
    """Helm releases, not rendered charts: cert-manager's and the monitoring stack's charts have hooks (Jobs that make
    certificates and check that webhooks answer) which a rendered chart leaves out, and a release that fails is rolled
    back as a whole.
    """

    ready: list[pulumi.Resource]
    """The releases: what they install is ready, and their kinds are known, once they are there."""

    def __init__(self, name: str, args: ServicesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:platform:PlatformServices", name, {}, opts)
        self._name, self._args = name, args
        self._namespaces = {name: self._namespace(name) for name in self._wanted_namespaces()}
        made: dict[Service, pulumi.Resource] = {}
        for service in args.names:
            made[service] = self._release(service, [made[other] for other in AFTER.get(service, ()) if other in made])
        self.ready = list(made.values())
        self.register_outputs({})

    def _wanted_namespaces(self) -> list[str]:
        """Of the services; Kubernetes' own is there."""
        wanted = dict.fromkeys(namespace(service, self._args.settings) for service in self._args.names)
        return [name for name in wanted if name != SYSTEM_NAMESPACE]

    def _namespace(self, name: str) -> kubernetes.core.v1.Namespace:
        """Made by the program and not by the release, so that what else goes there can come after it."""
        return kubernetes.core.v1.Namespace(
            f"{self._name}-{name}-namespace",
            metadata=untyped({"name": name, "labels": labels(name, "platform")}),
            opts=ResourceOptions(parent=self, provider=self._args.provider, depends_on=list(self._args.after)),
        )

    def _release(self, service: Service, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
        args, chart = self._args, CHARTS[service]
        own = namespace(service, args.settings)
        there = self._namespaces.get(own)
        return kubernetes.helm.v3.Release(
            f"{self._name}-{service}",
            name=service,
            chart=chart.name,
            version=chart.version,
            repository_opts={"repo": chart.repository} if chart.repository else None,
            namespace=own if there is None else named(there, own),
            values=merged(service_values.VALUES[service], args.more_values.get(service, {})),
            atomic=True,
            cleanup_on_fail=True,
            timeout=TIMEOUT_SECONDS,
            opts=ResourceOptions(parent=self, provider=args.provider, depends_on=[*args.after, *after]),
        )


def namespace(service: Service, settings: Kubernetes) -> str:
    """The Kubernetes namespace of a service."""
    return {
        "aws-load-balancer-controller": SYSTEM_NAMESPACE,
        "cert-manager": "cert-manager",
        # The plugin has to be beside the operator (plugin-barman-cloud:web/docs/installation.mdx).
        "cloudnative-pg": settings.cnpg_namespace,
        "plugin-barman-cloud": settings.cnpg_namespace,
        "nginx-ingress": settings.ingress_namespace,
        "kube-prometheus-stack": settings.monitoring_namespace,
    }[service]


def merged(own: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`own` with `more` laid over it, map by map."""
    result = dict(own)
    for key, value in more.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return result
