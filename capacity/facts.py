"""Numbers that the model takes from others, each with its unit and its source; what we measure is in calibration."""

from dataclasses import dataclass
from typing import Final

from settings.postgresql import LEAST_WORK_MEM, MOST_CONNECTIONS, WORK_SHARE


@dataclass(frozen=True, slots=True)
class Fact:
    """A number, its unit, and who says so."""

    value: float
    unit: str
    source: str


def documented(value: float, unit: str, where: str) -> Fact:
    """A number that others publish and that nothing here measures."""
    return Fact(value, unit, f"documented by {where}, not measured")


def assumed(value: float, unit: str, why: str) -> Fact:
    """A number that nobody publishes: a decision of this project, which says so."""
    return Fact(value, unit, f"assumed: {why}")


def ours(value: float, unit: str, where: str) -> Fact:
    """A number of this program, and where it stands there."""
    return Fact(value, unit, where)


KIB: Final = 2**10
MIB: Final = 2**20
GIB: Final = 2**30
DAY_SECONDS: Final = 86_400
MONTH_DAYS: Final = 365.25 / 12

# Everywhere.
BUSY: Final = assumed(0.7, "of a core", "past it waiting grows fast (M/M/1: at 0.7 a request takes 3.3 times its work)")
LEAST_BUSY: Final = assumed(0.1, "of a core", "under it ten processes wait so that one request is in time")
FREE: Final = ours(0.2, "of a volume", "monitoring.thresholds.storage_free")
LEAST_PODS: Final = ours(3, "pods", "high_availability.min_replicas: one in each zone")

# The service, at 9d8f7f1.
SCAN_KEYS: Final = documented(10, "keys a SCAN", "valkey.io/commands/scan (the service states no COUNT)")
KEYS: Final = documented(2, "keys a memory", "core.py of 9d8f7f1, store: `:data` and `:meta`")
HELD_TRIPS: Final = documented(2, "round trips a memory", "core.py of 9d8f7f1, _enforce_memory_limit: HGETALL and GET")
STORE_TRIPS: Final = documented(
    8, "round trips", "core.py of 9d8f7f1, store: SET, HSET, upsert, list of keys, two commits of two each"
)
READ_TRIPS: Final = documented(4, "round trips", "core.py of 9d8f7f1, retrieve: two commits on the only connection")
READ_COMMANDS: Final = documented(5, "commands", "core.py of 9d8f7f1, retrieve: SET NX, GET, HSET, SET, EVALSHA")
WRITES: Final = documented(2, "rows", "core.py of 9d8f7f1: a store and a read each write `:data` and `:meta`")
LINK_BYTES: Final = documented(96, "B", "core.py of 9d8f7f1, link_memories: the JSON of one link")
TAIL: Final = Fact(3, "mean waits", "an exponential wait is under -ln(0.05) = 3 means 95 times in 100")
PROCESS_BYTES: Final = documented(512 * MIB, "B", "the service's chart at 9d8f7f1, helm/values.yaml: its request")
LISTED_BYTES: Final = assumed(400, "B a memory", "CPython's sizes of a key, a tuple and a set's entry")
GRAPH_BYTES: Final = assumed(2000, "B a memory", "CPython's sizes of a node of networkx and the values in it")
SERVICE_CPU_LIMIT: Final = assumed(2, "cores", "a process fills one; its threads' rest and its start take another")
LEAST_SERVICE_CPU: Final = assumed(0.25, "cores", "what probes and an idle process take")
LEAST_TARGET: Final = assumed(0.05, "cores", "under it an autoscaler would follow the noise of an idle process")

# Qdrant.
FLOAT_BYTES: Final = documented(4, "B", "qdrant.tech/documentation/operations/capacity-planning: float32")
VECTOR_OVERHEAD: Final = documented(1.5, "times", "qdrant.tech/documentation/operations/capacity-planning")
PAYLOAD_OVERHEAD: Final = documented(1.5, "times", "qdrant.tech/documentation/operations/capacity-planning")
HNSW_LINKS: Final = documented(
    33.07, "links a point", "the HNSW paper (arxiv.org/abs/1603.09320): 2m on the ground, m/(m-1) above, m = 16"
)
LINK_WIDTH: Final = documented(4, "B a link", "qdrant v1.19.0, lib/segment: point offsets are u32")
QDRANT_BASE: Final = assumed(0.5 * GIB, "B a node", "the process, its buffers and its write-ahead logs")
SEARCH_CPU: Final = assumed(
    0.0065,
    "core seconds",
    "a precise search among 1 M × 1536 in memory, near what Qdrant's own benchmark tells of 8 cores",
)
INDEX_CPU: Final = assumed(0.012, "core seconds", "a point of 1536 dimensions indexed, near the same benchmark's time")
BENCH_DIMENSIONS: Final = assumed(1536, "dimensions", "those of the two above")
SHARDS_A_NODE: Final = documented(2, "shards a node", "qdrant.tech, scaling/distributed_deployment: at least")
GROWING_SHARDS: Final = documented(12, "shards", "qdrant.tech, scaling/distributed_deployment: 1, 2, 3, 6, 12 nodes")
QDRANT_MOST: Final = assumed(96 * GIB, "B a node", "more and a node that comes back copies for hours")

POINT_WRITES: Final = assumed(
    5,
    "times written",
    "write-ahead log, segment, the segment that is indexed, two merges (qdrant.tech, storage, optimizer)",
)
POINT_PAGES: Final = assumed(
    4, "pages a point", "log, vector, payload, id: flushed apart every 5 s (qdrant.tech, storage)"
)

# PostgreSQL.
CACHE_SHARE: Final = ours(0.75, "of the memory", "effective_cache_size, components/postgres_cluster.py")
POOLED: Final = ours(150, "connections", "pooled_connections of settings/postgresql.py, at most")
WORK_MEM: Final = ours(LEAST_WORK_MEM, "B a connection", "work_mem of settings/postgresql.py, at least")
WORK: Final = ours(WORK_SHARE, "of the memory", "work_mem of all connections, settings/postgresql.py, at least")
CONNECTIONS: Final = ours(MOST_CONNECTIONS, "connections", "max_connections of settings/postgresql.py, at most")
POOLER_CLIENTS: Final = ours(1000, "connections a pooler", "max_client_conn, components/postgres_pooler.py")
POOL: Final = ours(25, "connections a pooler", "pool_size of settings/postgresql.py, at most: to the primary")
LEAST_POOL: Final = ours(5, "connections a pooler", "SMALLEST_POOL of settings/postgresql.py: to the primary")
POOLED_SHARE: Final = ours(0.75, "of max_connections", "pooled_connections of settings/postgresql.py")
CONNECTION_BYTES: Final = ours(16 * MIB, "B a connection", "max_connections of settings/postgresql.py: by the memory")
LEAST_POOLERS: Final = ours(3, "poolers", "postgresql.pooler.instances: one in each zone")
GATEWAY_CLIENTS: Final = documented(1, "connections a process", "images/postgresql-gateway: it asks before a login")
SURGE: Final = ours(1, "pods a namespace", "maxSurge, components/memory_service.py: a new one serves first")
COMMIT: Final = assumed(0.005, "s a commit", "a write to its own volume, then one to a replica's in another zone")
COMMIT_TRIPS: Final = documented(2, "round trips a row", "core.py of 9d8f7f1: a statement, and its commit")
PAGE: Final = documented(8192, "B", "postgresql.org, storage-page-layout")
PAGES_A_WRITE: Final = ours(5, "pages", "components/files/schema.sql: the row and its four indexes")
AWAY: Final = assumed(3600, "s", "a replica that is away for an hour at peak need not be cloned again")
SLOT_SHARE: Final = ours(0.5, "of the WAL volume", "max_slot_wal_keep_size, components/postgres_cluster.py")
PARTITION_MOST: Final = assumed(16 * GIB, "B a partition", "a vacuum of one ends within minutes")

# Redis.
MAXMEMORY_SHARE: Final = ours(0.75, "of the limit", "maxmemory, components/redis.py")
BACKLOG: Final = ours(
    64 * MIB, "B a node", "repl-backlog-size, components/files/valkey.conf: of maxmemory, as the servers say"
)
SKEW: Final = assumed(1.05, "times", "slots are filled by CRC16, no two shards alike")
REDIS_MOST: Final = assumed(32 * GIB, "B a node", "more and the fork for the append-only file stalls it")
AOF_COPIES: Final = documented(
    3, "times", "valkey.io/topics/persistence: grows to twice, and is written anew beside it"
)

REDIS_CLIENTS: Final = documented(10_000, "connections a node", "valkey.io/topics/clients: maxclients")
REDIS_A_PROCESS: Final = documented(
    4,
    "connections a process",
    "images/redis-gateway: one shared, one of a lone command; twice while it connects anew",
)
REDIS_OTHERS: Final = assumed(100, "connections a node", "replicas, exporter, probes, healer, people")

AOF_WRITES: Final = documented(
    2, "times written", "valkey.io/topics/persistence: appended, and written anew when the file has doubled"
)
AOF_SYNCS: Final = documented(1, "fsyncs/s", "valkey.io/topics/persistence: appendfsync everysec")
SYNC_WRITES: Final = assumed(2, "operations a fsync", "the data, and the file system's journal")

# Volumes.
OPERATION: Final = documented(
    256 * KIB, "B an operation", "docs.aws.amazon.com, ebs-io-characteristics: sequential, SSD"
)
FREE_IOPS: Final = documented(3000, "operations/s", "docs.aws.amazon.com, ebs general-purpose: gp3, each volume")
FREE_THROUGHPUT: Final = documented(125 * MIB, "B/s", "docs.aws.amazon.com, ebs general-purpose: gp3, each volume")

# Network.
ENVELOPE: Final = assumed(1024, "B a message", "headers, TLS and JSON around a payload")
KEY_BYTES: Final = assumed(48, "B a key", "`namespace:(1.0, 2.0, 3.0):meta`, with its length before it")
FOUND: Final = documented(5, "memories a search", "http_api.py of 9d8f7f1: top_k")

PEAK_LASTS: Final = assumed(3600, "s", "a peak lasts an hour; what the link leaves behind grows until then")
ARCHIVE: Final = documented(300, "s", "cloudnative-pg docs/src/wal_archiving.md: archive_timeout closes a file of WAL")
SNAPSHOTS: Final = ours(21_600, "s", "backups.qdrant_schedule: every six hours")

# Around a region.
ENDPOINTS: Final = ours(9, "endpoints a zone", "components/aws/endpoints.py: services of AWS that are reached by one")
BALANCED: Final = documented(10**9, "B an hour", "aws.amazon.com/elasticloadbalancing/pricing: what a unit carries")
SEGMENT: Final = documented(16 * MIB, "B a file", "postgresql.org, app-initdb: wal-segsize")
BASE_BACKUPS: Final = ours(86_400, "s", "backups.postgresql_schedule: every day")
COMPRESSED: Final = assumed(0.5, "of the bytes", "texts and pages of PostgreSQL by gzip and zstd: half of them or less")
PART: Final = documented(5 * MIB, "B a request", "rclone.org/s3: --s3-chunk-size, the least that S3 takes")
RETENTION: Final = ours(30, "days", "backups.retention_days")
LASTING: Final = ours(2, "times", "components/aws/bucket.py: what is deleted stays for as long again")

# Edge.
FORWARD_CPU: Final = assumed(0.0005, "core seconds a request", "HAProxy with TLS to home; its own figures are lower")
EDGE_CALLS: Final = ours(2000, "calls a pod", "maxconn, components/files/edge-proxy.cfg")
EDGE_THREADS: Final = ours(2, "cores a pod", "nbthread, components/files/edge-proxy.cfg; its limit of CPU")
LEAST_EDGE_CPU: Final = ours(0.1, "cores a pod", "edge.resources.requests.cpu")
EDGE_BYTES: Final = ours(256 * MIB, "B a pod", "edge.resources: enough for so many calls")

# What a pod of a store requests at least: a process with its buffers, and room for what it does beside.
LEAST_STORE_CPU: Final = assumed(1, "cores a pod", "of Qdrant and PostgreSQL: optimizers, vacuum, checkpoints, backups")
LEAST_REDIS_CPU: Final = assumed(
    0.25, "cores a pod", "a thread that answers, and now and then one that writes the file"
)
LEAST_POSTGRESQL_BYTES: Final = assumed(2 * GIB, "B a pod", "a process for each connection, a vacuum, the catalog")
LEAST_REDIS_BYTES: Final = assumed(GIB, "B a pod", "the backlog, buffers of clients, and pages that a fork copies")

# Nodes.
PROMETHEUS_CPU: Final = ours(0.5, "cores a pod", "components/service_values.py: at most one in a zone")
PROMETHEUS_BYTES: Final = ours(4 * GIB, "B a pod", "components/service_values.py")
INGRESS_CPU: Final = ours(0.5, "cores a pod", "components/service_values.py")
INGRESS_BYTES: Final = ours(512 * MIB, "B a pod", "components/service_values.py")
POOLER_CPU: Final = ours(0.1, "cores a pod", "components/postgres_pooler.py")
POOLER_BYTES: Final = ours(128 * MIB, "B a pod", "components/postgres_pooler.py")
PLATFORM_PODS: Final = assumed(10, "pods a zone", "operators, monitoring, DNS: components/service_values.py, add-ons")
PLATFORM_CPU: Final = assumed(0.1, "cores a pod", "what those request, one with the other")
PLATFORM_BYTES: Final = assumed(320 * MIB, "B a pod", "what those request, one with the other")
GATEWAYS_CPU: Final = ours(0.3, "cores a pod", "components/memory_gateways.py: three gateways")
GATEWAYS_BYTES: Final = ours(160 * MIB, "B a pod", "components/memory_gateways.py: three gateways")
REDIS_EXPORTER_CPU: Final = ours(0.01, "cores a pod", "components/redis_exporter.py")
REDIS_EXPORTER_BYTES: Final = ours(32 * MIB, "B a pod", "components/redis_exporter.py")
BACKUP_CPU: Final = ours(0.5, "cores a pod", "components/postgres_backups.py: the plugin's sidecar")
BACKUP_BYTES: Final = ours(512 * MIB, "B a pod", "components/postgres_backups.py: the plugin's sidecar")
DAEMONS_CPU: Final = assumed(0.3, "cores a node", "network plugin, proxy, volumes, node exporter")
DAEMONS_BYTES: Final = assumed(512 * MIB, "B a node", "network plugin, proxy, volumes, node exporter")
EVICTION: Final = documented(100 * MIB, "B a node", "kubernetes.io, node-pressure-eviction: memory.available")
