"""Kubernetes manifests, as plain data, into what the checks talk about."""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cache

from policies.checks import config_maps, metadata, nodes, quantities, releases, templates, unjudged
from policies.checks.model import (
    Amount,
    Autoscaler,
    Budget,
    Container,
    Database,
    Expression,
    Item,
    Kind,
    Resource,
    Role,
    Rollout,
    Selector,
    SettingsRecord,
    Spread,
    Stack,
    Violation,
    Workload,
)
from policies.checks.plain import (
    Plain,
    Unknown,
    Unreadable,
    at,
    flag_at,
    labels_at,
    list_at,
    number_at,
    object_at,
    text_at,
    texts_at,
)
from policies.checks.plans import CollectionPlan, CopyPlan, ShardPlan

_HOSTNAME_KEY = "kubernetes.io/hostname"


def item(resource: Resource) -> Item | None:
    """The resource as the checks know it; None for a kind that none of them judges. Raises Unreadable."""
    reader = _READERS.get(resource.type)
    if reader is not None:
        return reader(resource)
    problem = unjudged.why(resource.type)
    if problem is not None:
        raise Unreadable(problem)
    return None


@cache
def concerns(token: str) -> bool:
    """Whether the checks have anything to say about resources of a type."""
    return token in _READERS or unjudged.why(token) is not None


def stack(resources: Iterable[Resource], known: Callable[[Resource], Item | None] = item) -> Stack:
    """All resources of a stack; those that cannot be read are listed instead of raising. `known` reads one, as `item`
    does."""
    items: list[Item] = []
    unreadable: list[Violation] = []
    for resource in resources:
        try:
            found = known(resource)
        except Unreadable as problem:
            unreadable.append(Violation(resource.urn, str(problem)))
        else:
            items += [] if found is None else [found]
    return Stack(
        workloads=tuple(i for i in items if isinstance(i, Workload)),
        budgets=tuple(i for i in items if isinstance(i, Budget)),
        autoscalers=tuple(i for i in items if isinstance(i, Autoscaler)),
        databases=tuple(i for i in items if isinstance(i, Database)),
        collections=tuple(i for i in items if isinstance(i, CollectionPlan)),
        copies=tuple(i for i in items if isinstance(i, CopyPlan)),
        shards=tuple(i for i in items if isinstance(i, ShardPlan)),
        records=tuple(i for i in items if isinstance(i, SettingsRecord)),
        unreadable=tuple(unreadable),
    )


def _workload(
    kind: Kind, *template: str, replicas: str | None = None, strategy: str | None = None
) -> Callable[[Resource], Workload]:
    """A reader for a kind: path of its pod template, fields of `spec` for the count of pods and the strategy."""

    def read(resource: Resource) -> Workload:
        pods = object_at(resource.inputs, *template)
        pod = object_at(pods, "spec")
        name = metadata.name(resource)
        return Workload(
            urn=resource.urn,
            kind=kind,
            name=name,
            namespace=metadata.namespace(resource),
            replicas=number_at(resource.inputs, "spec", replicas) if replicas else None,
            labels=labels_at(pods, "metadata", "labels") | _operator_labels(kind, resource, name),
            containers=tuple(_containers(pod)),
            spreads=tuple(_spread(spread) for spread in list_at(pod, "topologySpreadConstraints")),
            nodes=nodes.of_pod(pod),
            rollout=_rollout(resource.inputs, "spec", strategy) if strategy else None,
            keeps_volumes=kind is Kind.STATEFUL_SET
            and bool(list_at(object_at(resource.inputs, "spec"), "volumeClaimTemplates")),
        )

    return read


def _rollout(manifest: Plain, *strategy: str) -> Rollout:
    return Rollout(
        recreates=text_at(manifest, *strategy, "type") == "Recreate",
        max_unavailable=_amount(manifest, *strategy, "rollingUpdate", "maxUnavailable"),
    )


def _operator_labels(kind: Kind, resource: Resource, name: str) -> dict[str, str]:
    """Labels that CloudNativePG puts on a Pooler's pods, over those of its template (pkg/specs/pgbouncer)."""
    if kind is not Kind.POOLER:
        return {}
    labels = _database_labels(text_at(resource.inputs, "spec", "cluster", "name"), "pooler", "pooler")
    return labels | {"cnpg.io/poolerName": name}


def _database_labels(cluster: str, role: str, component: str) -> dict[str, str]:
    return {
        "cnpg.io/cluster": cluster,
        "cnpg.io/podRole": role,
        "app.kubernetes.io/name": "postgresql",
        "app.kubernetes.io/instance": cluster,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": "cloudnative-pg",
    }


def _containers(pod: Plain) -> Iterator[Container]:
    for container in list_at(pod, "containers"):
        yield _container(container, Role.MAIN)
    for container in list_at(pod, "initContainers"):
        yield _container(container, Role.SIDECAR if templates.stays(container) else Role.INIT)


def _container(container: Plain, role: Role) -> Container:
    return Container(
        name=text_at(container, "name"),
        role=role,
        requests=_amounts(container, "resources", "requests"),
        limits=_amounts(container, "resources", "limits"),
        readiness=_probe(container, "readinessProbe"),
        liveness=_probe(container, "livenessProbe"),
        serves=bool(list_at(container, "ports")),
        environment={text_at(entry, "name"): _value(object_at(entry)) for entry in list_at(container, "env")},
    )


def _probe(container: Plain, field: str) -> int | None:
    """In how many ways a probe asks. A way that states nothing asks nothing."""
    if at(container, field) is None:
        return None
    return sum(bool(at(container, field, way)) for way in ("httpGet", "tcpSocket", "exec", "grpc"))


def _value(entry: Plain) -> str | Unknown | None:
    """An environment variable may be unknown: few of them are looked at."""
    value = entry.get("value")
    return value if isinstance(value, (str, Unknown)) else None


def _amounts(manifest: Plain, *path: str) -> dict[str, Decimal]:
    found = at(manifest, *path)
    if found is None:
        return {}
    return {key: quantities.parse(at(found, key), ".".join((*path, key))) for key in object_at(manifest, *path)}


def _spread(constraint: Plain) -> Spread:
    return Spread(
        key=text_at(constraint, "topologyKey"),
        hard=text_at(constraint, "whenUnsatisfiable") == "DoNotSchedule",
        max_skew=number_at(constraint, "maxSkew") or 0,
        min_domains=number_at(constraint, "minDomains"),
        selector=selector(constraint, "labelSelector"),
        match_label_keys=texts_at(constraint, "matchLabelKeys"),
        leaves_out_tainted=text_at(constraint, "nodeTaintsPolicy") == "Honor",
    )


def selector(manifest: Plain, key: str) -> Selector | None:
    """The label selector at a key; None where there is none."""
    if at(manifest, key) is None:
        return None
    expressions = tuple(
        Expression(text_at(entry, "key"), text_at(entry, "operator"), texts_at(entry, "values"))
        for entry in list_at(manifest, key, "matchExpressions")
    )
    return Selector(labels_at(manifest, key, "matchLabels"), expressions)


def _budget(resource: Resource) -> Budget:
    object_at(resource.inputs, "spec")
    return Budget(
        urn=resource.urn,
        name=metadata.name(resource),
        namespace=metadata.namespace(resource),
        selector=selector(at(resource.inputs, "spec"), "selector"),
        min_available=_amount(resource.inputs, "spec", "minAvailable"),
        max_unavailable=_amount(resource.inputs, "spec", "maxUnavailable"),
        always_allows_unhealthy=text_at(resource.inputs, "spec", "unhealthyPodEvictionPolicy") == "AlwaysAllow",
    )


def _amount(manifest: Plain, *path: str) -> Amount | None:
    value = at(manifest, *path)
    if value is None:
        return None
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdecimal():
        return Amount(int(value[:-1]), percent=True)
    if isinstance(value, str):
        raise Unreadable(f"{'.'.join(path)} is neither a whole number nor a percentage")
    return Amount(number_at(manifest, *path) or 0)


def _autoscaler(resource: Resource) -> Autoscaler:
    object_at(resource.inputs, "spec", "scaleTargetRef")
    least, most = (number_at(resource.inputs, "spec", field) for field in ("minReplicas", "maxReplicas"))
    if most is None:
        raise Unreadable("spec.maxReplicas is missing")
    return Autoscaler(
        urn=resource.urn,
        name=metadata.name(resource),
        namespace=metadata.namespace(resource),
        target_kind=text_at(resource.inputs, "spec", "scaleTargetRef", "kind"),
        target_name=text_at(resource.inputs, "spec", "scaleTargetRef", "name"),
        min_replicas=1 if least is None else least,
        max_replicas=most,
    )


def _database(resource: Resource) -> Database:
    """Absent fields have CloudNativePG's defaults: preferred anti-affinity by host, no synchronous standby, budgets."""
    spec = object_at(resource.inputs, "spec")
    name = metadata.name(resource)
    apart = flag_at(spec, "affinity", "enablePodAntiAffinity", default=True)
    return Database(
        urn=resource.urn,
        name=name,
        namespace=metadata.namespace(resource),
        instances=number_at(spec, "instances") or 1,
        labels=_database_labels(name, "instance", "database"),
        server=_container({"name": "postgres", "resources": at(spec, "resources")}, Role.MAIN),
        anti_affinity_key=text_at(spec, "affinity", "topologyKey", default=_HOSTNAME_KEY) if apart else None,
        anti_affinity_required=text_at(spec, "affinity", "podAntiAffinityType") == "required",
        nodes=nodes.chosen_by(at(spec, "affinity"), at(spec, "affinity")),
        spreads=tuple(_spread(spread) for spread in list_at(spec, "topologySpreadConstraints")),
        synchronous_standbys=number_at(spec, "postgresql", "synchronous", "number") or 0,
        durability_required=text_at(spec, "postgresql", "synchronous", "dataDurability", default="required")
        == "required",
        budgets=flag_at(spec, "enablePDB", default=True),
    )


_READERS: dict[str, Callable[[Resource], Item | None]] = {
    "kubernetes:apps/v1:Deployment": _workload(
        Kind.DEPLOYMENT, "spec", "template", replicas="replicas", strategy="strategy"
    ),
    "kubernetes:apps/v1:StatefulSet": _workload(Kind.STATEFUL_SET, "spec", "template", replicas="replicas"),
    "kubernetes:apps/v1:DaemonSet": _workload(Kind.DAEMON_SET, "spec", "template"),
    "kubernetes:apps/v1:ReplicaSet": _workload(Kind.BARE, "spec", "template"),
    "kubernetes:core/v1:Pod": _workload(Kind.BARE),
    "kubernetes:batch/v1:Job": _workload(Kind.JOB, "spec", "template"),
    "kubernetes:batch/v1:CronJob": _workload(Kind.CRON_JOB, "spec", "jobTemplate", "spec", "template"),
    "kubernetes:policy/v1:PodDisruptionBudget": _budget,
    "kubernetes:autoscaling/v1:HorizontalPodAutoscaler": _autoscaler,
    "kubernetes:autoscaling/v2:HorizontalPodAutoscaler": _autoscaler,
    "kubernetes:core/v1:ConfigMap": config_maps.read,
    "kubernetes:helm.sh/v3:Release": releases.read,
    "kubernetes:postgresql.cnpg.io/v1:Cluster": _database,
    "kubernetes:postgresql.cnpg.io/v1:Pooler": _workload(
        Kind.POOLER, "spec", "template", replicas="instances", strategy="deploymentStrategy"
    ),
}

TOKENS = tuple(_READERS)
"""The type tokens that are read."""
