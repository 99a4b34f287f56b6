"""The simulated nodes as they are declared, and the volumes as etcd's files tell of them."""

from pathlib import Path
from typing import Any

import pytest

from rehearsal import nodes, volumes
from settings import load
from tests.unit.aws_region import Regions
from tests.unit.recorder import stack_configuration

READY = {"conditions": [{"type": "Ready", "status": "True"}]}
NAME = "0257bd38-15cb-46e5-a5fb-749f98ecd730"
OTHER = "fe8f500e-851c-453a-ac7e-44e173b82592"


def test_each_zone_has_the_same_number_of_nodes_with_addresses_of_their_own() -> None:
    made = nodes.wanted("us-east", [nodes.Group(("zone-a", "zone-b", "zone-c"), 2)])
    assert [node["metadata"]["name"] for node in made] == [
        "zone-a-1",
        "zone-a-2",
        "zone-b-1",
        "zone-b-2",
        "zone-c-1",
        "zone-c-2",
    ]
    assert len({node["spec"]["podCIDR"] for node in made}) == 6
    assert len({node["status"]["addresses"][0]["address"] for node in made}) == 6


@pytest.mark.parametrize(
    ("node", "ready"),
    [
        ({"spec": {}, "status": READY}, True),
        ({"spec": {"taints": [{"key": "node.kubernetes.io/not-ready"}]}, "status": READY}, False),
        ({"spec": {"taints": [{"key": "node.kubernetes.io/unreachable"}]}, "status": READY}, False),
        ({"spec": {"taints": [{"key": "node.kubernetes.io/unschedulable"}]}, "status": READY}, True),
        ({"spec": {}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}, False),
        ({"spec": {}}, False),
    ],
)
def test_a_node_is_ready_when_pods_can_land(node: dict[str, Any], ready: bool) -> None:
    assert nodes.is_ready(node) is ready


def test_volumes_are_found_in_the_store_and_in_its_log(tmp_path: Path) -> None:
    for name, file in ((NAME, "member/snap/db"), (OTHER, "member/wal/0.wal")):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_bytes(b"\x00\x12/tmp/hostpath_pv/" + name.encode() + b"\x1a\x00/tmp/hostpath_pv/../..")
    (tmp_path / "member/wal/empty.wal").touch()
    assert volumes.provisioned(tmp_path) == {NAME, OTHER}


def test_only_this_stores_volumes_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "place"
    for name in (NAME, OTHER):
        (place / name).mkdir(parents=True)
    monkeypatch.setattr(volumes, "PLACE", place)
    store = tmp_path / "member/snap/db"
    store.parent.mkdir(parents=True)
    store.write_bytes(b"/tmp/hostpath_pv/" + NAME.encode())
    volumes.remove(tmp_path)
    assert [path.name for path in place.iterdir()] == [OTHER]
    store.write_bytes(b"/tmp/hostpath_pv/" + OTHER.encode())
    volumes.remove(tmp_path)
    assert not place.exists()


def test_a_region_on_aws_has_the_nodes_of_its_groups() -> None:
    settings = load(Regions().configuration("us-east"), "us-east")
    made = {node["metadata"]["name"]: node for node in nodes.wanted("us-east", nodes.groups(settings, 5))}
    assert len(made) == 12
    stateful, stateless = made["us-east-1b-stateful-2"], made["us-east-1c-stateless-1"]
    assert stateful["spec"]["taints"] == [{"key": "soma.io/nodes", "value": "stateful", "effect": "NoSchedule"}]
    assert stateful["metadata"]["labels"]["soma.io/nodes"] == "stateful"
    assert stateful["metadata"]["labels"]["topology.kubernetes.io/zone"] == "us-east-1b"
    assert "taints" not in stateless["spec"]
    assert stateless["metadata"]["labels"]["soma.io/nodes"] == "stateless"


def test_a_cluster_of_somebody_else_has_nodes_like_any_other() -> None:
    settings = load(stack_configuration("us-east"), "us-east")
    made = nodes.wanted("us-east", nodes.groups(settings, 2))
    assert [node["metadata"]["name"] for node in made][:2] == ["zone-a-1", "zone-a-2"]
    assert all("taints" not in node["spec"] for node in made)
