"""Nodes of each zone: those of the stores, and those of everything else."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from capacity import facts
from capacity.instances import LEFT


class Pod(NamedTuple):
    """Pods of a zone that are alike."""

    name: str
    number: int
    cpu: float
    memory: float
    apart: bool = False
    """Whether each has a node of its own among its kind."""


class Pool(NamedTuple):
    """Nodes of one use, the same in each zone."""

    use: str
    instance_type: str | None
    """None where no machine of the table is large enough."""
    per_zone: int
    """That take the pods in whatever order they come; one more is the spare."""
    pods: tuple[Pod, ...]

    @property
    def with_spare(self) -> int:
        """Nodes of a zone, one of which may be away."""
        return self.per_zone + 1


def pool(use: str, pods: Sequence[Pod], prices: dict[str, float]) -> Pool:
    """The cheapest machines that take the pods of a zone, spare included; the smallest of those as cheap."""
    largest_cpu, largest_memory = max(pod.cpu for pod in pods), max(pod.memory for pod in pods)
    best: tuple[float, str | None, int] | None = None
    for name, (cpu, memory) in LEFT.items():
        if cpu >= largest_cpu and memory >= largest_memory:
            number = enough(pods, cpu, memory)
            cost = (number + 1) * prices[name]
            if best is None or cost < best[0]:
                best = (cost, name, number)
    _, machine, per_zone = best or (0, None, max((pod.number for pod in pods if pod.apart), default=1))
    return Pool(use, machine, per_zone, tuple(pods))


def enough(pods: Sequence[Pod], cpu: float, memory: float) -> int:
    """Nodes that take the pods in whatever order the scheduler places them, each of which is no larger than a node.

    The scheduler packs nothing: it places one pod after the other, on the emptiest node first, and moves none. So a pod
    finds no room for certain only where the others can stand in its way on every node. They do on a node where they
    leave less than it needs, of CPU or of memory, for which their shares of what may be used beside it add up to more
    than one; one more node than that is enough.
    """
    return 1 + max(_in_the_way(pods, last, cpu - last.cpu, memory - last.memory) for last in pods)


def _in_the_way(pods: Sequence[Pod], last: Pod, cpu: float, memory: float) -> int:
    """The most nodes on which the others can leave no room for the last pod; so much may be used beside it."""
    shares = 0.0
    for pod in pods:
        if pod is last:
            each = 1.0 if pod.apart else _share(pod, cpu, memory)
            shares += (pod.number - 1) * each
        else:
            shares += pod.number * _share(pod, cpu, memory)
    return int(shares + 1e-9)


def _share(pod: Pod, cpu: float, memory: float) -> float:
    """Of a node that a pod closes to another one, at most the whole."""
    if pod.cpu >= cpu or pod.memory >= memory:
        return 1.0
    return max(pod.cpu / cpu, pod.memory / memory)


PLATFORM: Final = (
    Pod("prometheus", 1, facts.PROMETHEUS_CPU.value, facts.PROMETHEUS_BYTES.value),
    Pod("ingress controller", 1, facts.INGRESS_CPU.value, facts.INGRESS_BYTES.value),
    Pod("pooler", 1, facts.POOLER_CPU.value, facts.POOLER_BYTES.value),
    Pod("other services", int(facts.PLATFORM_PODS.value), facts.PLATFORM_CPU.value, facts.PLATFORM_BYTES.value),
)
"""What runs beside the service in a zone, whatever the workload."""
