"""A CloudNativePG Cluster as the program declares one, for the tests of its stand-in."""

import copy
from typing import Any

from rehearsal.kube import Manifest

_CLUSTER: Manifest = {
    "apiVersion": "postgresql.cnpg.io/v1",
    "kind": "Cluster",
    "metadata": {"name": "db", "namespace": "soma", "uid": "1234"},
    "spec": {
        "instances": 3,
        "imageName": "ghcr.io/cloudnative-pg/postgresql:18.4-system-trixie",
        "affinity": {
            "enablePodAntiAffinity": True,
            "topologyKey": "topology.kubernetes.io/zone",
            "podAntiAffinityType": "required",
        },
        "resources": {"requests": {"cpu": "4", "memory": "8Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}},
        "storage": {"size": "100Gi", "storageClass": "fast"},
        "walStorage": {"size": "20Gi"},
    },
}


def cluster(**spec: Any) -> Manifest:
    """The cluster with some keys of its spec set; a key that is None is left out."""
    made = copy.deepcopy(_CLUSTER)
    made["spec"] = {key: value for key, value in {**made["spec"], **spec}.items() if value is not None}
    return made


def pooler(**spec: Any) -> Manifest:
    """A pooler in front of the cluster."""
    base: Manifest = {"cluster": {"name": "db"}, "instances": 3, "type": "rw", "pgbouncer": {"poolMode": "transaction"}}
    metadata = {"name": "pool", "namespace": "soma", "uid": "5678"}
    return {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Pooler", "metadata": metadata, "spec": {**base, **spec}}
