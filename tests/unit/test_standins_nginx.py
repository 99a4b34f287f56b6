"""What the ingress controller's stand-in tells NGINX, from the program's own objects."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from components.ingress import RATE_LIMIT, Forward, answer, entrance, rate_limit, virtual_server
from components.service_values import NGINX
from rehearsal.kube import Client, Manifest
from rehearsal.standins.nginx.configuration import NOBODY, UnplayedError, World, render
from rehearsal.standins.nginx.controller import CERTIFICATE_SECONDS, Controller, ready_endpoints
from rehearsal.standins.nginx.process import Nginx
from settings import Ingress, Tls

NAMESPACE = "soma"
POLICY = (NAMESPACE, RATE_LIMIT)
SECRET = (NAMESPACE, "memory-tls")
PODS = ("10.0.0.2:9595", "10.0.0.1:9595")
PLAIN = Ingress(tls=Tls(enabled=False))


def server(settings: Ingress = PLAIN, forward: Forward | None = None) -> Manifest:
    spec = virtual_server(settings.rules[0], settings, forward)
    return {"metadata": {"name": "memory", "namespace": NAMESPACE}, "spec": spec}


def configuration(found: Manifest, pods: tuple[str, ...] = PODS, **world: Any) -> str:
    given: dict[str, Any] = {"policies": {POLICY: policy()}, "certificates": {}, "entries": {}, **world}
    return render([found], World(endpoints=lambda *_: pods, **given))


def policy() -> Manifest:
    return {"metadata": {"name": RATE_LIMIT, "namespace": NAMESPACE}, "spec": rate_limit(PLAIN)}


def block(text: str, opening: str) -> list[str]:
    """The directives of the block that begins with this line, without blocks within it."""
    lines = iter(text.splitlines())
    next(line for line in lines if line.strip() == opening + " {")
    found: list[str] = []
    for line in lines:
        if line.strip() == "}":
            return found
        found.append(line.strip())
    raise AssertionError(text)


def test_calls_go_round_robin_to_the_ready_pods_as_the_program_says() -> None:
    assert block(configuration(server()), f"upstream vs_{NAMESPACE}_memory_api") == [
        f"zone vs_{NAMESPACE}_memory_api 256k;",
        "server 10.0.0.1:9595 max_fails=3 fail_timeout=10s max_conns=0;",
        "server 10.0.0.2:9595 max_fails=3 fail_timeout=10s max_conns=0;",
    ]


def test_what_nobody_says_is_the_controllers_default() -> None:
    found = server()
    found["spec"]["upstreams"] = [{"name": "api", "service": "memory-service", "port": 80}]
    found["spec"]["routes"] = [{"path": "/", "action": {"pass": "api"}}]
    text = configuration(found)
    upstream = block(text, f"upstream vs_{NAMESPACE}_memory_api")
    assert "random two least_conn;" in upstream
    assert "server 10.0.0.1:9595 max_fails=1 fail_timeout=10s max_conns=0;" in upstream
    told = block(text, "location /")
    assert {"proxy_read_timeout 60s;", "proxy_buffering on;", "client_max_body_size 1m;"} <= set(told)
    assert "proxy_next_upstream_tries 0;" in told


def test_calls_are_tried_and_waited_for_as_the_program_says() -> None:
    told = block(configuration(server()), "location /")
    assert {
        "proxy_connect_timeout 2s;",
        "proxy_read_timeout 150s;",
        "proxy_send_timeout 60s;",
        "proxy_next_upstream error timeout;",
        "proxy_next_upstream_timeout 10s;",
        "proxy_next_upstream_tries 2;",
        "client_max_body_size 5m;",
        "proxy_buffering on;",
        f"proxy_pass http://vs_{NAMESPACE}_memory_api;",
    } <= set(told)


def test_a_stream_has_its_cookie_no_buffer_and_an_hour() -> None:
    text = configuration(server())
    told = block(text, "location /memories/stream")
    assert {"proxy_buffering off;", "proxy_read_timeout 3600s;", "proxy_send_timeout 3600s;"} <= set(told)
    cookie = block(text, f"upstream vs_{NAMESPACE}_memory_stream")[-1]
    assert cookie == "sticky cookie soma_stream expires=1h httponly samesite=lax path=/memories/stream;"
    assert "secure" in configuration(server(Ingress()))


def test_a_service_without_a_ready_pod_is_answered_502() -> None:
    text = configuration(server(), pods=())
    assert f"server {NOBODY} max_fails=3 fail_timeout=10s max_conns=0;" in text
    assert "return 502;" in block(text, "server")


def test_each_address_is_limited_as_the_policy_says() -> None:
    text = configuration(server())
    assert f"limit_req_zone ${{binary_remote_addr}} zone=limit_{NAMESPACE}_rate-limit:10M rate=100r/s;" in text
    assert f"limit_req zone=limit_{NAMESPACE}_rate-limit burst=100 nodelay;" in text
    assert "limit_req_status 429;" in text


def test_nobody_is_served_before_the_policy_is_there() -> None:
    text = configuration(server(), policies={})
    assert "return 500;" in text
    assert "limit_req" not in text


@pytest.mark.parametrize(
    ("certificates", "line"),
    [({SECRET: "abc"}, "ssl_certificate abc.crt;"), ({}, "ssl_reject_handshake on;\n        if")],
)
def test_https_has_the_secrets_certificate_or_is_refused(
    certificates: Mapping[tuple[str, str], str], line: str
) -> None:
    text = configuration(server(Ingress()), certificates=certificates)
    assert line in text
    assert "if ($scheme = 'http') { return 308 https://$host$request_uri; }" in text


def test_the_edge_of_a_standby_tells_the_proxy_for_whom_a_request_is() -> None:
    told = block(configuration(server(forward=Forward("edge", 8080))), "location /")
    assert 'proxy_set_header X-Soma-Service "memory-service";' in told
    assert "proxy_next_upstream error timeout http_502;" in told


def test_what_a_route_says_of_a_header_counts() -> None:
    link = {"metadata": {"name": "link", "namespace": NAMESPACE}}
    link["spec"] = entrance("link.example.com", "memory-service", "link-tls", RATE_LIMIT, PLAIN)
    told = [line for line in block(configuration(link), "location /") if line.startswith("proxy_set_header Host ")]
    assert told == ['proxy_set_header Host "${http_x_forwarded_host}";']


def test_a_host_that_the_controller_answers_itself_has_no_upstream() -> None:
    found = {"metadata": {"name": "fence", "namespace": NAMESPACE}}
    found["spec"] = answer("home.us-west.example.com", "memory-tls", "us-east/2/abc", PLAIN)
    text = configuration(found, certificates={SECRET: "abc"})
    assert block(text, "location /") == ["default_type text/plain;", 'return 200 "us-east/2/abc";']
    assert "listen 8443 ssl;" in text.partition("server_name home.us-west.example.com;")[2]
    assert f"upstream vs_{NAMESPACE}" not in text
    found["spec"]["routes"][0]["action"]["return"]["headers"] = []
    with pytest.raises(UnplayedError, match="return: this stand-in does not know headers"):
        configuration(found)


def test_what_the_controllers_configmap_says_stands_above_all_servers() -> None:
    entries = NGINX["controller"]["config"]["entries"]
    text = configuration(server(), entries=entries)
    assert "keepalive_min_timeout 10s;" in text.partition(f"server_name {PLAIN.rules[0].host}")[0]


def test_what_the_stand_in_does_not_know_is_named() -> None:
    found = server()
    found["spec"]["upstreams"][0]["slow-start"] = "10s"
    with pytest.raises(UnplayedError, match="upstream api: this stand-in does not know slow-start"):
        configuration(found)
    callers = {"metadata": {"name": "link", "namespace": NAMESPACE}}
    callers["spec"] = entrance("link.example.com", "memory-service", "link-tls", RATE_LIMIT, PLAIN)
    with pytest.raises(UnplayedError, match="Policy rate-limit: this stand-in does not know ingressMTLS"):
        configuration(callers, policies={POLICY: {"spec": {"ingressMTLS": {}}}})
    with pytest.raises(UnplayedError, match="the ConfigMap: this stand-in does not know lb-method"):
        configuration(server(), entries={"lb-method": "round_robin"})


def endpoint(address: str, ready: bool, serving: bool = True) -> Manifest:
    return {"addresses": [address], "conditions": {"ready": ready, "serving": serving, "terminating": not ready}}


def test_the_endpoints_are_the_ready_ones_behind_the_services_port() -> None:
    service = {"spec": {"ports": [{"name": "http", "port": 80}, {"name": "metrics", "port": 9000}]}}
    ports = [{"name": "http", "port": 9595}, {"name": "metrics", "port": 9000}]
    slices = [
        {"ports": ports, "endpoints": [endpoint("10.0.0.2", True), endpoint("10.0.0.3", False)]},
        {"ports": ports, "endpoints": [endpoint("10.0.0.1", True)]},
        {"ports": ports, "endpoints": None},
    ]
    assert ready_endpoints([service], slices, 80) == ["10.0.0.1:9595", "10.0.0.2:9595"]
    assert ready_endpoints([], slices, 80) == []


class Told:
    """Stands for NGINX and for the API server, which has one Secret."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.text = folder, ""
        self.secret: Manifest | None = None

    def configure(self, text: str) -> bool:
        self.text = text
        return True

    def find(self, *_: str) -> Manifest | None:
        return self.secret


def controller(told: Told, *servers: Manifest) -> Controller:
    made = Controller(cast(Client, told), cast(Nginx, told), "nginx", {})
    for number, found in enumerate(servers, 1):
        found["metadata"] |= {"name": f"server-{number}", "resourceVersion": str(number)}
        made._servers.put(found)
    return made


def test_a_certificate_is_asked_for_until_it_is_there_and_is_private(tmp_path: Path) -> None:
    told = Told(tmp_path)
    made = controller(told, server(Ingress()))
    assert made._follow(POLICY) == CERTIFICATE_SECONDS
    assert "ssl_certificate " not in told.text
    told.secret = {"data": {f"tls.{part}": base64.b64encode(part.encode()).decode() for part in ("crt", "key")}}
    assert made._follow(POLICY) is None
    first = told.text
    assert {path.suffix: path.read_text() for path in tmp_path.iterdir()} == {".crt": "crt", ".key": "key"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())
    told.secret["data"]["tls.crt"] = base64.b64encode(b"another").decode()
    made._follow(POLICY)
    assert told.text != first, "NGINX would not read the new one"


def test_servers_of_another_class_are_left_alone(tmp_path: Path) -> None:
    told = Told(tmp_path)
    other = server(Ingress.model_validate({"class": "inside", "tls": {"enabled": False}}))
    controller(told, server(), other)._follow(POLICY)
    assert "server-1_api" in told.text
    assert "server-2" not in told.text
