"""DNS names of Services, as pods and as programs without a resolver search list see them."""

import pulumi

from components.placement import Placement

CLUSTER_DOMAIN = "cluster.local"
"""Kubernetes' default, which CloudNativePG assumes too (docs/src/certificates.md)."""


def full_host(service: str, placement: Placement) -> pulumi.Output[str]:
    """Fully qualified host of a Service: for programs that know no search domains (HAProxy's resolver)."""
    return pulumi.Output.concat(service, ".", placement.namespace, ".svc.", CLUSTER_DOMAIN)


def all_hosts(service: str, placement: Placement) -> list[pulumi.Input[str]]:
    """Every name under which a client may call a Service: what a server certificate has to carry."""
    return [
        service,
        pulumi.Output.concat(service, ".", placement.namespace),
        pulumi.Output.concat(service, ".", placement.namespace, ".svc"),
        full_host(service, placement),
    ]
