"""What the stand-in of the EBS CSI driver makes of a claim."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from rehearsal.kube import Client, Manifest
from rehearsal.standins.volumes import NODE, Volumes, affinity, chosen_node, volume

CLAIM: dict[str, Any] = {
    "metadata": {"name": "data-redis-0", "namespace": "soma", "uid": "1234", "annotations": {NODE: "node-1"}},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "10Gi"}},
        "storageClassName": "own",
    },
}
CLASS = {"metadata": {"name": "own"}, "provisioner": "ebs.csi.aws.com", "reclaimPolicy": "Retain"}


def test_a_volume_is_bound_to_its_claim_and_to_one_zone() -> None:
    made = volume(CLAIM, CLASS, "us-east-1b")
    spec = made["spec"]
    assert made["metadata"]["name"] == "pvc-1234"
    assert spec["claimRef"] == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": "soma",
        "name": "data-redis-0",
        "uid": "1234",
    }
    (term,) = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
    zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-east-1b"]}
    assert term == {"matchExpressions": [zone]}
    assert (spec["capacity"], spec["accessModes"]) == ({"storage": "10Gi"}, ["ReadWriteOnce"])
    assert (spec["persistentVolumeReclaimPolicy"], spec["storageClassName"]) == ("Retain", "own")
    assert spec["csi"]["driver"] == "ebs.csi.aws.com"


def test_a_class_that_says_nothing_of_it_has_its_volumes_deleted() -> None:
    made = volume(CLAIM, {**CLASS, "reclaimPolicy": "Delete"}, "us-east-1b")
    assert made["spec"]["persistentVolumeReclaimPolicy"] == "Delete"


@pytest.mark.parametrize(
    ("changed", "node"),
    [
        ({}, "node-1"),
        ({"metadata": {"annotations": {}}}, None),
        ({"metadata": {"annotations": {NODE: "node-1"}, "deletionTimestamp": "now"}}, None),
        ({"spec": {"volumeName": "pvc-1"}}, "node-1"),
    ],
)
def test_only_a_claim_whose_pod_has_a_node_is_looked_at(changed: dict[str, Any], node: str | None) -> None:
    assert chosen_node({"metadata": CLAIM["metadata"], "spec": CLAIM["spec"], **changed}) == node


class TestWork:
    """What is written for a claim on a node of zone-b."""

    def work(
        self, provisioner: str, *, made: str | None, found: Manifest | None = None, times: int = 1, zone: str = "zone-b"
    ) -> list[tuple[str, Any]]:
        written: list[tuple[str, Any]] = []
        client = SimpleNamespace(
            find=lambda *_: found,
            apply=lambda obj, *_, **__: written.append((obj["metadata"]["name"], obj["spec"]["nodeAffinity"])) or obj,
            patch=lambda _api, _kind, name, patch, *_: written.append((name, patch["spec"]["nodeAffinity"])),
        )
        standin = Volumes(cast(Client, client))
        claims, classes, nodes = standin.informers
        spec = {**CLAIM["spec"], **({"volumeName": made} if made else {})}
        claims.put({"metadata": CLAIM["metadata"], "spec": spec})
        classes.put({**CLASS, "provisioner": provisioner})
        labels = {"topology.kubernetes.io/zone": zone} if zone else {}
        nodes.put({"metadata": {"name": "node-1", "labels": labels}})
        for _ in range(times):
            standin._work(("soma", "data-redis-0"))  # pyright: ignore[reportPrivateUsage] (what its loop calls)
        return written

    def test_a_claim_of_the_drivers_gets_a_volume_in_the_zone_of_its_pod(self) -> None:
        assert self.work("ebs.csi.aws.com", made=None) == [("pvc-1234", affinity("zone-b"))]

    def test_one_that_has_its_volume_gets_no_other(self) -> None:
        assert self.work("ebs.csi.aws.com", made="pvc-1234") == []

    def test_a_host_path_volume_is_bound_once_to_the_zone_of_its_pod(self) -> None:
        found: Manifest = {"spec": {}}
        assert self.work("kubernetes.io/host-path", made="pv-1", found=found, times=2) == [("pv-1", affinity("zone-b"))]

    @pytest.mark.parametrize(
        "given",
        [
            {"made": None},
            {"made": "pv-1", "found": {"spec": {"nodeAffinity": affinity("zone-a")}}},
            {"made": "pv-1", "found": {"spec": {}}, "zone": ""},
        ],
    )
    def test_a_host_path_volume_that_is_not_there_is_bound_or_has_no_zone_is_left_alone(
        self, given: dict[str, Any]
    ) -> None:
        assert self.work("kubernetes.io/host-path", **given) == []

    def test_another_provisioners_volumes_are_its_own(self) -> None:
        assert self.work("example.org/other", made="pv-1", found={"spec": {}}) == []


class TestGrowing:
    """What is written for a claim that asks for more than it has."""

    def work(self, asks: str, has: str | None, provisioner: str = "ebs.csi.aws.com") -> list[tuple[str, str, Any]]:
        written: list[tuple[str, str, Any]] = []
        client = SimpleNamespace(
            patch=lambda _api, kind, name, patch, *_: written.append((kind, name, patch["spec"]["capacity"])),
            patch_status=lambda _api, kind, name, status, *_: written.append((kind, name, status["capacity"])),
        )
        standin = Volumes(cast(Client, client))
        claims, classes, _ = standin.informers
        spec = {**CLAIM["spec"], "volumeName": "pv-1", "resources": {"requests": {"storage": asks}}}
        status = {} if has is None else {"capacity": {"storage": has}}
        claims.put({"metadata": CLAIM["metadata"], "spec": spec, "status": status})
        classes.put({**CLASS, "provisioner": provisioner})
        standin._work(("soma", "data-redis-0"))  # pyright: ignore[reportPrivateUsage] (what its loop calls)
        return written

    @pytest.mark.parametrize("provisioner", ["ebs.csi.aws.com", "kubernetes.io/host-path"])
    def test_the_volume_and_then_the_claim_have_what_is_asked_for(self, provisioner: str) -> None:
        more = {"storage": "20Gi"}
        assert self.work("20Gi", "10Gi", provisioner) == [
            ("PersistentVolume", "pv-1", more),
            ("PersistentVolumeClaim", "data-redis-0", more),
        ]

    @pytest.mark.parametrize(("asks", "has"), [("10Gi", "10240Mi"), ("10Gi", "20Gi"), ("20Gi", None)])
    def test_what_has_enough_or_no_volume_is_left_alone(self, asks: str, has: str | None) -> None:
        assert self.work(asks, has) == []

    def test_another_provisioners_volumes_do_not_grow_here(self) -> None:
        assert self.work("20Gi", "10Gi", "example.org/other") == []
