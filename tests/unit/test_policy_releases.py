"""Helm releases pass where they are the platform services, pinned and with more than one pod."""

import copy
from typing import Any

import pytest

from components.service_values import VALUES
from components.versions import CHARTS
from policies.checks.releases import REPLICAS
from settings.services import SERVICES, Service
from tests.unit.policy_region import ZONES, Region

TOKEN = "kubernetes:helm.sh/v3:Release"


@pytest.fixture
def region() -> Region:
    return Region()


def release(service: Service) -> dict[str, Any]:
    chart = CHARTS[service]
    return {
        "name": service,
        "chart": chart.name,
        "version": chart.version,
        "values": copy.deepcopy(dict(VALUES[service])),
    }


def test_the_platform_services_are_those_of_the_settings() -> None:
    assert set(REPLICAS) == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_platform_service_as_the_program_installs_it_passes(region: Region, service: Service) -> None:
    region.add("service", TOKEN, release(service))
    region.accepted()
    (advice,) = region.refusals()
    assert (advice.policy, advice.message) == ("not-judged", f"not judged: what the Helm releases {service} make")


@pytest.mark.parametrize(("service", "path"), [(service, path) for service in SERVICES for path in REPLICAS[service]])
def test_a_platform_service_with_one_pod_is_refused(region: Region, service: Service, path: tuple[str, ...]) -> None:
    for number in (1, None):
        region.add("service", TOKEN, release(service))
        region.set("service", ".".join(["values", *path]), number)
        said = f"values.{'.'.join(path)} of {service} is under 2: its only pod is lost with its zone"
        region.refused("readable", "nothing-missing", saying=said)


def test_a_version_that_moves_is_refused(region: Region) -> None:
    region.add("service", TOKEN, {**release("cert-manager"), "version": None})
    region.refused("readable", "nothing-missing", saying="the version of cert-manager is not pinned: state it")


def test_another_chart_is_refused(region: Region) -> None:
    region.add("service", TOKEN, {**release("cert-manager"), "chart": "redis"})
    region.refused("readable", "nothing-missing", saying="this pack cannot judge what it makes")


def test_the_zones_are_those_that_the_record_says_the_cluster_has(region: Region) -> None:
    on_aws = {zone: f"us-east-1{zone[-1]}" for zone in ZONES}
    data = dict(region.manifests["settings"][1]["data"])
    region.set(
        "settings", "data", {**data, "zones.json": '{"zone-a": "us-east-1a", "zone-b": "us-east-1b", "zone-c": "x"}'}
    )
    refusals = {refusal.policy for refusal in region.refusals({"zones": list(on_aws.values())})}
    assert "same-minimums" in refusals
    region.set(
        "settings", "data", {**data, "zones.json": '{"zone-a": "zone-a", "zone-b": "zone-b", "zone-c": "zone-c"}'}
    )
    region.accepted({"zones": list(ZONES)})
