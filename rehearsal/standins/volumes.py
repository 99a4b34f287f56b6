"""Plays the EBS CSI driver: a claim whose pod has been given a node gets a volume in that node's zone.

As the driver does (github.com/kubernetes-sigs/aws-ebs-csi-driver, docs/parameters.md; sig-storage-lib-external-
provisioner for the claim's annotations), a volume can be used in its zone alone, so a pod comes back to where its data
is. Left out: disks, attaching and mounting, growing, snapshots, deletion, and classes that bind at once.
"""

import hashlib
from collections.abc import Mapping

from rehearsal.kube import Client, Manifest
from rehearsal.standins.informer import Informer, Key, key_of
from rehearsal.standins.loop import Loop
from rehearsal.standins.writer import Writer

MANAGER = "rehearsal-ebs-csi"
DRIVER = "ebs.csi.aws.com"
NODE = "volume.kubernetes.io/selected-node"
"""Annotation of a claim: the node that the scheduler has chosen for its pod."""
ZONE = "topology.kubernetes.io/zone"


def volume(claim: Manifest, storage_class: Manifest, zone: str) -> Manifest:
    """The PersistentVolume of a claim, bound to it and to a zone."""
    metadata, spec = claim["metadata"], claim["spec"]
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    reference |= {key: metadata[key] for key in ("namespace", "name", "uid")}
    handle = hashlib.sha256(metadata["uid"].encode()).hexdigest()[:17]
    terms = [{"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}]
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
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        },
    }


def chosen_node(claim: Manifest) -> str | None:
    """The node for which a claim waits for its volume; None for one that waits for nothing."""
    annotations: Mapping[str, str] = claim["metadata"].get("annotations") or {}
    if claim["spec"].get("volumeName") or claim["metadata"].get("deletionTimestamp"):
        return None
    return annotations.get(NODE)


class Volumes:
    """The stand-in of one region."""

    def __init__(self, client: Client) -> None:
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
        node = self._nodes.get(("", chosen_node(claim) or ""))
        storage_class = self._classes.get(("", claim["spec"].get("storageClassName") or ""))
        if node is None or storage_class is None or storage_class["provisioner"] != DRIVER:
            return None
        self._writer.apply(volume(claim, storage_class, node["metadata"]["labels"][ZONE]))
        return None
