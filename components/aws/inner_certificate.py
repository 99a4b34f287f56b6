"""The certificate between the load balancer, where TLS of users ends, and the ingress controller, where it goes on."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_tls as tls
from pulumi import Output, ResourceOptions

from components.certificates import AUTHORITY_HOURS, EARLY_HOURS
from components.objects import labels, metadata, untyped
from components.placement import Placement

ALGORITHM: Final = "ECDSA"


@dataclass(frozen=True)
class InnerCertificateArgs:
    """Whom it names."""

    hosts: Sequence[str]
    """Public names, at least one."""


class InnerCertificate(pulumi.ComponentResource):
    """A certificate that signs itself: a network load balancer encrypts to its targets and does not ask who they are
    (docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-target-groups.html), which are the region's
    own pods in its own network.
    """

    certificate: Output[str]
    """PEM."""
    key: Output[str]
    """Secret: PEM."""

    def __init__(self, name: str, args: InnerCertificateArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:InnerCertificate", name, {}, opts)
        own = ResourceOptions(parent=self)
        key = tls.PrivateKey(f"{name}-key", algorithm=ALGORITHM, ecdsa_curve="P256", opts=own)
        made = tls.SelfSignedCert(
            f"{name}-certificate",
            private_key_pem=key.private_key_pem,
            subject={"common_name": args.hosts[0]},
            dns_names=list(args.hosts),
            allowed_uses=["digital_signature", "server_auth"],
            validity_period_hours=AUTHORITY_HOURS,
            early_renewal_hours=EARLY_HOURS,
            opts=own,
        )
        self.certificate, self.key = made.cert_pem, key.private_key_pem
        self.register_outputs({})

    def default_tls(self) -> Mapping[str, Any]:
        """Value of the ingress controller's chart. The load balancer names no host when it encrypts (SNI), and without
        a certificate of its own the controller's default server refuses such a handshake.
        """
        return {"cert": _encoded(self.certificate), "key": _encoded(self.key)}

    def secret(self, name: str, secret: str, placement: Placement, parent: pulumi.Resource) -> pulumi.Resource:
        """The Secret that the hosts of the ingress name."""
        return kubernetes.core.v1.Secret(
            name,
            metadata=untyped(metadata(secret, placement, labels(secret, "edge"))),
            type="kubernetes.io/tls",
            string_data={"tls.crt": self.certificate, "tls.key": self.key},
            opts=ResourceOptions(parent=parent, provider=placement.provider),
        )


def _encoded(pem: Output[str]) -> Output[str]:
    return pem.apply(lambda text: base64.b64encode(text.encode()).decode())
