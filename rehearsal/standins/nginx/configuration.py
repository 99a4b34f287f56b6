"""NGINX's configuration for VirtualServers: plain data in, text out.

Directives and defaults are those of nginx/kubernetes-ingress v5.5.4: internal/configs/version2/
nginx.virtualserver.tmpl, version1/nginx.tmpl, config_params.go and virtualserver.go.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from rehearsal.kube import Manifest
from rehearsal.standins.informer import Key, key_of

HTTP, HTTPS, READY = 8080, 8443, 8081
"""Ports; the controller's own are 80 and 443, for which it has a capability that our pods do without."""
NOBODY = "unix:nobody.sock"
"""What stands in an upstream without endpoints: answers 502."""
DEFAULT_LB_METHOD = "random two least_conn"
ENTRIES = frozenset({"http-snippets"})
"""Keys of the controller's ConfigMap that are understood."""

_SERVER = frozenset({"host", "ingressClassName", "policies", "tls", "upstreams", "routes"})
_TLS = frozenset({"secret", "redirect", "cert-manager"})
_ROUTE = frozenset({"path", "action"})
_PROXY = frozenset({"upstream", "requestHeaders"})
_RETURN = frozenset({"code", "type", "body"})
_RATE_LIMIT = frozenset({"rate", "key", "zoneSize", "burst", "noDelay", "rejectCode"})
_COOKIE = frozenset({"enable", "name", "path", "expires", "httpOnly", "secure", "samesite"})
_UPSTREAM = frozenset(
    {
        "name",
        "service",
        "port",
        "lb-method",
        "sessionCookie",
        "next-upstream",
        "next-upstream-tries",
        "next-upstream-timeout",
        "max-fails",
        "fail-timeout",
        "connect-timeout",
        "read-timeout",
        "send-timeout",
        "buffering",
        "client-max-body-size",
    }
)

_HEADERS = {
    "Host": "$host",
    "X-Real-IP": "$remote_addr",
    "X-Forwarded-For": "$proxy_add_x_forwarded_for",
    "X-Forwarded-Host": "$host",
    "X-Forwarded-Port": "$server_port",
    "X-Forwarded-Proto": "$scheme",
}
"""What an upstream is told, unless the route says otherwise."""

_MAIN = f"""\
worker_processes auto;
daemon off;
error_log stderr notice;
pid nginx.pid;
events {{
    worker_connections 1024;
}}
http {{
    default_type application/octet-stream;
    map_hash_max_size 2048;
    map_hash_bucket_size 256;
    log_format tried '$host $status $upstream_addr $upstream_status';
    access_log access.log tried;
    sendfile on;
    keepalive_timeout 75s;
    keepalive_requests 1000;
    server_names_hash_max_size 1024;
    server_names_hash_bucket_size 256;
    variables_hash_bucket_size 256;
    variables_hash_max_size 1024;
    # No upstream has `keepalive` here, for which the controller says `close`.
    map $http_upgrade $vs_connection_header {{
        default upgrade;
        '' close;
    }}
    include version.conf;
    server {{
        listen {NOBODY};
        access_log off;
        return 502;
    }}
    server {{
        listen {READY};
        access_log off;
        location = /nginx-ready {{
            return 200;
        }}
    }}
    server {{
        listen {HTTP} default_server;
        listen {HTTPS} ssl default_server;
        ssl_reject_handshake on;
        return 404;
    }}
"""


class UnplayedError(Exception):
    """An object says what this stand-in does not know."""


@dataclass(frozen=True)
class World:
    """What VirtualServers refer to."""

    policies: Mapping[Key, Manifest]
    endpoints: Callable[[str, str, int], Sequence[str]]
    """Addresses (`10.0.0.1:9595`) of a Service's ready endpoints: by namespace, name and port of the Service."""
    certificates: Mapping[Key, str]
    """By Secret: the files of its certificate and key, without their suffixes `.crt` and `.key`."""
    entries: Mapping[str, str]
    """The controller's ConfigMap."""


def render(servers: Sequence[Manifest], world: World) -> str:
    """The configuration. Raises `UnplayedError`."""
    _known("the ConfigMap", world.entries, ENTRIES)
    lines: list[str] = []
    for server in servers:
        lines += _virtual_server(server, world)
    zones = [_zone(key, world.policies[key]) for key in sorted(_limits(servers, world))]
    return "".join([_MAIN, *(f"    {line}\n" for line in [*_snippets(world), *zones, *lines]), "}\n"])


def secret_of(server: Manifest) -> Key | None:
    """The Secret with the certificate of a VirtualServer."""
    tls = server["spec"].get("tls")
    return None if tls is None else (server["metadata"]["namespace"], str(tls["secret"]))


def _snippets(world: World) -> Iterator[str]:
    yield from world.entries.get("http-snippets", "").splitlines()


def _limits(servers: Sequence[Manifest], world: World) -> set[Key]:
    return {key for server in servers for key in _policies(server) if key in world.policies}


def _policies(server: Manifest) -> list[Key]:
    own = server["metadata"]["namespace"]
    return [(str(one.get("namespace") or own), str(one["name"])) for one in server["spec"].get("policies") or []]


def _zone(key: Key, policy: Manifest) -> str:
    limit = _rate_limit(key, policy)
    return f"limit_req_zone {limit['key']} zone={_zone_name(key)}:{limit['zoneSize']} rate={limit['rate']};"


def _zone_name(key: Key) -> str:
    return f"limit_{key[0]}_{key[1]}"


def _rate_limit(key: Key, policy: Manifest) -> Manifest:
    spec: Manifest = policy["spec"]
    _known(f"Policy {key[1]}", spec, frozenset({"ingressClassName", "rateLimit"}))
    limit: Manifest = spec["rateLimit"]
    _known(f"Policy {key[1]}: rateLimit", limit, _RATE_LIMIT)
    return limit


def _virtual_server(server: Manifest, world: World) -> Iterator[str]:
    namespace, name = key_of(server)
    spec: Manifest = server["spec"]
    _known(f"VirtualServer {name}", spec, _SERVER)
    upstreams: dict[str, Manifest] = {one["name"]: one for one in spec.get("upstreams") or []}
    for one in upstreams.values():
        _known(f"VirtualServer {name}: upstream {one['name']}", one, _UPSTREAM)
        addresses = world.endpoints(namespace, one["service"], int(one["port"]))
        yield from _upstream(_upstream_name(server, one), one, addresses)
    yield "server {"
    yield f"    listen {HTTP};"
    yield f"    server_name {spec['host']};"
    yield from _indented(_tls(server, world))
    yield from _indented(_limited(server, world))
    for route in spec["routes"]:
        answered = "return" in route["action"]
        yield from _indented(_answer(server, route) if answered else _location(server, route, upstreams))
    yield "}"


def _upstream_name(server: Manifest, upstream: Manifest) -> str:
    namespace, name = key_of(server)
    return f"vs_{namespace}_{name}_{upstream['name']}"


def _upstream(name: str, upstream: Manifest, addresses: Sequence[str]) -> Iterator[str]:
    method = str(upstream.get("lb-method") or DEFAULT_LB_METHOD)
    fails = f"max_fails={upstream.get('max-fails', 1)} fail_timeout={upstream.get('fail-timeout', '10s')}"
    yield f"upstream {name} {{"
    yield f"    zone {name} 256k;"
    if method != "round_robin":
        yield f"    {method};"
    for address in sorted(addresses) or [NOBODY]:
        yield f"    server {address} {fails} max_conns=0;"
    if (upstream.get("sessionCookie") or {}).get("enable"):
        yield f"    {_cookie(name, upstream['sessionCookie'])}"
    yield "}"


def _cookie(name: str, cookie: Manifest) -> str:
    _known(f"{name}: sessionCookie", cookie, _COOKIE)
    parts = [
        f"sticky cookie {cookie['name']}",
        f"expires={cookie['expires']}" if cookie.get("expires") else "",
        "httponly" if cookie.get("httpOnly") else "",
        f"samesite={cookie['samesite'].lower()}" if cookie.get("samesite") else "",
        "secure" if cookie.get("secure") else "",
        f"path={cookie['path']}" if cookie.get("path") else "",
    ]
    return " ".join(part for part in parts if part) + ";"


def _tls(server: Manifest, world: World) -> Iterator[str]:
    secret = secret_of(server)
    if secret is None:
        return
    tls: Manifest = server["spec"]["tls"]
    _known(f"VirtualServer {key_of(server)[1]}: tls", tls, _TLS)
    yield f"listen {HTTPS} ssl;"
    if secret in world.certificates:
        yield f"ssl_certificate {world.certificates[secret]}.crt;"
        yield f"ssl_certificate_key {world.certificates[secret]}.key;"
    else:
        yield "ssl_reject_handshake on;"
    redirect: Manifest = tls.get("redirect") or {}
    if redirect.get("enable"):
        yield f"if ($scheme = 'http') {{ return {redirect.get('code', 301)} https://$host$request_uri; }}"


def _limited(server: Manifest, world: World) -> Iterator[str]:
    for key in _policies(server):
        if key not in world.policies:  # the controller serves nobody until the policy is there
            yield "return 500;"
            continue
        limit = _rate_limit(key, world.policies[key])
        yield f"limit_req_status {limit.get('rejectCode', 429)};"
        burst = f" burst={limit['burst']}" if limit.get("burst") else ""
        yield f"limit_req zone={_zone_name(key)}{burst}{' nodelay' if limit.get('noDelay') else ''};"


def _location(server: Manifest, route: Manifest, upstreams: Mapping[str, Manifest]) -> Iterator[str]:
    name, headers = _action(server, route)
    upstream = upstreams[name]
    told = {**_HEADERS, **headers}
    yield f"location {route['path']} {{"
    yield f"    proxy_connect_timeout {upstream.get('connect-timeout', '60s')};"
    yield f"    proxy_read_timeout {upstream.get('read-timeout', '60s')};"
    yield f"    proxy_send_timeout {upstream.get('send-timeout', '60s')};"
    yield f"    client_max_body_size {upstream.get('client-max-body-size', '1m')};"
    yield f"    proxy_buffering {'on' if upstream.get('buffering', True) else 'off'};"
    yield "    proxy_http_version 1.1;"
    yield "    proxy_set_header Upgrade $http_upgrade;"
    yield "    proxy_set_header Connection $vs_connection_header;"
    for header, value in told.items():
        yield f'    proxy_set_header {header} "{value}";'
    yield f"    proxy_pass http://{_upstream_name(server, upstream)};"
    yield f"    proxy_next_upstream {upstream.get('next-upstream', 'error timeout')};"
    yield f"    proxy_next_upstream_timeout {upstream.get('next-upstream-timeout', '0s')};"
    yield f"    proxy_next_upstream_tries {upstream.get('next-upstream-tries', 0)};"
    yield "}"


def _answer(server: Manifest, route: Manifest) -> Iterator[str]:
    """A route that the controller answers itself. (Its own is a named location that an error page leads to.)"""
    what = f"VirtualServer {key_of(server)[1]}: route {route['path']}"
    _known(what, route, _ROUTE)
    _known(f"{what}: action", route["action"], frozenset({"return"}))
    said: Manifest = route["action"]["return"]
    _known(f"{what}: return", said, _RETURN)
    yield f"location {route['path']} {{"
    yield f"    default_type {said.get('type', 'text/plain')};"
    yield f'    return {said.get("code", 200)} "{said["body"]}";'
    yield "}"


def _action(server: Manifest, route: Manifest) -> tuple[str, dict[str, str]]:
    """Name of a route's upstream, and the headers that the route sets."""
    what = f"VirtualServer {key_of(server)[1]}: route {route['path']}"
    _known(what, route, _ROUTE)
    action: Manifest = route["action"]
    _known(f"{what}: action", action, frozenset({"pass", "proxy"}))
    if "pass" in action:
        return str(action["pass"]), {}
    proxy: Manifest = action["proxy"]
    _known(f"{what}: proxy", proxy, _PROXY)
    told: Manifest = proxy.get("requestHeaders") or {}
    _known(f"{what}: requestHeaders", told, frozenset({"set"}))
    return str(proxy["upstream"]), {one["name"]: one["value"] for one in told.get("set") or []}


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def _known(what: str, given: Mapping[str, Any], known: Set[str]) -> None:
    unknown = sorted(given.keys() - known)
    if unknown:
        raise UnplayedError(f"{what}: this stand-in does not know {', '.join(unknown)}")
