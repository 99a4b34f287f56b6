"""The Job that makes the service's collections before the service starts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes import batch, core, networking

from components import objects, qdrant_scripts
from components.objects import Manifest
from components.placement import Placement
from components.qdrant_scripts import FILES, KEY
from components.qdrant_services import HTTP

NAME = "qdrant-collections"
_LABELS = objects.labels(NAME, "setup")
"""The scripts import each other as they do in this repository."""


@dataclass(frozen=True)
class CollectionsArgs:
    """What the collection Job needs to know."""

    placement: Placement
    image: str
    """Python 3 with its standard library."""
    nodes: Mapping[str, str]
    """URL of each pod by its name."""
    secret_name: str
    """Secret with `api-key`."""
    peers: int
    """Members that the cluster has at least: fewer than `nodes` during a drain."""
    peer_pods: Mapping[str, str]
    """Labels of the peers' pods."""
    collections: tuple[str, ...]
    shards: int
    replication_factor: int
    vector_size: int


def job(name: str, args: CollectionsArgs, own: ResourceOptions, after: Sequence[pulumi.Resource]) -> batch.v1.Job:
    """The Job and its files, both named by their content: a Job cannot be changed, and its files must be its own."""
    networking.v1.NetworkPolicy(
        f"{name}-collections-network",
        metadata=objects.untyped(objects.metadata(NAME, args.placement, _LABELS)),
        spec=objects.untyped(network_policy_spec(args)),
        opts=own,
    )
    metadata = objects.untyped(objects.metadata(object_name(args), args.placement, _LABELS))
    files = core.v1.ConfigMap(f"{name}-collections-files", metadata=metadata, data=_files(args), opts=own)
    return batch.v1.Job(
        f"{name}-collections",
        metadata=metadata,
        spec=objects.untyped(spec(args)),
        opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[files, *after])),
    )


def collection_parameters(args: CollectionsArgs) -> Manifest:
    """Body of `PUT /collections/{name}`."""
    return {
        "vectors": {"size": args.vector_size, "distance": "Cosine"},
        "shard_number": args.shards,
        "replication_factor": args.replication_factor,
        # With two copies a higher factor would refuse writes while one peer is away; with 1 they go on and the
        # returning replica is brought up to date (qdrant.tech, scaling/consistency-guarantees).
        "write_consistency_factor": 1,
        "on_disk_payload": True,
        "hnsw_config": {"m": 16, "ef_construct": 100},
    }


def _files(args: CollectionsArgs) -> dict[str, str]:
    plan = {
        "nodes": dict(args.nodes),
        "peers": args.peers,
        "collections": list(args.collections),
        "parameters": collection_parameters(args),
    }
    scripts = {name: objects.script(name) for name in ("qdrant_rest.py", "collection.py")}
    return {**scripts, "collections.json": json.dumps(plan, indent=2)}


def object_name(args: CollectionsArgs) -> str:
    """Changes with everything that the Job does, so that a change runs it again and nothing else does."""
    return f"{NAME}-{objects.content_hash([_files(args), _pod(args, '')])}"


def spec(args: CollectionsArgs) -> Manifest:
    """Spec of the Job. No TTL: a finished Job that vanished would be made and run again by the next update."""
    return {
        "backoffLimit": 4,
        # Longer than both waits of the script together, one retry included.
        "activeDeadlineSeconds": 1800,
        "template": {"metadata": {"labels": _LABELS}, "spec": _pod(args, object_name(args))},
    }


def _pod(args: CollectionsArgs, files: str) -> Manifest:
    container = qdrant_scripts.container(
        "collections",
        args.image,
        "collection",
        {"COLLECTIONS_FILE": f"{FILES}/collections.json", **KEY},
        objects.small_resources("50m", "64Mi", "500m", "128Mi"),
    )
    return qdrant_scripts.pod(container, files, args.secret_name)


def network_policy_spec(args: CollectionsArgs) -> Manifest:
    """The Job reaches Qdrant and nothing else."""
    return {
        "podSelector": {"matchLabels": objects.every(NAME)},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [objects.allow_to([objects.pods(args.peer_pods)], HTTP)],
    }
