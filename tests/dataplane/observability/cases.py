"""Words for series as Prometheus would have scraped them, and for what alerts make of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from observability.scope import GATEWAYS, INGRESS, MEMORY, Scope

EVERY: Final = 30
"""Seconds between samples, and between evaluations."""
LENGTH: Final = 200
"""Samples of a series: an hour and forty minutes."""
OVER, UNDER = 1.05, 0.95
"""Of a threshold."""
ZONES = ("zone-a", "zone-b", "zone-c")
MINUTE, HOUR, DAY = 60, 3600, 86400

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Series:
    """One series, its values in promtool's notation (prometheus.io, unit testing rules)."""

    name: str
    labels: Labels
    values: str

    def as_promtool(self) -> dict[str, str]:
        """As it stands in a test file."""
        matchers = ", ".join(f'{label}="{value}"' for label, value in self.labels.items())
        return {"series": f"{self.name}{{{matchers}}}", "values": self.values}


@dataclass(frozen=True)
class Case:
    """Series, and whether an alert fires on them."""

    alert: str
    says: str
    series: tuple[Series, ...]
    fires: tuple[Labels, ...] = ()
    """What it fires with, beside the labels of the rule; empty where it stays quiet."""
    begins: int = 0
    """Seconds until what has to last is true for the first time."""
    quiet_at: int = 80 * MINUTE
    """When a quiet one is looked at: later than anything has to last."""
    every: int = EVERY
    """Seconds between samples."""


def fires(alert: str, says: str, series: Iterable[Series], *labels: Labels, begins: int = 0) -> Case:
    """The alert fires once for each of the labels, as soon as it has lasted long enough and no sooner."""
    return Case(alert, says, tuple(series), labels or ({},), begins)


def quiet(alert: str, says: str, series: Iterable[Series]) -> Case:
    """The alert stays quiet."""
    return Case(alert, says, tuple(series))


def seconds(duration: str) -> int:
    """Of a duration with one unit."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


def number(value: float) -> str:
    """As promtool reads it: never with an exponent."""
    return f"{value:.9f}".rstrip("0").rstrip(".") or "0"


def steady(value: float, length: int = LENGTH) -> str:
    """A gauge that stays as it is."""
    return f"{number(value)}+0x{length}"


def growing(per_second: float, length: int = LENGTH, every: int = EVERY, start: float = 0) -> str:
    """A counter."""
    return f"{number(start)}+{number(per_second * every)}x{length}"


TURNS: Final = 20
"""Samples for which `turning` lasts as it was."""


def turning(before: float, after: float) -> str:
    """A counter that grows at one rate, and then at another."""
    # Whole, so that a counter that stops is not a little under what it was, and begins anew.
    each, more = round(before * EVERY), round(after * EVERY)
    return f"0+{number(each)}x{TURNS} {number(each * TURNS + more)}+{number(more)}x{LENGTH - TURNS}"


def steps(*changes: tuple[float, int], then: float) -> str:
    """A value and for how many samples it stays, one after the other, and the last one to the end."""
    return " ".join([*(steady(value, samples - 1) for value, samples in changes), steady(then)])


def again_and_again(*values: float) -> str:
    """The same few values over and over."""
    return " ".join(number(value) for value in values * (LENGTH // len(values)))


RATE_BEGINS: Final = EVERY
"""A rate needs two samples."""


@dataclass(frozen=True)
class Pod:
    """A pod and where it is."""

    name: str
    zone: str = ZONES[0]

    @property
    def node(self) -> str:
        return f"node-of-{self.zone}"


def pods(pattern: str, count: int) -> list[Pod]:
    """Pods spread over the zones, named by a pattern with their number."""
    return [Pod(pattern.format(one), ZONES[one % len(ZONES)]) for one in range(count)]


@dataclass(frozen=True)
class Watched:
    """A region, and the labels with which Prometheus has its series."""

    scope: Scope
    cluster: Labels = field(default_factory=lambda: {"namespace": "monitoring", "endpoint": "http"})
    """Of what collects figures of the cluster itself."""

    def scraped(self, job: str, pod: Pod, name: str, values: str, /, **labels: str) -> Series:
        """By a PodMonitor of ours (components/monitors.py)."""
        served = job in {MEMORY, *GATEWAYS}
        service = {"service": self.scope.services[0]} if served else {}
        target = {
            "job": job,
            "namespace": self.namespace(job),
            "pod": pod.name,
            "container": job,
            "region": self.scope.region,
            "zone": pod.zone,
        }
        return Series(name, {**target, **service, **labels}, values)

    def namespace(self, job: str) -> str:
        """Where the pods of a job are."""
        return self.scope.ingress_namespace if job == INGRESS else self.scope.namespace

    def each(self, job: str, these: Iterable[Pod], name: str, values: str, /, **labels: str) -> Iterator[Series]:
        """The same of several pods."""
        return (self.scraped(job, pod, name, values, **labels) for pod in these)

    def probed(self, job: str, name: str, values: str, /, **labels: str) -> Series:
        """By a Probe of ours."""
        own = {"job": job, "namespace": self.scope.namespace, "region": self.scope.region}
        return Series(name, {**own, **labels}, values)

    def told(self, name: str, values: str, teller: str = "kube-state-metrics-0", /, **labels: str) -> Series:
        """By kube-state-metrics, whose own labels stand wherever a figure has none of that name."""
        own = {"job": "kube-state-metrics", "pod": teller, "container": "kube-state-metrics", "instance": teller}
        return Series(name, {**self.cluster, **own, "service": "kube-state-metrics", **labels}, values)

    def of_kubelet(self, name: str, values: str, /, **labels: str) -> Series:
        """By kubelet, of the region's namespace."""
        own = {"job": "kubelet", "namespace": self.scope.namespace, "endpoint": "https-metrics"}
        return Series(name, {**own, **labels}, values)

    def nodes(self, teller: str = "kube-state-metrics-0") -> Iterator[Series]:
        """The zone of every node."""
        for zone in ZONES:
            labels = {"node": Pod("", zone).node, "label_topology_kubernetes_io_zone": zone}
            yield self.told("kube_node_labels", steady(1), teller, **labels)

    def pod_states(self, pod: Pod, ready: bool = True, teller: str = "kube-state-metrics-0") -> Iterator[Series]:
        """Where a pod is, and whether it is ready."""
        own = {"namespace": self.scope.namespace, "pod": pod.name, "uid": f"uid-{pod.name}"}
        yield self.told("kube_pod_info", steady(1), teller, **own, node=pod.node)
        for condition, value in (("true", ready), ("false", not ready), ("unknown", False)):
            yield self.told("kube_pod_status_ready", steady(value), teller, **own, condition=condition)

    def ready(self, these: Iterable[Pod], but: Iterable[Pod] = ()) -> Iterator[Series]:
        """Pods on nodes of their zones, ready, and some that are not."""
        yield from self.nodes()
        for pod in these:
            yield from self.pod_states(pod)
        for pod in but:
            yield from self.pod_states(pod, ready=False)

    def named(self, component: str) -> str:
        """Pattern of the names of a component's pods."""
        return {
            "memory-service": "memory-service-6d8f9c7b5-x{}k2p",
            "memory-edge": "memory-edge-5f6d7c8b9-q{}w4z",
            "postgresql-pooler": "postgresql-pooler-7c9d8f6b4-m{}n8v",
            "postgresql": f"postgresql-{self.scope.region}-{{}}",
            "qdrant": "qdrant-{}",
            "redis": "redis-zone-a-{}",
        }[component]

    def component(self, name: str, count: int | None = None) -> list[Pod]:
        """Pods of a component, as many as it has in ordinary operation, over the zones."""
        return pods(self.named(name), self.scope.pods[name] if count is None else count)


BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Of the service's histogram, in seconds."""


def taking(seconds: float, per_second: float = 10, bounds: Sequence[float] = BOUNDS) -> dict[str, float]:
    """Bound to requests per second within it, so that 95 % of them take no longer than `seconds`, as Prometheus
    reckons: evenly spread between two bounds. Of other bounds the unit may be another one.
    """
    upper = next(bound for bound in bounds if bound >= seconds)
    lower = max((bound for bound in bounds if bound < upper), default=0.0)
    part = (seconds - lower) / (upper - lower)
    below = (0.95 - part) / (1 - part)
    assert 0 <= below < 1, f"{seconds} s are too near to the bound {upper} s"
    within = {bound: 0.0 if bound < lower else below if bound == lower else 1.0 for bound in bounds}
    return {**{str(bound): share * per_second for bound, share in within.items()}, "+Inf": per_second}
