"""Other passwords for Redis and PostgreSQL, other API keys for Qdrant and other bearer tokens, by one update while all
are used."""

import json
from collections.abc import Callable, Mapping

import pytest

from tests.dataplane.cluster.faults import stopwatch
from tests.dataplane.cluster.postgres import Database, Load
from tests.dataplane.cluster.redis_cluster import SELECTOR as REDIS
from tests.dataplane.cluster.redis_cluster import RedisNodes
from tests.dataplane.cluster.service_load import users
from tests.dataplane.cluster.stand import TOOLBOX, Stand, eventually
from tests.dataplane.cluster.store_load import apart, load
from tests.dataplane.cluster.test_postgres import zones
from tests.dataplane.cluster.test_qdrant import through_gateway

VERSIONS = {
    "redis.password_version": 2,
    "qdrant.api_key_version": 2,
    "memory.token_version": 2,
    "postgresql.password_version": 2,
}
SERVICE = "memory-service-second"
"""Nobody else stores in its namespace."""
QDRANT = "app.kubernetes.io/name=qdrant"
KEYS = 500
CHANGED = {
    "redis-auth": "password",
    "qdrant-api-keys": "api-key",
    f"{SERVICE}-token": "token",
    "postgresql-app": "password",
}
"""Secrets, with a key whose value is another one afterwards."""
PAUSES = ("0.05", "0.7")
"""Seconds between the records of the clients of PostgreSQL, which work for as long as the update takes."""
Secrets = Mapping[str, Mapping[str, str]]
MOUNTED_SECONDS = 180
"""Kubelet brings a changed Secret into a running pod within about two minutes."""

_QDRANT_TAKES = """
import json, sys, urllib.error, urllib.request
def status(node, key):
    request = urllib.request.Request(f"http://{node}.qdrant-headless:6333/collections", headers={"api-key": key})
    try:
        return urllib.request.urlopen(request, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
nodes, keys = json.load(sys.stdin)
print(json.dumps([[status(node, key) for node in nodes] for key in keys]))
"""
_REDIS_TAKES = """
import json, sys
import redis
def takes(node, password):
    try:
        return bool(redis.Redis(host=f"{node}.redis-headless", password=password, socket_timeout=5).ping())
    except redis.exceptions.AuthenticationError:
        return False
nodes, passwords = json.load(sys.stdin)
print(json.dumps([[takes(node, password) for node in nodes] for password in passwords]))
"""


def taken(stand: Stand, program: str, nodes: list[str], shown: list[str], *more: str) -> list[list[object]]:
    """How each node answers to each secret, which goes by standard input."""
    return json.loads(stand.tool("python3", "-c", program, *more, text=json.dumps([nodes, shown])))


_POSTGRESQL_TAKES = """
import json, sys
import psycopg2
def takes(host, password):
    try:
        psycopg2.connect(
            host=host, user=sys.argv[1], dbname=sys.argv[2], password=password, connect_timeout=10,
            sslmode="verify-full", sslrootcert="/run/secrets/postgresql-ca/ca.crt",
        ).close()
    except psycopg2.OperationalError as error:
        if "authentication failed" not in str(error):  # as PostgreSQL or PgBouncer says it
            raise
        return False
    return True
hosts, passwords = json.load(sys.stdin)
print(json.dumps([[takes(host, password) for host in hosts] for password in passwords]))
"""


def of_pods(stand: Stand, selector: str) -> set[str]:
    return {pod.uid for pod in stand.pods(selector)}


@pytest.mark.timeout(1500)
def test_secrets_change_by_the_program_while_everything_is_used(cluster: Stand, figure: Callable[[str], None]) -> None:
    redis, database = RedisNodes(cluster), Database(cluster)
    eventually("Redis is as planned", lambda: redis.works() and redis.masters() == redis.planned_masters, 180)
    database.await_healthy()
    redis.write(KEYS)
    before = {name: cluster.secret(name) for name in CHANGED}
    caches, peers, instances = of_pods(cluster, REDIS), of_pods(cluster, QDRANT), of_postgresql(database)
    points = through_gateway(cluster, "GET", "/collections/second")["points_count"]
    tokens = [before[f"{SERVICE}-token"][key] for key in ("token", "next")]
    since = stopwatch()
    with (
        apart(cluster) as pod,
        load(cluster, pod, TOOLBOX) as stores,
        users(cluster, SERVICE, tokens) as told,
        Load(database, "pg-rotated", zones(database)[:1], PAUSES) as records,
    ):
        cluster.up(VERSIONS)
        seconds = since()
        records.log_in()
        records.await_going_on()
        report = records.end()
        missing = records.missing(report)
        shown = cluster.secret("redis-auth")["password"]
        eventually(
            "the Secret is in the toolbox",
            lambda: cluster.tool("cat", "/run/secrets/redis/password") == shown,
            MOUNTED_SECONDS,
        )
    slowest = ", ".join(f"{store} {one.answers} answers, slowest {one.longest:.1f} s" for store, one in stores.items())
    figure(
        f"Passwords of Redis and PostgreSQL, Qdrant keys and tokens changed by one update, real nodes: {seconds:.0f} s;"
        f" {slowest}; {told.stored} memories stored, slowest {told.longest:.1f} s; {told.read} reads with the reader's "
        f"token; PostgreSQL: {report.told}, {missing} missing"
    )
    assert (missing, report.swallowed) == (0, 0), report
    assert told.errors == []
    assert {store: (one.errors, one.wrong) for store, one in stores.items()} == {"redis": ([], []), "qdrant": ([], [])}
    assert told.stored > 50
    assert told.read > 50
    assert min(told.taken) > 20, "both tokens were in use while the pods were renewed"
    assert all(one.answers > 100 for one in stores.values())
    assert through_gateway(cluster, "GET", "/collections/second")["points_count"] == points + told.stored
    assert redis.wrong(KEYS) == []

    after = {name: cluster.secret(name) for name in before}
    assert of_pods(cluster, REDIS) == caches, "Redis restarts for no password"
    assert of_postgresql(database) == instances, "nor does PostgreSQL"
    assert not of_pods(cluster, QDRANT) & peers
    assert_taken(cluster, database, before, after)
    for name, key in CHANGED.items():
        both = {one[name][key] for one in (before, after)}
        assert both <= cluster.ledger.wanted[f"{name}/{key}"], "old and new are looked for at the end (test_secrets.py)"


def of_postgresql(database: Database) -> set[str]:
    return {pod.uid for pod in (*database.instances(), *database.poolers())}


def assert_taken(cluster: Stand, database: Database, before: Secrets, after: Secrets) -> None:
    """Who takes what was shown before and what is shown now."""
    assert after["postgresql-app"]["password"] == before["postgresql-app"]["next"]
    assert after[f"{SERVICE}-token"]["token"] == before[f"{SERVICE}-token"]["next"]
    both = [one["redis-auth"]["password"] for one in (before, after)]
    assert both[0] != both[1]
    names = RedisNodes(cluster).names
    assert taken(cluster, _REDIS_TAKES, names, both) == [[True] * len(names)] * 2
    nodes = [pod.name for pod in cluster.pods(QDRANT)]
    keys = [one["qdrant-api-keys"][key] for one in (before, after) for key in ("api-key", "read-only-api-key")]
    assert len(set(keys)) == 4
    assert taken(cluster, _QDRANT_TAKES, nodes, keys) == [[200] * len(nodes)] * 4
    both = [one["postgresql-app"]["password"] for one in (before, after)]
    settings, hosts = cluster.settings.postgresql, [f"{database.name}-rw", "postgresql-pooler"]
    said = taken(cluster, _POSTGRESQL_TAKES, hosts, both, settings.owner, settings.database)
    assert said == [[False] * len(hosts), [True] * len(hosts)]
