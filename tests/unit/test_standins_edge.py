"""What the stand-ins of the load balancer and of the ingress controller say."""

from typing import Any

from rehearsal.kube import Manifest
from rehearsal.standins import ingress, load_balancer


def server(name: str, host: str = "memory.example.com", made: str = "2026-01-01", **spec: Any) -> Manifest:
    metadata = {"name": name, "namespace": "soma", "creationTimestamp": made}
    return {"metadata": metadata, "spec": {"host": host, **spec}}


def test_a_service_gets_the_same_documentation_address_again() -> None:
    first = load_balancer.address(load_balancer.POOL, "us-east", "soma/link", ())
    assert first == load_balancer.address(load_balancer.POOL, "us-east", "soma/link", ())
    assert first.startswith(("192.0.2.", "198.51.100."))


def test_regions_differ_in_the_address_of_the_same_service() -> None:
    assert len({load_balancer.address(load_balancer.POOL, region, "soma/link", ()) for region in ("a", "b")}) == 2


def test_an_address_that_is_taken_is_not_given_twice() -> None:
    first = load_balancer.address(load_balancer.POOL, "us-east", "soma/link", ())
    assert load_balancer.address(load_balancer.POOL, "us-east", "soma/link", {first}) != first


def test_a_sound_virtual_server_is_valid_and_has_an_endpoint() -> None:
    status = ingress.virtual_server_status(server("a"), [], set(), "203.0.113.1")
    assert (status["state"], status["reason"]) == ("Valid", "AddedOrUpdated")
    assert status["externalEndpoints"] == [{"ip": "203.0.113.1", "ports": "[80,443]"}]


def test_a_policy_that_is_missing_is_a_warning_that_names_it() -> None:
    routes = [{"path": "/", "policies": [{"name": "rate"}]}]
    asking = server("a", policies=[{"name": "auth", "namespace": "edge"}], routes=routes)
    status = ingress.virtual_server_status(asking, [], {("edge", "auth")}, "203.0.113.1")
    assert status["state"] == "Warning"
    assert "Policy soma/rate is missing" in status["message"]
    assert "edge/auth" not in status["message"]


def test_the_older_of_two_virtual_servers_keeps_the_host() -> None:
    old, new = server("old"), server("new", made="2026-01-02")
    assert ingress.virtual_server_status(new, [old], set(), "203.0.113.1")["state"] == "Warning"
    assert ingress.virtual_server_status(old, [new], set(), "203.0.113.1")["state"] == "Valid"


def test_the_class_is_the_field_before_the_annotation_before_nginx() -> None:
    annotated = server("a")
    annotated["metadata"]["annotations"] = {"kubernetes.io/ingress-class": "old"}
    assert ingress.ingress_class(annotated) == "old"
    assert ingress.ingress_class(server("a", ingressClassName="inner")) == "inner"
    assert ingress.ingress_class(server("a")) == "nginx"
