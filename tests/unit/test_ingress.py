"""What the edge tells NGINX."""

from typing import Any

import pytest

from components.ingress import annotations, rate_limit, virtual_server
from components.memory_environment import QUERY_WAIT
from settings import Backend, Ingress, IngressPath, IngressRule, Tls
from tests.unit.recorded import Recorded

HOST = "memory.example.com"


def server(settings: Ingress | None = None) -> dict[str, Any]:
    settings = settings or Ingress()
    return virtual_server(settings.rules[0], settings)


def upstream(spec: dict[str, Any], name: str) -> dict[str, Any]:
    return next(upstream for upstream in spec["upstreams"] if upstream["name"] == name)


def test_the_guides_ingress_is_what_comes_out() -> None:
    spec = server()
    assert spec["host"] == HOST
    assert spec["ingressClassName"] == "nginx"
    assert spec["routes"][-1] == {"path": "/", "action": {"pass": "api"}}
    assert (upstream(spec, "api")["service"], upstream(spec, "api")["port"]) == ("memory-service", 80)


def test_requests_go_round_robin_and_streams_stick() -> None:
    """The guide's strategy; the controller's own default is neither."""
    spec = server()
    assert upstream(spec, "api")["lb-method"] == "round_robin"
    assert "sessionCookie" not in upstream(spec, "api")
    assert upstream(spec, "stream")["sessionCookie"]["enable"] is True
    assert {"path": "/memories/stream", "action": {"pass": "stream"}} in spec["routes"]


def test_a_stream_is_neither_buffered_nor_cut_after_a_minute() -> None:
    stream = upstream(server(), "stream")
    assert stream["buffering"] is False
    assert stream["read-timeout"] == "3600s"


def test_a_store_that_was_sent_is_never_sent_again() -> None:
    for each in server()["upstreams"]:
        assert "non_idempotent" not in each["next-upstream"]


def test_an_answer_may_take_as_long_as_the_pooler_holds() -> None:
    assert int(upstream(server(), "api")["read-timeout"].rstrip("s")) > QUERY_WAIT


def test_plain_http_is_sent_to_https_with_its_method() -> None:
    assert server()["tls"] == {"secret": "memory-tls", "redirect": {"enable": True, "code": 308}}


def test_an_issuer_fills_the_certificate() -> None:
    spec = server(Ingress(tls=Tls(cluster_issuer="letsencrypt")))
    assert spec["tls"]["cert-manager"] == {"cluster-issuer": "letsencrypt"}


def test_without_tls_there_is_no_tls_and_no_secure_cookie() -> None:
    spec = server(Ingress(tls=Tls(enabled=False)))
    assert "tls" not in spec
    assert upstream(spec, "stream")["sessionCookie"]["secure"] is False


def test_without_streaming_paths_there_is_no_stream() -> None:
    spec = server(Ingress(streaming_paths=()))
    assert [each["name"] for each in spec["upstreams"]] == ["api"]
    assert len(spec["routes"]) == 1


def test_a_host_with_two_services_keeps_them_apart() -> None:
    first, second = Backend(service="memory-service"), Backend(service="memory-service-x")
    rule = IngressRule(
        host="a.example.com",
        paths=(IngressPath(path="/", backend=first), IngressPath(path="/memories", backend=second)),
    )
    spec = virtual_server(rule, Ingress(rules=(rule,)))
    names = [each["name"] for each in spec["upstreams"]]
    assert names == ["api-memory-service", "api-memory-service-x", "stream-memory-service-x"]
    assert {"path": "/memories/stream", "action": {"pass": "stream-memory-service-x"}} in spec["routes"]


def test_a_streaming_path_outside_of_a_hosts_paths_is_not_opened() -> None:
    rule = IngressRule(host="a.example.com", paths=(IngressPath(path="/memo", backend=Backend()),))
    assert len(virtual_server(rule, Ingress(rules=(rule,)))["routes"]) == 1


def test_a_streaming_path_that_is_a_path_of_the_host_has_one_route_the_streams() -> None:
    """NGINX refuses a server that names a location twice."""
    paths = (IngressPath(path="/"), IngressPath(path="/memories/stream"))
    rule = IngressRule(host="a.example.com", paths=paths)
    spec = virtual_server(rule, Ingress(rules=(rule,)))
    assert {route["path"]: route["action"]["pass"] for route in spec["routes"]} == {
        "/memories/stream": "stream",
        "/": "api",
    }
    assert len(spec["routes"]) == 2


def test_a_host_that_only_streams_has_nothing_else() -> None:
    rule = IngressRule(host="a.example.com", paths=(IngressPath(path="/memories/stream"),))
    spec = virtual_server(rule, Ingress(rules=(rule,)))
    assert [each["name"] for each in spec["upstreams"]] == ["stream"]
    assert spec["routes"] == [{"path": "/memories/stream", "action": {"pass": "stream"}}]


@pytest.mark.parametrize(
    ("paths", "cookies"),
    [(("/memories/stream",), "/memories/stream"), (("/memories/stream", "/events"), "/")],
)
def test_the_cookie_of_a_stream_goes_where_the_stream_is(paths: tuple[str, ...], cookies: str) -> None:
    assert upstream(server(Ingress(streaming_paths=paths)), "stream")["sessionCookie"]["path"] == cookies


@pytest.mark.parametrize(("rate", "burst"), [("100r/s", 100), ("30r/m", 30)])
def test_each_client_is_limited(rate: str, burst: int) -> None:
    limit = rate_limit(Ingress(rate_limit=rate))["rateLimit"]
    assert (limit["rate"], limit["burst"], limit["rejectCode"]) == (rate, burst, 429)
    assert limit["key"] == "${binary_remote_addr}"


def test_the_class_annotation_becomes_the_class_and_others_are_kept() -> None:
    given = Ingress.model_validate({"annotations": {"kubernetes.io/ingress-class": "nginx", "example.com/team": "a"}})
    assert annotations(given) == {"example.com/team": "a"}
    assert server(given)["ingressClassName"] == "nginx"


def test_the_region_has_one_server_a_host_under_one_limit(us_east: Recorded) -> None:
    servers = us_east.user_hosts
    assert [each.spec["host"] for each in servers] == [HOST]
    limits = {
        us_east.one("Policy", reference["name"]).spec["ingressClassName"] for reference in servers[0].spec["policies"]
    }
    assert limits == {"nginx"}


def test_a_host_comes_after_the_service_that_it_names(us_east: Recorded) -> None:
    service = us_east.one("Service", "memory-service")
    assert service.urn in us_east.user_hosts[0].depends_on
