"""Services that lead to nothing, and ways in that lead to no Service: the program's own lead, each test breaks one."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.checks import services, tokens
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import UNKNOWN
from policies.checks.whole import Whole
from tests.unit.policy_plan import GONE, PLATFORMS, REGIONS, Stack, find, put, region, swapped

EAST = ("kubernetes", "us-east")
NAMESPACE = "shop"
WAYS = (services.selecting, services.leading)


def said(stack: Stack) -> list[Violation]:
    whole = Whole(stack)
    return [violation for check in WAYS for violation in check(whole, Limits())]


def made(token: str, name: str, spec: Any, **about: Any) -> Resource:
    inputs = {"metadata": {"name": name, "namespace": NAMESPACE, **about}, "spec": spec}
    return Resource(token, f"urn:{name}", name, inputs)


def deployment(name: str = "web", **container: Any) -> Resource:
    pod = {"containers": [{"name": "web", **({"ports": [{"name": "http", "containerPort": 8080}]} | container)}]}
    return made(tokens.DEPLOYMENT, name, {"template": {"metadata": {"labels": {"app": "web"}}, "spec": pod}})


def service(**spec: Any) -> Resource:
    return made(tokens.SERVICE, "front", {"selector": {"app": "web"}, "ports": [_http()], **spec})


def _http(**more: Any) -> dict[str, Any]:
    return {"name": "http", "port": 80, "targetPort": "http", **more}


def ingress(service: str = "front", **port: Any) -> Resource:
    backend = {"service": {"name": service, "port": port or {"number": 80}}}
    return made(tokens.INGRESS, "users", {"rules": [{"http": {"paths": [{"backend": backend}]}}]})


def refused(*stack: Resource, saying: str) -> None:
    """Once, in these words."""
    found = said(stack)
    assert [saying in it.message for it in found] == [True], found


@pytest.mark.parametrize(("platform", "name"), [(platform, name) for platform in PLATFORMS for name in REGIONS])
def test_the_programs_own_services_lead_to_pods(platform: str, name: str) -> None:
    stack = region(platform, name)
    assert said(stack) == []
    assert len(Whole(stack).of(tokens.SERVICE)) >= 5


@pytest.mark.parametrize(("kind", "path", "value"), [
    ("Service", "spec.selector", {"app.kubernetes.io/name": "nobody"}),
    ("Service", "spec.ports.0.targetPort", "htttp"),
    ("Service", "spec.ports.0.targetPort", 1),
    ("Service", "spec.ports.0.protocol", "UDP"),
    ("Service", "metadata.namespace", "elsewhere"),
    ("VirtualServer", "spec.upstreams.0.service", "other"),
    ("VirtualServer", "spec.upstreams.0.port", 81),
    ("VirtualServer", "spec.upstreams.0.port", GONE),
    ("VirtualServer", "metadata.namespace", "elsewhere"),
])  # fmt: skip
def test_each_service_and_each_way_in_of_the_program_is_judged(kind: str, path: str, value: Any) -> None:
    stack = region(*EAST)
    for resource in (it for it in stack if it.type in (tokens.SERVICE, tokens.VIRTUAL_SERVER)):
        if resource.type.endswith(f":{kind}"):
            assert any(it.urn == resource.urn for it in said(swapped(stack, resource, put(resource, path, value))))


def test_pods_that_no_longer_declare_the_port_are_named() -> None:
    stack = region(*EAST)
    store = find(stack, "StatefulSet", "redis-zone-b")
    found = said(swapped(stack, store, put(store, "spec.template.spec.containers.0.ports", GONE)))
    assert len(found) == 3
    assert all("no container of StatefulSet redis-zone-b declares the target of ports[" in it.message for it in found)


@pytest.mark.parametrize("ports", [
    [_http()],
    [_http(targetPort=8080)],
    [{"port": 8080}],
    [],
])  # fmt: skip
def test_a_port_may_be_named_numbered_or_left_out(ports: list[Any]) -> None:
    assert said((deployment(), service(ports=ports))) == []


def test_a_port_that_is_meant_for_another_is_refused() -> None:
    target = "no container of Deployment web declares the target of ports[0]"
    refused(deployment(), service(ports=[{"port": 80}]), saying=target)
    refused(deployment(), service(ports=[_http(targetPort="8080")]), saying=target)
    refused(deployment(ports=[{"containerPort": 8080}]), service(), saying=target)
    refused(deployment(ports=None), service(), saying=target)
    refused(deployment(), deployment("more", ports=[]), service(), saying=target.replace("web", "more"))


def test_services_without_pods_of_their_own() -> None:
    assert said((service(type="ExternalName", selector=None),)) == []
    nothing = "has no selector, and nothing of this stack gives it addresses"
    refused(deployment(), service(selector={}), saying=nothing)
    refused(deployment(), service(selector=None), saying=nothing)
    assert said((service(selector=None), made(tokens.ENDPOINTS, "front", None))) == []
    labelled = {"labels": {"kubernetes.io/service-name": "front"}}
    assert said((service(selector=None), made(tokens.ENDPOINT_SLICE, "front-1", None, **labelled))) == []
    refused(service(selector=None), made(tokens.ENDPOINT_SLICE, "front", None), saying=nothing)
    refused(service(), saying="selects no pods of this stack")


def test_pods_of_a_job_are_none_that_a_service_leads_to() -> None:
    job = dataclasses.replace(deployment(), type=tokens.JOB)
    refused(job, service(), saying="selects no pods of this stack")


@pytest.mark.parametrize(("token", "labels", "port"), [
    (tokens.POSTGRESQL, {"cnpg.io/cluster": "db", "cnpg.io/instanceRole": "primary"}, {"port": 5432}),
    (tokens.POSTGRESQL, {"cnpg.io/cluster": "db"}, {"port": 9187, "targetPort": "metrics"}),
    (tokens.POOLER, {"cnpg.io/poolerName": "db"}, {"port": 5432, "targetPort": "pgbouncer"}),
])  # fmt: skip
def test_pods_that_cloudnativepg_makes_are_known(token: str, labels: dict[str, str], port: dict[str, Any]) -> None:
    operated = made(token, "db", {"cluster": {"name": "db"}})
    assert said((operated, service(selector=labels, ports=[port]))) == []
    refused(operated, service(selector={**labels, "app": "web"}, ports=[port]), saying="selects no pods")
    refused(operated, service(selector=labels, ports=[{"port": 6543}]), saying="declares the target of ports[0]")


def test_backends_of_an_ingress() -> None:
    there = (deployment(), service())
    assert said((*there, ingress())) == []
    assert said((*there, ingress(name="http"))) == []
    refused(*there, ingress("back"), saying="leads to the Service back, which this stack does not make")
    refused(*there, ingress(number=81), saying="leads to a port that the Service front has not")
    refused(*there, ingress(name="grpc"), saying="leads to a port that the Service front has not")
    refused(*there, ingress(name=None), saying="names no port")
    default = put(ingress(), "spec.defaultBackend", {"service": {"name": "back", "port": {"number": 80}}})
    refused(*there, default, saying="spec.defaultBackend leads to the Service back")
    refused(*there, made(tokens.INGRESS, "users", {}), saying="has neither rules nor defaultBackend: it leads to noth")
    bucket = {"resource": {"kind": "Bucket", "name": "pictures"}}
    assert said((*there, put(ingress(), "spec.defaultBackend", bucket))) == []


def test_an_upstream_may_have_a_backup_and_be_of_another_namespace() -> None:
    def server(**upstream: Any) -> Resource:
        return made(tokens.VIRTUAL_SERVER, "users", {"upstreams": [{"service": "front", "port": 80, **upstream}]})

    there = (deployment(), service())
    assert said((*there, server(service=f"{NAMESPACE}/front", backup="front", backupPort=80))) == []
    refused(*there, server(service="elsewhere/front"), saying="the Service elsewhere/front, which this stack does not")
    refused(*there, server(backup="back", backupPort=80), saying="spec.upstreams[0].backup leads to the Service back")
    refused(*there, server(backup="front"), saying="spec.upstreams[0].backupPort names no port")


def test_a_way_in_that_leads_nowhere_is_refused_and_one_that_redirects_is_not() -> None:
    refused(made(tokens.VIRTUAL_SERVER, "users", {}), saying="has neither upstreams nor routes: it leads to nothing")
    away = {"path": "/", "action": {"redirect": {"url": "https://example.com"}}}
    assert said((made(tokens.VIRTUAL_SERVER, "users", {"routes": [away]}),)) == []


UNREAD = [
    ("Service", "spec"), ("Service", "spec.selector"), ("Service", "spec.ports"), ("Service", "spec.ports.0"),
    ("Service", "spec.ports.0.targetPort"), ("VirtualServer", "spec"), ("VirtualServer", "spec.upstreams"),
    ("VirtualServer", "spec.upstreams.0"), ("VirtualServer", "spec.upstreams.0.service"),
    ("VirtualServer", "spec.upstreams.0.port"), ("StatefulSet", "spec.template.metadata.labels"),
    ("StatefulSet", "spec.template.spec.containers"), ("StatefulSet", "spec.template.spec.containers.0.ports"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "path"), UNREAD)
@pytest.mark.parametrize("value", [UNKNOWN, [UNKNOWN], 7])
def test_what_cannot_be_read_is_refused(kind: str, path: str, value: Any) -> None:
    resource = find(region(*EAST), kind)
    assert said(swapped(region(*EAST), resource, put(resource, path, value))) != []


VALUES = st.recursive(
    st.sampled_from([None, UNKNOWN, True, 0, 80, -1, 1.5, "", "http", "front", "web"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "port", "service", "number", "ports", "selector", "template", "labels", "app"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
PLACES = st.sampled_from([
    "metadata", "metadata.name", "metadata.namespace", "spec", "spec.selector", "spec.ports", "spec.ports.0",
    "spec.template", "spec.template.spec.containers", "spec.template.spec.containers.0", "spec.rules", "spec.rules.0",
    "spec.rules.0.http", "spec.rules.0.http.paths.0", "spec.rules.0.http.paths.0.backend", "spec.defaultBackend",
])  # fmt: skip


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.integers(0, 2), PLACES, VALUES)
def test_nothing_raises_whatever_stands_anywhere(which: int, path: str, value: Any) -> None:
    stack = [deployment(), service(), ingress()]
    try:
        stack[which] = put(stack[which], path, value)
    except (KeyError, IndexError, TypeError, AttributeError):
        return  # this kind has no such place
    said(tuple(stack))
