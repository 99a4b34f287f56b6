"""Requests, limits and probes of every container that must have them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.checks import quantities
from policies.checks.plain import Unreadable
from tests.unit.policy_region import RESOURCES, Region, container, metadata, template

CONTAINER = "spec.template.spec.containers.0"
INIT = "spec.template.spec.initContainers.0"
SIDECAR = "spec.template.spec.initContainers.1"


@pytest.fixture
def region() -> Region:
    return Region()


@pytest.mark.parametrize("amounts", ["requests", "limits"])
@pytest.mark.parametrize("resource", ["cpu", "memory"])
@pytest.mark.parametrize("place", [CONTAINER, INIT, SIDECAR])
def test_a_container_that_leaves_one_amount_open_is_refused(
    region: Region, place: str, resource: str, amounts: str
) -> None:
    region.set("memory-service", f"{place}.resources.{amounts}.{resource}", None)
    said = f"requests no {resource}" if amounts == "requests" else f"has no limit of {resource}"
    region.refused("requests-and-limits", saying=said)


@pytest.mark.parametrize("name", ["qdrant", "qdrant-collections", "pooler", "redis-zone-a"])
def test_every_kind_that_runs_pods_states_its_resources(region: Region, name: str) -> None:
    region.set(name, f"{CONTAINER}.resources", None)
    region.refused("requests-and-limits", saying="requests no memory")


def test_the_database_states_its_resources(region: Region) -> None:
    region.set("postgresql", "spec.resources", None)
    region.refused("requests-and-limits", saying="PostgreSQL postgresql-us-east requests no cpu")


def test_the_poolers_own_container_is_the_one_that_states_them(region: Region) -> None:
    region.set("pooler", "spec.template.spec.containers", [])
    said = [refusal.message for refusal in region.refusals()]
    assert said == ["Pooler postgresql-pooler: its template has no container pgbouncer that states any"]


@pytest.mark.parametrize("nothing", ["0", 0, "0m", "-1"])
@pytest.mark.parametrize("amounts", ["requests", "limits"])
@pytest.mark.parametrize("place", [CONTAINER, INIT, SIDECAR])
def test_an_amount_of_nothing_is_refused(region: Region, place: str, amounts: str, nothing: object) -> None:
    region.set("memory-service", f"{place}.resources.{amounts}.cpu", nothing)
    said = "requests cpu of zero or less" if amounts == "requests" else "has a limit of cpu of zero or less"
    region.refused("requests-and-limits", saying=said)


@pytest.mark.parametrize("resource", ["cpu", "memory"])
def test_a_database_that_requests_nothing_is_refused(region: Region, resource: str) -> None:
    region.set("postgresql", f"spec.resources.requests.{resource}", "0")
    region.refused("requests-and-limits", saying=f"PostgreSQL postgresql-us-east requests {resource} of zero or less")


@pytest.mark.parametrize("containers", [[], None])
@pytest.mark.parametrize("name", ["memory-service", "qdrant", "qdrant-collections"])
def test_a_template_without_a_container_is_refused(region: Region, name: str, containers: object) -> None:
    region.set(name, "spec.template.spec.containers", containers)
    said = {refusal.message for refusal in region.refusals() if refusal.policy == "requests-and-limits"}
    kind = "Job" if name == "qdrant-collections" else "StatefulSet" if name == "qdrant" else "Deployment"
    assert said == {f"{kind} {name}: its template has no container"}


def test_a_request_over_its_limit_is_refused_in_whatever_unit(region: Region) -> None:
    region.set("qdrant", f"{CONTAINER}.resources.requests.memory", "2049Mi")
    region.refused("requests-and-limits", saying="container qdrant requests more memory than its limit")


def test_a_request_equal_to_its_limit_is_accepted(region: Region) -> None:
    region.set("qdrant", f"{CONTAINER}.resources.requests", {"cpu": "1000m", "memory": "2048Mi"})
    region.accepted()


def test_cpus_as_numbers_are_understood(region: Region) -> None:
    region.set("qdrant", f"{CONTAINER}.resources.requests.cpu", 0.5)
    region.set("qdrant", f"{CONTAINER}.resources.limits.cpu", 1)
    region.accepted()
    region.set("qdrant", f"{CONTAINER}.resources.requests.cpu", 1.5)
    region.refused("requests-and-limits", saying="requests more cpu than its limit")


def test_a_cron_job_states_resources_and_needs_no_probe(region: Region) -> None:
    backup = {"name": "backup", "resources": RESOURCES}
    pods = template({"app": "backup"}, containers=[backup])
    cron = {"metadata": metadata("backup"), "spec": {"jobTemplate": {"spec": {"template": pods}}}}
    region.add("backup", "kubernetes:batch/v1:CronJob", cron)
    region.accepted()
    region.add("backup", "kubernetes:batch/v1:CronJob", {**cron, "spec": {"jobTemplate": {"spec": {"template": template({}, containers=[{"name": "backup"}])}}}})  # fmt: skip  # noqa: E501
    region.refused("requests-and-limits", saying="CronJob backup: container backup requests no cpu")


@pytest.mark.parametrize("name", ["memory-service", "qdrant", "redis-zone-b"])
@pytest.mark.parametrize("probe", ["readiness", "liveness"])
def test_a_lasting_container_without_a_probe_is_refused(region: Region, name: str, probe: str) -> None:
    region.set(name, f"{CONTAINER}.{probe}Probe", None)
    region.refused("probes", saying=f"has no {probe} probe")


def test_a_container_with_no_probe_at_all_is_told_so_once(region: Region) -> None:
    region.set("qdrant", f"{CONTAINER}.readinessProbe", None)
    region.set("qdrant", f"{CONTAINER}.livenessProbe", None)
    region.refused("probes", saying="container qdrant has no readiness and no liveness probe")


@pytest.mark.parametrize("name", ["memory-service", "qdrant", "redis-zone-b"])
@pytest.mark.parametrize("probe", ["readiness", "liveness"])
@pytest.mark.parametrize("asks", [{}, {"periodSeconds": 5}, {"httpGet": {}}, {"exec": None}])
def test_a_probe_that_asks_nothing_is_refused(region: Region, name: str, probe: str, asks: dict[str, object]) -> None:
    region.set(name, f"{CONTAINER}.{probe}Probe", asks)
    region.refused("probes", saying=f"has a {probe} probe that asks nothing")


def test_a_probe_that_asks_in_two_ways_is_refused(region: Region) -> None:
    region.set("qdrant", f"{CONTAINER}.readinessProbe.tcpSocket", {"port": 80})
    region.refused("probes", saying="has a readiness probe that asks in 2 ways, of which only one may be")


@pytest.mark.parametrize("way", ["httpGet", "tcpSocket", "grpc"])
def test_a_probe_may_ask_in_any_one_way(region: Region, way: str) -> None:
    region.set("qdrant", f"{CONTAINER}.readinessProbe", {way: {"port": 80}})
    region.accepted()


@pytest.mark.parametrize("probe", ["readiness", "liveness"])
def test_a_serving_sidecar_without_a_probe_is_refused(region: Region, probe: str) -> None:
    region.set("memory-service", f"{SIDECAR}.{probe}Probe", None)
    region.refused("probes", saying=f"sidecar redis-gateway has no {probe} probe")


def test_a_sidecar_that_serves_nothing_needs_no_probe(region: Region) -> None:
    quiet = {"name": "watcher", "restartPolicy": "Always", "resources": RESOURCES}
    region.set("memory-service", SIDECAR, quiet)
    region.accepted()


def test_a_second_container_without_a_probe_is_refused(region: Region) -> None:
    region.manifests["qdrant"][1]["spec"]["template"]["spec"]["containers"].append(
        container("exporter", livenessProbe=None)
    )
    region.refused("probes", saying="container exporter has no liveness probe")


def test_a_daemon_set_needs_probes_and_resources_and_no_replicas(region: Region) -> None:
    def daemons(**more: object) -> dict[str, object]:
        pods = template({"app": "agent"}, containers=[container("agent", **more)])
        return {"metadata": metadata("agent"), "spec": {"template": pods}}

    region.add("agent", "kubernetes:apps/v1:DaemonSet", daemons())
    region.accepted()
    region.add("agent", "kubernetes:apps/v1:DaemonSet", daemons(livenessProbe=None))
    region.refused("probes", saying="DaemonSet agent: container agent has no liveness probe")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("1", "1"),
        (".5", "0.5"),
        ("1.", "1"),
        ("8Gi", str(8 * 1024**3)),
        ("1Ki", "1024"),
        ("1Ei", str(1024**6)),
        ("1k", "1000"),
        ("1M", "1000000"),
        ("1E", str(10**18)),
        ("1e3", "1000"),
        ("2E2", "200"),
        ("100n", "0.0000001"),
        ("3u", "0.000003"),
        (4, "4"),
        (0.25, "0.25"),
    ],
)
def test_quantities_are_numbers(text: str | float, number: str) -> None:
    assert quantities.parse(text, "cpu") == Decimal(number)


@pytest.mark.parametrize("text", ["8gb", "", "Gi", "1 Gi", "1KI", "1K", "--1", "1e", None, True, [], "0x10", "1Gi\n"])
def test_what_is_no_quantity_is_unreadable_and_not_repeated(text: object) -> None:
    with pytest.raises(Unreadable) as caught:
        quantities.parse(text, "spec.cpu")
    assert str(caught.value) == "spec.cpu is not a Kubernetes quantity"


@given(st.integers(0, 10**9), st.sampled_from(["", "m", "k", "Ki", "M", "Mi", "G", "Gi"]))
def test_quantities_keep_their_order(number: int, unit: str) -> None:
    assert quantities.parse(f"{number}{unit}", "") < quantities.parse(f"{number + 1}{unit}", "")
