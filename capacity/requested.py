"""From what is needed to what is asked for: the arithmetic of roundings and of least sizes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from capacity import around, facts, room
from capacity.facts import Fact
from capacity.ledger import Figure

if TYPE_CHECKING:
    from capacity.plan import Component, Needs, Plan

_CORES: Final = {
    "qdrant": facts.LEAST_STORE_CPU,
    "postgresql": facts.LEAST_STORE_CPU,
    "redis": facts.LEAST_REDIS_CPU,
}
_MEMORY: Final = {"postgresql": facts.LEAST_POSTGRESQL_BYTES, "redis": facts.LEAST_REDIS_BYTES}
LEAST_CORES: Final = {name: least.value for name, least in _CORES.items()}
LEAST_MEMORY: Final = {name: least.value for name, least in _MEMORY.items()}
"""Bytes, of a pod."""


def figures(of: "Plan") -> list[Figure]:
    """What each pod requests, the size of its volumes, the nodes of a zone, and what stands around them."""
    asked = [figure for one in of.components for figure in _requests(one, of.needs)]
    return [*_numbers(of), *asked, *_edges(of), *room.figures(of), *around.figures(of)]


def _numbers(of: "Plan") -> Iterator[Figure]:
    """Of what there is a whole number, and what it is made of."""
    each = {"pods": of.needs.service.pods, "namespaces": of.workload.namespaces}
    yield Figure("service.all_pods", of.components[0].pods, "pods at most", "pods * namespaces", each)
    (_, _, copies), keys, lost = of.layout.qdrant, of.layout.redis, {"lost": of.workload.objectives.zones_lost}
    yield Figure("qdrant.copies", copies, "copies of a shard", "max(2, lost + 1)", lost)
    yield Figure("redis.replicas", keys.replicas, "replicas of a master", "max(1, lost)", lost)
    masters = {"masters": keys.masters, "replicas": keys.replicas}
    yield Figure("redis.pods", keys.pods, "pods", "masters * (1 + replicas)", masters)
    at_work, server = of.component("postgresql").notes["server_connections"], {"server": of.needs.connections.server}
    yield Figure("connections.requested_server", at_work, "connections to the primary", "ceil(server)", server)


def _requests(one: "Component", needs: "Needs") -> Iterator[Figure]:
    name = one.name.removeprefix("memory-")
    need = getattr(needs, name)
    cpu: dict[str, float | Fact] = {"need": need.cpu}
    formula = "cores(need)"
    if name in _CORES:
        cpu["least"], formula = _CORES[name], "cores(max(least, need))"
    yield Figure(f"{name}.requested_cpu", one.cpu, "cores a pod", formula, cpu)
    memory: dict[str, float | Fact] = {"need": need.memory}
    formula = "memory(need)"
    if name in _MEMORY:
        memory["least"], formula = _MEMORY[name], "max(least, memory(need))"
    yield Figure(f"{name}.requested_memory", one.memory, "B a pod", formula, memory)
    if name == "service":
        target: dict[str, float | Fact] = {"need": need.target, "least": facts.LEAST_TARGET}
        asked = "max(least, floor(need * 100) / 100)"
        yield Figure("service.requested_target", one.notes["target_cpu"], "cores a pod", asked, target)
        return
    yield from _disk(name, one, need.iops, need.throughput)
    volume = {"need": needs.flat()[f"{name}.storage"]}
    if name == "postgresql":
        wal = one.notes["wal_storage"]
        volume["wal"] = wal
        kept = {"need": needs.postgresql.wal_storage}
        yield Figure("postgresql.requested_wal", wal, "B an instance", "volume(need)", kept)
    formula = {"qdrant": "2 * volume(need)", "postgresql": "volume(need) + wal"}.get(name, "volume(need)")
    yield Figure(f"{name}.requested_volumes", one.storage, "B a pod", formula, volume)


def _disk(name: str, one: "Component", iops: float, throughput: float) -> Iterator[Figure]:
    """What a volume is made with."""
    needs = {"iops": iops}
    yield Figure(f"{name}.requested_iops", one.notes["iops"], "operations/s of a volume", "multiple(iops, 100)", needs)
    moved = {"throughput": throughput, "mebibyte": facts.MIB}
    formula = "multiple(throughput, mebibyte)"
    yield Figure(f"{name}.requested_throughput", one.notes["throughput"], "B/s of a volume", formula, moved)


def _edges(of: "Plan") -> Iterator[Figure]:
    for (region, pod), need in zip(of.edges.items(), of.needs.edges, strict=True):
        cpu = {"need": need.cpu, "least": facts.LEAST_EDGE_CPU}
        name = f"edge.{region}.requested"
        yield Figure(f"{name}_cpu", pod.cpu, "cores a pod", "cores(need) if need > least else least", cpu)
        yield Figure(f"{name}_memory", pod.memory, "B a pod", "calls", {"calls": facts.EDGE_BYTES})
