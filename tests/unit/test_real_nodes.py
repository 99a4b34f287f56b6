"""What real nodes are told, as far as it needs no process: addresses, rules, claims, configuration."""

import ipaddress
import json
from pathlib import Path

import pytest

from rehearsal.kube import Manifest
from rehearsal.real import addresses, containerd, disks, kubelet, links, programs, proxy
from rehearsal.real.machine import Machine
from rehearsal.real.namespace import Namespace


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "cluster" / "nodes" / "zone-b", Namespace(tmp_path / "cluster"))


def claim(storage_class: str = "standard", volume: str = "", node: str = "zone-b") -> Manifest:
    annotations = {disks.SELECTED: node} if node else {}
    return {
        "metadata": {"name": "data-0", "namespace": "soma", "uid": "u-1", "annotations": annotations},
        "spec": {
            "storageClassName": storage_class,
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            **({"volumeName": volume} if volume else {}),
        },
    }


def test_no_node_has_the_address_of_the_api_server() -> None:
    assert addresses.GATEWAY not in {addresses.node(number) for number in range(1, 254)}


def test_pods_of_different_nodes_have_different_ranges() -> None:
    one, other = (ipaddress.IPv4Network(addresses.pods(number)) for number in (1, 2))
    assert not one.overlaps(other)
    assert one.subnet_of(ipaddress.IPv4Network(addresses.POD_RANGE))


def test_a_cut_zone_is_apart_in_every_direction_and_whole_within() -> None:
    rules = links.rules(2)
    for hook in ("input", "forward", "output"):
        chain = rules.split(f"chain {hook}", 1)[1].split("chain", 1)[0]
        assert "ip saddr 10.244.2.0/24 ip daddr != 10.244.2.0/24 drop" in chain
        assert "ip daddr 10.244.2.0/24 ip saddr != 10.244.2.0/24 drop" in chain
        assert "ip daddr 10.200.0.2 drop" in chain
    assert "10.244.1" not in rules
    assert addresses.GATEWAY not in rules


def test_every_pod_may_be_led_to_itself() -> None:
    rules = proxy.hairpins(3)
    for number in (1, 2, 3):
        assert f"10.244.{number}.7 . 10.244.{number}.7" in rules


def test_a_node_plugs_its_pods_to_its_own_bridge() -> None:
    bridge = json.loads(json.dumps(containerd.network(3)))["plugins"][0]
    assert bridge["bridge"] == addresses.bridge(3)
    assert bridge["ipam"]["ranges"] == [[{"subnet": addresses.pods(3)}]]


def test_kubelet_serves_at_the_address_of_its_node_and_evicts_nothing(machine: Machine) -> None:
    configuration = kubelet.configuration(machine, 2)
    assert configuration["address"] == addresses.node(2)
    assert configuration["containerRuntimeEndpoint"].endswith("zone-b/containerd.sock")
    assert set(configuration["evictionHard"].values()) == {"0%"}


@pytest.mark.parametrize(
    ("waiting", "ours"),
    [
        (claim(), True),
        (claim(storage_class="fast"), False),
        (claim(volume="pvc-u-1"), False),
        (claim(node=""), False),
    ],
)
def test_a_claim_gets_a_disk_once_its_node_is_chosen(waiting: Manifest, ours: bool) -> None:
    assert disks.is_ours(waiting) is ours


def test_a_disk_belongs_to_its_claim_and_stays_in_its_zone(tmp_path: Path) -> None:
    made = disks.volume(claim(), "zone-b", tmp_path)
    assert made["spec"]["claimRef"]["uid"] == "u-1"
    assert made["spec"]["capacity"] == {"storage": "1Gi"}
    assert made["spec"]["local"] == {"path": str(tmp_path / "pvc-u-1")}
    terms = made["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert terms[0]["matchExpressions"][0]["values"] == ["zone-b"]


def test_a_machine_that_lacks_a_program_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs, "SYSTEM_PLACES", str(tmp_path))
    monkeypatch.setattr(programs, "CNI", tmp_path)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    said = programs.lacking()
    assert "real nodes need root" in said
    assert "containerd is not here" in said
    assert f"no network plugins in {tmp_path}" in said


def test_other_systems_than_linux_have_no_real_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert programs.lacking() == ["real nodes need Linux"]
