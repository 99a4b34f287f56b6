"""Plays the load balancer of a cloud: every Service of type LoadBalancer gets an address in its status.

The address is one of those that RFC 5737 reserves for documentation (192.0.2.0/24, 198.51.100.0/24); the same Service
of the same region gets the same one again. Left out: everything that moves packets, health checks, the controller's
finalizer and annotations, source ranges, classes (`spec.loadBalancerClass` is not looked at), hostnames in the place
of addresses (as AWS gives), and the delay of minutes that a cloud takes.
"""

import hashlib
from collections.abc import Collection
from ipaddress import IPv4Network

from rehearsal.kube import Client, Manifest
from rehearsal.standins.informer import Informer, Key, key_of
from rehearsal.standins.loop import Loop
from rehearsal.standins.writer import Writer

MANAGER = "rehearsal-load-balancer"
POOL = tuple(str(host) for net in ("192.0.2.0/24", "198.51.100.0/24") for host in IPv4Network(net).hosts())
"""Addresses for Services, in order."""


def address(pool: tuple[str, ...], region: str, what: str, taken: Collection[str]) -> str:
    """The address of `what` in `region`: the one its name hashes to, or the next that is not taken."""
    start = int.from_bytes(hashlib.sha256(f"{region}|{what}".encode()).digest()[:4]) % len(pool)
    free = (pool[(start + step) % len(pool)] for step in range(len(pool)))
    return next((candidate for candidate in free if candidate not in taken), pool[start])


def addresses(obj: Manifest) -> tuple[str, ...]:
    """The addresses in the load balancer status of a Service or an Ingress."""
    ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return tuple(str(entry["ip"]) for entry in ingress if entry.get("ip"))


class LoadBalancer:
    """The stand-in of one region."""

    def __init__(self, client: Client, region: str) -> None:
        self._region = region
        self._writer = Writer(client, MANAGER)
        self._loop = Loop(MANAGER, self._work)
        self._services = Informer(client, "v1", "Service")
        self._services.listen(lambda service: self._loop.put(key_of(service)))
        self._services.relisted.append(self._writer.forget_all)
        self.informers = (self._services,)
        self.loops = (self._loop,)

    def _work(self, key: Key) -> float | None:
        service = self._services.get(key)
        if service is None or service["metadata"].get("deletionTimestamp"):
            return None
        wanted = service["spec"].get("type") == "LoadBalancer"
        held = addresses(service)
        if wanted == bool(held):
            return None
        entries: list[Manifest] = []
        if wanted:
            taken = {used for other in self._services.all() for used in addresses(other)}
            entries = [{"ip": address(POOL, self._region, "/".join(key), taken), "ipMode": "VIP"}]
        self._writer.forget(service)  # the same name may have been deleted and made again
        answer = self._writer.status(service, {"loadBalancer": {"ingress": entries}})
        if answer is not None:
            self._services.put(answer)
        return None
