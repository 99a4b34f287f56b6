"""Plays the EBS CSI driver: a claim whose pod has been given a node gets a volume in that node's zone, and may grow.

As the driver does (github.com/kubernetes-sigs/aws-ebs-csi-driver, docs/parameters.md; sig-storage-lib-external-
provisioner for the claim's annotations), a volume can be used in its zone alone, so a pod comes back to where its data
is. A claim that asks for more than its volume has (which the API server lets it only where its class says so) has it at
once: the part of the external-resizer, of the driver, and of the kubelet, which grows the file system and says so
(kubernetes-csi/external-resizer, pkg/controller; k8s.io/kubernetes, pkg/volume/util/resize_util.go). Left out: disks,
attaching and mounting, what a driver refuses or takes its time for, snapshots, deletion, and classes that bind at once.

The volumes of the controller manager's host-path provisioner, which lie nowhere, are bound to the zone of their pod as
well: so is the disk of almost any cluster.
"""

import hashlib
from collections.abc import Mapping

from rehearsal.kube import Client, Manifest
from rehearsal.standins.informer import Informer, Key, key_of
from rehearsal.standins.loop import Loop
from rehearsal.standins.writer import Writer
from settings import Quantity

MANAGER = "rehearsal-ebs-csi"
DRIVER = "ebs.csi.aws.com"
NODE = "volume.kubernetes.io/selected-node"
"""Annotation of a claim: the node that the scheduler has chosen for its pod."""
ZONE = "topology.kubernetes.io/zone"
HOST_PATH = "kubernetes.io/host-path"


def volume(claim: Manifest, storage_class: Manifest, zone: str) -> Manifest:
    """The PersistentVolume of a claim, bound to it and to a zone."""
    metadata, spec = claim["metadata"], claim["spec"]
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    reference |= {key: metadata[key] for key in ("namespace", "name", "uid")}
    handle = hashlib.sha256(metadata["uid"].encode()).hexdigest()[:17]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pvc-{metadata['uid']}", "annotations": {"pv.kubernetes.io/provisioned-by": DRIVER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "claimRef": reference,
            "csi": {"driver": DRIVER, "volumeHandle": f"vol-{handle}", "fsType": "ext4"},
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
            "storageClassName": storage_class["metadata"]["name"],
            "nodeAffinity": affinity(zone),
        },
    }


def affinity(zone: str) -> Manifest:
    """Of a volume that can be used in one zone alone."""
    terms = [{"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}]
    return {"required": {"nodeSelectorTerms": terms}}


def grown(claim: Manifest) -> str | None:
    """What a claim asks for beyond what its volume has; None where it has all, or no volume."""
    has = ((claim.get("status") or {}).get("capacity") or {}).get("storage")
    asks = claim["spec"]["resources"]["requests"]["storage"]
    return asks if has is not None and Quantity(has) < Quantity(asks) else None


def chosen_node(claim: Manifest) -> str | None:
    """The node for whose pod a claim has its volume or waits for it; None for one that nobody uses yet."""
    annotations: Mapping[str, str] = claim["metadata"].get("annotations") or {}
    return None if claim["metadata"].get("deletionTimestamp") else annotations.get(NODE)


class Volumes:
    """The stand-in of one region."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._bound: set[str] = set()
        self._writer = Writer(client, MANAGER)
        self._loop = Loop(MANAGER, self._work)
        self._claims = Informer(client, "v1", "PersistentVolumeClaim")
        self._classes = Informer(client, "storage.k8s.io/v1", "StorageClass")
        self._nodes = Informer(client, "v1", "Node")
        self._claims.listen(lambda claim: self._loop.put(key_of(claim)))
        self._classes.listen(lambda _: self._all())
        self._claims.relisted.append(self._writer.forget_all)
        self.informers = (self._claims, self._classes, self._nodes)
        self.loops = (self._loop,)

    def _all(self) -> None:
        for claim in self._claims.all():
            self._loop.put(key_of(claim))

    def _work(self, key: Key) -> float | None:
        claim = self._claims.get(key)
        if claim is None:
            return None
        storage_class = self._classes.get(("", claim["spec"].get("storageClassName") or ""))
        if storage_class is None:
            return None
        if storage_class["provisioner"] in (DRIVER, HOST_PATH):
            self._grow(claim)
        node = self._nodes.get(("", chosen_node(claim) or ""))
        if node is None:
            return None
        zone, made = (node["metadata"].get("labels") or {}).get(ZONE), claim["spec"].get("volumeName")
        if storage_class["provisioner"] == DRIVER and not made:
            self._writer.apply(volume(claim, storage_class, node["metadata"]["labels"][ZONE]))
        elif storage_class["provisioner"] == HOST_PATH and made and zone:
            self._bind(made, zone)
        return None

    def _grow(self, claim: Manifest) -> None:
        size = grown(claim)
        if size is None:
            return
        capacity = {"capacity": {"storage": size}}
        self._client.patch("v1", "PersistentVolume", claim["spec"]["volumeName"], {"spec": capacity})
        self._client.patch_status(
            "v1", "PersistentVolumeClaim", claim["metadata"]["name"], capacity, claim["metadata"]["namespace"]
        )

    def _bind(self, name: str, zone: str) -> None:
        """Once: where a volume can be used is not changed any more."""
        if name in self._bound:
            return
        found = self._client.find("v1", "PersistentVolume", name)
        if found is not None and not found["spec"].get("nodeAffinity"):
            self._client.patch("v1", "PersistentVolume", name, {"spec": {"nodeAffinity": affinity(zone)}})
        self._bound.add(name)
