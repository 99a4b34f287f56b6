"""Ways to pods: a Service selects pods that listen at its ports, and what users come by leads to a Service."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Selector, Violation
from policies.checks.plain import Plain, Unreadable, at, labels_at, list_at, number_at, object_at, text_at
from policies.checks.templates import containers, pods
from policies.checks.tokens import (
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    ENDPOINTS,
    INGRESS,
    POD,
    POOLER,
    POSTGRESQL,
    REPLICA_SET,
    SERVICE,
    STATEFUL_SET,
    VIRTUAL_SERVER,
)
from policies.checks.whole import Whole, each, stated

_LASTING: Final = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, POD, POSTGRESQL, POOLER)
"""Kinds whose pods are there to be reached; those of Jobs end."""
_SET_LATER: Final = ("cnpg.io/instanceRole", "role")
"""Labels by which CloudNativePG tells the primary from the others, which change as the primary moves."""

_Port = tuple[str, int | None, str]
"""Name, number and protocol of a port that a container declares."""

_OPERATED: Final[Mapping[str, tuple[_Port, ...]]] = {
    POSTGRESQL: (("postgresql", 5432, "TCP"), ("metrics", 9187, "TCP"), ("status", 8000, "TCP")),
    POOLER: (("pgbouncer", 5432, "TCP"), ("metrics", 9127, "TCP")),
}
"""Ports of what CloudNativePG makes (pkg/specs/pods.go, pkg/specs/pgbouncer/deployments.go)."""

_LEADING: Final = {INGRESS: ("rules", "defaultBackend"), VIRTUAL_SERVER: ("upstreams", "routes")}
"""Fields of what users come by. A VirtualServer without upstreams may redirect them, or leave them to other objects."""


@dataclass(frozen=True)
class _Pods:
    resource: Resource
    namespace: str
    labels: Mapping[str, str]
    ports: tuple[_Port, ...]


class Index:
    """Pods by their labels, so that a Service is compared with few of them."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str, str], list[_Pods]] = {}

    def add(self, found: _Pods) -> None:
        for label, value in found.labels.items():
            self._of.setdefault((found.namespace, label, value), []).append(found)

    def selected(self, namespace: str, labels: Mapping[str, str]) -> list[_Pods]:
        """By a selector, which is not empty."""
        fixed = {key: value for key, value in labels.items() if key not in _SET_LATER} or labels
        few = min((self._of.get((namespace, *label), []) for label in fixed.items()), key=len)
        return [
            it for it in few if Selector(fixed if it.resource.type == POSTGRESQL else labels, ()).matches(it.labels)
        ]


def selecting(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Every Service selects pods of the stack, all of which declare the ports that it leads to."""
    del limits
    services = whole.of(SERVICE)
    if not services:
        return
    there, by_hand = Index(), set[tuple[str, str]]()

    def known(resource: Resource) -> Iterator[str]:
        if resource.type in (ENDPOINTS, ENDPOINT_SLICE):
            by_hand.add(_addressed(resource))
        else:
            there.add(reachable(resource))
        yield from ()

    yield from each(whole.of(*_LASTING, ENDPOINTS, ENDPOINT_SLICE), known)
    yield from each(services, lambda service: _unreached(service, there, by_hand))


def reachable(resource: Resource) -> _Pods:
    """The pods of a resource and their ports. Raises Unreadable."""
    found = pods(resource)
    ports = _OPERATED.get(resource.type) or tuple(declared(container for _, container in containers(resource)))
    return _Pods(resource, found.namespace, found.labels, ports)


def declared(of: Iterable[Plain]) -> Iterator[_Port]:
    """By some containers."""
    for container in of:
        for port in list_at(container, "ports"):
            yield text_at(port, "name"), number_at(port, "containerPort"), text_at(port, "protocol", default="TCP")


def _addressed(resource: Resource) -> tuple[str, str]:
    """Namespace and name of the Service that a resource gives addresses."""
    if resource.type == ENDPOINTS:
        return metadata.namespace(resource), metadata.name(resource)
    labels = labels_at(resource.inputs, "metadata", "labels")
    return metadata.namespace(resource), labels.get("kubernetes.io/service-name", "")


def _unreached(service: Resource, there: Index, by_hand: set[tuple[str, str]]) -> Iterator[str]:
    spec = object_at(service.inputs, "spec")
    if text_at(spec, "type") == "ExternalName":
        return
    place, labels = metadata.namespace(service), labels_at(spec, "selector")
    if not labels:
        if (place, metadata.name(service)) not in by_hand:
            yield "has no selector, and nothing of this stack gives it addresses: it leads to nothing"
        return
    chosen = there.selected(place, labels)
    if not chosen:
        yield "selects no pods of this stack: it leads to nothing"
    for index, port in enumerate(list_at(spec, "ports")):
        for it in chosen:
            if not listens(port, it.ports):
                kind = it.resource.type.rpartition(":")[2]
                yield f"no container of {kind} {metadata.name(it.resource)} declares the target of ports[{index}]"


def listens(port: Plain, ports: tuple[_Port, ...]) -> bool:
    """Whether a container has the target of a Service's port; a target that is not stated is the port itself."""
    target, protocol = at(port, "targetPort"), text_at(port, "protocol", default="TCP")
    if isinstance(target, str):
        return any((name, of) == (target, protocol) for name, _, of in ports)
    number = number_at(port, "port" if target is None else "targetPort")
    return number is not None and any((listens, of) == (number, protocol) for _, listens, of in ports)


def leading(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Whatever an Ingress or a VirtualServer leads to is a Service of the stack, by a port that this has."""
    del limits
    there: dict[tuple[str, str], Resource] = {}

    def known(service: Resource) -> Iterator[str]:
        there[metadata.namespace(service), metadata.name(service)] = service
        yield from ()

    def check(resource: Resource) -> Iterator[str]:
        own = metadata.namespace(resource)
        if not any(stated(at(resource.inputs, "spec", field)) for field in _LEADING[resource.type]):
            yield f"spec has neither {' nor '.join(_LEADING[resource.type])}: it leads to nothing"
        for path, name, port in _backends(resource):
            namespace, _, service = name.rpartition("/")
            found = there.get((namespace or own, service))
            if found is None:
                yield f"{path} leads to the Service {name}, which this stack does not make"
            elif not any(port in (at(it, "port"), at(it, "name")) for it in _ports(found)):
                yield f"{path} leads to a port that the Service {name} has not"

    ways = whole.of(INGRESS, VIRTUAL_SERVER)
    yield from each(whole.of(SERVICE) if ways else (), known)
    yield from each(ways, check)


def _ports(service: Resource) -> Iterator[Plain]:
    yield from list_at(object_at(service.inputs, "spec"), "ports")


def _backends(resource: Resource) -> Iterator[tuple[str, str, str | int]]:
    """Path, Service (`name`, or `namespace/name` of a VirtualServer), and name or number of the port."""
    spec = object_at(resource.inputs, "spec")
    if resource.type == VIRTUAL_SERVER:
        for index, upstream in enumerate(list_at(spec, "upstreams")):
            path = f"spec.upstreams[{index}]"
            yield path, text_at(upstream, "service"), _number(upstream, f"{path}.port", "port")
            if at(upstream, "backup") is not None:
                path = f"{path}.backup"
                yield path, text_at(upstream, "backup"), _number(upstream, f"{path}Port", "backupPort")
        return
    if at(spec, "defaultBackend") is not None:
        yield from _of_ingress(at(spec, "defaultBackend"), "spec.defaultBackend")
    for index, rule in enumerate(list_at(spec, "rules")):
        for place, path in enumerate(list_at(rule, "http", "paths")):
            yield from _of_ingress(at(path, "backend"), f"spec.rules[{index}].http.paths[{place}].backend")


def _of_ingress(backend: Plain, path: str) -> Iterator[tuple[str, str, str | int]]:
    if at(backend, "resource") is None:  # what a custom resource stands for is its controller's
        name = text_at(backend, "service", "port", "name")
        yield path, text_at(backend, "service", "name"), name or _number(backend, path, "service", "port", "number")


def _number(manifest: Plain, named: str, *path: str) -> int:
    found = number_at(manifest, *path)
    if found is None:
        raise Unreadable(f"{named} names no port")
    return found
