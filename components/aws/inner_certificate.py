"""The certificate between the load balancer, where TLS of users ends, and the ingress controller, where it goes on."""

from typing import Final

import pulumi_kubernetes as kubernetes
import pulumi_tls as tls
from pulumi import ResourceOptions

from components.certificates import AUTHORITY_HOURS, EARLY_HOURS
from components.objects import labels, metadata, untyped
from components.placement import Placement
from settings import Ingress

ALGORITHM: Final = "ECDSA"


def inner_certificate(
    name: str, settings: Ingress, placement: Placement, opts: ResourceOptions
) -> kubernetes.core.v1.Secret:
    """A Secret with a certificate that signs itself: a network load balancer encrypts to its targets and does not ask
    who they are (docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-target-groups.html), which are
    the region's own pods in its own network.
    """
    key = tls.PrivateKey(f"{name}-key", algorithm=ALGORITHM, ecdsa_curve="P256", opts=opts)
    host = settings.rules[0].host
    certificate = tls.SelfSignedCert(
        f"{name}-certificate",
        private_key_pem=key.private_key_pem,
        subject={"common_name": host},
        dns_names=[rule.host for rule in settings.rules],
        allowed_uses=["digital_signature", "server_auth"],
        validity_period_hours=AUTHORITY_HOURS,
        early_renewal_hours=EARLY_HOURS,
        opts=opts,
    )
    secret = settings.tls.secret_name
    return kubernetes.core.v1.Secret(
        f"{name}-secret",
        metadata=untyped(metadata(secret, placement, labels(secret, "edge"))),
        type="kubernetes.io/tls",
        string_data={"tls.crt": certificate.cert_pem, "tls.key": key.private_key_pem},
        opts=ResourceOptions(parent=opts.parent, provider=placement.provider),
    )
