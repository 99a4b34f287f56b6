"""regional-performance: which region serves, whether the regions reach each other, and what a promotion would lose."""

from observability.alerts.postgresql import ARCHIVE_SECONDS, BACKUP_SECONDS
from observability.alerts.qdrant import COMMITS, SNAPSHOT_SECONDS
from observability.alerts.redis import REPLICA_BYTES
from observability.alerts.regions import CERTIFICATE_SECONDS, HALF, LINK_SECONDS
from observability.dashboards import firing
from observability.dashboards.frame import Plan, Row
from observability.dashboards.panels import (
    BYTES,
    COUNT,
    DAYS,
    IDLE,
    REQUESTS,
    SECONDS,
    SHARE,
    ZONE,
    Graph,
    Matrix,
    Number,
    Query,
    of,
    over,
    under,
)
from observability.scope import Scope

DAY = 86400
STORES = ('endpoint="/memories"', 'method="POST"')
"""Requests that write."""


def rows(scope: Scope) -> list[Row]:
    """The questions, the most urgent first."""
    made = [firing.row("What fires, and in which region?"), _serving(scope)]
    if scope.others:
        made.append(_links())
    made.append(_replicas(scope))
    if scope.hosts or _edges(scope):
        made.append(_entrance(scope))
    if scope.backups:
        made.append(_backups(scope))
    return made


def _sees_all(scope: Scope) -> bool:
    """All regions send their series to one place, from where this dashboard may be asked about any."""
    return bool(scope.others) and scope.monitoring.remote_write is not None


def _edges(scope: Scope) -> bool:
    return scope.edge or _sees_all(scope)


def _serving(scope: Scope) -> Row:
    latency, errors = scope.monitoring.thresholds.latency, scope.monitoring.thresholds.errors
    slowest = of("service:latency_seconds:quantile_rate5m", 'quantile="0.95"')
    return Row(
        "Which region serves, and how well?",
        (
            (
                Graph(
                    "Requests by region",
                    "Home serves; a standby takes its users there. Silence at home while the edges answer: home is "
                    "not reached. Decide by docs/promotion.md.",
                    REQUESTS,
                    (Query(f"sum by (region) ({of('service:requests:rate5m')})", "{{region}}"),),
                    opens=("scaling-overview",),
                    empty=IDLE,
                ),
                Graph(
                    "Time to answer by region",
                    "Of the slowest kind of request at the 95th percentile. `scaling-overview` of that region says "
                    "which node or store it waits for.",
                    SECONDS,
                    (Query(f"max by (region) ({slowest})", "{{region}}"),),
                    over(latency.warning_ms / 1000, latency.critical_ms / 1000),
                    ("MemoryServiceSlow", "MemoryServiceTooSlow"),
                    ("scaling-overview",),
                    IDLE,
                ),
                Graph(
                    "Share of requests that fail by region",
                    "Of the service that fails most. Its log names the store that failed.",
                    SHARE,
                    (Query(f"max by (region) ({of('service:errors:ratio_rate5m')})", "{{region}}"),),
                    over(errors.warning, errors.critical),
                    ("MemoryServiceErrors", "MemoryServiceFailing"),
                    ("scaling-overview",),
                    IDLE,
                ),
            ),
        ),
    )


def _links() -> Row:
    pair, seconds = "{{source_region}} to {{target_region}}", of("region_link:connect:seconds")
    return Row(
        "Do the regions reach each other?",
        (
            (
                Matrix(
                    "Latency from region to region",
                    "Rows ask, columns answer: time to look up and to connect. An empty field: no connection came "
                    "about. Slow both ways is the link, slow one way is whoever asks.",
                    SECONDS,
                    (Query(f"max by (source_region, target_region) ({seconds})", pair),),
                    over(LINK_SECONDS),
                    ("RegionLinkSlow",),
                    empty="No connection",
                    row="source_region",
                    column="target_region",
                ),
                Graph(
                    "Latency between regions",
                    "A step that stays is another route: PostgreSQL and the users of the edge wait that much longer. "
                    "The cloud's own status page knows of cables.",
                    SECONDS,
                    (Query(seconds, pair),),
                    over(LINK_SECONDS),
                    ("RegionLinkSlow",),
                    empty="No connection",
                ),
                Graph(
                    "Connections that come about",
                    "Below half the link is down. Does the other region live? If not, docs/promotion.md. If it does: "
                    "routes and security groups, then the private DNS zone.",
                    SHARE,
                    (Query(of("region_link:up:ratio_avg5m"), pair),),
                    under(critical=HALF),
                    ("RegionLinkDown",),
                ),
            ),
        ),
    )


def _replicas(scope: Scope) -> Row:
    return Row("Do replicas keep up, and what would a promotion lose?", (_postgresql(scope), _other_stores(scope)))


def _postgresql(scope: Scope) -> tuple[Graph, ...]:
    unreplayed = Graph(
        "PostgreSQL: WAL not replayed",
        "As the primary sees it. A line that only grows: replay stands still, whatever the lag says.",
        BYTES,
        (Query(of("postgresql:replay_behind:bytes"), "{{region}} {{application_name}}"),),
        alerts=("PostgresqlReplicaDoesNotReplay",),
    )
    return (
        Graph(
            "PostgreSQL: replication lag",
            f"Over the upper line (`multiregion.rpo_seconds`, {scope.rpo_seconds} s) a promotion is refused. "
            "One replica: its node or volume is slow, or a long query holds replay up. All of a standby: "
            "the link.",
            SECONDS,
            (Query(of("postgresql:replication_lag:seconds", ZONE), "{{region}} {{pod}} ({{zone}})"),),
            over(scope.rpo_seconds / 10, scope.rpo_seconds),
            ("PostgresqlReplicaBehind", "PostgresqlReplicaBehindObjective", "PostgresqlNotStreaming"),
            ("shard-distribution",),
        ),
        *([unreplayed] if scope.home else []),
        Graph(
            "Memories to be stored",
            "What replicas have to follow. A lag that grows with it: the replica's CPU or volume is too slow "
            "for it, or the link too narrow. One that grows without it: the link, or what holds replay up.",
            REQUESTS,
            (Query(f"sum by (region) ({of('service:requests:rate5m', *STORES)})", "{{region}}"),),
            alerts=("PostgresqlReplicaBehind",),
            empty=IDLE,
        ),
    )


def _other_stores(scope: Scope) -> tuple[Graph, Graph]:
    return (
        Graph(
            "Redis: bytes behind the master",
            "What a replica has not seen is lost when its master is. See whether its node is short of CPU.",
            BYTES,
            (Query(of("redis:replication_lag:bytes"), "{{region}} {{slave_ip}} of {{pod}}"),),
            over(REPLICA_BYTES),
            ("RedisReplicaBehind",) if scope.redis_replicas else (),
        ),
        Graph(
            "Qdrant: operations behind",
            "Of consensus. A node that stays behind is short of CPU, or cut off from the others.",
            COUNT,
            (Query(of("qdrant_node:commit_lag:operations", ZONE), "{{region}} {{pod}} ({{zone}})"),),
            over(COMMITS),
            ("QdrantConsensusBehind",),
            ("shard-distribution",),
        ),
    )


def _entrance(scope: Scope) -> Row:
    lines = [*([_names(), _ingress(scope)] if scope.hosts else []), *([_edge()] if _edges(scope) else [])]
    return Row("Do users get in?", tuple(lines))


def _names() -> tuple[Graph, Number]:
    return (
        Graph(
            "Public names: health checks that pass",
            "Below half, users do not reach the service. Ask the address with curl: an error of TLS or DNS is the "
            "entrance's; a body with `false` names the store.",
            SHARE,
            (Query(of("public_name:up:ratio_avg5m"), "{{region}} {{instance}}"),),
            under(critical=HALF),
            ("PublicNameDown",),
        ),
        Number(
            "Certificates: days left",
            "They are renewed long before two weeks are left. `kubectl describe certificate` says why one was not; "
            "else replace the Secret of `ingress.tls.secret_name`.",
            DAYS,
            (Query(f"{of('public_name:certificate:seconds')} / {DAY}", "{{region}} {{instance}}"),),
            under(critical=CERTIFICATE_SECONDS / DAY),
            ("CertificateEnds",),
        ),
    )


def _ingress(scope: Scope) -> tuple[Graph, Graph, Graph, Number]:
    thresholds = scope.monitoring.thresholds
    seen = ("IngressErrors", "UsersGetErrors", "IngressSlow") if scope.home else ()
    return (
        Graph(
            "Ingress: requests by zone",
            "Of all hosts, probes too. Lines should lie together; a zone without requests has lost its pod of the "
            "ingress controller, or the load balancer leaves it out.",
            REQUESTS,
            (
                Query(f"sum by (region, zone) ({of('ingress_pod:requests:rate5m', ZONE)})", "{{region}} {{zone}}"),
                Query(of("ingress:answers:rate5m"), "{{region}} answers of {{service}}"),
            ),
            alerts=("PublicNameDown",),
            empty="No ingress controller",
        ),
        Graph(
            "Ingress: requests that fail",
            "Answers 5xx as users get them. More than the service itself tells: they do not come to its pods, or read "
            "and delete single memories. The controller's access log has method, status and upstream.",
            SHARE,
            (
                Query(of("ingress:errors:ratio_rate5m"), "{{region}} {{service}}"),
                Query(of("ingress:unreached:ratio_rate5m"), "{{region}} {{service}}, by no pod"),
            ),
            over(thresholds.errors.warning, thresholds.errors.critical),
            seen[:2],
            empty=IDLE,
        ),
        Graph(
            "Ingress: time to answer",
            "At the 95th percentile, of all requests but streams; reads of single memories, too. More than the "
            "service itself tells: requests wait before its pods, and more pods help.",
            SECONDS,
            (Query(of("ingress:latency_seconds:quantile_rate5m", 'quantile="0.95"'), "{{region}} {{service}}"),),
            over(critical=thresholds.latency.critical_ms / 1000),
            seen[2:],
            ("scaling-overview",),
            IDLE,
        ),
        Number(
            "Ingress: pods that take the newest configuration",
            "A pod that does not goes on with the one before, and does not learn of pods that come and go: take back "
            "the VirtualServer or Policy that was changed last.",
            SHARE,
            (
                Query(
                    f"sum by (region) ({of('ingress_pod:configured:count', ZONE)})"
                    f" / count by (region) ({of('ingress_pod:configured:count', ZONE)})",
                    "{{region}}",
                ),
            ),
            under(critical=1),
            ("IngressNotConfigured",),
            empty="No ingress controller",
        ),
    )


def _edge() -> tuple[Graph, Graph]:
    return (
        Graph(
            "Edge: answers to users",
            "5xx that grow: home is not reached, or fails itself; compare with home's own errors above.",
            REQUESTS,
            (Query(of("edge:responses:rate5m"), "{{region}} {{code}}"),),
            alerts=("EdgeWithoutHome",),
            empty="No users at the edge",
        ),
        Graph(
            "Edge: pods that reach home",
            "Below half, users of this region are told to try again. See the link first; if it is up, home's ingress "
            "controller or the service there is not.",
            SHARE,
            (Query(of("edge:home_up:ratio"), "{{region}}"),),
            under(critical=HALF),
            ("EdgeWithoutHome",),
        ),
    )


def _backups(scope: Scope) -> Row:
    numbers = [
        Number(
            "PostgreSQL: age of the newest base backup",
            "One is made every day. `kubectl get backups` names the one that failed and why.",
            SECONDS,
            (Query(of("postgresql:base_backup_age:seconds"), "{{region}}"),),
            over(critical=BACKUP_SECONDS),
            ("PostgresqlBackupOld", "PostgresqlBackupFailed"),
        ),
        Number(
            "PostgreSQL: how long WAL waits to be archived",
            "Nought where none waits. A restore would lose everything since. The log of the container "
            "`plugin-barman-cloud` says what the object store answers.",
            SECONDS,
            (Query(of("postgresql:archive_age:seconds"), "{{region}}"),),
            over(critical=ARCHIVE_SECONDS),
            ("PostgresqlArchiveBehind",),
        ),
    ]
    if scope.home or _sees_all(scope):
        numbers.append(
            Number(
                "Qdrant: age of the newest snapshot",
                "Every six hours one is taken. The log of the newest Job `qdrant-backup-…` says what failed; `kubectl "
                "create job --from=cronjob/qdrant-backup` takes one now.",
                SECONDS,
                (Query(of("qdrant:snapshot_age:seconds"), "{{region}}"),),
                over(critical=SNAPSHOT_SECONDS),
                ("QdrantSnapshotOld",),
            )
        )
    return Row("Could we restore?", (tuple(numbers),))


PLAN = Plan(
    "SomaFractalMemory: regional performance",
    "Which region serves, do the regions reach each other, and what would a promotion lose?",
    rows,
    all_regions=True,
)
