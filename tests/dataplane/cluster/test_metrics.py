"""Every port that a NetworkPolicy opens to monitoring has somebody who answers there, in each pod."""

import json

import pytest

from components import redis_exporter
from rehearsal.kube import Manifest
from tests.dataplane.cluster.redis_cluster import SELECTOR as REDIS
from tests.dataplane.cluster.stand import Pod, Stand, eventually

FIRST_SECONDS = 180
"""Kubelet brings a Secret that was made after a pod into it within two minutes."""
AGAIN_SECONDS = 30

_ASK = """
import json, sys, urllib.request
def ask(place):
    try:
        return urllib.request.urlopen(f"http://{place}/metrics", timeout=9).read().decode()
    except OSError as error:
        return f"nobody: {type(error).__name__}: {error}"
print(json.dumps({place: ask(place) for place in sys.argv[1:]}))
"""


def metrics(stand: Stand, places: list[str]) -> dict[str, str]:
    """What is at each place, an address and a port, or the error."""
    return json.loads(stand.tool("python3", "-c", _ASK, *places, seconds=120))


def opened(stand: Stand) -> dict[str, str]:
    """Places that policies open to monitoring, and the names of pod and port."""
    found: dict[str, str] = {}
    monitoring = {"kubernetes.io/metadata.name": stand.settings.kubernetes.monitoring_namespace}
    for policy in stand.client.list("networking.k8s.io/v1", "NetworkPolicy", stand.namespace):
        selector = _selector(policy["spec"]["podSelector"])
        for rule in policy["spec"].get("ingress") or []:
            if _from(rule, monitoring):
                pods = [pod for pod in stand.pods(selector) if pod.ready]
                ports = [port["port"] for port in rule["ports"]]
                found |= {f"{pod.address}:{port}": f"{pod.name}:{port}" for pod in pods for port in ports}
    return found


def _selector(asked: Manifest) -> str:
    """As the API takes it in a request."""
    equal = [f"{key}={value}" for key, value in asked.get("matchLabels", {}).items()]
    expressions: list[Manifest] = asked.get("matchExpressions") or []
    assert {one["operator"] for one in expressions} <= {"DoesNotExist"}, expressions
    return ",".join([*equal, *(f"!{one['key']}" for one in expressions)])


def _from(rule: Manifest, labels: dict[str, str]) -> bool:
    selectors = (peer.get("namespaceSelector") or {} for peer in rule.get("from") or [])
    return any(selector.get("matchLabels") == labels for selector in selectors)


def test_every_port_that_is_open_to_monitoring_answers(cluster: Stand) -> None:
    places = opened(cluster)
    assert {name.partition(":")[0].rpartition("-")[0] for name in places.values()} >= {"qdrant", "redis-zone-a"}

    def answered() -> bool:
        silent = {places[at]: said for at, said in metrics(cluster, list(places)).items() if said.startswith("nobody")}
        assert not silent, silent
        return True

    eventually("every port answers", answered, FIRST_SECONDS, every=3)


def exported(stand: Stand, pods: list[Pod]) -> bool:
    """Whether the exporters of these pods reach their nodes; fails with what else they say."""
    said = metrics(stand, [f"{pod.address}:{redis_exporter.PORT}" for pod in pods])
    assert [text[:200] for text in said.values() if "redis_up 1" not in text.splitlines()] == []
    assert all("redis_cluster_state 1" in text.splitlines() for text in said.values())
    return True


@pytest.fixture
def pods(cluster: Stand) -> list[Pod]:
    """Of the Redis Cluster, every exporter at work."""
    pods = cluster.pods(REDIS)
    eventually("every exporter reaches its node", lambda: exported(cluster, pods), FIRST_SECONDS, every=3)
    return pods


def test_every_redis_node_is_exported(cluster: Stand, pods: list[Pod]) -> None:
    """With a password that was made after the pods."""
    assert len(pods) == cluster.settings.redis.cluster.pods


def test_an_exporter_that_is_killed_costs_its_node_nothing(cluster: Stand, pods: list[Pod]) -> None:
    """Its pod stays ready all the time, its container is not started again, and it comes back by itself."""
    struck = pods[0]
    cluster.exec(struck.name, redis_exporter.NAME, "pkill", "-KILL", "redis_exporter")

    def back() -> bool:
        now = cluster.pod(struck.name)
        assert now.ready
        assert now.container_id(redis_exporter.NAME) == struck.container_id(redis_exporter.NAME)
        return exported(cluster, [now])

    with pytest.raises(AssertionError, match="Connection refused"):
        back()
    eventually("the exporter is back", back, AGAIN_SECONDS)
