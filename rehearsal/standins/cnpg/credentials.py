"""The secrets of a Cluster with real servers: keys, certificates and passwords that serve (pkg/certs, pkg/specs)."""

import secrets
from collections.abc import Callable, Mapping

from rehearsal.certificates import Authority, Signed
from rehearsal.kube import Manifest
from rehearsal.standins.cnpg import objects
from rehearsal.standins.cnpg.names import section

POOLER_USER, REPLICATION_USER = "cnpg_pooler_pgbouncer", "streaming_replica"

Read = Callable[[str], Mapping[str, str] | None]
"""Values of a Secret by its name; None where there is none."""


def missing(cluster: Manifest, read: Read) -> list[Manifest]:
    """The secrets that nobody gave and nobody has made yet, with values. Authorities come before what they sign."""
    made: dict[str, dict[str, str]] = {}

    def known(name: str) -> Mapping[str, str] | None:
        return made.get(name) or read(name)

    wanted = sorted(objects.secrets(cluster), key=lambda secret: "ca.crt" not in secret["stringData"])
    found: list[Manifest] = []
    for secret in wanted:
        name = str(secret["metadata"]["name"])
        if read(name) is None:
            made[name] = _values(cluster, name, known)
            found.append({**secret, "stringData": made[name]})
    return found


def _values(cluster: Manifest, name: str, read: Read) -> dict[str, str]:
    names = objects.certificate_secrets(cluster)
    if name in (names["serverCASecret"], names["clientCASecret"]):
        authority = Authority(name)
        return {"ca.crt": authority.certificate, "ca.key": authority.key}
    if name == names["serverTLSSecret"]:
        return _pair(_authority(read, names["serverCASecret"]).server(_hosts(cluster), []))
    if name == names["replicationTLSSecret"]:
        return _pair(_authority(read, names["clientCASecret"]).client(REPLICATION_USER))
    if name == objects.pooler_secret(cluster):
        return _pair(_authority(read, names["clientCASecret"]).client(POOLER_USER))
    owner = next((str(each.get("owner")) for each in section(cluster["spec"], "bootstrap").values()), "app")
    user = "postgres" if name.endswith("-superuser") else owner
    return {"username": user, "password": secrets.token_urlsafe(32)}


def _authority(read: Read, name: str) -> Authority:
    values = read(name)
    if values is None or "ca.key" not in values:
        raise ValueError(f"secret {name} holds no ca.key: nothing can be signed with it")
    return Authority.of(values["ca.crt"], values["ca.key"])


def _pair(signed: Signed) -> dict[str, str]:
    return {"tls.crt": signed.certificate, "tls.key": signed.key}


def _hosts(cluster: Manifest) -> list[str]:
    name, namespace = cluster["metadata"]["name"], cluster["metadata"]["namespace"]
    suffixes = ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.cluster.local")
    return [f"{name}-{kind}{suffix}" for kind in objects.SELECTORS for suffix in suffixes]
