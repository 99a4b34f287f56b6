"""What can be reached from outside: on purpose alone, and by TLS."""

from collections.abc import Iterator, Mapping

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Plain, at, flag_at, labels_at, list_at, object_at, text_at, texts_at
from policies.checks.recorded import tls_ends_before
from policies.checks.tokens import INGRESS, NGINX_POLICY, VIRTUAL_SERVER
from policies.checks.whole import Whole, each

_INTERNAL: Mapping[str, tuple[str, ...]] = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": ("internal",),
    "service.beta.kubernetes.io/aws-load-balancer-internal": ("true",),
    "service.beta.kubernetes.io/azure-load-balancer-internal": ("true",),
    "networking.gke.io/load-balancer-type": ("Internal",),
    "cloud.google.com/load-balancer-type": ("Internal",),
}
"""Annotations that keep a load balancer within the network, by cloud."""
_OLD_TLS = ("2016-08", "TLS-1-0", "TLS-1-1", "TLS13-1-0", "TLS13-1-1", "2015-05")
"""Names of AWS's policies for listeners that still take TLS 1.0 or 1.1
(docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html)."""


def services(resource: Resource, limits: Limits) -> Iterator[str]:
    """Users come through the ingress; everything else stays in the cluster or, for other regions, in the network."""
    del limits
    yield from _exposed(resource.inputs)


def managed_services(resource: Resource, limits: Limits) -> Iterator[str]:
    """The same for Services that CloudNativePG makes."""
    del limits
    for index, service in enumerate(list_at(resource.inputs, "spec", "managed", "services", "additional")):
        for fault in _exposed(at(service, "serviceTemplate")):
            yield f"managed.services.additional[{index}] {fault}"


def _exposed(service: Plain) -> Iterator[str]:
    kind = text_at(service, "spec", "type", default="ClusterIP")
    annotations = labels_at(service, "metadata", "annotations")
    internal = any(annotations.get(name) in values for name, values in _INTERNAL.items())
    if kind == "NodePort":
        yield "is of type NodePort: open on every node"
    elif kind == "LoadBalancer" and not internal:
        yield "is a LoadBalancer that no annotation keeps internal: open to the world"
    elif kind == "ExternalName":
        yield "is an ExternalName: whoever has that name answers"
    if texts_at(service, "spec", "externalIPs"):
        yield "has externalIPs: it takes traffic of any address that it names"


def tls(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Each host has a certificate; who comes without TLS is sent to it, or is asked for a certificate of its own.

    Not where the settings say that something before the ingress ends TLS: `not-judged` tells of it.
    """
    del limits
    asking = {
        (metadata.namespace(policy), metadata.name(policy))
        for policy in whole.of(NGINX_POLICY)
        if text_at(policy.inputs, "spec", "ingressMTLS", "verifyClient", default="on") == "on"
        and at(policy.inputs, "spec", "ingressMTLS") is not None
    }

    before = tls_ends_before(whole)

    def server(resource: Resource) -> Iterator[str]:
        spec = object_at(resource.inputs, "spec")
        if before and at(spec, "tls") is None:
            return
        if not text_at(spec, "tls", "secret"):
            yield "spec.tls.secret is not stated: its users speak in clear"
        named = {
            (text_at(one, "namespace", default=metadata.namespace(resource)), text_at(one, "name"))
            for one in list_at(spec, "policies")
        }
        if not flag_at(spec, "tls", "redirect", "enable", default=False) and not named & asking:
            yield "spec.tls.redirect is not enabled: who comes without TLS is answered in clear"

    def ingress(resource: Resource) -> Iterator[str]:
        spec = object_at(resource.inputs, "spec")
        covered = {
            host for one in list_at(spec, "tls") if text_at(one, "secretName") for host in texts_at(one, "hosts")
        }
        for rule in list_at(spec, "rules"):
            host = text_at(rule, "host")
            if not host or (host not in covered and f"*.{host.partition('.')[2]}" not in covered):
                yield f"the host {host or 'that is not named'} has no certificate in spec.tls"

    yield from each(whole.of(VIRTUAL_SERVER), server)
    yield from each(whole.of(INGRESS), ingress)


def listeners(resource: Resource, limits: Limits) -> Iterator[str]:
    """A load balancer passes TLS on or ends it by a policy of today; plain HTTP is only sent to HTTPS."""
    del limits
    protocol = text_at(resource.inputs, "protocol")
    kinds = {text_at(action, "type") for action in list_at(resource.inputs, "defaultActions")}
    if protocol == "HTTP" and kinds != {"redirect"}:
        yield "answers HTTP in clear: redirect to HTTPS"
    policy = text_at(resource.inputs, "sslPolicy")
    if protocol in ("HTTPS", "TLS") and (not policy or any(old in policy for old in _OLD_TLS)):
        yield "sslPolicy still takes TLS 1.0 or 1.1, or is not stated: ELBSecurityPolicy-TLS13-1-2-2021-06"
