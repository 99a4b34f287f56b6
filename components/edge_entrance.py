"""Home's side of the other regions: a way into its ingress controller for their proxies alone, and what it says to a
home of before that comes back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_kubernetes import core
from pulumi_kubernetes.apiextensions import CustomResource

from components import fence, ingress
from components.certificates import CertificateAuthority
from components.objects import labels, metadata, untyped
from components.placement import Placement
from settings import Ingress

ENTRANCE: Final = "edge-entrance"
"""Secret with the certificate that home shows."""
CALLERS: Final = "edge-callers"
"""Secret with the authority, and Policy, by which edges are known."""
CLIENT: Final = "edge"
"""Common name of the edges' certificate."""


@dataclass(frozen=True)
class EdgeEntranceArgs:
    """What the entrance needs to know."""

    placement: Placement
    settings: Ingress
    hosts: Mapping[str, str]
    """Service of each memory namespace to what edges call it."""
    domain: str
    """Under which all those names are."""
    services: Mapping[str, pulumi.Resource]
    """The Services themselves, by name: they come first."""
    given_up: Mapping[str, int]
    """`fence.given_up`."""
    fence_host: str
    """Host by which it is asked for."""
    tokens: Sequence[Output[str]]
    """Bearer token of each memory namespace, which every region has."""
    primary: Sequence[pulumi.Resource]
    """PostgreSQL, which takes writes once they are there: nobody is fenced before."""


class EdgeEntrance(pulumi.ComponentResource):
    """A host of the ingress controller for each memory namespace, for whoever has a certificate of this region's own
    authority: edges have limited their users already, and come from a few addresses.
    """

    callers: Output[Any]
    """Secret: the authority (`ca`), and what an edge shows (`client_certificate`, `client_key`); all PEM."""

    certificates: dict[str, Output[str]]
    """When each of its certificates ends, by their names."""

    def __init__(self, name: str, args: EdgeEntranceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:edge:EdgeEntrance", name, {}, opts)
        self._name, self._args = name, args
        self._own = ResourceOptions(parent=self, provider=args.placement.provider)
        authority = CertificateAuthority(
            f"{name}-authority", f"edges of {args.placement.region}", ResourceOptions(parent=self)
        )
        server, client = authority.server("entrance", [f"*.{args.domain}"]), authority.client(CLIENT)
        before: list[pulumi.Resource] = [
            self._secret(ENTRANCE, "kubernetes.io/tls", {"tls.crt": server.certificate, "tls.key": server.key}),
            self._secret(CALLERS, "nginx.org/ca", {"ca.crt": authority.certificate}),
            self._object(CALLERS, "Policy", ingress.known_callers(CALLERS, args.settings)),
        ]
        for service, host in args.hosts.items():
            spec = ingress.entrance(host, service, ENTRANCE, CALLERS, args.settings)
            self._object(f"{service}-entrance", "VirtualServer", spec, [*before, args.services[service]])
        if args.given_up:
            body = fence.said(args.given_up, args.tokens)
            spec = ingress.answer(args.fence_host, ENTRANCE, body, args.settings)
            self._object("fence", "VirtualServer", spec, [*before, *args.primary])
        self.callers = Output.secret(
            {"ca": authority.certificate, "client_certificate": client.certificate, "client_key": client.key}
        )
        self.certificates = authority.ends
        self.register_outputs({})

    def _secret(self, name: str, kind: str, data: Mapping[str, Output[str]]) -> core.v1.Secret:
        stated = untyped(metadata(name, self._args.placement, labels(name, "edge")))
        return core.v1.Secret(f"{self._name}-{name}", metadata=stated, type=kind, string_data=data, opts=self._own)

    def _object(
        self, name: str, kind: str, spec: dict[str, Any], after: list[pulumi.Resource] | None = None
    ) -> CustomResource:
        return CustomResource(
            f"{self._name}-{name}",
            api_version=ingress.API_VERSION,
            kind=kind,
            metadata=untyped(metadata(name, self._args.placement, labels(name, "edge"))),
            spec=spec,
            opts=ResourceOptions.merge(self._own, ResourceOptions(depends_on=after or [])),
        )
