"""Regions on AWS: a simulated account under real control planes, from nothing to a third region."""

from collections.abc import Iterator

import pytest
import yaml

from rehearsal.engine.model import Change
from rehearsal.kube import Manifest
from rehearsal.overlay import ON_AWS
from rehearsal.summary import Summary
from settings.aws import STATEFUL, USE
from tests.rehearsal.stand import NAMESPACE, REGIONS, Stand, standing

THIRD = "eu-west"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("aws")) as stand:
        for region in REGIONS:
            stand.set(region, "platform", "aws")
            stand.set(region, "aws", ON_AWS)
        yield stand


@pytest.fixture(scope="module")
def first(stand: Stand) -> Summary:
    """What the first `up` ended with."""
    return stand.up()


def labels(stand: Stand, region: str) -> dict[str, dict[str, str]]:
    """Node to its labels."""
    return {node["metadata"]["name"]: node["metadata"]["labels"] for node in stand.client(region).list("v1", "Node")}


def stores(stand: Stand, region: str) -> list[Manifest]:
    """Pods that hold data."""
    pods = stand.client(region).list("v1", "Pod", NAMESPACE)
    return [pod for pod in pods if any("persistentVolumeClaim" in volume for volume in pod["spec"].get("volumes", []))]


@pytest.mark.parametrize(("region", "aws_region"), [("us-east", "us-east-1"), ("us-west", "us-west-2")])
def test_every_pod_runs_in_a_zone_of_aws_or_is_held(first: Summary, region: str, aws_region: str) -> None:
    (summary,) = (one for one in first.regions if one.region == region)
    assert not summary.refused
    assert {step.change for step in summary.outcome.steps} == {Change.CREATE}
    assert set(summary.pods) == {f"{aws_region}{letter}" for letter in "abc"}
    assert all(zone.settled for zone in summary.pods.values())


@pytest.mark.parametrize("region", REGIONS)
def test_stores_and_nothing_else_run_on_the_nodes_that_are_kept_for_them(
    first: Summary, stand: Stand, region: str
) -> None:
    nodes = labels(stand, region)
    kept = {node for node, of_node in nodes.items() if of_node[USE] == STATEFUL}
    holding = {pod["metadata"]["name"] for pod in stores(stand, region)}
    assert len(holding) == 12
    for pod in stand.client(region).list("v1", "Pod", NAMESPACE):
        assert (pod["spec"]["nodeName"] in kept) == (pod["metadata"]["name"] in holding), pod["metadata"]["name"]


@pytest.mark.parametrize("region", REGIONS)
def test_a_volume_stays_in_the_zone_of_its_pod(first: Summary, stand: Stand, region: str) -> None:
    client, nodes = stand.client(region), labels(stand, region)
    zones = {
        (volume["spec"]["claimRef"]["name"]): volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]
        for volume in client.list("v1", "PersistentVolume")
    }
    seen = 0
    for pod in stores(stand, region):
        zone = nodes[pod["spec"]["nodeName"]]["topology.kubernetes.io/zone"]
        for volume in pod["spec"]["volumes"]:
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim is not None:
                assert zones[claim]["matchExpressions"][0]["values"] == [zone]
                seen += 1
    assert seen == len(zones) > 12


def test_a_second_up_changes_nothing(first: Summary, stand: Stand) -> None:
    again = stand.up()
    for region in again.regions:
        assert {step.change for step in region.outcome.steps} == {Change.SAME}, region.region


def test_a_stack_file_of_ten_lines_and_an_entry_of_the_list_make_a_third_region(first: Summary, stand: Stand) -> None:
    west = (stand.directory / "Pulumi.us-west.yaml").read_text()
    (stand.directory / f"Pulumi.{THIRD}.yaml").write_text(west)
    project = stand.directory / "Pulumi.yaml"
    document = yaml.safe_load(project.read_text())
    document["config"]["multiregion"]["default"]["regions"].append({"name": THIRD, "aws_region": "eu-west-1"})
    project.write_text(yaml.safe_dump(document, sort_keys=False))
    summary = stand.up()
    changes = {region.region: {step.change for step in region.outcome.steps} for region in summary.regions}
    assert changes[THIRD] == {Change.CREATE}
    for region in REGIONS:
        assert changes[region] <= {Change.SAME, Change.CREATE, Change.UPDATE}
    (third,) = (one for one in summary.regions if one.region == THIRD)
    links = [one for one in third.outcome.resources if one.type == "soma:aws:Link"]
    assert sorted(link.name for link in links) == [f"{THIRD}-reach-to-us-east", f"{THIRD}-reach-to-us-west"]
    assert set(third.pods) == {f"eu-west-1{letter}" for letter in "abc"}


def test_the_cluster_of_the_simulated_eks_is_the_regions_own_control_plane(first: Summary, stand: Stand) -> None:
    (kubeconfig,) = (stand.directory.parent / "run" / "us-east").glob("kubeconfig-*")
    document = yaml.safe_load(kubeconfig.read_text())
    assert document["clusters"][0]["cluster"]["server"] == stand.client("us-east").server
    assert set(document["users"][0]["user"]) == {"exec"}
