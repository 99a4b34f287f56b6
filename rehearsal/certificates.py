"""The certificates of one control plane: an authority of its own and what it signs."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = timedelta(days=365)
BACKDATED = timedelta(hours=1)
"""Valid from a little before now: clocks differ between a machine and its containers."""
SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
PROXY_CLIENT = "front-proxy-client"
"""The name by which the API server presents itself to aggregated APIs."""


@dataclass(frozen=True)
class Signed:
    """A certificate and its key, both in PEM."""

    certificate: str
    key: str


class Authority:
    """A certificate authority; its key lives as long as this object unless it is asked for."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key.public_key())
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        built = builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        self.certificate = built.public_bytes(serialization.Encoding.PEM).decode()
        """The authority's own certificate, in PEM."""

    @classmethod
    def of(cls, certificate: str, key: str) -> "Authority":
        """The authority of a certificate and its key (elliptic curve), both in PEM."""
        found = cls("given")
        loaded = serialization.load_pem_private_key(key.encode(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError("not a key of an elliptic curve")
        found._key = loaded
        found._name = x509.load_pem_x509_certificate(certificate.encode()).subject
        found.certificate = certificate
        return found

    @property
    def key(self) -> str:
        """The authority's key, in PEM."""
        return _pem(self._key)

    def server(self, names: Sequence[str], addresses: Sequence[str]) -> Signed:
        """A serving certificate for DNS names and IP addresses."""
        alternative: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternative += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        return self._sign(names[0], ExtendedKeyUsageOID.SERVER_AUTH, alternative)

    def client(self, name: str) -> Signed:
        """A client certificate for a user name."""
        return self._sign(name, ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def _sign(self, name: str, usage: x509.ObjectIdentifier, alternative: list[x509.GeneralName]) -> Signed:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, self._name, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        # Python from 3.13 on insists on it (ssl.VERIFY_X509_STRICT).
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if alternative:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
        built = builder.sign(self._key, hashes.SHA256())
        return Signed(built.public_bytes(serialization.Encoding.PEM).decode(), _pem(key))


def signing_key() -> str:
    """A key in PEM with which service account tokens are signed."""
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def write_all(directory: Path, addresses: Sequence[str]) -> None:
    """Makes everything a control plane needs: ca, apiserver, proxy (ca and client) and sa; `<name>.crt` and `.key`.

    `addresses` are those of the API server beside loopback's, among them that of the
    Service `kubernetes`. Files get mode 0600.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority, proxy = Authority("rehearsal"), Authority("rehearsal-front-proxy")
    served = authority.server(SERVER_NAMES, ("127.0.0.1", "::1", *addresses))
    presented = proxy.client(PROXY_CLIENT)
    _write(directory / "proxy-ca.crt", proxy.certificate)
    _write(directory / "proxy.crt", presented.certificate)
    _write(directory / "proxy.key", presented.key)
    _write(directory / "apiserver.crt", served.certificate)
    _write(directory / "apiserver.key", served.key)
    _write(directory / "sa.key", signing_key())
    _write(directory / "ca.crt", authority.certificate)  # last: its presence says that the rest is there


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + VALID)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
