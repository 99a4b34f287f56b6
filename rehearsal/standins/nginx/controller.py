"""Watches what NGINX's configuration is made from, and has NGINX follow."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from rehearsal.kube import Client, Manifest
from rehearsal.standins.informer import Informer, Key, key_of
from rehearsal.standins.ingress import NGINX, ingress_class
from rehearsal.standins.log import note
from rehearsal.standins.loop import Loop
from rehearsal.standins.nginx.configuration import UnplayedError, World, render, secret_of
from rehearsal.standins.nginx.process import Nginx

SERVICE_NAME = "kubernetes.io/service-name"
"""Label of an EndpointSlice: the Service that it is of."""
CERTIFICATE_SECONDS = 5.0
"""Secrets are not watched: each is read whenever a configuration is made, and again after this while it is missing."""
_ALL: Key = ("", "configuration")


def ready_endpoints(services: Sequence[Manifest], slices: Sequence[Manifest], port: int) -> list[str]:
    """Addresses of the ready endpoints behind a Service's port; `services`: the one, or none where it is missing.

    A pod that is going is not ready, whatever its probes say: its endpoint says so from the moment it is deleted.
    """
    names = {one.get("name") for service in services for one in service["spec"]["ports"] if one["port"] == port}
    return sorted(
        f"{address}:{behind['port']}"
        for found in slices
        for behind in found.get("ports") or []
        if behind.get("name") in names
        for endpoint in found.get("endpoints") or []
        if (endpoint.get("conditions") or {}).get("ready")
        for address in endpoint["addresses"]
    )


class Controller:
    """The data plane of one class in one pod."""

    def __init__(self, client: Client, nginx: Nginx, class_name: str, entries: Mapping[str, str]) -> None:
        self._client, self._nginx, self._class, self._entries = client, nginx, class_name, entries
        self._servers = Informer(client, NGINX, "VirtualServer")
        self._policies = Informer(client, NGINX, "Policy")
        self._services = Informer(client, "v1", "Service")
        self._slices = Informer(client, "discovery.k8s.io/v1", "EndpointSlice")
        self._informers = (self._servers, self._policies, self._services, self._slices)
        self._loop = Loop("nginx", self._follow)

    def start(self) -> None:
        """Begins to follow once it has seen all that it looks at, for the life of the process."""
        for informer in self._informers:
            informer.listen(lambda _: self._loop.put(_ALL))
            informer.start()
        for informer in self._informers:
            informer.wait()
        self._loop.start()

    def _follow(self, _: Key) -> float | None:
        servers = [one for one in self._servers.all() if ingress_class(one) == self._class]
        secrets = {secret for server in servers if (secret := secret_of(server)) is not None}
        certificates = {secret: file for secret in secrets if (file := self._certificate(secret))}
        policies = {key_of(policy): policy for policy in self._policies.all()}
        world = World(policies, self._endpoints, certificates, self._entries)
        try:
            self._nginx.configure(render(servers, world))
        except UnplayedError as error:
            note("nginx", str(error))
        return CERTIFICATE_SECONDS if secrets - certificates.keys() else None

    def _endpoints(self, namespace: str, service: str, port: int) -> list[str]:
        found = self._services.get((namespace, service))
        return ready_endpoints([found] if found else [], self._slices.labelled(namespace, SERVICE_NAME, service), port)

    def _certificate(self, secret: Key) -> str | None:
        """Where NGINX finds it, by a name that changes with it."""
        found = self._client.find("v1", "Secret", secret[1], secret[0])
        if found is None:
            return None
        pair = {suffix: base64.b64decode(found["data"][f"tls.{suffix}"]) for suffix in ("crt", "key")}
        digest = hashlib.sha256(b"".join(pair.values())).hexdigest()[:16]
        for suffix, content in pair.items():
            file = Path(f"{self._nginx.folder}/{digest}.{suffix}")
            file.touch(mode=0o600)
            file.write_bytes(content)
        return digest
