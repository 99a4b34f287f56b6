"""Gives claims their disks on real nodes, as a cloud's storage driver does: of the size asked for, tied to their zone.

A disk is a file with a file system of its own, so that it can be full without anything else being so. It is mounted on
the machine of the node alone, and goes with the cluster. What it leaves out: growing, snapshots, moving to another node
of the zone, and a disk's journal: what a power cut of the whole machine would do to it is not tested here.
"""

import argparse
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from rehearsal.kube import Client, Conflict, Manifest
from rehearsal.real.machine import Machine
from rehearsal.real.namespace import Namespace, run
from rehearsal.standins.informer import Informer, Key, key_of
from rehearsal.standins.log import note
from rehearsal.standins.loop import Loop
from settings.quantity import Quantity

PROVISIONER = "rehearsal.local/disk"
SELECTED = "volume.kubernetes.io/selected-node"
"""Annotation by which the scheduler tells where a claim's first pod will run."""

STORAGE_CLASS: Manifest = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": PROVISIONER,
    "reclaimPolicy": "Retain",
    "volumeBindingMode": "WaitForFirstConsumer",
}
"""The cluster's default."""


class Provisioner:
    """Makes a disk and a volume for each claim that the scheduler has found a node for."""

    def __init__(self, client: Client, directory: Path) -> None:
        self._client = client
        self._directory = directory
        self._claims = Informer(client, "v1", "PersistentVolumeClaim")
        self._loop = Loop("disks", self._provide)
        self._claims.listen(lambda claim: self._loop.put(key_of(claim)))

    def start(self) -> None:
        """Begins to work, for the life of the process."""
        self._claims.start()
        self._loop.start()

    def _provide(self, key: Key) -> float | None:
        claim = self._claims.get(key)
        if claim is None or not is_ours(claim):
            return None
        node = str(claim["metadata"]["annotations"][SELECTED])
        wanted = volume(claim, self._zone(node), self._directory / node / "disks")
        machine = Machine(self._directory / node, Namespace(self._directory.parent))
        make(machine, wanted["metadata"]["name"], int(Quantity(wanted["spec"]["capacity"]["storage"]).value))
        try:
            self._client.create(wanted)
        except Conflict:
            return None  # made already, and not bound yet
        note("disks", f"{'/'.join(key)}: a disk on {node}")
        return None

    def _zone(self, node: str) -> str:
        return str(self._client.get("v1", "Node", node)["metadata"]["labels"]["topology.kubernetes.io/zone"])


def is_ours(claim: Manifest) -> bool:
    """Whether a claim waits for a disk of ours and its node is chosen."""
    spec = claim["spec"]
    annotations = claim["metadata"].get("annotations") or {}
    ours = spec.get("storageClassName") == STORAGE_CLASS["metadata"]["name"]
    return ours and not spec.get("volumeName") and SELECTED in annotations


def volume(claim: Manifest, zone: str, folder: Path) -> Manifest:
    """The PersistentVolume for a claim. Kubelet gives it to the pod's fsGroup, which it does not for a host path."""
    metadata = claim["metadata"]
    name = f"pvc-{metadata['uid']}"
    key = "topology.kubernetes.io/zone"
    terms = [{"matchExpressions": [{"key": key, "operator": "In", "values": [zone]}]}]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": STORAGE_CLASS["reclaimPolicy"],
            "storageClassName": STORAGE_CLASS["metadata"]["name"],
            "local": {"path": str(folder / name)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        },
    }


def make(machine: Machine, name: str, size: int) -> None:
    """A disk of `size` bytes, mounted on its machine; one that is there is left alone."""
    mounted, file = machine.directory / "disks" / name, machine.directory / "disks" / f"{name}.img"
    if mounted.exists():
        return
    with file.open("wb") as disk:
        disk.truncate(size)
    run(
        ["mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "root_owner=0:0,lazy_itable_init=1", str(file)]
    )
    mounted.mkdir(mode=0o755)
    run([*machine.enter, "mount", "-o", "loop,nobarrier", str(file), str(mounted)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.real.disks", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--nodes", type=Path, required=True, help="folder of the nodes' machines")
    options = parser.parse_args(arguments)
    Provisioner(Client.from_kubeconfig(options.kubeconfig), options.nodes).start()
    note("disks", "watching")
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
