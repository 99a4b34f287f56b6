"""Regions on AWS: a simulated account under real control planes, from nothing to a third region."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from rehearsal.kube import Manifest
from settings.aws import STATEFUL, USE
from tests.rehearsal.aws.stand import Document, Stand, changed, settled
from tests.rehearsal.stand import NAMESPACE, REGIONS
from tests.unit import docs_execution
from tests.unit.docs_execution import Way

THIRD = "eu-west"


def labels(stand: Stand, region: str) -> dict[str, dict[str, str]]:
    """Node to its labels."""
    return {node["metadata"]["name"]: node["metadata"]["labels"] for node in stand.client(region).list("v1", "Node")}


def stores(stand: Stand, region: str) -> list[Manifest]:
    """Pods that hold data."""
    pods = stand.client(region).list("v1", "Pod", NAMESPACE)
    return [pod for pod in pods if any("persistentVolumeClaim" in volume for volume in pod["spec"].get("volumes", []))]


@pytest.mark.parametrize(("region", "aws_region"), [("us-east", "us-east-1"), ("us-west", "us-west-2")])
def test_every_pod_runs_in_a_zone_of_aws_or_is_held(first: Document, region: str, aws_region: str) -> None:
    summary = first[region]
    # What the charts make is not judged, and named so.
    assert {(it["policy"], it["level"]) for it in summary["policies"]} == {("not-judged", "advisory")}
    assert changed(summary) == {"create"}
    assert set(summary["pods"]) == {f"{aws_region}{letter}" for letter in "abc"}
    assert settled(summary)


@pytest.mark.parametrize("region", REGIONS)
def test_stores_and_nothing_else_run_on_the_nodes_that_are_kept_for_them(
    first: Document, stand: Stand, region: str
) -> None:
    nodes = labels(stand, region)
    kept = {node for node, of_node in nodes.items() if of_node[USE] == STATEFUL}
    holding = {pod["metadata"]["name"] for pod in stores(stand, region)}
    assert len(holding) == 12
    for pod in stand.client(region).list("v1", "Pod", NAMESPACE):
        assert (pod["spec"]["nodeName"] in kept) == (pod["metadata"]["name"] in holding), pod["metadata"]["name"]


@pytest.mark.parametrize("region", REGIONS)
def test_a_volume_stays_in_the_zone_of_its_pod(first: Document, stand: Stand, region: str) -> None:
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


def test_a_second_up_changes_nothing(first: Document, stand: Stand) -> None:
    page = stand.run / "report.html"
    assert page.exists()
    page.unlink()
    elsewhere = stand.directory / "page.html"
    again = stand.up("--report", str(elsewhere))
    assert {name: changed(region) for name, region in again.items()} == {name: {"same"} for name in REGIONS}
    assert elsewhere.exists()
    assert not page.exists()


def test_status_says_what_is_up(first: Document, stand: Stand) -> None:
    ended = stand.make("status")
    assert ended.returncode == 0, ended.stderr
    for region in REGIONS:
        assert region in ended.stdout


def test_what_the_pages_ask_kubectl_is_answered(first: Document, stand: Stand, kubectl: Path) -> None:
    """As it stands there, in the checkout; what a page takes to be the cluster's own is made first."""
    client = stand.client("us-east")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "nginx-ingress"}}
    client.apply(namespace, field_manager="chart")
    settings = {"metadata": {"name": "nginx-ingress", "namespace": "nginx-ingress"}, "data": {}}
    client.apply({"apiVersion": "v1", "kind": "ConfigMap", **settings}, field_manager="chart")
    environment = {**os.environ, "PATH": f"{kubectl.parent}{os.pathsep}{os.environ['PATH']}"}
    environment["KUBECONFIG"] = str(stand.run / "us-east" / "kubeconfig")
    asked = [one for one in docs_execution.commands_of(Way.REGION) if one.program == "kubectl"]
    assert len(asked) > 5
    for one in asked:
        done = subprocess.run(one.words, cwd=stand.directory, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, (one.place, done.stderr)
    assert client.get("v1", "ConfigMap", "nginx-ingress", "nginx-ingress")["data"]
    assert client.find("batch/v1", "Job", "look", NAMESPACE) is not None
    client.delete("batch/v1", "Job", "look", NAMESPACE)


def test_the_stack_files_of_the_checkout_say_nothing_of_aws(first: Document, stand: Stand) -> None:
    """So it is the option that made these regions what they are."""
    for region in REGIONS:
        assert "platform" not in (stand.directory / f"Pulumi.{region}.yaml").read_text()


def test_a_stack_file_of_ten_lines_and_an_entry_of_the_list_make_a_third_region(first: Document, stand: Stand) -> None:
    west = (stand.directory / "Pulumi.us-west.yaml").read_text()
    (stand.directory / f"Pulumi.{THIRD}.yaml").write_text(west)
    project = stand.directory / "Pulumi.yaml"
    document = yaml.safe_load(project.read_text())
    document["config"]["multiregion"]["default"]["regions"].append({"name": THIRD, "aws_region": "eu-west-1"})
    project.write_text(yaml.safe_dump(document, sort_keys=False))
    up = stand.up()
    assert changed(up[THIRD]) == {"create"}
    for region in REGIONS:
        assert changed(up[region]) <= {"same", "create", "update"}
    links = [one["name"] for one in up[THIRD]["resources"] if one["type"] == "soma:aws:Link"]
    assert sorted(links) == [f"{THIRD}-reach-to-us-east", f"{THIRD}-reach-to-us-west"]
    assert set(up[THIRD]["pods"]) == {f"eu-west-1{letter}" for letter in "abc"}


def test_the_cluster_of_the_simulated_eks_is_the_regions_own_control_plane(first: Document, stand: Stand) -> None:
    (kubeconfig,) = (stand.run / "us-east").glob("kubeconfig-*")
    document = yaml.safe_load(kubeconfig.read_text())
    assert document["clusters"][0]["cluster"]["server"] == stand.client("us-east").server
    assert set(document["users"][0]["user"]) == {"exec"}
