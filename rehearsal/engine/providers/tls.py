"""The tls provider: keys, certificate requests and certificates, made once by `cryptography` and kept in the state.

As in the provider, a changed input makes a new one, and so does the time of early renewal (`readyForRenewal`).
Left out: OpenSSH forms and fingerprints, RSA-PSS, IP addresses' and URIs' ranges, write-only arguments.
"""

import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rehearsal.engine.model import Secret, Value, has_unknown, revealed
from rehearsal.engine.providers.answer import Answer, Recorded
from rehearsal.errors import RehearsalError

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

CURVES: Mapping[str, type[ec.EllipticCurve]] = {
    "P224": ec.SECP224R1,
    "P256": ec.SECP256R1,
    "P384": ec.SECP384R1,
    "P521": ec.SECP521R1,
}
SUBJECT = {
    "commonName": NameOID.COMMON_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "country": NameOID.COUNTRY_NAME,
}
KEY_USES = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
}
EXTENDED_USES = {"server_auth": ExtendedKeyUsageOID.SERVER_AUTH, "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH}
SECRET_INPUTS = ("privateKeyPem", "caPrivateKeyPem")


def answer(type_: str, name: str, inputs: dict[str, Value], recorded: Recorded | None) -> Answer:
    """The recorded key or certificate while its inputs are the same and it is not due for renewal, else a new one."""
    make = MAKERS.get(type_)
    if make is None:
        raise RehearsalError(f"the in-process engine does not imitate {type_} ({name}); use the Pulumi CLI")
    inputs = {key: Secret(value) if key in SECRET_INPUTS else value for key, value in inputs.items()}
    if recorded is not None and recorded.inputs == inputs and not _due(recorded.outputs):
        return Answer(name, inputs, recorded.outputs, complete=False)
    if has_unknown(inputs):
        return Answer("", inputs, inputs, complete=False)
    return Answer(name, inputs, {**inputs, **make(revealed(inputs))}, complete=False)


def _due(outputs: Mapping[str, Value]) -> bool:
    end = outputs.get("validityEndTime")
    if end is None:
        return False
    early = timedelta(hours=float(outputs.get("earlyRenewalHours") or 0))
    return datetime.fromisoformat(str(end)) - early <= datetime.now(UTC)


def _private_key(inputs: Mapping[str, Value]) -> dict[str, Value]:
    algorithm = str(inputs["algorithm"])
    key: Key
    if algorithm == "RSA":
        key = rsa.generate_private_key(65537, int(inputs.get("rsaBits") or 2048))
        form = serialization.PrivateFormat.TraditionalOpenSSL
    elif algorithm == "ECDSA":
        key = ec.generate_private_key(CURVES[str(inputs.get("ecdsaCurve") or "P224")]())
        form = serialization.PrivateFormat.TraditionalOpenSSL
    elif algorithm == "ED25519":
        key, form = ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.PKCS8
    else:
        raise RehearsalError(f"tls.PrivateKey: no algorithm {algorithm!r}")
    return {
        "privateKeyPem": Secret(_private_pem(key, form)),
        "privateKeyPemPkcs8": Secret(_private_pem(key, serialization.PrivateFormat.PKCS8)),
        "publicKeyPem": _public_pem(key),
    }


def _cert_request(inputs: Mapping[str, Value]) -> dict[str, Value]:
    key = _read_key(inputs["privateKeyPem"])
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(inputs))
    names = _alternative_names(inputs)
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    request = builder.sign(key, _hash(key))
    return {"certRequestPem": _pem(request), "keyAlgorithm": _algorithm(key)}


def _self_signed_cert(inputs: Mapping[str, Value]) -> dict[str, Value]:
    key = _read_key(inputs["privateKeyPem"])
    subject = _subject(inputs)
    builder = _builder(inputs, subject, subject, key)
    names = _alternative_names(inputs)
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    return {**_signed(builder, key), "keyAlgorithm": _algorithm(key)}


def _locally_signed_cert(inputs: Mapping[str, Value]) -> dict[str, Value]:
    request = x509.load_pem_x509_csr(str(inputs["certRequestPem"]).encode())
    authority = x509.load_pem_x509_certificate(str(inputs["caCertPem"]).encode())
    key = _read_key(inputs["caPrivateKeyPem"])
    builder = _builder(inputs, request.subject, authority.subject, cast(Key, request))
    for extension in request.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            builder = builder.add_extension(extension.value, critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    return {**_signed(builder, key), "caKeyAlgorithm": _algorithm(key)}


MAKERS = {
    "tls:index/privateKey:PrivateKey": _private_key,
    "tls:index/certRequest:CertRequest": _cert_request,
    "tls:index/selfSignedCert:SelfSignedCert": _self_signed_cert,
    "tls:index/locallySignedCert:LocallySignedCert": _locally_signed_cert,
}


def _builder(inputs: Mapping[str, Value], subject: x509.Name, issuer: x509.Name, owner: Key) -> x509.CertificateBuilder:
    """A certificate for the public key of `owner` (a key or a request), with the uses that are allowed."""
    start = datetime.now(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(owner.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(hours=float(inputs["validityPeriodHours"])))
        .add_extension(x509.BasicConstraints(bool(inputs.get("isCaCertificate")), None), critical=True)
    )
    uses = [str(use) for use in cast(list[Value], inputs.get("allowedUses") or [])]
    unknown = [use for use in uses if use not in KEY_USES and use not in EXTENDED_USES]
    if unknown:
        raise RehearsalError(f"the in-process engine does not imitate the key uses {', '.join(unknown)} of tls")
    builder = builder.add_extension(_key_usage(uses), critical=True)
    extended = [EXTENDED_USES[use] for use in uses if use in EXTENDED_USES]
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    if inputs.get("setSubjectKeyId"):
        identifier = x509.SubjectKeyIdentifier.from_public_key(owner.public_key())
        builder = builder.add_extension(identifier, critical=False)
    return builder


def _key_usage(uses: list[str]) -> x509.KeyUsage:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    flags = dict.fromkeys((*every, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(**{**flags, **{KEY_USES[use]: True for use in uses if use in KEY_USES}})


def _signed(builder: x509.CertificateBuilder, key: Key) -> dict[str, Value]:
    certificate = builder.sign(key, _hash(key))
    return {
        "certPem": _pem(certificate),
        "validityStartTime": certificate.not_valid_before_utc.isoformat(),
        "validityEndTime": certificate.not_valid_after_utc.isoformat(),
        "readyForRenewal": False,
    }


def _subject(inputs: Mapping[str, Value]) -> x509.Name:
    stated = cast(Mapping[str, Value], inputs.get("subject") or {})
    unknown = [part for part in stated if part not in SUBJECT]
    if unknown:
        raise RehearsalError(f"the in-process engine does not imitate subject parts {', '.join(unknown)} of tls")
    return x509.Name([x509.NameAttribute(SUBJECT[part], str(value)) for part, value in stated.items()])


def _alternative_names(inputs: Mapping[str, Value]) -> x509.SubjectAlternativeName | None:
    names = [x509.DNSName(str(name)) for name in cast(list[Value], inputs.get("dnsNames") or [])]
    addresses = [
        x509.IPAddress(ipaddress.ip_address(str(address)))
        for address in cast(list[Value], inputs.get("ipAddresses") or [])
    ]
    return x509.SubjectAlternativeName([*names, *addresses]) if names or addresses else None


def _read_key(pem: Value) -> Key:
    return cast(Key, serialization.load_pem_private_key(str(pem).encode(), password=None))


def _hash(key: Key) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _algorithm(key: Key) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePrivateKey) else "ED25519"


def _private_pem(key: Key, form: serialization.PrivateFormat) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _public_pem(key: Key) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def _pem(signed: x509.Certificate | x509.CertificateSigningRequest) -> str:
    return signed.public_bytes(serialization.Encoding.PEM).decode()
