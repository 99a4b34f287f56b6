"""A Redis Cluster: one StatefulSet a zone, a bootstrap that pairs across zones and a healer that keeps it so.

Settings are in files/valkey.conf with their reasons; here is what Kubernetes has to know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_kubernetes import apps, core, networking, policy
from pulumi_random import RandomPassword

from components import claims, objects, redis_exporter, redis_jobs
from components.hosts import full_host
from components.objects import Manifest
from components.placement import Placement
from components.redis_plan import Shard, leaving, plan, pods_by_zone, statefulset
from settings import Redis

NAME = "redis"
HEADLESS = "redis-headless"
SECRET = "redis-auth"  # noqa: S105  (the name of an object)
"""What clients show."""
NODE_SECRET = "redis-node-auth"  # noqa: S105 (a name)
"""What nodes take: the same, and the one before."""
CLIENT, BUS = 6379, 16379

_PODS = objects.every(NAME)
"""Selects the pods of every zone: one cluster, one budget, one policy."""
CLIENT_PODS = {"soma.io/redis-client": "true"}
"""Label of pods in the region's namespace that may go straight to the cluster: clients that know what a cluster is."""
_LABELS = objects.labels(NAME, "cache")
_UID = 999
"""User of the Valkey and of the Redis image."""


@dataclass(frozen=True)
class RedisArgs:
    """What a Redis cluster needs to know."""

    placement: Placement
    settings: Redis
    image: str
    """Valkey or Redis, 7 or newer."""
    exporter_image: str
    """redis_exporter, with a shell."""
    python_image: str
    """Runs the scripts that form and heal."""
    monitoring_namespace: str = "monitoring"

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Of all pods that run."""
        cluster = self.settings.cluster
        return plan(len(self.placement.zones), cluster.nodes, cluster.replicas)

    @property
    def kept(self) -> tuple[Shard, ...]:
        """Those that hold the slots: fewer during a drain."""
        cluster = self.settings.cluster
        return plan(len(self.placement.zones), cluster.kept_nodes, cluster.kept_replicas)


class RedisCluster(pulumi.ComponentResource):
    """Masters and replicas over all zones, so that a lost zone leaves a majority of masters and a copy of every slot.

    One a namespace, for its objects have fixed names. A standby's is formed and empty.
    """

    secret_name: Output[str]
    """Secret with `password`."""

    headless: Output[str]
    """Fully qualified host that resolves to every node, ready or not: seeds for a cluster-aware client."""

    pods: dict[str, str]
    """Labels of the pods, for the policies of those who call."""

    ready: list[pulumi.Resource]
    """What has to be there before a service may start."""

    emptied: list[pulumi.Resource]
    """What is done once every node beyond a drain is empty and no member any more."""

    def __init__(self, name: str, args: RedisArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:data:RedisCluster", name, {}, opts)
        own = ResourceOptions(parent=self, provider=args.placement.provider)

        passwords = _passwords(name, args.settings.password_version, self)
        needed = [_node_secret(name, args, own, passwords), *_files(name, args, own)]
        _services(name, args, own)
        _guards(name, args, own)
        healer = redis_jobs.healer(name, _jobs_args(args), own)
        zones = _zones(name, args, own, needed)
        # Before slots move onto a node whose volume was made by the template.
        grown = claims.grow(name, _claims(args), own, zones)
        bootstrap = redis_jobs.bootstrap(name, _jobs_args(args), own, [healer, *zones, grown])

        self.secret_name = objects.named(_client_secret(name, args, own, passwords[0], bootstrap), SECRET)
        self.headless = full_host(HEADLESS, args.placement)
        self.pods = _PODS
        self.ready = [*zones, bootstrap]
        self.emptied = [bootstrap]
        self.register_outputs({"secret_name": self.secret_name, "headless": self.headless})


def _passwords(name: str, version: int, parent: pulumi.Resource) -> list[RandomPassword]:
    """The present password, and the one before once there has been one."""
    return [
        # Letters and digits: it stands unquoted in a configuration file.
        RandomPassword(
            f"{name}-password" + (f"-{number}" if number > 1 else ""),
            length=40,
            special=False,
            opts=ResourceOptions(parent=parent),
        )
        for number in (version, version - 1)
        if number > 0
    ]


def _node_secret(name: str, args: RedisArgs, own: ResourceOptions, passwords: list[RandomPassword]) -> core.v1.Secret:
    keys = ("password", "previous")
    return core.v1.Secret(
        f"{name}-node-auth",
        metadata=objects.untyped(objects.metadata(NODE_SECRET, args.placement, _LABELS)),
        string_data={key: password.result for key, password in zip(keys, passwords, strict=False)},
        opts=own,
    )


def _client_secret(
    name: str, args: RedisArgs, own: ResourceOptions, password: RandomPassword, taken: pulumi.Resource
) -> core.v1.Secret:
    """After the Job that brings the password to the nodes: clients never show what no node takes."""
    return core.v1.Secret(
        f"{name}-auth",
        metadata=objects.untyped(objects.metadata(SECRET, args.placement, _LABELS)),
        string_data={
            "password": password.result,
            redis_exporter.PASSWORDS: password.result.apply(redis_exporter.passwords),
        },
        opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[taken])),
    )


def _files(name: str, args: RedisArgs, own: ResourceOptions) -> list[pulumi.Resource]:
    account = core.v1.ServiceAccount(
        f"{name}-account",
        metadata=objects.untyped(objects.metadata(NAME, args.placement, _LABELS)),
        automount_service_account_token=False,
        opts=own,
    )
    files = core.v1.ConfigMap(
        f"{name}-files",
        metadata=objects.untyped(objects.metadata(f"{NAME}-files", args.placement, _LABELS)),
        data=node_files(),
        opts=own,
    )
    return [account, files]


def _services(name: str, args: RedisArgs, own: ResourceOptions) -> None:
    for service, spec in ((HEADLESS, headless_service_spec()), (NAME, client_service_spec())):
        core.v1.Service(
            f"{name}-{'headless' if service == HEADLESS else 'service'}",
            metadata=objects.untyped(objects.metadata(service, args.placement, _LABELS)),
            spec=objects.untyped(spec),
            opts=own,
        )


def _guards(name: str, args: RedisArgs, own: ResourceOptions) -> None:
    policy.v1.PodDisruptionBudget(
        f"{name}-budget",
        metadata=objects.untyped(objects.metadata(NAME, args.placement, _LABELS)),
        # Over all zones.
        spec=objects.untyped(objects.one_away(_PODS)),
        opts=own,
    )
    policies = {"": network_policy_spec(args.monitoring_namespace), "-client": client_policy_spec()}
    for suffix, spec in policies.items():
        networking.v1.NetworkPolicy(
            f"{name}{suffix}-network",
            metadata=objects.untyped(objects.metadata(f"{NAME}{suffix}", args.placement, _LABELS)),
            spec=objects.untyped(spec),
            opts=own,
        )


def _zones(
    name: str, args: RedisArgs, own: ResourceOptions, needed: list[pulumi.Resource]
) -> list[apps.v1.StatefulSet]:
    """One StatefulSet a zone, each after the one before: an update must never restart pods of two zones at once, and
    no budget holds a StatefulSet's own rollout back."""
    sets: list[apps.v1.StatefulSet] = []
    for zone, replicas in enumerate(pods_by_zone(args.shards, len(args.placement.zones))):
        sets.append(
            apps.v1.StatefulSet(
                f"{name}-{statefulset(zone).removeprefix('redis-')}",
                metadata=objects.untyped(objects.metadata(statefulset(zone), args.placement, _zone_labels(zone))),
                spec=objects.untyped(statefulset_spec(args, zone, replicas)),
                opts=ResourceOptions.merge(
                    own,
                    ResourceOptions(protect=True, ignore_changes=list(claims.KEPT), depends_on=[*needed, *sets[-1:]]),
                ),
            )
        )
    return sets


def _claims(args: RedisArgs) -> claims.ClaimsArgs:
    pods = sorted({pod.name for shard in args.shards for pod in shard.members})
    return claims.ClaimsArgs(args.placement, NAME, args.python_image, claims.sizes(pods, [_claim(args, _PODS)]))


def _jobs_args(args: RedisArgs) -> redis_jobs.JobsArgs:
    away = leaving(args.shards, args.kept)
    return redis_jobs.JobsArgs(
        placement=args.placement,
        image=args.python_image,
        shards=args.kept,
        leaving=away,
        headless=HEADLESS,
        secret_name=NODE_SECRET,
        password_version=args.settings.password_version,
        nodes=_PODS,
    )


def _zone_labels(zone: int) -> dict[str, str]:
    return objects.labels(NAME, "cache", statefulset(zone))


def node_files() -> dict[str, str]:
    """What is mounted into every node."""
    return {
        "valkey.conf": objects.script("valkey.conf"),
        "start.sh": objects.script("redis-start.sh"),
        "probe.sh": objects.script("redis-probe.sh"),
        "exporter.sh": objects.script("redis-exporter.sh"),
    }


def headless_service_spec() -> Manifest:
    """Nodes that are not ready must be found by the bootstrap and the healer, or they never become ready."""
    ports = (("redis", CLIENT), ("bus", BUS))
    return {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": _PODS,
        "ports": [{"name": name, "port": port, "targetPort": name, "protocol": "TCP"} for name, port in ports],
    }


def client_service_spec() -> Manifest:
    """Any ready node, for people and for cluster-aware clients."""
    return {
        "selector": _PODS,
        "ports": [{"name": "redis", "port": CLIENT, "targetPort": "redis", "protocol": "TCP"}],
    }


def network_policy_spec(monitoring_namespace: str) -> Manifest:
    """The bus is for nodes alone; clients are the service's gateways, our Jobs, and pods that are marked as clients."""
    nodes = [objects.pods(_PODS)]
    return {
        "podSelector": {"matchLabels": _PODS},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            objects.allow_from([objects.pods(objects.every("memory-service"))], CLIENT),
            objects.allow_from([objects.pods(objects.every(redis_jobs.NAME)), objects.pods(CLIENT_PODS)], CLIENT),
            objects.allow_from(nodes, CLIENT, BUS),
            objects.allow_from([objects.namespace_named(monitoring_namespace)], redis_exporter.PORT),
        ],
        "egress": [objects.allow_to(nodes, CLIENT, BUS)],
    }


def client_policy_spec() -> Manifest:
    """The way to the nodes for pods that are marked as clients: the namespace denies all others."""
    return {
        "podSelector": {"matchLabels": CLIENT_PODS},
        "policyTypes": ["Egress"],
        "egress": [objects.allow_to([objects.pods(_PODS)], CLIENT)],
    }


def max_memory(args: RedisArgs) -> int:
    """Bytes of data: three quarters of the limit; forks and buffers take the rest."""
    return int(args.settings.resources.limits.memory.value * Decimal("0.75"))


def statefulset_spec(args: RedisArgs, zone: int, replicas: int) -> Manifest:
    """Spec of one zone's StatefulSet. The bootstrap decides who is master, not the ordinal."""
    selector = objects.selector(NAME, statefulset(zone))
    return {
        "serviceName": HEADLESS,
        "replicas": replicas,
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "RollingUpdate"},
        "minReadySeconds": 10,
        "selector": {"matchLabels": selector},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "template": {
            "metadata": {
                "labels": _zone_labels(zone),
                "annotations": {"soma.io/files": objects.content_hash(node_files())},
            },
            "spec": _pod_spec(args, zone),
        },
        "volumeClaimTemplates": [_claim(args, selector)],
    }


def _claim(args: RedisArgs, selector: Mapping[str, str]) -> Manifest:
    return claims.template("data", args.settings.storage.text, args.placement.storage_class, selector)


def _pod_spec(args: RedisArgs, zone: int) -> Manifest:
    return {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **objects.store_nodes(args.placement),
        # Handing the slots over and writing the last of the append-only file.
        "terminationGracePeriodSeconds": 60,
        "securityContext": objects.restricted_pod_security(_UID, _UID, _UID),
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [
                                {"key": objects.ZONE, "operator": "In", "values": [args.placement.zones[zone]]}
                            ]
                        }
                    ]
                }
            },
            # Preferred: two nodes of a zone on one machine are lost no harder than with their zone, which is planned.
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "topologyKey": objects.HOSTNAME,
                            "labelSelector": {"matchLabels": _PODS},
                        },
                    }
                ]
            },
        },
        "containers": [_container(args), redis_exporter.container(args.exporter_image)],
        "volumes": [
            {"name": "files", "configMap": {"name": f"{NAME}-files"}},
            {"name": "auth", "secret": {"secretName": NODE_SECRET, "defaultMode": 0o440}},
            # Holds the rendered configuration with the password: memory, never a disk.
            {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            redis_exporter.volume(SECRET),
        ],
    }


def _container(args: RedisArgs) -> Manifest:
    environment: list[Manifest] = [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "HEADLESS", "value": HEADLESS},
        {"name": "MAXMEMORY", "value": str(max_memory(args))},
        {"name": "PASSWORD_FILE", "value": "/run/auth/password"},
        {"name": "CONFIG", "value": "/files/valkey.conf"},
        {"name": "RUN", "value": "/run/redis"},
    ]
    return {
        "name": NAME,
        "image": args.image,
        "command": ["sh", "/files/start.sh"],
        "workingDir": "/data",
        "env": environment,
        "ports": [
            {"name": "redis", "containerPort": CLIENT, "protocol": "TCP"},
            {"name": "bus", "containerPort": BUS, "protocol": "TCP"},
        ],
        "resources": args.settings.resources.as_kubernetes(),
        "securityContext": objects.container_security(),
        # Loading gigabytes from the append-only file: up to half an hour.
        "startupProbe": _probe("alive", period=5, failures=360),
        "livenessProbe": _probe("alive", period=15, failures=6),
        "readinessProbe": _probe("ready", period=5, failures=3),
        # Endpoints drain before SIGTERM arrives, on which the node hands its slots over.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "run", "mountPath": "/run/redis"},
            {"name": "files", "mountPath": "/files", "readOnly": True},
            {"name": "auth", "mountPath": "/run/auth", "readOnly": True},
        ],
    }


def _probe(kind: str, period: int, failures: int) -> Manifest:
    return {
        "exec": {"command": ["sh", "/files/probe.sh", kind]},
        "periodSeconds": period,
        "timeoutSeconds": 10,
        "failureThreshold": failures,
    }
