"""The Redis Cluster: slots without a master, failovers, a cache that does not work."""

from collections.abc import Iterator

from observability.rule import Alert, Severity
from observability.scope import REDIS, REDIS_GATEWAY, Scope, equal

REPLICA_BYTES = 64 * 1024 * 1024
"""How far a replica may be behind."""
FEWEST_READS = 1
"""Per second: fewer that miss load nobody."""
FEWEST_COMMANDS = 100
"""Per second of all masters: fewer cost no master anything."""


def alerts(scope: Scope) -> Iterator[Alert]:
    """Of a region's Redis."""
    own, hits, masters = scope.of(REDIS), scope.monitoring.thresholds.cache_hits, scope.needed[REDIS]
    master, replica = (f"redis_instance_info{scope.of(REDIS, equal('role', role))}" for role in ("master", "slave"))
    # A node that was drained knows itself alone; where all do, they count.
    alone = f"redis_cluster_known_nodes{own} == 1"
    state, slots = (
        f"(min({metric}{own} unless on (namespace, pod) ({alone})) or min({metric}{own}))"
        for metric in ("redis_cluster_state", "redis_cluster_slots_ok")
    )
    yield Alert(
        "RedisClusterFailing",
        f"{state} < 1",
        "critical",
        "A node says that the cluster fails",
        "Some slots have no master: reads and writes of their keys wait, then fail.",
        "`valkey-cli cluster nodes` names the slots; the keeper's log says what it is doing about it.",
        "1m",
    )
    yield Alert(
        "RedisSlotsMissing",
        f"{slots} < 16384",
        "critical",
        "Only {{ $value }} of 16384 slots are served",
        "Keys of the other slots cannot be read or written.",
        "See whether a master is away together with its replica. The keeper gives slots of lost masters away.",
        "1m",
    )
    yield Alert(
        "RedisNodeDown",
        f"min by (pod) (redis_up{own}) == 0",
        "warning",
        "{{ $labels.pod }} does not answer its exporter",
        "The node is away, or hangs.",
        "Its log and `kubectl describe pod` say why.",
        "2m",
    )
    if scope.redis_replicas:
        yield Alert(
            "RedisMasterWithoutReplica",
            f"min by (pod) (redis_connected_slaves{own} and on (namespace, pod) {master}"
            f" unless on (namespace, pod) ({alone})) < 1",
            "warning",
            "{{ $labels.pod }} is a master without a replica",
            "If its node is lost, so are its keys.",
            "The keeper pairs it again when a node is free; see which pod of Redis is not ready.",
            "10m",
        )
        yield Alert(
            "RedisReplicaBehind",
            f"max by (pod, slave_ip) (redis:replication_lag:bytes) > {REPLICA_BYTES}",
            "warning",
            "The replica {{ $labels.slave_ip }} of {{ $labels.pod }} is {{ $value | humanize1024 }}B behind",
            "What it has not seen is lost when its master is.",
            "See whether the replica's node is short of CPU or its volume slow.",
            "5m",
        )
    yield Alert(
        "RedisFailovers",
        # Two nodes change their roles. Epochs rise with slots that move, too; a node that is down has no role.
        f"sum(changes((max by (pod) ({master}) or 0 * max by (pod) ({replica}))[30m:1m])) / 2 > {2 * masters}",
        "warning",
        "Masters changed {{ $value | humanize }} times in 30 minutes",
        "Nodes come and go, more often than when all of them are rolled: each failover holds requests for up to ten "
        "seconds.",
        "See which node is lost again and again, and whether nodes are short of CPU: one that stalls for five seconds "
        "is taken for lost.",
    )
    commands = f"(redis_node:commands:rate5m and on (pod) {master})"
    yield Alert(
        "RedisUneven",
        f"max({commands}) > {scope.monitoring.thresholds.fair_share:g} * avg({commands})"
        f" and sum({commands}) > {FEWEST_COMMANDS}",
        "warning",
        "One master answers {{ $value | humanize }} commands per second, far over its share",
        "It holds a hot key, or more slots than the others: it is busy first, and its keys are evicted first.",
        "`valkey-cli --cluster info` counts slots, which the keeper evens out; with even slots it is a key that is "
        "asked for again and again (docs/runbooks/uneven-load.md).",
        "30m",
    )
    yield _failing(scope)
    yield _hits("RedisCacheHitsLow", "warning", hits.warning, own)
    yield _hits("RedisCacheHitsVeryLow", "critical", hits.critical, own)
    yield Alert(
        "RedisEvicts",
        "sum(redis_node:evictions:rate5m) > 0",
        "warning",
        "{{ $value | humanize }} keys are evicted per second",
        "The cache is full: an entry that goes costs the memory its timestamps, and a read of PostgreSQL.",
        "Raise `redis.resources.limits.memory`, or `redis.cluster.nodes` by two.",
        "15m",
    )
    yield Alert(
        "RedisNotWritten",
        f"min by (pod) (redis_aof_last_write_status{own}) < 1",
        "critical",
        "{{ $labels.pod }} cannot write its log",
        "Its volume is full or broken: the node refuses writes.",
        "See VolumeAlmostFull, and grow the volume (docs/runbooks/grow-a-volume.md).",
        "2m",
    )
    yield Alert(
        "RedisGatewayWithoutCluster",
        f"min by (pod) (redis_gateway_cluster_ok{scope.of(REDIS_GATEWAY)}) == 0",
        "warning",
        "{{ $labels.pod }} finds slots without a master",
        "Requests that need them wait, then fail.",
        "If RedisClusterFailing fires too, begin there. If only some pods say so, their zone is cut off from Redis.",
        "2m",
    )


def _failing(scope: Scope) -> Alert:
    limit = scope.monitoring.thresholds.errors.warning
    return Alert(
        "RedisCommandsFail",
        f"service:redis_errors:ratio_rate5m > {limit:g} and on (service)"
        f" sum by (service) (rate(redis_gateway_answers_total{scope.of(REDIS_GATEWAY)}[5m])) > {FEWEST_READS}",
        "critical",
        "{{ $value | humanizePercentage }} of what {{ $labels.service }} asks of Redis fails",
        f"More than {limit:.0%} of commands are answered with an error, after the gateway has tried for as long as it "
        "may: reads of memories fail, and stores lack their copy in the cache.",
        "RedisClusterFailing, RedisNotWritten or RedisGatewayWithoutCluster say why; else the log of the container "
        "`redis-gateway` does.",
        "5m",
    )


def _hits(name: str, severity: Severity, limit: float, own: str) -> Alert:
    read = " + ".join(f"sum(rate(redis_keyspace_{found}_total{own}[5m]))" for found in ("hits", "misses"))
    return Alert(
        name,
        f"redis:hits:ratio_rate5m < {limit:g} and on () {read} > {FEWEST_READS}",
        severity,
        "{{ $value | humanizePercentage }} of reads find their key in Redis",
        "Reads that miss go to PostgreSQL: it is loaded with what the cache should carry.",
        "See RedisEvicts: a cache that is full drops what is needed again. After a restart it fills by itself.",
        "30m",
    )
