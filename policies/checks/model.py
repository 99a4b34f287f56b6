"""What the checks talk about: workloads, budgets, autoscalers, databases, and a violation of a rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from policies.checks.plain import Plain, Unknown
from policies.checks.plans import CollectionPlan, CopyPlan, ShardPlan

ZONE_KEY = "topology.kubernetes.io/zone"


@dataclass(frozen=True)
class Violation:
    """A resource that breaks a rule. The message names fields, counts, objects, never a value that may be secret."""

    urn: str
    message: str


@dataclass(frozen=True)
class Minimums:
    """The numbers that may be configured; the defaults are those of the scaling guide's `high_availability` block."""

    min_replicas: int = 3
    zone_names: tuple[str, ...] = ()
    """Values of topology.kubernetes.io/zone; none means three zones of any name."""

    @property
    def zones(self) -> int:
        """Over how many zones pods are spread."""
        return len(self.zone_names) or 3


@dataclass(frozen=True)
class Limits:
    """The numbers of the packs data-safety, security and capacity that may be configured."""

    key_days: int = 30
    """Days between the order to delete a KMS key and its end."""
    retention_days: int = 2
    """Days for which what was deleted or overwritten can be had back."""
    log_days: int = 30
    public_ports: tuple[int, ...] = (80, 443)
    """Ports that a load balancer for users may open to the world."""
    times_plan: int = 3
    """How many times what a plan asks for a region may have."""
    failover_seconds: int = 120
    """Until users of a public name are led to another region: the check's failures, and how long clients keep names."""
    standby_percent: int = 50
    """Of home's CPU and memory that a standby has at least. Half of it, as the scaling guide's standby has (4 CPU and
    8Gi beside 8 CPU and 16Gi): the autoscaler's most pods are several times what runs on an ordinary day, and a region
    that has just been promoted is made larger while it serves.
    """


@dataclass(frozen=True)
class Zones:
    """Zones that are left to pods: those named, or all but those named, whatever zones the cluster has."""

    names: frozenset[str]
    all_but: bool

    def __contains__(self, zone: str) -> bool:
        return (zone in self.names) is not self.all_but

    def __invert__(self) -> "Zones":
        return Zones(self.names, not self.all_but)

    def __and__(self, other: "Zones") -> "Zones":
        if self.all_but and other.all_but:
            return Zones(self.names | other.names, all_but=True)
        named, filtering = (other, self) if self.all_but else (self, other)
        return Zones(frozenset(zone for zone in named.names if zone in filtering), all_but=False)

    def __or__(self, other: "Zones") -> "Zones":
        return ~(~self & ~other)


ALL_ZONES = Zones(frozenset(), all_but=True)
NO_ZONE = ~ALL_ZONES


@dataclass(frozen=True)
class Nodes:
    """Nodes that are left to pods."""

    zones: Zones
    named: bool
    """Nodes are chosen by their names: a pod cannot move from them."""


@dataclass(frozen=True)
class Resource:
    """A resource as the engine shows it: its type token and its inputs as plain data."""

    type: str
    urn: str
    name: str
    """Its Pulumi name."""
    inputs: Plain
    protect: bool = False
    deleted_first: bool = False
    """A replacement is made only after it was deleted."""
    region: str = ""
    """Region of AWS of its provider, empty where it has none or that is not known."""
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Input to the URNs of the resources that its value comes from; only where all resources are judged together."""
    ignored: tuple[str, ...] = ()
    """Inputs whose changes an update leaves alone (`ignoreChanges`), as `spec.replicas`."""


@dataclass(frozen=True)
class Expression:
    """One `matchExpressions` entry of a label selector."""

    key: str
    operator: str
    values: tuple[str, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        if self.operator == "In":
            return labels.get(self.key) in self.values
        if self.operator == "NotIn":
            return labels.get(self.key) not in self.values
        if self.operator == "Exists":
            return self.key in labels
        return self.operator == "DoesNotExist" and self.key not in labels


@dataclass(frozen=True)
class Selector:
    """A label selector; every part must hold. No part at all selects every pod of the namespace."""

    labels: Mapping[str, str]
    expressions: tuple[Expression, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        equal = all(labels.get(key) == value for key, value in self.labels.items())
        return equal and all(expression.matches(labels) for expression in self.expressions)


@dataclass(frozen=True)
class Spread:
    """A topology spread constraint."""

    key: str
    hard: bool
    """`whenUnsatisfiable: DoNotSchedule`; `ScheduleAnyway` is only a wish."""
    max_skew: int
    min_domains: int | None
    selector: Selector | None
    """None selects no pod at all."""
    match_label_keys: tuple[str, ...]
    leaves_out_tainted: bool
    """`nodeTaintsPolicy: Honor`: zones whose nodes are tainted, as those of a lost zone are, do not count."""

    def counts(self, labels: Mapping[str, str]) -> bool:
        """Whether it counts pods with these labels."""
        return self.selector is not None and self.selector.matches(labels)


class Role(Enum):
    """How long a container runs."""

    MAIN = "container"
    SIDECAR = "sidecar"
    """An init container with `restartPolicy: Always`: it stays beside the main containers."""
    INIT = "init container"


@dataclass(frozen=True)
class Container:
    name: str
    role: Role
    requests: Mapping[str, Decimal]
    limits: Mapping[str, Decimal]
    readiness: int | None
    """In how many ways the probe asks (of httpGet, tcpSocket, exec, grpc); None without a probe."""
    liveness: int | None
    serves: bool
    """Declares a port."""
    environment: Mapping[str, str | Unknown | None]
    """Plain values; None where the value comes from elsewhere (`valueFrom`)."""


class Kind(Enum):
    """Kinds that run pods, by their Kubernetes kind."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    POOLER = "Pooler"
    """CloudNativePG's; its operator makes a Deployment of it."""
    JOB = "Job"
    CRON_JOB = "CronJob"
    BARE = "Pod"
    """A Pod or ReplicaSet without a controller above it."""


_REVISION_KEY: Mapping[Kind, str] = {
    Kind.DEPLOYMENT: "pod-template-hash",
    Kind.POOLER: "pod-template-hash",
    Kind.STATEFUL_SET: "controller-revision-hash",
}
"""Label that a controller gives alike to all pods of one revision."""


@dataclass(frozen=True)
class Amount:
    """A count of pods, or a percentage of them."""

    number: int
    percent: bool = False

    def of(self, pods: int) -> int:
        """Percentages round up, for `minAvailable` and `maxUnavailable` alike (disruption controller, `roundUp`)."""
        return -(-self.number * pods // 100) if self.percent else self.number


@dataclass(frozen=True)
class Rollout:
    """How a Deployment goes from one revision to the next."""

    recreates: bool
    """All old pods end before the first new one starts."""
    max_unavailable: Amount | None
    """None where nothing is stated: a quarter, rounded down."""


@dataclass(frozen=True)
class Workload:
    """Something that runs pods from one template."""

    urn: str
    kind: Kind
    name: str
    namespace: str
    replicas: int | None
    """None where the manifest states none."""
    labels: Mapping[str, str]
    """Of its pods, with those that an operator adds."""
    containers: tuple[Container, ...]
    spreads: tuple[Spread, ...]
    nodes: Nodes
    rollout: Rollout | None
    """None for kinds that have no strategy of a Deployment."""
    keeps_volumes: bool
    """Each pod has volumes of its own, which outlive it."""

    @property
    def title(self) -> str:
        return f"{self.kind.value} {self.name}"

    def shares(self, label: str) -> bool:
        """Whether all its pods have the same value of a label: those that a controller adds mostly tell them apart."""
        return label in self.labels or label == _REVISION_KEY.get(self.kind)

    @property
    def quorum(self) -> bool:
        """Members of a StatefulSet vote: a majority of them must always be there."""
        return self.kind is Kind.STATEFUL_SET

    @property
    def pinned(self) -> bool:
        """A StatefulSet in one zone: one of several that together hold a data set."""
        return self.quorum and not self.nodes.zones.all_but and len(self.nodes.zones.names) == 1

    @property
    def lasting(self) -> bool:
        """Meant to run always, in a number of interchangeable or voting pods."""
        return self.kind in (Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.POOLER)


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget."""

    urn: str
    name: str
    namespace: str
    selector: Selector | None
    """None selects no pod at all."""
    min_available: Amount | None
    max_unavailable: Amount | None
    always_allows_unhealthy: bool
    """`unhealthyPodEvictionPolicy: AlwaysAllow`: a broken pod does not block the drain of its node."""

    def covers(self, namespace: str, labels: Mapping[str, str]) -> bool:
        return self.namespace == namespace and self.selector is not None and self.selector.matches(labels)

    def allowed_evictions(self, pods: int) -> int:
        """How many of so many healthy pods may be evicted at once."""
        if self.max_unavailable is not None:
            return min(pods, self.max_unavailable.of(pods))
        if self.min_available is not None:
            return max(0, pods - self.min_available.of(pods))
        return pods


@dataclass(frozen=True)
class Autoscaler:
    """A HorizontalPodAutoscaler."""

    urn: str
    name: str
    namespace: str
    target_kind: str
    target_name: str
    min_replicas: int
    max_replicas: int


@dataclass(frozen=True)
class Database:
    """A CloudNativePG Cluster."""

    urn: str
    name: str
    namespace: str
    instances: int
    labels: Mapping[str, str]
    """Of its pods: the operator's."""
    server: Container
    """The PostgreSQL container: requests and limits."""
    anti_affinity_key: str | None
    """Topology key of the pods' anti-affinity; None where it is switched off."""
    anti_affinity_required: bool
    nodes: Nodes
    spreads: tuple[Spread, ...]
    synchronous_standbys: int
    """Standbys that must have a commit before the client hears of it; 0 without synchronous replication."""
    durability_required: bool
    """Writes wait for a standby rather than going on without one."""
    budgets: bool
    """The operator makes the disruption budgets."""


@dataclass(frozen=True)
class SettingsRecord:
    """The minimums of a region's settings, as a ConfigMap records them."""

    urn: str
    name: str
    """Of the ConfigMap."""
    highly_available: bool
    """`high_availability.enabled`: without it there are no minimums."""
    min_replicas: int
    zones: frozenset[str]
    """By the cluster's own names."""
    shards: int | None
    """Of each collection; None where the record does not say."""


Item = Workload | Budget | Autoscaler | Database | CollectionPlan | CopyPlan | ShardPlan | SettingsRecord


@dataclass(frozen=True)
class Stack:
    """Everything of one stack that the checks can judge together."""

    workloads: tuple[Workload, ...] = ()
    budgets: tuple[Budget, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    databases: tuple[Database, ...] = ()
    collections: tuple[CollectionPlan, ...] = ()
    copies: tuple[CopyPlan, ...] = ()
    shards: tuple[ShardPlan, ...] = ()
    records: tuple[SettingsRecord, ...] = ()
    unreadable: tuple[Violation, ...] = ()
    """Resources that could not be read, and why; the stack's rules leave them out."""

    def counted(self, spread: Spread, namespace: str) -> list[Workload]:
        """The workloads that run always and whose pods a spread in this namespace counts."""
        return [
            workload
            for workload in self.workloads
            if workload.lasting and workload.namespace == namespace and spread.counts(workload.labels)
        ]

    def autoscaler_of(self, workload: Workload) -> Autoscaler | None:
        for scaler in self.autoscalers:
            target = (scaler.namespace, scaler.target_kind, scaler.target_name)
            if target == (workload.namespace, workload.kind.value, workload.name):
                return scaler
        return None

    def replicas_of(self, workload: Workload) -> int:
        """The fewest pods that it runs in ordinary operation: what it states, unless an autoscaler decides."""
        scaler = self.autoscaler_of(workload)
        if scaler is not None:
            return scaler.min_replicas
        return 1 if workload.replicas is None else workload.replicas
