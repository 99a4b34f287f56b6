"""shard-distribution: where shards, points and work are, and whether one node does more than its share."""

from observability.alerts.qdrant import REPEATED
from observability.dashboards import firing
from observability.dashboards.frame import Plan, Row
from observability.dashboards.panels import (
    COUNT,
    IDLE,
    OPERATIONS,
    REQUESTS,
    SECONDS,
    SHARE,
    ZONE,
    Graph,
    Number,
    Query,
    of,
    over,
    under,
)
from observability.scope import Scope

SHARDS, POINTS = "qdrant_node:shards:count", "qdrant_node:points:count"
REQUESTED, COMMANDS = "qdrant_node:requests:rate5m", "redis_node:commands:rate5m"


def rows(scope: Scope) -> list[Row]:
    """The questions, the most telling first."""
    return [
        _shares(scope),
        _places(),
        _copies(scope),
        _searches(scope),
        _stores(scope),
        firing.row("What fires now?"),
    ]


def _most(selector: str, *by: str) -> str:
    """How many times its fair share the busiest has; nothing where there is nothing to share."""
    each = f"by ({', '.join(('region', *by))})"
    most = f"max {each} ({selector}) / (avg {each} ({selector}) > 0)"
    return f"max by (region) ({most})" if by else most


def _shares(scope: Scope) -> Row:
    fair = over(scope.monitoring.thresholds.fair_share)
    # Masters only: a replica of Redis hears of writes, and answers no reads.
    masters = f"({of(COMMANDS)} and on (region, pod) {of('redis_node:hits:ratio_rate5m')})"
    queries = (
        Query(_most(of(SHARDS)), "shards"),
        Query(_most(of(POINTS)), "points"),
        Query(_most(of(REQUESTED)), "requests to Qdrant"),
        Query(_most(masters), "commands to Redis masters"),
        Query(_most(of("service_pod:requests:rate5m"), "service"), "requests to the service"),
        Query(_most(of("node:cpu_used:ratio_rate5m")), "CPU of nodes"),
    )
    remedy = (
        "The busiest one over the average of all zones; 1 is even. Over the line: shards or points, run the rebalancer "
        "with `qdrant.rebalance.moves: true`; requests, see which nodes are ready and restart the callers' pods; "
        "CPU, see in `scaling-overview` which pods are on the node."
    )
    alerts = ("QdrantUneven", "QdrantRequestsUneven", "RedisUneven", "MemoryServiceUneven", "NodeUneven")
    opens = ("scaling-overview",)
    return Row(
        "Is one node doing more than its share?",
        (
            (
                Number("Times its fair share, now", remedy, COUNT, queries, fair, alerts, opens),
                Graph("Times its fair share", remedy, COUNT, queries, fair, alerts, opens),
            ),
        ),
    )


def _places() -> Row:
    return Row(
        "Where are the shards?",
        (
            (
                Graph(
                    "Shards by node",
                    "Active copies; even is the fair share's line. A node with none is new or was emptied: the "
                    "rebalancer fills it with `qdrant.rebalance.moves: true`.",
                    COUNT,
                    (
                        Query(of(SHARDS, ZONE), "{{pod}} ({{zone}})"),
                        Query(f"avg by (region) ({of(SHARDS)})", "fair share"),
                    ),
                    alerts=("QdrantUneven",),
                ),
                Graph(
                    "Points by node",
                    "Those of each copy. Even shards and uneven points: a namespace that outgrew the others; give it "
                    "more shards by a new collection, or larger nodes to all.",
                    COUNT,
                    (
                        Query(of(POINTS, ZONE), "{{pod}} ({{zone}})"),
                        Query(f"avg by (region) ({of(POINTS)})", "fair share"),
                    ),
                ),
            ),
        ),
    )


def _copies(scope: Scope) -> Row:
    copies, factor = of("qdrant_shard:copies:count"), scope.replication_factor
    return Row(
        "Does every shard have its copies?",
        (
            (
                Number(
                    "Fewest copies of a shard",
                    f"{factor} are wanted (`sharding.replication_factor`). With one left, the loss of its node loses "
                    "memories: do not roll anything, run the rebalancer, its report names the shard.",
                    COUNT,
                    (Query(f"min by (region) ({copies})", "copies"),),
                    under(critical=factor),
                    ("QdrantTooFewReplicas",),
                ),
                Number(
                    "Fewest zones of a shard",
                    "With all copies in one zone, the loss of that zone loses memories: run the rebalancer with "
                    "`qdrant.rebalance.moves: true`, which gives every zone its copy.",
                    COUNT,
                    (Query(f"min by (region) ({of('qdrant_shard:zones:count')})", "zones"),),
                    under(critical=min(factor, 2)),
                    ("QdrantShardInFewZones",),
                ),
                Number(
                    "Dead replicas",
                    "A node that is away brings its copies back when it returns. If all nodes are ready and it stays, "
                    "run the rebalancer with `qdrant.rebalance.moves: true`.",
                    COUNT,
                    (Query(of("qdrant:dead_replicas:count"), "dead"),),
                    over(critical=1),
                    ("QdrantDeadReplicas",),
                ),
                Graph(
                    "Copies by shard",
                    "Below the line copies are missing or being made; above it for long, a move was not finished.",
                    COUNT,
                    (Query(f"min by (collection, shard) ({copies})", "{{collection}} {{shard}}"),),
                    under(critical=factor),
                    ("QdrantTooFewReplicas",),
                    share=3,
                ),
            ),
        ),
    )


def _searches(scope: Scope) -> Row:
    return Row(
        "Which node is asked, and how fast does it answer?",
        (
            (
                Graph(
                    "Requests by node",
                    "Lines should lie together. A node without requests is not ready, or was away when the gateways "
                    "looked the nodes up: restart the service's pods if it stays.",
                    REQUESTS,
                    (Query(of(REQUESTED, ZONE), "{{pod}} ({{zone}})"),),
                    alerts=("QdrantRequestsUneven",),
                ),
                Graph(
                    "Time that a search takes",
                    "Inside Qdrant; every search waits for its slowest shard. See whether a node is short of CPU or "
                    "memory, or indexes; else more nodes, or more memory for the vectors.",
                    SECONDS,
                    (Query(of("qdrant:search_latency_seconds:quantile_rate5m"), "{{quantile}}"),),
                    over(scope.monitoring.thresholds.latency.warning_ms / 1000),
                    ("QdrantSearchSlow",),
                    ("scaling-overview",),
                    "No searches",
                ),
                Graph(
                    "Searches",
                    "Slower with more of them: Qdrant is at its most, add nodes. Slower without: it indexes, or a "
                    "node is short of memory.",
                    OPERATIONS,
                    (Query(of("qdrant:searches:rate5m"), "searches"),),
                    alerts=("QdrantSearchSlow",),
                ),
            ),
            _through_gateways(scope),
        ),
    )


def _through_gateways(scope: Scope) -> tuple[Graph, Graph, Graph]:
    """The same from beside the service."""
    return (
        Graph(
            "Nodes that a gateway asks",
            "Below the line a gateway leaves a node out. All gateways: the node is away. One: the node is out of its "
            "pod's reach; the log of the container `qdrant-gateway` says since when.",
            COUNT,
            (Query(of("qdrant_gateway:peers:count", ZONE), "{{pod}} ({{zone}})"),),
            under(scope.qdrant_nodes, 1),
            ("QdrantGatewayLacksPeers", "QdrantGatewayWithoutPeers"),
            empty="No pods of the service",
        ),
        Graph(
            "Calls that are made again, to another node",
            "Of all. A node that counts as ready fails calls, or does not answer in time: each costs its user up to "
            "2.4 s. `scaling-overview` says which node fails requests; if none does, one is slow.",
            SHARE,
            (Query(of("service:qdrant_repeated:ratio_rate5m"), "{{service}}"),),
            over(REPEATED),
            ("QdrantRequestsRepeated",),
            ("scaling-overview",),
            IDLE,
        ),
        Graph(
            "Time to an answer, at the gateways",
            "Mean of each gateway's last 1024 calls, which stays when nobody asks. Slow here and quick inside Qdrant: "
            "the network between, or nodes that are asked in vain first.",
            SECONDS,
            (Query(of("qdrant_gateway:response:seconds", ZONE), "{{pod}} ({{zone}})"),),
            over(scope.monitoring.thresholds.latency.warning_ms / 1000),
            ("QdrantSearchSlow", "QdrantRequestsRepeated"),
            empty=IDLE,
        ),
    )


def _stores(scope: Scope) -> Row:
    paired = ("RedisMasterWithoutReplica",) if scope.redis_replicas else ()
    return Row(
        "How is the work of Redis and PostgreSQL spread?",
        (
            (
                Graph(
                    "Redis: commands by node",
                    "Masters answer, replicas only hear of writes. One master far above holds a hot key, or more than "
                    "its slots: `valkey-cli --cluster info` counts them.",
                    OPERATIONS,
                    (Query(of(COMMANDS, ZONE), "{{pod}} ({{zone}})"),),
                    alerts=("RedisUneven", "RedisClusterFailing", *paired),
                ),
                Graph(
                    "Redis: memory by node",
                    "Of maxmemory. A node that is fuller than the others evicts first: look for big keys on it.",
                    SHARE,
                    (Query(of("redis_node:memory_used:ratio", ZONE), "{{pod}} ({{zone}})"),),
                    alerts=("RedisEvicts",),
                ),
                Graph(
                    "PostgreSQL: transactions by instance",
                    "The primary does nearly all. A line that ends where another begins is a failover; two that write "
                    "would be a fault: `kubectl cnpg status` says who is primary.",
                    OPERATIONS,
                    (Query(of("postgresql:transactions:rate5m"), "{{pod}}"),),
                    alerts=("PostgresqlNotStreaming",),
                ),
            ),
        ),
    )


PLAN = Plan(
    "SomaFractalMemory: shard distribution",
    "Where are shards, points and work, and does one node do more than its share?",
    rows,
)
