"""scaling-overview: whether the region holds, who is overloaded and what runs out."""

from observability.alerts.objectives import BURNS
from observability.dashboards import firing, stores
from observability.dashboards.frame import Plan, Row, of_home
from observability.dashboards.panels import (
    BYTES,
    COMPONENT,
    COUNT,
    IDLE,
    NAMED,
    REQUESTS,
    SECONDS,
    SHARE,
    ZONE,
    Graph,
    Matrix,
    Number,
    Query,
    Table,
    of,
    over,
    under,
)
from observability.scope import Scope

BY_COMPONENT = "on (region, component)"
LATENCY = "service:latency_seconds:quantile_rate5m"


def rows(scope: Scope) -> list[Row]:
    """The questions, the most urgent first."""
    return [
        firing.row("What fires now?"),
        _zone_loss(),
        _load(scope),
        _answers(scope),
        stores.failures(scope),
        stores.cache(scope),
        _room(scope),
    ]


def _zone_loss() -> Row:
    needed, left = of("component:needed_pods:count", COMPONENT), of("component:left_pods:count", COMPONENT, NAMED)
    spare = f"({left} or {BY_COMPONENT} 0 * {needed}) - {BY_COMPONENT} {needed}"
    # Pods of a standby's service wait for a promotion: nobody needs them ready.
    ready = f"{of('component:ready_pods:count', COMPONENT, ZONE)} and {BY_COMPONENT} {needed}"
    return Row(
        "Can we lose a zone now?",
        (
            (
                Number(
                    "Pods to spare after the loss of a zone",
                    "Ready pods outside the fullest zone, less those that the component needs. Below zero the loss of "
                    "one zone stops it: see at the right where its pods are, and bring the missing ones back first.",
                    COUNT,
                    (Query(spare, "{{component}}"),),
                    ((None, "red"), (0, "green")),
                    ("ZoneLossNotSurvived",),
                ),
                Matrix(
                    "Ready pods by zone",
                    "A zone with none is lost or cut off. `kubectl get pods -o wide` names the pods that are missing, "
                    "`kubectl describe pod` says why.",
                    COUNT,
                    (Query(ready, "{{component}} in {{zone}}"),),
                    under(critical=1),
                    ("ZoneBelowMinimum", "ComponentDown", "ComponentGone"),
                    row="component",
                    column="zone",
                ),
                Graph(
                    "Pods left without the fullest zone",
                    "When it began: a step down is a node, a zone or a roll. A component whose line falls under what "
                    "it needs does not survive the next zone.",
                    COUNT,
                    (Query(left, "{{component}} left"), Query(needed, "{{component}} needs")),
                    alerts=("ZoneLossNotSurvived",),
                ),
            ),
        ),
    )


def _load(scope: Scope) -> Row:
    limits = scope.monitoring.thresholds
    cpu, memory = (over(limit.warning, limit.critical) for limit in (limits.cpu, limits.memory))
    return Row(
        "Who is overloaded?",
        (
            (
                Graph(
                    "CPU by node",
                    "One node far over the others: see which pods are on it, then `shard-distribution` for uneven "
                    "shards. All nodes high: more nodes, or a larger machine.",
                    SHARE,
                    (Query(of("node:cpu_used:ratio_rate5m", ZONE), "{{node}} ({{zone}})"),),
                    cpu,
                    ("NodeUneven", "NodeCpuShort", *of_home(scope, "NodeCpuSpent")),
                    ("shard-distribution",),
                ),
                Graph(
                    "Memory by node",
                    "Near the top the node evicts pods. See which pods grow in the line below, and spread them.",
                    SHARE,
                    (Query(of("node:memory_used:ratio", ZONE), "{{node}} ({{zone}})"),),
                    memory,
                    ("NodeMemoryShort", "NodeMemorySpent"),
                ),
                Graph(
                    "Requests by pod of the service",
                    "Lines should lie together. One pod far above: clients that keep one connection, or streams pinned "
                    "to it. Restart that pod to spread them anew.",
                    REQUESTS,
                    (Query(of("service_pod:requests:rate5m", ZONE), "{{pod}} ({{zone}})"),),
                    alerts=("MemoryServiceUneven", "MemoryServiceAtItsMost"),
                    empty=IDLE,
                ),
            ),
            (
                Graph(
                    "CPU by pod",
                    "In cores. A pod far over its equals does more than its share; a service pod at one core is at its "
                    "most, since it works on one request at a time: more pods help, a larger one does not.",
                    COUNT,
                    (Query(of("pod:cpu_used:cores_rate5m", COMPONENT), "{{pod}}"),),
                    alerts=("NodeUneven",),
                ),
                Graph(
                    "Memory by pod",
                    "What cannot be reclaimed. A line that only rises is a leak, or data that grows: see at the right "
                    "how far it is from its limit.",
                    BYTES,
                    (Query(of("pod:memory_used:bytes", COMPONENT), "{{pod}}"),),
                    alerts=("MemoryShort",),
                ),
                Graph(
                    "Memory of limit by pod",
                    "At 100 % the container is killed. Raise the component's `resources` by a step, or spread its load "
                    "over more pods.",
                    SHARE,
                    (Query(of("pod:memory_of_limit:ratio", COMPONENT), "{{pod}}"),),
                    over(limits.memory.warning),
                    ("MemoryShort", "ContainersRestart"),
                ),
            ),
            (
                Graph(
                    "CPU of limit by pod",
                    "At 100 % the container is held back. Raise the component's `resources` by a step, or spread its "
                    "load over more pods.",
                    SHARE,
                    (Query(of("pod:cpu_of_limit:ratio_rate5m", COMPONENT, NAMED), "{{pod}}"),),
                    cpu,
                    ("CpuShort", *of_home(scope, "CpuSpent")),
                ),
                Graph(
                    "Memory of limit by pod, without files",
                    "What the kernel cannot take back. Where it comes to 100 % the container is killed, and soon its "
                    "equals, which hold as much.",
                    SHARE,
                    (Query(of("pod:memory_kept:ratio", COMPONENT, NAMED), "{{pod}}"),),
                    over(critical=limits.memory.critical),
                    ("MemorySpent",),
                ),
            ),
        ),
    )


def _answers(scope: Scope) -> Row:
    latency, errors = scope.monitoring.thresholds.latency, scope.monitoring.thresholds.errors
    slowest = of(LATENCY, 'quantile="0.95"')
    slow = over(latency.warning_ms / 1000, latency.critical_ms / 1000)
    return Row(
        "How fast are answers?",
        (
            (
                Graph(
                    "Time to answer",
                    "Of the slowest kind of request; the alerts look at the 0.95 line. See which request it is below, "
                    "then which store or node is busy, and scale that one out.",
                    SECONDS,
                    (Query(f"max by (service, quantile) ({of(LATENCY)})", "{{service}} {{quantile}}"),),
                    slow,
                    ("MemoryServiceSlow", "MemoryServiceTooSlow"),
                    ("shard-distribution",),
                    IDLE,
                ),
                Graph(
                    "Share of requests that fail",
                    "Answers 5xx. The service's log names the store that failed; a release that it began with is "
                    "taken back.",
                    SHARE,
                    (Query(of("service:errors:ratio_rate5m"), "{{service}}"),),
                    over(errors.warning, errors.critical),
                    ("MemoryServiceErrors", "MemoryServiceFailing"),
                    empty=IDLE,
                ),
                Graph(
                    "Requests",
                    "Sudden silence is as bad as a peak: see in `regional-performance` whether users still get in.",
                    REQUESTS,
                    (Query(f"sum by (service) ({of('service:requests:rate5m')})", "{{service}}"),),
                    opens=("regional-performance",),
                    empty=IDLE,
                ),
            ),
            (
                Table(
                    "Slowest requests",
                    "At the 95th percentile, now. If only searches are slow, it is Qdrant: see `shard-distribution`. "
                    "If all are, the service is short of pods, or its node of CPU.",
                    SECONDS,
                    (Query(f"topk(10, max by (service, method, endpoint) ({slowest}))", "{{method}} {{endpoint}}"),),
                    slow,
                    ("MemoryServiceSlow", "MemoryServiceTooSlow"),
                    ("shard-distribution",),
                    IDLE,
                    columns=("service", "method", "endpoint"),
                    value="Takes",
                ),
                *_budget(scope),
            ),
        ),
    )


def _budget(scope: Scope) -> tuple[Number, Graph]:
    budget = f"{1 - scope.monitoring.availability:.6g}"
    hourly = of("service:errors:ratio_rate1h")
    burns = tuple(
        Query(f"{of(f'service:errors:ratio_rate{long}')} / {budget}", f"{{{{service}}}} over {long}")
        for _, _, _, long, _ in BURNS
    )
    return (
        Number(
            "Error budget left",
            f"Of the failures that {scope.monitoring.availability:.6g} of 30 days allows, every hour with requests "
            "counting the same, as far back as Prometheus keeps them. Under a quarter: no risky releases; at zero: "
            "only what makes it safer.",
            SHARE,
            # In its first hour a region has no full one.
            (Query(f"1 - (avg_over_time({hourly}[30d:1h]) or {hourly}) / {budget}", "{{service}}"),),
            ((None, "red"), (0, "orange"), (0.25, "green")),
            tuple(name for name, *_ in BURNS),
            empty=IDLE,
        ),
        Graph(
            "How fast the error budget burns",
            "At 1 it is just used up in 30 days. A short window that is high alone is a blip; one hour and more "
            "together are an outage that goes on: find what it began with, and take it back.",
            COUNT,
            burns,
            over(min(factor for _, _, factor, _, _ in BURNS), max(factor for _, _, factor, _, _ in BURNS)),
            tuple(name for name, *_ in BURNS),
            empty=IDLE,
        ),
    )


def _room(scope: Scope) -> Row:
    thresholds = scope.monitoring.thresholds
    return Row(
        "Is room running out?",
        (
            (
                Graph(
                    "Volumes: share that is free",
                    "A store whose volume is full stops. Raise its `storage`: the volume grows while it is in use.",
                    SHARE,
                    (Query(of("volume:free:ratio"), "{{persistentvolumeclaim}}"),),
                    under(thresholds.storage_free, thresholds.storage_free_critical),
                    ("VolumeFilling", "VolumeAlmostFull"),
                ),
                Graph(
                    "PostgreSQL: connections in use",
                    "When none is left, logins fail. See who has them in pg_stat_activity; they follow "
                    "`postgresql.pooler.instances` and its pool size.",
                    SHARE,
                    (Query(of("postgresql:connections:ratio"), "{{pod}}"),),
                    over(thresholds.connections.warning, thresholds.connections.critical),
                    ("PostgresqlConnectionsMany", "PostgresqlConnectionsSpent"),
                ),
                Graph(
                    "PostgreSQL: clients that wait",
                    "Held by the pooler: for some seconds while the primary moves. If there is a primary, look for "
                    "long transactions, then raise `postgresql.pooler.instances`.",
                    COUNT,
                    (Query(of("postgresql:pooler_waiting:count"), "waiting"),),
                    alerts=("PostgresqlPoolerWaits", "PostgresqlLongTransaction"),
                ),
            ),
            (
                Graph(
                    "Memory by component",
                    "How demand grows. Plan the next step before a component's pods come near their limits.",
                    BYTES,
                    (Query(of("component:memory_used:bytes", COMPONENT, NAMED), "{{component}}"),),
                    alerts=("MemoryShort",),
                ),
                Graph(
                    "CPU by component",
                    "In cores. What grows with the load; compare with the requests that its settings reserve.",
                    COUNT,
                    (Query(of("component:cpu_used:cores_rate5m", COMPONENT, NAMED), "{{component}}"),),
                    alerts=("NodeUneven",),
                ),
            ),
        ),
    )


PLAN = Plan(
    "SomaFractalMemory: scaling overview",
    "Does the region hold, who is overloaded, and what runs out?",
    rows,
    components=True,
)
