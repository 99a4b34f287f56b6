"""What the stand-in of the EBS CSI driver makes of a claim."""

from typing import Any

import pytest

from rehearsal.standins.volumes import NODE, chosen_node, volume

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
        ({"spec": {"volumeName": "pvc-1"}}, None),
    ],
)
def test_only_a_claim_that_waits_on_a_node_gets_a_volume(changed: dict[str, Any], node: str | None) -> None:
    assert chosen_node({"metadata": CLAIM["metadata"], "spec": CLAIM["spec"], **changed}) == node
