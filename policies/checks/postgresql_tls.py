"""PostgreSQL speaks to nobody in clear: not the servers, not the pooler, not a replica in another region."""

from collections.abc import Iterator

from policies.checks.model import Limits, Resource
from policies.checks.plain import at, flag_at, list_at, text_at, texts_at
from policies.checks.tokens import POOLER

_CLIENTS = ("require", "verify-ca", "verify-full")
_SERVERS = ("verify-ca", "verify-full")
_REJECT_PLAIN = ["hostnossl", "all", "all", "all", "reject"]


def refuses_plain(cluster: Resource) -> bool:
    """Whether the first line for connections over the network rejects those without TLS."""
    for line in texts_at(cluster.inputs, "spec", "postgresql", "pg_hba"):
        words = line.split()
        if words == _REJECT_PLAIN:
            return True
        if words[:1] in (["host"], ["hostnossl"]):
            return False
    return False


def encrypted(resource: Resource, limits: Limits) -> Iterator[str]:
    """Of a Cluster and of a Pooler."""
    del limits
    if resource.type == POOLER:
        for side, field, modes in (
            ("clients", "client_tls_sslmode", _CLIENTS),
            ("servers", "server_tls_sslmode", _SERVERS),
        ):
            if text_at(resource.inputs, "spec", "pgbouncer", "parameters", field) not in modes:
                yield f"pgbouncer.parameters.{field} lets {side} be spoken to in clear: {' or '.join(modes)}"
        return
    if not refuses_plain(resource):
        yield f'postgresql.pg_hba does not begin with "{" ".join(_REJECT_PLAIN)}": clients may connect without TLS'
    for server in list_at(resource.inputs, "spec", "externalClusters"):
        named = text_at(server, "name")
        if at(server, "connectionParameters") is not None:
            if text_at(server, "connectionParameters", "sslmode") != "verify-full":
                yield f"externalClusters: {named} is followed without a proof of who it is: sslmode verify-full"
            if at(server, "connectionParameters", "password") is not None:
                yield f"externalClusters: {named} has a password in its parameters"


def superuser(resource: Resource, limits: Limits) -> Iterator[str]:
    """Nobody signs in as a superuser over the network; the operator does not have to."""
    del limits
    if flag_at(resource.inputs, "spec", "enableSuperuserAccess", default=False):
        yield "enableSuperuserAccess is true: a password of the superuser lies in a Secret"
