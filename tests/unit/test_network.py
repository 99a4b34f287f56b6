"""Who may reach whom on which port, over all pairs of pods and of what is outside, against one table.

Every way that is open stands in `ways`, and everything else is closed: a pod that is not in the table, a policy that
lets more through and one that lets less are all found.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from components import edge, exporters, postgres_pooler, qdrant, redis, redis_exporter
from components.memory_gateways import POSTGRESQL_GATEWAY_METRICS, QDRANT_GATEWAY_METRICS, REDIS_GATEWAY_METRICS
from tests.unit.network import Peer, lets, outside, peer, rules
from tests.unit.recorded import PodTemplate, Recorded, Resource
from tests.unit.recorder import record_stack, stack_configuration

Way = tuple[str, str, str]
"""Source, target, and protocol with port."""

PORTS = sorted(
    {
        *(22, 53, 80, 443, 2379, 6443, 8080, 10250, 1, 65535),
        *(5432, 8000, 9187, postgres_pooler.METRICS_PORT),
        *(qdrant.HTTP, qdrant.GRPC, qdrant.P2P, qdrant.METRICS),
        *(redis.CLIENT, redis.BUS, redis_exporter.PORT),
        *(edge.PORT, edge.OWN_PORT),
        *(exporters.BLACKBOX_PORT, exporters.QDRANT_EXPORTER_PORT),
        *(9595, REDIS_GATEWAY_METRICS, POSTGRESQL_GATEWAY_METRICS, QDRANT_GATEWAY_METRICS),
    }
)
"""Whatever anything listens on here, and some that nothing does."""

ELSEWHERE: Mapping[str, Peer] = {
    "ingress": Peer({"app": "nginx-ingress"}, "nginx-ingress", "10.244.1.1"),
    "prometheus": Peer({"app": "prometheus"}, "monitoring", "10.244.1.2"),
    "operator": Peer({"app.kubernetes.io/name": "cloudnative-pg"}, "cnpg-system", "10.244.1.3"),
    "dns": Peer({"k8s-app": "kube-dns"}, "kube-system", "10.244.1.4"),
    "stranger": Peer({"app": "stranger"}, "default", "10.244.1.5"),
    # It copies the labels of a pod that may do much, from another namespace.
    "impostor": Peer({"app.kubernetes.io/name": "memory-service"}, "default", "10.244.1.6"),
    "apiserver": outside("172.16.0.1"),
    "other region": outside("10.9.0.1"),
    "internet": outside("203.0.113.7"),
}
"""What is not of the region's namespace: bound by none of its policies."""

NEIGHBOUR, REDIS_CLIENT = "neighbour", "redis client"
"""Pods in the region's namespace that nothing here has made; the second one is marked as a client of Redis."""


def everybody(run: Recorded) -> dict[str, Peer]:
    """Every kind of pod of the region by a name for it, and who is elsewhere."""
    (cluster,) = run.of("Cluster")
    members = {"cnpg.io/cluster": cluster.object_name}
    pooler = run.one("Pooler", postgres_pooler.NAME).spec["template"]["metadata"]["labels"]
    made = {
        # Labels as the operator gives them (cloudnative-pg v1.30.0: pkg/specs, pkg/utils/labels_annotations.go).
        "postgresql": Peer({**members, "cnpg.io/podRole": "instance", "app.kubernetes.io/name": "postgresql"}),
        "postgresql jobs": Peer({**members, "cnpg.io/jobRole": "join", "app.kubernetes.io/name": "postgresql"}),
        "pooler": Peer({**pooler, **members, "cnpg.io/poolerName": postgres_pooler.NAME, "cnpg.io/podRole": "pooler"}),
        NEIGHBOUR: Peer({"app": "neighbour"}),
        REDIS_CLIENT: Peer({"app": "neighbour", **redis.CLIENT_PODS}),
    }
    declared = {re.sub(r"-[0-9a-f]{8}$", "", pods.name): peer(pods) for pods in run.pod_templates}
    return {**made, **declared, **ELSEWHERE}


def opened(run: Recorded) -> set[Way]:
    """Every way that is open and that a pod of the region begins or ends; the rest is not ours to say."""
    all_ = everybody(run)
    out = {name: rules(run, "Egress", one) for name, one in all_.items()}
    into = {name: rules(run, "Ingress", one) for name, one in all_.items()}

    def open_(source: str, target: str, port: int, protocol: str) -> bool:
        leaves = lets(out[source], "to", all_[target], port, protocol)
        return leaves and lets(into[target], "from", all_[source], port, protocol)

    return {
        (source, target, f"{'udp ' if protocol == 'UDP' else ''}{port}")
        for source in all_
        for target in all_
        if not (source in ELSEWHERE and target in ELSEWHERE)
        for port in PORTS
        for protocol in ("TCP", "UDP")
        if open_(source, target, port, protocol)
    }


def ways(run: Recorded) -> set[Way]:
    """The table."""
    services = [name for name in everybody(run) if name.startswith("memory-service")]
    zones = [name for name in everybody(run) if name.startswith("redis-zone")]
    members = ["postgresql", "postgresql jobs"]
    table: set[Way] = set()

    def may(sources: list[str], targets: list[str], *ports: int) -> None:
        table.update((source, target, str(port)) for source in sources for target in targets for port in ports)

    # Users arrive through the ingress controller alone.
    may(["ingress"], services, 9595)
    if run.has("NetworkPolicy", edge.NAME):
        # In a standby it sends them to home, whose address no setting of a cluster knows: certificates say who it is.
        may(["ingress"], [edge.NAME], edge.PORT)
        may(["prometheus"], [edge.NAME], edge.OWN_PORT)
        may([edge.NAME], list(ELSEWHERE), 443)
    # Monitoring reads metrics, never a store.
    told = (REDIS_GATEWAY_METRICS, POSTGRESQL_GATEWAY_METRICS, QDRANT_GATEWAY_METRICS)
    may(["prometheus"], services, 9595, *told)
    may(["prometheus"], ["qdrant"], qdrant.METRICS)
    may(["prometheus"], zones, redis_exporter.PORT)
    may(["prometheus"], ["pooler"], postgres_pooler.METRICS_PORT)
    may(["prometheus"], members, 9187)
    may(["prometheus"], [exporters.NAME], exporters.BLACKBOX_PORT, exporters.QDRANT_EXPORTER_PORT)
    # Its exporters ask the public names and the other regions, behind load balancers, and Qdrant's nodes.
    # Any address stands for these, the region's own PostgreSQL among them, which lets other regions in (below).
    may([exporters.NAME], [*ELSEWHERE, "postgresql"], 5432)
    may([exporters.NAME], list(ELSEWHERE), 443)
    may([exporters.NAME], ["qdrant"], qdrant.HTTP)
    for service in services:
        # Its pods ask each other before one is killed for a stall; those of another memory namespace are none of them.
        may([service], [service], 9595)
        # They ask the other regions, whose addresses no setting of a cluster knows, whether this one was given up.
        may([service], list(ELSEWHERE), 443)
        # PostgreSQL through the pooler alone.
        may([service], ["pooler"], 5432)
        may([service], ["qdrant"], qdrant.HTTP)
        may([service], zones, redis.CLIENT)
    may([REDIS_CLIENT], zones, redis.CLIENT)
    # The stores among themselves.
    may(members, members, 5432, 8000)
    may(["pooler"], members, 5432)
    may(["operator"], members, 5432, 8000)
    may(["qdrant"], ["qdrant"], qdrant.HTTP, qdrant.P2P)
    may(zones, zones, redis.CLIENT, redis.BUS)
    # Jobs.
    may(["redis-bootstrap", "redis-healer"], zones, redis.CLIENT)
    may(["qdrant-rebalance", "qdrant-report"], ["qdrant"], qdrant.HTTP)
    # It asks the API server for the zones of pods.
    may(["qdrant-rebalance", "qdrant-report"], list(ELSEWHERE), 443, 6443)
    # They ask it for claims and change them.
    may(["qdrant-volumes", "redis-volumes"], list(ELSEWHERE), 443, 6443)
    if run.has("NetworkPolicy", "postgresql-schema"):
        may(["postgresql-schema"], members, 5432)
        may(["qdrant-collections"], ["qdrant"], qdrant.HTTP)
    # The operator's pods call the API server, which has no selector, and servers the other regions' PostgreSQL behind a
    # load balancer: both stand for any address.
    may([*members, "pooler"], list(ELSEWHERE), 443, 6443)
    may(members, list(ELSEWHERE), 5432)
    # Other regions arrive from addresses that nobody knows; PostgreSQL asks each for a client certificate.
    may(list(ELSEWHERE), ["postgresql"], 5432)
    # Names.
    for name in everybody(run).keys() - ELSEWHERE.keys():
        table |= {(name, "dns", "53"), (name, "dns", "udp 53")}
    return table


@pytest.fixture(scope="module")
def several() -> Recorded:
    """Home with two memory namespaces."""
    hosts = {"memory-service": "memory.example.com", "memory-service-eu": "eu.example.com"}
    rules = [
        {"host": host, "paths": [{"path": "/", "backend": {"service": service, "port": 80}}]}
        for service, host in hosts.items()
    ]
    memory = {**stack_configuration("us-east")["memory"], "namespaces": ["default", "eu"]}
    return record_stack("us-east", overrides={"memory": memory, "ingress": {"rules": rules}})


def existing(run: Recorded, table: set[Way]) -> set[Way]:
    """The table without who is not there: a standby has no schema Job."""
    there = everybody(run)
    return {way for way in table if way[0] in there and way[1] in there}


@pytest.mark.parametrize("region", ["us_east", "us_west", "several"])
def test_every_way_that_is_open_is_in_the_table_and_no_other(request: pytest.FixtureRequest, region: str) -> None:
    run: Recorded = request.getfixturevalue(region)
    table = existing(run, ways(run))
    open_ = opened(run)
    assert sorted(open_ - table) == [], "open, and not in the table"
    assert sorted(table - open_) == [], "in the table, and closed"


def test_the_table_knows_every_pod(several: Recorded) -> None:
    """One that is new has no way but to the DNS until it is written down."""
    own = everybody(several).keys() - ELSEWHERE.keys() - {NEIGHBOUR}
    mute = own - {source for source, target, _ in ways(several) if target != "dns"}
    assert mute == set()


OPERATORS: Mapping[str, str] = {"postgresql": "the instance manager", "pooler": "the pooler's exporter"}
"""Pods that CloudNativePG makes, and who serves their metrics there (cloudnative-pg v1.30.0: monitoring.md)."""


def served(pods: PodTemplate) -> set[int]:
    """Ports that the containers of a pod declare."""
    return {port["containerPort"] for container in pods.containers for port in container.get("ports", [])}


@pytest.mark.parametrize("region", ["us_east", "us_west", "several"])
def test_a_port_that_is_open_to_monitoring_is_served(request: pytest.FixtureRequest, region: str) -> None:
    run: Recorded = request.getfixturevalue(region)
    declared = {pods.name: served(pods) for pods in run.pod_templates}
    scraped = {
        (target, int(port)) for source, target, port in opened(run) if source == "prometheus" and target != "dns"
    }
    nobody = {(target, port) for target, port in scraped if port not in declared.get(target, set())}
    assert {target for target, _ in nobody} <= {*OPERATORS, "postgresql jobs"}, nobody
    assert {target for target, _ in scraped} >= {"memory-service", "qdrant", "pooler", "redis-zone-a"}


def changed(run: Recorded, policy: str, spec: Mapping[str, Any] | None) -> Recorded:
    """The run with another spec of a NetworkPolicy, or without it."""

    def change() -> Iterator[Resource]:
        for resource in run.resources:
            if resource.kind != "NetworkPolicy" or resource.object_name != policy:
                yield resource
            elif spec is not None:
                yield replace(resource, inputs={**resource.inputs, "spec": spec})

    return replace(run, resources=tuple(change()))


def policies(run: Recorded) -> list[str]:
    return [policy.object_name for policy in run.of("NetworkPolicy")]


def test_each_policy_matters(several: Recorded) -> None:
    """Without any one of them something is open that should not be, or closed."""
    before = opened(several)
    for policy in policies(several):
        if policy != "default-deny":
            assert opened(changed(several, policy, None)) != before, policy


def test_a_pod_that_no_policy_of_its_own_binds_is_closed_by_default(several: Recorded) -> None:
    reached = {(s, t) for s, t, _ in opened(several) if NEIGHBOUR in (s, t)}
    assert reached == {(NEIGHBOUR, "dns")}
    without = opened(changed(several, "default-deny", None))
    assert ("stranger", NEIGHBOUR, "80") in without


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_a_selector_that_is_too_wide_is_found(several: Recorded, direction: str) -> None:
    """Any one rule without its peers opens a way that is not in the table."""
    table, ends = existing(several, ways(several)), {"ingress": "from", "egress": "to"}[direction]
    for policy in several.of("NetworkPolicy"):
        for at, rule in enumerate(policy.spec.get(direction) or []):
            if ends in rule:
                wider = [*policy.spec[direction]]
                wider[at] = {"ports": rule["ports"]}
                run = changed(several, policy.object_name, {**policy.spec, direction: wider})
                assert opened(run) - table, (policy.object_name, rule)


def test_a_port_too_many_is_found_where_both_ends_allow_it(several: Recorded) -> None:
    table = existing(several, ways(several))
    run = several
    for policy, direction in (("redis", "ingress"), ("memory-service", "egress")):
        spec = several.one("NetworkPolicy", policy).spec
        named = [rule for rule in spec[direction] if rule.keys() != {"ports"}]  # the others are open to any address
        more = [{**rule, "ports": [*rule["ports"], {"protocol": "TCP", "port": 22}]} for rule in named]
        run = changed(run, policy, {**spec, direction: more})
    assert {way for way in opened(run) - table if way[0] == "memory-service"} == {
        ("memory-service", f"redis-zone-{zone}", "22") for zone in "abc"
    }
