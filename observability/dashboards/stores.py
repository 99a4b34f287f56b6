"""What the stores do for the service: whether they fail it, and whether they are as quick as caches."""

from observability.dashboards.frame import Row, of_home
from observability.dashboards.panels import IDLE, OPERATIONS, SHARE, ZONE, Graph, Query, of, over, under
from observability.scope import Scope


def failures(scope: Scope) -> Row:
    """What the service asks of them and does not get, which it need not tell its users."""
    limits = over(critical=scope.monitoring.thresholds.errors.warning)
    return Row(
        "Do the stores do what they are asked?",
        (
            (
                Graph(
                    "Memories to be stored that fail",
                    "Answers 5xx to `POST /memories`. The lines at the right name the store; where those are flat, "
                    "the service's log does.",
                    SHARE,
                    (Query(of("service:failed_stores:ratio_rate5m"), "{{service}}"),),
                    limits,
                    ("MemoryStoresFail",),
                    empty=IDLE,
                ),
                Graph(
                    "Stores: what fails for the service",
                    "It answers 200 even so. Statements: what is stored now is lost with the cache, see PostgreSQL's "
                    "log. Commands: reads of memories fail, see which master is away. Calls to Qdrant: what is stored "
                    "now is not found, see at the right whether all nodes fail.",
                    SHARE,
                    (
                        Query(of("service:postgresql_errors:ratio_rate5m"), "{{service}}, PostgreSQL"),
                        Query(of("service:redis_errors:ratio_rate5m"), "{{service}}, Redis"),
                        Query(of("service:qdrant_errors:ratio_rate5m"), "{{service}}, Qdrant"),
                    ),
                    limits,
                    (
                        *of_home(scope, "PostgresqlStatementsFail", "PostgresqlNotReached"),
                        *("RedisCommandsFail", "QdrantRequestsFail"),
                    ),
                    empty=IDLE,
                ),
                Graph(
                    "Qdrant: requests that a node fails",
                    "One node: the gateways ask another; see its disk and its log. All nodes: searches fail, and "
                    "memories are stored without their vector.",
                    SHARE,
                    (Query(of("qdrant_node:errors:ratio_rate5m", ZONE), "{{pod}} ({{zone}})"),),
                    limits,
                    ("QdrantRequestsFail", "QdrantRequestsRepeated"),
                    ("shard-distribution",),
                    IDLE,
                ),
            ),
        ),
    )


def cache(scope: Scope) -> Row:
    """Redis, and PostgreSQL's own memory."""
    hits, found = scope.monitoring.thresholds.cache_hits, scope.monitoring.thresholds.postgresql_cache_hits
    return Row(
        "Is the cache working?",
        (
            (
                Graph(
                    "Reads that find their key",
                    "Reads that miss go to PostgreSQL. Low on all nodes: is it full (evictions, memory)? After a "
                    "restart it fills by itself. Low on one: it was made anew, or its keys are read once only.",
                    SHARE,
                    (
                        Query(of("redis:hits:ratio_rate5m"), "all nodes"),
                        Query(of("redis_node:hits:ratio_rate5m", ZONE), "{{pod}} ({{zone}})"),
                    ),
                    under(hits.warning, hits.critical),
                    ("RedisCacheHitsLow", "RedisCacheHitsVeryLow"),
                    empty="No reads",
                ),
                Graph(
                    "Keys evicted",
                    "Should be zero: an entry that goes costs the memory its timestamps. Raise "
                    "`redis.resources.limits.memory`, or `redis.cluster.nodes` by two.",
                    OPERATIONS,
                    (Query(of("redis_node:evictions:rate5m", ZONE), "{{pod}} ({{zone}})"),),
                    alerts=("RedisEvicts",),
                ),
                Graph(
                    "Memory in use of maxmemory",
                    "At 100 % keys are evicted. One node far over the others holds big keys: `valkey-cli --bigkeys`.",
                    SHARE,
                    (Query(of("redis_node:memory_used:ratio", ZONE), "{{pod}} ({{zone}})"),),
                    alerts=("RedisEvicts",),
                ),
            ),
            (
                Graph(
                    "PostgreSQL: blocks that are found in its memory",
                    "The others come from the volume, or from the node's memory. After a restart it fills by itself; "
                    "else what is read does not fit.",
                    SHARE,
                    (Query(of("postgresql:cache_hits:ratio_rate5m"), "{{pod}}"),),
                    under(found.warning, found.critical),
                    ("PostgresqlCacheHitsLow", *of_home(scope, "PostgresqlCacheHitsVeryLow")),
                ),
            ),
        ),
    )
