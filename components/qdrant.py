"""Qdrant in cluster mode, with the collections that the service expects.

Settings are those of the official chart (qdrant-helm 1.19.0, charts/qdrant) unless a comment names another source.
"""

from dataclasses import dataclass

import pulumi
from pulumi import CustomTimeouts, Output, ResourceOptions
from pulumi_kubernetes import apps, core, networking, policy

from components import (
    claims,
    objects,
    qdrant_backup,
    qdrant_collections,
    qdrant_keys,
    qdrant_rebalancer,
    qdrant_services,
)
from components.hosts import full_host
from components.objects import Manifest
from components.placement import Placement
from components.qdrant_backup import QdrantBackups
from components.qdrant_services import GRPC, HTTP, METRICS, P2P
from observability.scope import EXPORTERS
from settings import Qdrant

NAME = "qdrant"
HEADLESS = "qdrant-headless"

GRPC_TIMEOUT_MS, CONNECTION_TIMEOUT_MS = 1500, 500
"""A peer waits for another one no longer than both together; then it has the copy there marked as dead and goes on.

Qdrant's own 62 s (src/settings.rs), in practice three health checks of 3 s each (lib/api/src/grpc,
transport_channel_pool.rs), are longer than the service waits: with them, each first write after a peer went silent is
an error to the service. A copy that was only slow is brought up to date by itself, so that a mistake costs little.
"""

_LABELS = objects.labels(NAME, "vector-store")
_SELECTOR = objects.selector(NAME)
_UID, _GID, _FS_GROUP = 1000, 2000, 3000


@dataclass(frozen=True)
class QdrantArgs:
    """What a Qdrant cluster needs to know."""

    placement: Placement
    settings: Qdrant
    shards: int
    """Shards of each collection; cannot be changed later without a new collection."""
    replication_factor: int
    """Copies of each shard, in different zones; at most as many as nodes."""
    image: str
    """Qdrant, a variant whose user is not root."""
    python_image: str
    """Runs the collection Job: Python 3 with its standard library."""
    collections: tuple[str, ...]
    """One for each namespace of the service."""
    create_collections: bool
    """True at home; a standby gets its collections by restored snapshots."""
    backups: QdrantBackups | None = None
    """None where there are none."""
    vector_size: int = 768
    """Dimensions of a vector; those that the service writes."""
    monitoring_namespace: str = "monitoring"


class QdrantCluster(pulumi.ComponentResource):
    """One StatefulSet over all zones; peers find each other through a headless Service.

    Losing one zone keeps a raft majority and a replica of every shard (peers >= 3, replication factor >= 2:
    qdrant.tech, scaling/distributed_deployment).
    """

    secret_name: Output[str]
    """Secret with `api-key`, `read-only-api-key` and `gateway.cfg` (for HAProxy)."""

    headless: Output[str]
    """Fully qualified host that resolves to every peer, ready or not."""

    peers: Output[list[str]]
    """Fully qualified host of each peer."""

    url: Output[str]
    """REST interface through the client Service; asks for the API key."""

    pods: dict[str, str]
    """Labels of the peers' pods, for the policies of those who call."""

    ready: list[pulumi.Resource]
    """What has to be there before a service may start."""

    nodes: dict[str, str]
    """URL of each peer by its pod."""

    emptied: list[pulumi.Resource]
    """The Job that empties nodes: once it is done, they hold nothing and are no peers."""

    def __init__(self, name: str, args: QdrantArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:data:QdrantCluster", name, {}, opts)
        own = ResourceOptions(parent=self, provider=args.placement.provider)

        keys = qdrant_keys.Keys.made(name, args.settings.api_key_version, self)
        secret = qdrant_keys.node_secret(name, args.placement, _LABELS, keys, own)
        cluster = self._cluster(name, args, own, secret)
        self._network(name, args, own)
        shown = qdrant_keys.client_secret(name, args.placement, _LABELS, keys, own, [cluster])
        # Before shards move onto a node whose volume was made by the template.
        grown = claims.grow(name, _claims(args), own, [cluster])
        there = [cluster, shown]
        job = [qdrant_collections.job(name, _collections(args), own, there)] if args.create_collections else []

        rebalanced = qdrant_rebalancer.rebalance(name, _rebalancer(args), own, [*there, *job, grown])

        if args.backups is not None:
            qdrant_backup.cron_jobs(name, _backup(args, args.backups), own, [*there, *job])

        host = full_host(HEADLESS, args.placement)
        self.secret_name = objects.named(shown, qdrant_keys.SECRET)
        self.headless = host
        self.peers = host.apply(lambda h: [f"{NAME}-{peer}.{h}" for peer in range(args.settings.replicas)])
        self.url = Output.concat("http://", full_host(NAME, args.placement), f":{HTTP}")
        self.pods = _SELECTOR
        self.nodes = _nodes(args)
        self.ready = [cluster, *job]
        self.emptied = [rebalanced]
        self.register_outputs({"secret_name": self.secret_name, "headless": self.headless, "url": self.url})

    def _cluster(
        self, name: str, args: QdrantArgs, own: ResourceOptions, secret: core.v1.Secret
    ) -> apps.v1.StatefulSet:
        placement = args.placement
        account = core.v1.ServiceAccount(
            f"{name}-account",
            metadata=objects.untyped(objects.metadata(NAME, placement, _LABELS)),
            automount_service_account_token=False,
            opts=own,
        )
        scripts = core.v1.ConfigMap(
            f"{name}-scripts",
            metadata=objects.untyped(objects.metadata(f"{NAME}-scripts", placement, _LABELS)),
            data={**_scripts(), "peers": f"{args.settings.replicas} {args.settings.kept_nodes}\n"},
            opts=own,
        )
        for service, spec in (
            (HEADLESS, qdrant_services.headless_spec(_SELECTOR)),
            (NAME, qdrant_services.client_spec(_SELECTOR)),
        ):
            core.v1.Service(
                f"{name}-{'headless' if service == HEADLESS else 'service'}",
                metadata=objects.untyped(objects.metadata(service, placement, _LABELS)),
                spec=objects.untyped(spec),
                opts=own,
            )
        policy.v1.PodDisruptionBudget(
            f"{name}-budget",
            metadata=objects.untyped(objects.metadata(NAME, placement, _LABELS)),
            # Which keeps the raft majority.
            spec=objects.untyped(objects.one_away(_SELECTOR)),
            opts=own,
        )
        # Not dependent on the headless Service: the CLI waits for that one's endpoints, which are these pods.
        return apps.v1.StatefulSet(
            f"{name}-statefulset",
            metadata=objects.untyped(objects.metadata(NAME, placement, _LABELS)),
            spec=objects.untyped(statefulset_spec(args)),
            opts=ResourceOptions.merge(
                own,
                ResourceOptions(
                    protect=True,
                    ignore_changes=list(claims.KEPT),
                    depends_on=[account, scripts, secret],
                    # A rollout goes node by node, each of which may load for as long as its startup probe lets it.
                    custom_timeouts=CustomTimeouts(update="3h"),
                ),
            ),
        )

    def _network(self, name: str, args: QdrantArgs, own: ResourceOptions) -> None:
        networking.v1.NetworkPolicy(
            f"{name}-network",
            metadata=objects.untyped(objects.metadata(NAME, args.placement, _LABELS)),
            spec=objects.untyped(network_policy_spec(args.monitoring_namespace)),
            opts=own,
        )


def _collections(args: QdrantArgs) -> qdrant_collections.CollectionsArgs:
    return qdrant_collections.CollectionsArgs(
        placement=args.placement,
        image=args.python_image,
        nodes=_nodes(args),
        secret_name=qdrant_keys.SECRET,
        peers=args.settings.kept_nodes,
        peer_pods=_SELECTOR,
        collections=args.collections,
        shards=args.shards,
        replication_factor=args.replication_factor,
        vector_size=args.vector_size,
    )


def _rebalancer(args: QdrantArgs) -> qdrant_rebalancer.RebalancerArgs:
    return qdrant_rebalancer.RebalancerArgs(
        placement=args.placement,
        image=args.python_image,
        nodes=_nodes(args),
        keep=args.settings.kept_nodes,
        replication_factor=args.replication_factor,
        collections=args.collections,
        secret_name=qdrant_keys.SECRET,
        peer_pods=_SELECTOR,
        schedule=args.settings.rebalance.schedule,
        moves=args.settings.rebalance.moves,
    )


def _backup(args: QdrantArgs, backups: QdrantBackups) -> qdrant_backup.BackupArgs:
    return qdrant_backup.BackupArgs(
        placement=args.placement,
        backups=backups,
        image=args.python_image,
        nodes=_nodes(args),
        replication_factor=args.replication_factor,
        secret_name=qdrant_keys.SECRET,
        peer_pods=_SELECTOR,
    )


def _claims(args: QdrantArgs) -> claims.ClaimsArgs:
    return claims.ClaimsArgs(args.placement, NAME, args.python_image, claims.sizes(_nodes(args), claim_templates(args)))


def _nodes(args: QdrantArgs) -> dict[str, str]:
    """URL of each pod by its name: a node that was removed from the cluster answers behind a Service as well."""
    pods = (f"{NAME}-{peer}" for peer in range(args.settings.replicas))
    return {pod: f"http://{pod}.{HEADLESS}:{HTTP}" for pod in pods}


def _scripts() -> dict[str, str]:
    """What a change of has to restart the pods for. Not the number of peers beside it, which only a start reads."""
    return {"start.sh": objects.script("qdrant-start.sh")}


def statefulset_spec(args: QdrantArgs) -> Manifest:
    """Spec of the StatefulSet."""
    return {
        "serviceName": HEADLESS,
        "replicas": args.settings.replicas,
        # OrderedReady deadlocks: a node refuses to become ready until the others run (chart, values.yaml).
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "RollingUpdate"},
        "minReadySeconds": 10,
        "selector": {"matchLabels": _SELECTOR},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "template": {
            "metadata": {
                "labels": _LABELS,
                "annotations": {
                    "soma.io/files": objects.content_hash(_scripts()),
                    qdrant_keys.VERSION_ANNOTATION: str(args.settings.api_key_version),
                },
            },
            "spec": _pod_spec(args),
        },
        "volumeClaimTemplates": claim_templates(args),
    }


def _pod_spec(args: QdrantArgs) -> Manifest:
    return {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **objects.store_nodes(args.placement),
        "terminationGracePeriodSeconds": 120,
        "securityContext": {
            **objects.restricted_pod_security(_UID, _GID, _FS_GROUP),
            "fsGroupChangePolicy": "Always",
        },
        "topologySpreadConstraints": objects.quorum_spread(_SELECTOR, len(args.placement.zones)),
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": objects.HOSTNAME, "labelSelector": {"matchLabels": _SELECTOR}}
                ]
            }
        },
        "containers": [_container(args)],
        "volumes": [
            {"name": "scripts", "configMap": {"name": f"{NAME}-scripts"}},
            {
                "name": "keys",
                "secret": {
                    "secretName": qdrant_keys.NODE_SECRET,
                    "defaultMode": 0o440,
                    "items": [{"key": "local.yaml", "path": "local.yaml"}],
                },
            },
            {"name": "init", "emptyDir": {"sizeLimit": "1Mi"}},
        ],
    }


def _container(args: QdrantArgs) -> Manifest:
    return {
        "name": NAME,
        "image": args.image,
        "command": ["bash", "/scripts/start.sh"],
        "workingDir": "/qdrant",
        "env": _environment(args),
        "ports": [
            {"name": name, "containerPort": port, "protocol": "TCP"}
            for name, port in (("http", HTTP), ("grpc", GRPC), ("p2p", P2P), ("metrics", METRICS))
        ],
        "resources": args.settings.resources.as_kubernetes(),
        "securityContext": objects.container_security(),
        # /readyz is a gate for the start: once true it stays true (src/common/health.rs). All three need no key.
        "readinessProbe": _probe("/readyz", period=5, timeout=2, failures=6),
        "livenessProbe": _probe("/livez", period=15, timeout=10, failures=12),
        # Loading large collections and waiting for a living peer take their time: half an hour.
        "startupProbe": _probe("/livez", period=5, timeout=5, failures=360),
        # Endpoints drain before SIGTERM arrives.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
        "volumeMounts": [
            {"name": "storage", "mountPath": "/qdrant/storage"},
            {"name": "snapshots", "mountPath": "/qdrant/snapshots"},
            {"name": "init", "mountPath": "/qdrant/init"},
            {"name": "scripts", "mountPath": "/scripts", "readOnly": True},
            {"name": "keys", "mountPath": "/qdrant/config/local.yaml", "subPath": "local.yaml", "readOnly": True},
        ],
    }


def _environment(args: QdrantArgs) -> list[Manifest]:
    plain = {
        "QDRANT_HEADLESS": HEADLESS,
        "QDRANT_INIT_FILE_PATH": "/qdrant/init/.qdrant-initialized",
        # A peer that ran out of memory while it loaded comes back without its collections, for somebody to mend them,
        # in place of dying in a loop (tools/entrypoint.sh).
        "QDRANT_ALLOW_RECOVERY_MODE": "true",
        "QDRANT__CLUSTER__ENABLED": "true",
        "QDRANT__CLUSTER__P2P__PORT": str(P2P),
        "QDRANT__CLUSTER__GRPC_TIMEOUT_MS": str(GRPC_TIMEOUT_MS),
        "QDRANT__CLUSTER__CONNECTION_TIMEOUT_MS": str(CONNECTION_TIMEOUT_MS),
        "QDRANT__SERVICE__GRPC_PORT": str(GRPC),
        "QDRANT__SERVICE__METRICS_PORT": str(METRICS),
        "QDRANT__TELEMETRY_DISABLED": "true",
        # For a collection that somebody makes without saying: the service's own would have one replica.
        "QDRANT__STORAGE__COLLECTION__REPLICATION_FACTOR": str(args.replication_factor),
        "QDRANT__STORAGE__COLLECTION__WRITE_CONSISTENCY_FACTOR": "1",
    }
    pod_name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    return [pod_name, *({"name": key, "value": value} for key, value in plain.items())]


def _probe(path: str, period: int, timeout: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }


def claim_templates(args: QdrantArgs) -> list[Manifest]:
    """A volume of its own for snapshots: one that is too big must not stop the node (chart, values.yaml)."""
    stated = {"storage": args.settings.storage, "snapshots": args.settings.snapshot_storage}
    return [claims.template(name, size.text, args.placement.storage_class, _SELECTOR) for name, size in stated.items()]


def network_policy_spec(monitoring_namespace: str) -> Manifest:
    """Who may talk to Qdrant: 6335 takes writes without a key, so it is for peers alone.

    Qdrant could ask for the key there (`service.enforce_internal_auth`), but that has to be off while peers of
    different releases or keys meet, as in every rolling update (config/config.yaml); this policy is always on.
    """
    peers = [objects.pods(_SELECTOR)]
    return {
        "podSelector": {"matchLabels": _SELECTOR},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            objects.allow_from([objects.pods(objects.every("memory-service"))], HTTP, GRPC),
            objects.allow_from([objects.pods(objects.every(qdrant_collections.NAME))], HTTP),
            objects.allow_from([objects.pods(objects.every(qdrant_rebalancer.NAME))], HTTP),
            objects.allow_from([objects.pods(objects.every(qdrant_backup.NAME))], HTTP),
            objects.allow_from([objects.pods(objects.every(EXPORTERS))], HTTP),
            # Shard transfers by snapshot download from the other peer's HTTP port.
            objects.allow_from(peers, P2P, HTTP),
            objects.allow_from([objects.namespace_named(monitoring_namespace)], METRICS),
        ],
        "egress": [objects.allow_to(peers, P2P, HTTP)],
    }
