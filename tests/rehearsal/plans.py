"""Plans drawn at random, and the pods of one zone of each as the scheduler gets them."""

import math
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from capacity.instances import LEFT
from capacity.nodes import Pod, Pool
from capacity.plan import plan
from capacity.workload import read
from rehearsal.kube import Manifest
from rehearsal.nodes import Group, capacity

MOST_NODES, MOST_PODS = 6, 40
"""Of a zone: larger ones prove no more."""
PLAN = "plan"
"""Label of a pool's nodes, and of its pods."""


def container(pod: Pod) -> Manifest:
    """What asks for what a plan counts for a pod."""
    requests = {"cpu": f"{math.ceil(pod.cpu * 1000)}m", "memory": str(math.ceil(pod.memory))}
    return {"name": "main", "image": "registry.k8s.io/pause:3.10", "resources": {"requests": requests}}


class Ground(NamedTuple):
    """Nodes for one pool of a plan in one zone, and what has to fit there."""

    name: str
    pool: Pool
    nodes: int

    @property
    def group(self) -> Group:
        machine = capacity(self.pool.instance_type or "")
        return Group((self.name,), self.nodes, labels={PLAN: self.name}, capacity=machine)

    @property
    def full(self) -> bool:
        """Whether the pods ask for more than there is, however they are placed."""
        cpu, memory = LEFT[self.pool.instance_type or ""]
        asked = [(pod.number * pod.cpu, pod.number * pod.memory) for pod in self.pool.pods]
        return sum(one for one, _ in asked) > self.nodes * cpu or sum(one for _, one in asked) > self.nodes * memory

    def pods(self, random: Random) -> list[Manifest]:
        """In any order."""
        every = [self._pod(pod, number) for pod in self.pool.pods for number in range(pod.number)]
        random.shuffle(every)
        return every

    def _pod(self, pod: Pod, number: int) -> Manifest:
        labels = {PLAN: self.name, "component": pod.name.replace(" ", "-")}
        spec: dict[str, Any] = {
            "nodeSelector": {PLAN: self.name},
            "containers": [container(pod)],
        }
        if pod.apart:
            term = {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
            spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
        name = f"{self.name}-{labels['component']}-{number}"
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "labels": labels},
            "spec": spec,
        }


def pools(number: int, seed: int) -> Iterator[tuple[str, Pool]]:
    """Those of so many plans, always the same for a seed; none is too large for the machines."""
    random, made = Random(seed), 0
    while made < number:
        found = plan(read(_workload(random), "a draw")).pools
        if all(_small(pool) for pool in found) and any(pool.per_zone > 1 for pool in found):
            made += 1
            yield from ((f"plan-{made}-{pool.use}", pool) for pool in found)


def _small(pool: Pool) -> bool:
    pods = sum(pod.number for pod in pool.pods)
    return pool.instance_type is not None and pool.per_zone <= MOST_NODES and pods <= MOST_PODS


def _workload(random: Random) -> dict[str, Any]:
    return {
        "memories_per_day": random.uniform(1, 2_000),
        "memories": random.randint(0, 10_000_000),
        "concurrent_users": random.uniform(1, 10_000),
        "vector_dimensions": random.choice((256, 768, 1536, 3072)),
        "payload_bytes": random.choice((256, 1024, 4096)),
        "write_read_ratio": 0,
        "namespaces": random.randint(1, 4),
        "max_memories": 10**9,
        "round_trip_ms": random.uniform(0.001, 0.01),
        "objectives": {"latency_ms": 600_000},
    }
