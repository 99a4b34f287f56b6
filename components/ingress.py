"""The edge of a region: hosts, TLS, rate limit, round robin, and sticky streams.

Everything that only F5's NGINX Ingress Controller understands (k8s.nginx.org/v1, release 5.4 or newer for the open
source session cookie) stands in this file, so that another controller is another file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource

from components.memory_environment import QUERY_WAIT
from components.objects import Manifest, labels, metadata, untyped
from components.placement import Placement
from settings import Backend, IngressPath, IngressRule
from settings import Ingress as IngressSettings

API_VERSION = "k8s.nginx.org/v1"
CLASS_ANNOTATION = "kubernetes.io/ingress-class"
"""Deprecated by Kubernetes in favour of the class in the spec, where the settings' value goes."""
RATE_LIMIT = "rate-limit"

_STREAM_TIMEOUT = "3600s"
_PATIENCE = QUERY_WAIT + 30
"""Seconds until an answer begins: a store waits while the primary moves, for as long as pooler or gateway hold it."""
_FORWARDED_PATIENCE, _FORWARDED_STREAM_TIMEOUT = _PATIENCE + 20, "3620s"
"""Of a standby: after home's ingress controller and the proxy in between have said that they gave up."""
_AS_THE_EDGE_SAYS = ("Host", "X-Forwarded-Host", "X-Real-IP", "X-Forwarded-Proto")
"""Headers that the controller would set to its own view of the caller (internal/configs/version2,
nginx.virtualserver.tmpl at v5.5.4); the caller is an edge, which was told the user's.
"""


@dataclass(frozen=True)
class Forward:
    """Where all users of a standby go: its own proxy, which is told for which Service they are."""

    service: str
    """Name of the proxy's Service."""
    port: int
    """Port of the Service."""


@dataclass(frozen=True)
class IngressArgs:
    """What the edge needs to know."""

    placement: Placement
    settings: IngressSettings
    services: Sequence[pulumi.Resource] = ()
    """The Services that the rules name: they come first, so that no host answers before there is a service."""
    forward: Forward | None = None
    """In a standby; home's users go to the services that the rules name."""


class Ingress(pulumi.ComponentResource):
    """One VirtualServer a host, and one rate limit for all of them."""

    endpoint: str
    """URL of the first host."""

    def __init__(self, name: str, args: IngressArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:edge:Ingress", name, {}, opts)
        own = ResourceOptions(parent=self, provider=args.placement.provider)
        limit = CustomResource(
            f"{name}-{RATE_LIMIT}",
            api_version=API_VERSION,
            kind="Policy",
            metadata=untyped(metadata(RATE_LIMIT, args.placement, labels(RATE_LIMIT, "edge"))),
            spec=rate_limit(args.settings),
            opts=own,
        )
        for rule in args.settings.rules:
            host = rule.host.replace(".", "-")
            CustomResource(
                f"{name}-{host}",
                api_version=API_VERSION,
                kind="VirtualServer",
                metadata=untyped(metadata(host, args.placement, labels(host, "edge"), annotations(args.settings))),
                spec=virtual_server(rule, args.settings, args.forward),
                opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[limit, *args.services])),
            )
        scheme = "https" if args.settings.tls.enabled else "http"
        self.endpoint = f"{scheme}://{args.settings.rules[0].host}"
        self.register_outputs({"endpoint": self.endpoint})


def annotations(settings: IngressSettings) -> dict[str, str]:
    """The settings' annotations; the one that names the class has become `ingressClassName`."""
    return {key: value for key, value in settings.annotations.items() if key != CLASS_ANNOTATION}


def rate_limit(settings: IngressSettings) -> Manifest:
    """Spec of the Policy: per client address; a client may send the requests of one second (or minute) at once."""
    rate = settings.rate_limit
    return {
        "ingressClassName": settings.class_name,
        "rateLimit": {
            "rate": rate,
            "key": "${binary_remote_addr}",
            "zoneSize": "10M",
            "burst": int(rate.partition("r/")[0]),
            "noDelay": True,
            "rejectCode": 429,
        },
    }


def virtual_server(rule: IngressRule, settings: IngressSettings, forward: Forward | None = None) -> Manifest:
    """Spec of the VirtualServer of one host."""
    streams = tuple(_streaming(rule, settings))
    streaming = {path.path for path in streams}
    # NGINX takes each path once: where a path of the host is a streaming path, the stream has it.
    apis = tuple(path for path in rule.paths if path.path not in streaming)
    alone = len(dict.fromkeys(path.backend for path in rule.paths)) == 1
    spec: Manifest = {
        "host": rule.host,
        "ingressClassName": settings.class_name,
        "policies": [{"name": RATE_LIMIT}],
        "upstreams": [
            *(_api(backend, alone) for backend in dict.fromkeys(path.backend for path in apis)),
            *(_stream(backend, paths, alone, settings) for backend, paths in _by_backend(streams).items()),
        ],
        # In any order: NGINX takes the longest prefix.
        "routes": [
            *({"path": path.path, "action": {"pass": _upstream("stream", path.backend, alone)}} for path in streams),
            *({"path": path.path, "action": {"pass": _upstream("api", path.backend, alone)}} for path in apis),
        ],
    }
    if forward is not None:
        spec = _forwarded(spec, forward)
    return {**spec, "tls": _tls(settings)} if settings.tls.enabled else spec


def _forwarded(spec: Manifest, forward: Forward) -> Manifest:
    """The same host, whose upstreams are all the proxy; each route says which Service it leads to."""
    services = {upstream["name"]: upstream["service"] for upstream in spec["upstreams"]}
    streams = {upstream["name"] for upstream in spec["upstreams"] if "sessionCookie" in upstream}

    def upstream(given: Manifest) -> Manifest:
        # The proxy's pods are all alike; home's ingress controller has the cookie, which has one name.
        kept = {key: value for key, value in given.items() if key != "sessionCookie"}
        patience = _FORWARDED_STREAM_TIMEOUT if given["name"] in streams else f"{_FORWARDED_PATIENCE}s"
        # 502 is what the proxy says of a connection that broke off.
        tries = {"next-upstream": f"{given['next-upstream']} http_502", "read-timeout": patience}
        return {**kept, **tries, "service": forward.service, "port": forward.port}

    def route(given: Manifest) -> Manifest:
        name = given["action"]["pass"]
        told = [
            {"name": "X-Soma-Service", "value": services[name]},
            {"name": "X-Soma-Stream", "value": str(name in streams).lower()},
        ]
        return {**given, "action": {"proxy": {"upstream": name, "requestHeaders": {"set": told}}}}

    return {
        **spec,
        "upstreams": [upstream(given) for given in spec["upstreams"]],
        "routes": [route(given) for given in spec["routes"]],
    }


def known_callers(secret: str, settings: IngressSettings) -> Manifest:
    """Spec of the Policy that takes nobody without a certificate of the authority in a Secret of type nginx.org/ca."""
    return {
        "ingressClassName": settings.class_name,
        "ingressMTLS": {"clientCertSecret": secret, "verifyClient": "on", "verifyDepth": 1},
    }


def entrance(host: str, service: str, secret: str, callers: str, settings: IngressSettings) -> Manifest:
    """Spec of the VirtualServer by which the edges of other regions reach one Service.

    No rate limit: the few addresses of edges stand for all their users, whom they have limited. To the service all
    looks as if its users had come here.
    """
    backend, streams = Backend(service=service), list(settings.streaming_paths)
    told = [{"name": name, "value": f"${{http_{_variable(name)}}}"} for name in _AS_THE_EDGE_SAYS]

    def route(path: str, upstream: str) -> Manifest:
        return {"path": path, "action": {"proxy": {"upstream": upstream, "requestHeaders": {"set": told}}}}

    return {
        "host": host,
        "ingressClassName": settings.class_name,
        "policies": [{"name": callers}],
        "tls": {"secret": secret},
        "upstreams": [_api(backend, True), *([_stream(backend, streams, True, settings)] if streams else [])],
        "routes": [*(route(path, "stream") for path in streams), *([] if "/" in streams else [route("/", "api")])],
    }


def answer(host: str, secret: str, body: Input[str], settings: IngressSettings) -> dict[str, Any]:
    """Spec of the VirtualServer of a host that the controller answers itself, always alike."""
    said = {"code": 200, "type": "text/plain", "body": body}
    return {
        "host": host,
        "ingressClassName": settings.class_name,
        "tls": {"secret": secret, "redirect": {"enable": True, "code": 308}},
        "routes": [{"path": "/", "action": {"return": said}}],
    }


def _variable(header: str) -> str:
    """Name of the request's header in NGINX's variables; the user's Host arrives as X-Forwarded-Host."""
    return ("X-Forwarded-Host" if header == "Host" else header).lower().replace("-", "_")


def _streaming(rule: IngressRule, settings: IngressSettings) -> Sequence[IngressPath]:
    """Each streaming path that the rule covers, with the backend of the longest path above it."""
    covered: list[IngressPath] = []
    for stream in settings.streaming_paths:
        above = [path for path in rule.paths if path.covers(stream)]
        if above:
            backend = max(above, key=lambda path: len(path.path)).backend
            covered.append(IngressPath(path=stream, backend=backend))
    return covered


def _by_backend(paths: Sequence[IngressPath]) -> dict[Backend, list[str]]:
    grouped: dict[Backend, list[str]] = {}
    for path in paths:
        grouped.setdefault(path.backend, []).append(path.path)
    return grouped


def _upstream(kind: str, backend: Backend, alone: bool) -> str:
    return kind if alone else f"{kind}-{backend.service}"


def _api(backend: Backend, alone: bool) -> Manifest:
    return {
        "name": _upstream("api", backend, alone),
        "service": backend.service,
        "port": backend.port,
        # The controller's default is "random two least_conn".
        "lb-method": "round_robin",
        # Without `non_idempotent` NGINX repeats no POST that it has sent: a store that was answered late must not
        # become two memories.
        "next-upstream": "error timeout",
        "next-upstream-tries": 2,
        "next-upstream-timeout": "10s",
        # More than the controller's 1: a burst of stores that miss the deadline must not take the pods out one by one.
        # A pod that is gone for good is taken out by its readiness.
        "max-fails": 3,
        "fail-timeout": "10s",
        "connect-timeout": "2s",
        "read-timeout": f"{_PATIENCE}s",
        "send-timeout": "60s",
        # The service refuses more (SOMA_MAX_REQUEST_BODY_MB); the controller's default is 1m.
        "client-max-body-size": "5m",
    }


def _stream(backend: Backend, paths: Sequence[str], alone: bool, settings: IngressSettings) -> Manifest:
    return {
        "name": _upstream("stream", backend, alone),
        "service": backend.service,
        "port": backend.port,
        "lb-method": "round_robin",
        "sessionCookie": {
            "enable": True,
            "name": "soma_stream",
            # No other request carries it, unless several streams share it.
            "path": paths[0] if len(paths) == 1 else "/",
            "expires": "1h",
            "httpOnly": True,
            "secure": settings.tls.enabled,
            "samesite": "lax",
        },
        "next-upstream": "error timeout",
        "next-upstream-tries": 2,
        "next-upstream-timeout": "10s",
        "connect-timeout": "2s",
        # An hour without an event, and no buffer between an event and its reader.
        "read-timeout": _STREAM_TIMEOUT,
        "send-timeout": _STREAM_TIMEOUT,
        "buffering": False,
        "client-max-body-size": "5m",
    }


def _tls(settings: IngressSettings) -> Manifest:
    # 308 keeps the method: a POST that came by http stays a POST.
    tls: Manifest = {"secret": settings.tls.secret_name, "redirect": {"enable": True, "code": 308}}
    issuer = settings.tls.cluster_issuer
    return {**tls, "cert-manager": {"cluster-issuer": issuer}} if issuer else tls
