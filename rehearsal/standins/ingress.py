"""Plays an ingress controller of class `nginx`: Ingress, VirtualServer and Policy objects get the status they wait for.

The words are those of F5's NGINX Ingress Controller (nginx/kubernetes-ingress, internal/k8s/controller.go and
status.go): state `Valid` or `Warning`, reason `AddedOrUpdated` or `AddedOrUpdatedWithWarning`. A VirtualServer that
names a Policy which is not there gets a warning, and so does one whose host another, older one has. The address is one
of RFC 5737's (203.0.113.0/24), the same for all objects of a class. Left out: NGINX, the check of everything else in
the objects (snippets, upstreams, TLS secrets, VirtualServerRoutes), TransportServers, IngressClass parameters.
"""

from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Any

from rehearsal.kube import Client, Manifest
from rehearsal.standins.informer import Informer, Key, key_of
from rehearsal.standins.load_balancer import address
from rehearsal.standins.loop import Loop
from rehearsal.standins.writer import Writer

MANAGER = "rehearsal-ingress"
NGINX = "k8s.nginx.org/v1"
POOL = tuple(str(host) for host in IPv4Network("203.0.113.0/24").hosts())
"""Addresses of ingress controllers, in order."""
DEFAULT_CLASS = "nginx"
CLASS_ANNOTATION = "kubernetes.io/ingress-class"

Status = dict[str, Any]


def ingress_class(obj: Manifest) -> str:
    """The class of an Ingress or a VirtualServer: the field of its kind, else the old annotation, else `nginx`."""
    spec = obj.get("spec") or {}
    annotations: dict[str, str] = obj["metadata"].get("annotations") or {}
    return str(spec.get("ingressClassName") or annotations.get(CLASS_ANNOTATION) or DEFAULT_CLASS)


def policies_named(server: Manifest) -> set[Key]:
    """The Policy objects that a VirtualServer refers to, of the server itself and of its routes."""
    spec = server.get("spec") or {}
    own = server["metadata"]["namespace"]
    references = [*(spec.get("policies") or [])]
    for route in spec.get("routes") or []:
        references += route.get("policies") or []
    return {(str(reference.get("namespace") or own), str(reference["name"])) for reference in references}


def virtual_server_status(server: Manifest, others: list[Manifest], policies: set[Key], ip: str) -> Status:
    """Status of a VirtualServer among `others`, with the policies that exist, behind address `ip`."""
    name = "/".join(key_of(server))
    faults = [f"Policy {'/'.join(key)} is missing or invalid" for key in sorted(policies_named(server) - policies)]
    host = (server.get("spec") or {}).get("host")
    if any(_holds(other, host) and _age(other) < _age(server) for other in others):
        # the first one keeps a host; the later one is not served
        return {"state": "Warning", "reason": "Rejected", "message": f"All hosts are taken by other resources ({host})"}
    endpoints = [{"ip": ip, "ports": "[80,443]"}]
    if faults:
        message = f"Configuration for {name} was added or updated ; with warning(s): {'; '.join(faults)}"
        reason = "AddedOrUpdatedWithWarning"
        return {"state": "Warning", "reason": reason, "message": message, "externalEndpoints": endpoints}
    message = f"Configuration for {name} was added or updated "
    return {"state": "Valid", "reason": "AddedOrUpdated", "message": message, "externalEndpoints": endpoints}


def policy_status(policy: Manifest) -> Status:
    """Status of a Policy."""
    message = f"Policy {'/'.join(key_of(policy))} was added or updated"
    return {"state": "Valid", "reason": "AddedOrUpdated", "message": message}


def _holds(server: Manifest, host: object) -> bool:
    return (server.get("spec") or {}).get("host") == host


def _age(server: Manifest) -> tuple[str, str]:
    """Order of creation; the name decides between two of the same second."""
    return str(server["metadata"].get("creationTimestamp") or ""), "/".join(key_of(server))


class IngressController:
    """The stand-in of one region."""

    def __init__(self, client: Client, region: str) -> None:
        self._region = region
        self._writer = Writer(client, MANAGER)
        self._ingresses = Informer(client, "networking.k8s.io/v1", "Ingress")
        self._servers = Informer(client, NGINX, "VirtualServer")
        self._policies = Informer(client, NGINX, "Policy")
        self.informers = (self._ingresses, self._servers, self._policies)
        self.loops = (
            self._loop(self._ingresses, self._ingress),
            self._loop(self._servers, self._server),
            self._loop(self._policies, lambda policy: self._writer.status(policy, policy_status(policy))),
        )
        for later in (self._policies, self._servers):  # what is missing or taken may have come or gone
            later.listen(lambda _: self._look_at_servers())

    def _loop(self, informer: Informer, write: Callable[[Manifest], object]) -> Loop:
        def work(key: Key) -> float | None:
            obj = informer.get(key)
            if obj is None:
                self._writer.forget({"apiVersion": informer.api_version, "kind": informer.kind, "metadata": _meta(key)})
            elif not obj["metadata"].get("deletionTimestamp"):
                write(obj)
            return None

        loop = Loop(MANAGER, work)
        informer.listen(lambda obj: loop.put(key_of(obj)))
        informer.relisted.append(self._writer.forget_all)
        return loop

    def _look_at_servers(self) -> None:
        for server in self._servers.all():
            self.loops[1].put(key_of(server))

    def _address(self, obj: Manifest) -> str:
        return address(POOL, self._region, ingress_class(obj), ())

    def _ingress(self, ingress: Manifest) -> None:
        self._writer.status(ingress, {"loadBalancer": {"ingress": [{"ip": self._address(ingress)}]}})

    def _server(self, server: Manifest) -> None:
        others = [other for other in self._servers.all() if key_of(other) != key_of(server)]
        policies = {key_of(policy) for policy in self._policies.all()}
        self._writer.status(server, virtual_server_status(server, others, policies, self._address(server)))


def _meta(key: Key) -> dict[str, str]:
    return {"namespace": key[0], "name": key[1]}
