"""Spec of the PgBouncer pooler, as a plain dict: it holds queries while the primary moves."""

from collections.abc import Sequence

from components import objects
from components.objects import Manifest
from settings import PostgreSQL

NAME = "postgresql-pooler"
"""Also the name of its Service; must not be a Cluster's name."""

PORT, METRICS_PORT = 5432, 9127
_POSTGRES_PORT = 5432
PODS = {"cnpg.io/poolerName": NAME}

PARAMETERS = {
    # A failover takes up to 75 s, most of it Kubernetes noticing a lost node: waiting clients outlast it.
    "query_wait_timeout": "120",
    # The default of 15 s would add as much to each failover.
    "server_login_retry": "1",
    "server_connect_timeout": "2",
    "server_check_query": "select 1",
    "server_check_delay": "0",
    # A cut zone sends no RST: without these the pooler waited 194 s on dead connections, with them 74.5 s (measured).
    "tcp_keepalive": "1",
    "tcp_keepidle": "3",
    "tcp_keepintvl": "2",
    "tcp_keepcnt": "3",
    "tcp_user_timeout": "8000",
    # A connection for each service process, far fewer to the server (`default_pool_size`).
    "max_client_conn": "1000",
    # Without TLS nobody comes in (the operator's default is `prefer`), nor does the pooler go on to anything whose
    # certificate is not of the very name that it called (the default, verify-ca, takes any of the authority's).
    "client_tls_sslmode": "require",
    "server_tls_sslmode": "verify-full",
}


def spec(cluster: str, settings: PostgreSQL, image: str) -> Manifest:
    """Spec of the read-write Pooler. Transaction mode suits the service: no session state, no prepared statements."""
    return {
        "cluster": {"name": cluster},
        "type": "rw",
        "instances": settings.pooler.instances,
        "deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "pgbouncer": {
            "image": image,
            "poolMode": "transaction",
            "parameters": {**PARAMETERS, "default_pool_size": str(settings.pool_size)},
        },
        "template": {
            "metadata": {"labels": objects.labels("postgresql", "pooler", NAME)},
            "spec": {
                "enableServiceLinks": False,
                "topologySpreadConstraints": objects.stateless_spread(PODS),
                # Named so by the operator; the list is required (docs/src/connection_pooling.md).
                "containers": [
                    {"name": "pgbouncer", "resources": objects.small_resources("100m", "128Mi", "1", "256Mi")}
                ],
            },
        },
    }


def network_policy_spec(
    cluster: str, monitoring_namespace: str, api_server_ranges: Sequence[str] | None = None
) -> Manifest:
    """From the service to the pooler, from the pooler to the servers and the API server (it reads its Pooler)."""
    return {
        "podSelector": {"matchLabels": PODS},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            objects.allow_from([objects.pods(objects.every("memory-service"))], PORT),
            objects.allow_from([objects.namespace_named(monitoring_namespace)], METRICS_PORT),
        ],
        "egress": [
            objects.allow_to([objects.pods({"cnpg.io/cluster": cluster})], _POSTGRES_PORT),
            objects.allow_to_api_server(api_server_ranges),
        ],
    }
