"""The memory service of one memory namespace: interchangeable pods over all zones behind one Service."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import CustomTimeouts, Input, Output, ResourceOptions
from pulumi_kubernetes import apps, autoscaling, core, networking, policy
from pulumi_random import RandomPassword

from components import fence, objects
from components.home import TOKENS
from components.hosts import full_host
from components.kept import Kept
from components.memory_environment import PORT, POSTGRES_PORT, QDRANT_PORT, REDIS_PORT, PostgresEndpoint
from components.memory_gateways import (
    POSTGRESQL_GATEWAY_METRICS,
    QDRANT_GATEWAY_METRICS,
    REDIS_GATEWAY_METRICS,
    QdrantEndpoint,
    RedisEndpoint,
)
from components.memory_pod import CONTAINER, NAME, PodArgs, PodObjects, Role, pod_template
from components.objects import SKIP_AWAIT, Manifest, untyped
from components.placement import Placement
from settings import Images, Memory, Resources

NO_DEADLINE = 2_147_483_647
"""Kubernetes' own "never": held pods of a standby are no failed rollout."""


@dataclass(frozen=True)
class StorePods:
    """Labels that find the pods of the stores, for the network policy."""

    postgres_pooler: dict[str, str]
    """Of PgBouncer."""
    redis: dict[str, str]
    """Of every Redis node."""
    qdrant: dict[str, str]
    """Of every Qdrant node."""


@dataclass(frozen=True)
class MemoryServiceArgs:
    """What the service of one memory namespace needs to know."""

    placement: Placement
    namespace: str
    """The memory namespace: key prefix, Qdrant collection, and part of the objects' names."""
    settings: Memory
    resources: Resources
    """The region's own, where it has some."""
    images: Images
    role: Role
    """`home` serves; `standby` holds its pods until a promotion."""
    held: bool
    """The region serves nobody while home moves from it."""
    postgres: PostgresEndpoint
    redis: RedisEndpoint
    qdrant: QdrantEndpoint
    store_pods: StorePods
    ingress_namespace: str
    monitoring_namespace: str
    kept: Kept
    """Finds the token that the region had as a standby."""
    token: Input[str] | None = None
    """Bearer token of home, for a standby; None makes or keeps one."""
    fence: Sequence[str] = ()
    """`fence.asked`: what its pods ask the other regions, of which there may be none."""
    other_regions: str = ""
    """`fence.elsewhere`, which the pods read whenever they ask."""
    ranges_elsewhere: Sequence[str] | None = None
    """Addresses of the other regions; None where nobody states them."""
    after: Sequence[pulumi.Resource] = ()
    """What must be there before a pod may start: schema, collection, formed Redis cluster."""


class MemoryService(pulumi.ComponentResource):
    """Deployment, Service, autoscaler, budget and network policy of one memory namespace.

    A pod that starts before its stores would run without them for life (the service falls back in silence), so the
    Deployment comes after the Jobs that prepare them, and each pod waits for the primary itself.
    """

    host: Output[str]
    """Fully qualified host of the Service, port 80."""

    service: core.v1.Service
    """The Service of the pods, port 80."""

    token: Output[str]
    """Secret: what clients send as bearer token."""

    def __init__(self, name: str, args: MemoryServiceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:service:MemoryService", name, {}, opts)
        own = ResourceOptions(parent=self, provider=args.placement.provider)
        service_name = args.settings.service_name(args.namespace)
        labels = objects.labels(NAME, "api", service_name)
        selector = objects.selector(NAME, service_name)
        skip = SKIP_AWAIT if args.role == "standby" else None

        def metadata(suffix: str = "", annotations: dict[str, str] | None = None) -> Any:
            return untyped(objects.metadata(f"{service_name}{suffix}", args.placement, labels, annotations))

        # Pulumi waits for ready pods and for a Service's endpoints: that wait begins when the stores are there. A
        # rollout goes pod by pod, which for many pods takes longer than the default of ten minutes.
        late = ResourceOptions.merge(
            own,
            ResourceOptions(depends_on=list(args.after), custom_timeouts=CustomTimeouts(create="20m", update="1h")),
        )
        tokens = _tokens(name, args, ResourceOptions(parent=self))
        self.token = tokens["token"]
        names = _pod_objects(name, metadata, tokens, own, {fence.FILE: args.other_regions} if args.fence else {})
        template = pod_template(_pod_args(args), names, labels, selector, objects.content_hash(_files()))
        deployment = apps.v1.Deployment(
            f"{name}-deployment",
            metadata=metadata(annotations=skip),
            spec=untyped(deployment_spec(args.settings.replicas, selector, template, args.role)),
            opts=ResourceOptions.merge(
                late,
                # Made with memory.replicas, and from then on the autoscaler's.
                ResourceOptions(ignore_changes=["spec.replicas"] if args.settings.autoscaling.enabled else None),
            ),
        )
        self.service = core.v1.Service(
            f"{name}-service", metadata=metadata(annotations=skip), spec=untyped(service_spec(selector)), opts=late
        )
        if args.settings.autoscaling.enabled:
            autoscaling.v2.HorizontalPodAutoscaler(
                f"{name}-autoscaler",
                metadata=metadata(),
                # By its stated name: the policies judge it before the cluster of a new region is there.
                spec=untyped(autoscaler_spec(args.settings, service_name)),
                opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[deployment])),
            )
        policy.v1.PodDisruptionBudget(
            f"{name}-budget", metadata=metadata(), spec=untyped(objects.one_away(selector)), opts=own
        )
        networking.v1.NetworkPolicy(
            f"{name}-network", metadata=metadata(), spec=untyped(network_policy_spec(args, selector)), opts=own
        )
        self.host = full_host(service_name, args.placement)
        self.register_outputs({"host": self.host})


def _tokens(name: str, args: MemoryServiceArgs, own: ResourceOptions) -> dict[str, Output[str]]:
    """The present one, which the service takes alone, and the next, so that clients can have it before it counts.

    Home makes them; a standby takes home's present one.
    """
    if args.token is not None:
        return {"token": Output.secret(args.token)}

    def made(version: int) -> Output[str]:
        suffix = f"-{version}" if version > 1 else ""
        return RandomPassword(f"{name}-token{suffix}", length=48, special=False, opts=own).result

    version, namespace = args.settings.token_version, args.namespace
    present = args.kept.over(
        f"memory/{namespace}", made(version), lambda before: (before.get(TOKENS) or {}).get(namespace)
    )
    return {"token": present, "next": made(version + 1)}


def _pod_args(args: MemoryServiceArgs) -> PodArgs:
    return PodArgs(
        namespace=args.namespace,
        image=args.settings.image,
        resources=args.resources,
        images=args.images,
        role=args.role,
        max_memories=args.settings.max_memories,
        postgres=args.postgres,
        redis=args.redis,
        qdrant=args.qdrant,
        token_version=args.settings.token_version,
        host=full_host(args.settings.service_name(args.namespace), args.placement),
        held=args.held,
        fence=tuple(args.fence),
    )


def _pod_objects(
    name: str,
    metadata: Callable[[str], Any],
    tokens: dict[str, Output[str]],
    own: ResourceOptions,
    more: dict[str, str],
) -> PodObjects:
    """The ServiceAccount, ConfigMap and Secret that the pods refer to."""
    account = core.v1.ServiceAccount(
        f"{name}-account", metadata=metadata(""), automount_service_account_token=False, opts=own
    )
    files = core.v1.ConfigMap(f"{name}-files", metadata=metadata(""), data={**_files(), **more}, opts=own)
    secret = core.v1.Secret(f"{name}-token-secret", metadata=metadata("-token"), string_data=tokens, opts=own)
    made = ((account, ""), (files, ""), (secret, "-token"))
    return PodObjects(*(objects.named(one, metadata(suffix)["name"]) for one, suffix in made))


def _files() -> dict[str, str]:
    """What the containers read from the ConfigMap: file name to text."""
    return {
        name: objects.script(name)
        for name in ("await-primary.sh", "await_stores.py", "memory_probe.py", "qdrant-gateway.cfg")
    }


def deployment_spec(replicas: int, selector: dict[str, str], template: Manifest, role: Role) -> Manifest:
    """Spec of the Deployment: one new pod at a time and none away, so that start-ups do not race each other.

    Where nobody is served, all pods end before new ones are made: those of a former home must not write on, and new
    ones, which wait, would never relieve them.
    """
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return {
        "replicas": replicas,
        "revisionHistoryLimit": 5,
        "progressDeadlineSeconds": 900 if role == "home" else NO_DEADLINE,
        "strategy": rolling if role == "home" else {"type": "Recreate"},
        "selector": {"matchLabels": selector},
        "template": template,
    }


def service_spec(selector: dict[str, str]) -> Manifest:
    """Spec of the Service: the guide's port 80, to the service's own."""
    return {
        "type": "ClusterIP",
        "selector": selector,
        "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
    }


def autoscaler_spec(settings: Memory, deployment: str) -> Manifest:
    """Spec of the autoscaler: on CPU used, not on a share of the request.

    A process is saturated at about one core, a sixth to a quarter of its request: a utilisation target would never be
    reached. The service's container alone is measured, without its gateways.
    """
    scaling = settings.autoscaling
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
        "minReplicas": settings.min_replicas,
        "maxReplicas": scaling.max_replicas,
        "metrics": [
            {
                "type": "ContainerResource",
                "containerResource": {
                    "name": "cpu",
                    "container": CONTAINER,
                    "target": {"type": "AverageValue", "averageValue": scaling.target_cpu.text},
                },
            }
        ],
        "behavior": {
            # A starting pod reads and writes every memory once: a few at a time, and only when the load stays.
            "scaleUp": {
                "stabilizationWindowSeconds": 60,
                "policies": [{"type": "Pods", "value": 3, "periodSeconds": 60}],
            },
            # Calm: the graph of a process is lost with it, and a lull of some minutes is no reason to pay that.
            "scaleDown": {
                "stabilizationWindowSeconds": 600,
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
            },
        },
    }


def network_policy_spec(args: MemoryServiceArgs, selector: dict[str, str]) -> Manifest:
    """Spec of the network policy: from the ingress controller and monitoring, to the three stores (and DNS, as all).

    Its own pods ask each other for /ping before one of them is killed for a stall, and the ingress controllers of other
    regions whether this one was given up (`memory_pod.probes`). Where no ranges of those are stated, any address stands
    for them.
    """
    callers = [objects.namespace_named(name) for name in (args.ingress_namespace, args.monitoring_namespace)]
    stores, siblings = args.store_pods, objects.pods(selector)
    return {
        "podSelector": {"matchLabels": selector},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            objects.allow_from([*callers, siblings], PORT),
            objects.allow_from(
                [objects.namespace_named(args.monitoring_namespace)],
                REDIS_GATEWAY_METRICS,
                POSTGRESQL_GATEWAY_METRICS,
                QDRANT_GATEWAY_METRICS,
            ),
        ],
        "egress": [
            objects.allow_to([objects.pods(stores.postgres_pooler)], POSTGRES_PORT),
            objects.allow_to([objects.pods(stores.redis)], REDIS_PORT),
            objects.allow_to([objects.pods(stores.qdrant)], QDRANT_PORT),
            objects.allow_to([siblings], PORT),
            *([objects.allow_elsewhere(args.ranges_elsewhere, fence.PORT)] if args.fence else []),
        ],
    }
