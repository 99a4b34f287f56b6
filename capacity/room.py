"""The arithmetic of nodes: what a machine leaves for pods, and how many take those of a zone (capacity/nodes.py)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from capacity import beside, facts, nodes
from capacity.beside import EDGE, MORE_POOLERS, POOLER, SERVICE, Asked
from capacity.facts import Fact
from capacity.instances import LEFT, TYPES
from capacity.ledger import Figure
from capacity.nodes import Pod, Pool

if TYPE_CHECKING:
    from capacity.plan import Plan

Terms = dict[str, float | Fact]
_PODS: Final[Mapping[str, Asked]] = {**beside.PODS, MORE_POOLERS: beside.PODS[POOLER], EDGE: beside.EDGE_POD}
"""Where what pods request comes from that are no component's."""


def figures(of: "Plan") -> Iterator[Figure]:
    """Pods with all of their containers, machines, and nodes of a zone by use."""
    for pool in of.pools:
        yield from _containers(of, pool)
        yield from _machine(pool)
        yield from _nodes(of, pool)


def _containers(of: "Plan", pool: Pool) -> Iterator[Figure]:
    for pod in pool.pods:
        if other := beside.CONTAINERS.get(pod.name):
            one, name, formula = of.component(pod.name), _short(pod.name), "requested + beside"
            cpu: Terms = {"requested": one.cpu, "beside": other.cpu}
            yield Figure(f"{name}.pod_cpu", pod.cpu, "cores", formula, cpu)
            memory: Terms = {"requested": one.memory, "beside": other.memory}
            yield Figure(f"{name}.pod_memory", pod.memory, "B", formula, memory)


def _machine(pool: Pool) -> Iterator[Figure]:
    machine = next((one for one in TYPES if one.name == pool.instance_type), None)
    if machine is None:
        return
    cpu, memory = LEFT[machine.name]
    kept = "0.06 - 0.01 - 0.005 * min(2, cores - 2) - 0.0025 * max(0, cores - 4)"
    yield Figure(
        f"{pool.use}.node_cpu",
        cpu,
        f"cores of {machine.name} for pods",
        f"cores - {kept} - daemons",
        {"cores": machine.cores, "daemons": facts.DAEMONS_CPU},
    )
    yield Figure(
        f"{pool.use}.node_memory",
        memory,
        f"B of {machine.name} for pods",
        "whole * 0.97 - (255 + 11 * pods) * mebibyte - eviction - daemons",
        {
            "whole": machine.gibibytes * facts.GIB,
            "pods": machine.max_pods,
            "mebibyte": facts.MIB,
            "eviction": facts.EVICTION,
            "daemons": facts.DAEMONS_BYTES,
        },
    )


def _nodes(of: "Plan", pool: Pool) -> Iterator[Figure]:
    """The pod that the others leave least room for decides: each node that they close to it is one more."""
    name = f"{pool.use}.nodes"
    if pool.instance_type is None:
        apart: Terms = {"apart": max((pod.number for pod in pool.pods if pod.apart), default=1)}
        yield Figure(name, pool.per_zone, "nodes a zone, if a machine were large enough, and one more", "apart", apart)
        return
    node = LEFT[pool.instance_type]
    last = max(pool.pods, key=lambda one: _closed(pool.pods, one, node))
    closed: Terms = {}
    for pod in pool.pods:
        short, value = _short(pod.name), _closed((pod,), last, node)
        formula, terms = _closing(of, pod, last, node)
        yield Figure(f"{pool.use}.closed_by_{short}", value, f"nodes closed to {last.name}", formula, terms)
        closed[short] = value
    unit = (
        f"nodes of {pool.instance_type} a zone, the cheapest that take its pods in any order, and one more as a spare"
    )
    yield Figure(name, pool.per_zone, unit, f"1 + floor({' + '.join(closed)})", closed)


def _closed(pods: Sequence[Pod], last: Pod, node: tuple[float, float]) -> float:
    return nodes.closed(pods, last, node[0] - last.cpu, node[1] - last.memory)


def _wholly(pod: Pod, last: Pod, node: tuple[float, float]) -> bool:
    """Whether each closes a node by itself."""
    return (pod is last and pod.apart) or pod.cpu >= node[0] - last.cpu or pod.memory >= node[1] - last.memory


def _closing(of: "Plan", pod: Pod, last: Pod, node: tuple[float, float]) -> tuple[str, Terms]:
    """The same as arithmetic."""
    number, terms = _number(of, pod)
    if pod is last:
        number = f"({number} - 1)"
    if _wholly(pod, last, node):
        return number, terms
    asked: Terms = {"cpu": pod.cpu, "memory": pod.memory, **terms}
    if other := _PODS.get(pod.name):  # an edge may have more
        asked |= {name: one for name, one in other._asdict().items() if one and one.value == asked.get(name)}
    left: Terms = {"node_cpu": node[0], "node_memory": node[1], "last_cpu": last.cpu, "last_memory": last.memory}
    share = "max(cpu / (node_cpu - last_cpu), memory / (node_memory - last_memory))"
    return f"{number} * {share}", asked | left


def _number(of: "Plan", pod: Pod) -> tuple[str, Terms]:
    """Pods of the zone that has most of them."""
    one = next((one for one in of.components if one.name == pod.name), None)
    if one is None:
        other = _PODS.get(pod.name)
        return "pods", {"pods": (other and other.pods) or pod.number}
    whole: Terms = {"pods": one.pods, "zones": of.workload.zones}
    if pod.name != SERVICE:
        return "ceil(pods / zones)", whole
    return "namespaces * ceil(pods / namespaces / zones)", {**whole, "namespaces": of.workload.namespaces}


def _short(name: str) -> str:
    return name.removeprefix("memory-").replace(" ", "_")
