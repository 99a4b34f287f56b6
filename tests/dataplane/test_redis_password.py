"""Another password while everything serves: nodes, replicas and gateways change over without an error."""

import re
import signal
import threading
import time
from pathlib import Path

import pytest
import redis
from redis.exceptions import RedisError

from tests.dataplane.conftest import Start
from tests.dataplane.gateway import Gateway
from tests.dataplane.load import writing
from tests.dataplane.redis_servers import Servers, eventually, kinds


def takes(servers: Servers, name: str, password: str) -> bool:
    address = servers.addresses[name]
    try:
        return bool(redis.Redis(host=address, port=servers.ports[name], password=password).ping())
    except RedisError:
        return False


@pytest.mark.parametrize("kind", kinds())
def test_the_password_changes_under_load(kind: str, tmp_path: Path, start: Start) -> None:
    servers = Servers(tmp_path, start, kind).formed()
    shown = tmp_path / "client-password"
    shown.write_text(servers.password.read_text())
    gateway = Gateway(tmp_path, start, ",".join(map(servers.host, servers.pods)), shown)
    eventually(lambda: gateway.probe("ready") == 0)
    with writing(gateway.client, threads=4) as account:
        servers.change_password("second456")
        # Nodes that nobody told yet are probed with the new Secret.
        assert {servers.probe(name, what) for name in servers.pods for what in ("alive", "ready")} == {0}
        log = servers.bootstrap()
        assert all(takes(servers, name, word) for name in servers.pods for word in ("letters123", "second456"))
        shown.write_text("second456")
        # A node that restarts, and a failover: new connections everywhere.
        again = servers.shards[0].master.name
        servers.stop(again, signal.SIGKILL)
        time.sleep(1)
        servers.run(again)
        with servers.healing():
            eventually(lambda: servers.ok() and servers.masters() == servers.planned(), 60)
        servers.change_password("third789")
        log += servers.bootstrap()
        shown.write_text("third789")
        time.sleep(1)
    assert account.errors == []
    assert account.wrong == []
    for name in servers.pods:
        assert [takes(servers, name, word) for word in ("letters123", "second456", "third789")] == [False, True, True]
    assert len(re.findall("takes the new password", log)) >= 12
    for secret in ("letters123", "second456", "third789"):
        assert secret not in log
        assert secret not in gateway.log.read_text()
    servers.heal()
    replicas = [servers.ask(name, "INFO", "replication") for name in servers.pods]
    assert sum("master_link_status:up" in said for said in replicas) == 3


def test_a_client_waits_while_nodes_refuse_the_password_of_new_connections(tmp_path: Path, start: Start) -> None:
    """As they do for a moment where somebody else changed it on them."""
    servers = Servers(tmp_path, start).formed()
    gateway = Gateway(tmp_path, start, ",".join(map(servers.host, servers.pods)), servers.password)
    eventually(lambda: gateway.probe("ready") == 0)
    client = gateway.client()
    assert client.set("key", "value")
    for name in servers.pods:  # the connection of who asks goes on, and no other
        own = redis.Redis(host=servers.addresses[name], port=servers.ports[name], password="letters123")
        own.execute_command("ACL", "SETUSER", "default", "resetpass", ">another456")
        own.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        threading.Timer(2, own.execute_command, ("ACL", "SETUSER", "default", ">letters123")).start()
    began = time.monotonic()
    assert client.get("key") == b"value"
    assert time.monotonic() - began > 1


def test_a_password_that_no_node_knows_leaves_them_alone(tmp_path: Path, start: Start) -> None:
    """The liveness probe must not start all nodes anew at once."""
    servers = Servers(tmp_path, start)
    servers.start_all()
    servers.password.write_text("unknown\n")
    assert {servers.probe(name, "alive") for name in servers.pods} == {0}
    assert {servers.probe(name, "ready") for name in servers.pods} == {1}
