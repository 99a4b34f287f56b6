"""Regions on AWS: a simulated account under real control planes, from nothing to a third region."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal import paths
from rehearsal.controlplane import ControlPlane
from rehearsal.kube import Client, Manifest
from settings.aws import STATEFUL, STATELESS, USE
from tests.rehearsal.command import clone, command
from tests.rehearsal.stand import NAMESPACE, REGIONS

THIRD = "eu-west"
ON_AWS = ("--platform", "aws", "--json")
SECONDS = 280.0
"""Longest that a command may take."""

Document = dict[str, Any]
"""What the command says of its regions, by name."""


class Stand:
    """A clone of the project whose regions are brought up on AWS by the command, as its stack files are."""

    def __init__(self, directory: Path) -> None:
        self.directory = clone(directory)
        self.run = directory / "run-aws"

    def up(self) -> Document:
        ended = command(self.directory, "up", *ON_AWS, "--engine", "in-process", seconds=SECONDS)
        assert ended.returncode == 0, ended.stderr
        document: Document = json.loads(ended.stdout)["regions"]
        return document

    def down(self) -> list[str]:
        return json.loads(command(self.directory, "down", *ON_AWS).stdout)["ended"]

    def client(self, region: str) -> Client:
        return ControlPlane(region).admin()


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    stand = Stand(tmp_path_factory.mktemp("aws"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOMA_REHEARSAL_HOME", str(stand.run))
        try:
            yield stand
        finally:
            ended = stand.down()
    assert set(ended) >= set(REGIONS)


@pytest.fixture(scope="module")
def first(stand: Stand) -> Document:
    """What the first `up` ended with."""
    return stand.up()


def changed(region: Document) -> set[str]:
    """What happened to resources of a region."""
    return {change for change, number in region["changes"].items() if number}


def settled(region: Document) -> bool:
    """Does every pod run that should, or is it held?"""
    return all(pods["ready"] + pods["held"] >= pods["wanted"] > 0 for pods in region["pods"].values())


def test_this_is_the_command_of_make_up() -> None:
    # as typed in a shell: under `make test` it would be another make's child, which says where it enters and leaves
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    recipe = subprocess.run(
        ["make", "--dry-run", "up"], cwd=paths.CHECKOUT, env=shell, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert recipe[-1].split()[1:] == ["-m", "rehearsal", "up", *ON_AWS[:2]]


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
    again = stand.up()
    assert {name: changed(region) for name, region in again.items()} == {name: {"same"} for name in REGIONS}


@pytest.mark.timeout(900)
def test_drills_find_what_the_policies_prove_and_leave_the_region_as_it_was(first: Document, stand: Stand) -> None:
    ended = command(stand.directory, "drill", "--platform", "aws", "--json", seconds=600.0)
    assert ended.stdout, ended.stderr
    document = json.loads(ended.stdout)
    differing = [
        (case["case"], row["component"], row["differs"])
        for case in document["cases"]
        for row in case["components"]
        if row["differs"]
    ]
    assert (ended.returncode, document["region"], differing) == (0, "us-east", [])
    zones = [f"us-east-1{letter}" for letter in "abc"]
    drained = [f"drain {zone}-{use}-{number}" for use in (STATEFUL, STATELESS) for zone in zones for number in (1, 2)]
    expected = [*(f"lose {zone}" for zone in zones), *drained]
    expected += ["roll every workload", "one node less a zone", "load comes and goes"]
    assert [case["case"] for case in document["cases"]] == expected
    for case in document["cases"]:
        assert len(case["components"]) == 6
        for row in case["components"]:
            assert row["served"], (case["case"], row)
    # somebody was lost, evicted against a budget, and scaled: the drills are no idle ones
    lost = [row for case in document["cases"][:3] for row in case["components"]]
    assert {row["component"] for row in lost if row["degraded_seconds"] > 0} == {row["component"] for row in lost}
    assert all(row["lost"] for row in lost if "memory-service" not in row["component"])
    again = stand.up()
    assert changed(again["us-east"]) == {"same"}
    assert settled(again["us-east"])


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
