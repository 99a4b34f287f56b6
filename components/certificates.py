"""Certificates made by the program itself, so that no region waits for another one's certificate authority."""

from collections.abc import Sequence

import pulumi
import pulumi_tls as tls
from pulumi import Output, ResourceOptions

_HOURS_A_YEAR = 365 * 24
AUTHORITY_HOURS, LEAF_HOURS = 10 * _HOURS_A_YEAR, 3 * _HOURS_A_YEAR
EARLY_HOURS = _HOURS_A_YEAR
"""Any update in the last year of a certificate's life renews it."""


class CertificateAuthority(pulumi.ComponentResource):
    """A private certificate authority; its key is ECDSA P-256.

    CloudNativePG signs the pooler's client certificate with the key of the client authority and reads EC keys alone
    (pkg/certs/certs.go, ParseECPrivateKey).
    """

    certificate: Output[str]
    """PEM."""

    key: Output[str]
    """PEM, secret."""

    ends: dict[str, Output[str]]
    """When its own certificate and each that it has signed end (RFC 3339), by their names."""

    def __init__(self, name: str, common_name: str, opts: ResourceOptions | None = None) -> None:
        """`common_name`: what the authority is called in its certificate."""
        super().__init__("soma:data:CertificateAuthority", name, {}, opts)
        self._name = name
        own = ResourceOptions(parent=self)
        key = _private_key(f"{name}-key", own)
        certificate = tls.SelfSignedCert(
            f"{name}-certificate",
            private_key_pem=key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(common_name=common_name, organization="SomaFractalMemory"),
            is_ca_certificate=True,
            set_subject_key_id=True,
            allowed_uses=["cert_signing", "crl_signing"],
            validity_period_hours=AUTHORITY_HOURS,
            early_renewal_hours=EARLY_HOURS,
            opts=own,
        )
        self.certificate = certificate.cert_pem
        self.key = key.private_key_pem
        self.ends = {common_name: certificate.validity_end_time}
        self.register_outputs({"certificate": self.certificate})

    def server(self, role: str, hosts: Sequence[pulumi.Input[str]]) -> "Leaf":
        """A server's certificate for these hosts."""
        return self._leaf(role, "server_auth", role, hosts)

    def client(self, user: str) -> "Leaf":
        """A client's certificate; PostgreSQL takes the common name for the user."""
        return self._leaf(user.replace("_", "-"), "client_auth", user, [])

    def _leaf(self, role: str, use: str, common_name: str, hosts: Sequence[pulumi.Input[str]]) -> "Leaf":
        own = ResourceOptions(parent=self)
        key = _private_key(f"{self._name}-{role}-key", own)
        request = tls.CertRequest(
            f"{self._name}-{role}-request",
            private_key_pem=key.private_key_pem,
            subject=tls.CertRequestSubjectArgs(common_name=common_name, organization="SomaFractalMemory"),
            dns_names=list(hosts),
            opts=own,
        )
        certificate = tls.LocallySignedCert(
            f"{self._name}-{role}-certificate",
            cert_request_pem=request.cert_request_pem,
            ca_cert_pem=self.certificate,
            ca_private_key_pem=self.key,
            allowed_uses=["digital_signature", use],
            validity_period_hours=LEAF_HOURS,
            early_renewal_hours=EARLY_HOURS,
            opts=own,
        )
        self.ends[common_name] = certificate.validity_end_time
        return Leaf(certificate.cert_pem, key.private_key_pem)


class Leaf:
    """A signed certificate with its key, both PEM."""

    def __init__(self, certificate: Output[str], key: Output[str]) -> None:
        self.certificate = certificate
        self.key = Output.secret(key)


def _private_key(name: str, opts: ResourceOptions) -> tls.PrivateKey:
    return tls.PrivateKey(name, algorithm="ECDSA", ecdsa_curve="P256", opts=opts)
