"""Cases of Redis."""

from collections.abc import Iterator

from observability.alerts.redis import FEWEST_COMMANDS, FEWEST_READS, REPLICA_BYTES
from observability.scope import REDIS, REDIS_GATEWAY
from tests.dataplane.observability.cases import (
    EVERY,
    LENGTH,
    OVER,
    RATE_BEGINS,
    UNDER,
    Case,
    Pod,
    Series,
    Watched,
    fires,
    growing,
    quiet,
    steady,
)


def cases(watched: Watched) -> Iterator[Case]:
    """All of them."""
    yield from _redis(watched)
    yield from _redis_replicas(watched)
    yield from _redis_failovers(watched)
    yield from _uneven(watched)
    yield from _cache(watched)


def _redis(watched: Watched) -> Iterator[Case]:
    first, *rest = watched.component(REDIS)
    for alert, name, odd, sound, labels in (
        ("RedisClusterFailing", "redis_cluster_state", 0, 1, {}),
        ("RedisSlotsMissing", "redis_cluster_slots_ok", 16383, 16384, {}),
        ("RedisNodeDown", "redis_up", 0, 1, {"pod": first.name}),
        ("RedisNotWritten", "redis_aof_last_write_status", 0, 1, {"pod": first.name}),
    ):
        well = list(watched.each(REDIS, rest, name, steady(sound)))
        yield fires(alert, "one node says so", [watched.scraped(REDIS, first, name, steady(odd)), *well], labels)
        yield quiet(alert, "no node says so", [watched.scraped(REDIS, first, name, steady(sound)), *well])

    for alert, name, odd, sound in (
        ("RedisClusterFailing", "redis_cluster_state", 0, 1),
        ("RedisSlotsMissing", "redis_cluster_slots_ok", 0, 16384),
    ):

        def knowing(*nodes: int, name: str = name, odd: int = odd, sound: int = sound) -> list[Series]:
            """So many nodes each; one that knows itself alone says the odd thing."""
            return [
                watched.scraped(REDIS, node, metric, steady(value))
                for node, known in zip(watched.component(REDIS), nodes, strict=False)
                for metric, value in ((name, odd if known == 1 else sound), ("redis_cluster_known_nodes", known))
            ]

        yield quiet(alert, "a drained node, which is no member any more", knowing(1, 4, 4, 4))
        yield fires(alert, "every node stands alone", knowing(1, 1, 1))

    alert, pod = "RedisGatewayWithoutCluster", Pod("memory-service-6d8f9c7b5-x0k2p")
    said = [[watched.scraped(REDIS_GATEWAY, pod, "redis_gateway_cluster_ok", steady(ok))] for ok in (0, 1)]
    yield fires(alert, "finds slots without a master", said[0], {"pod": pod.name})
    yield quiet(alert, "finds a master of each slot", said[1])


def redis_role(watched: Watched, pod: Pod, role: str, replicas: int) -> list[Series]:
    """What a node says that it is, and how many follow it."""
    return [
        watched.scraped(REDIS, pod, "redis_instance_info", steady(1), role=role, redis_mode="cluster"),
        watched.scraped(REDIS, pod, "redis_connected_slaves", steady(replicas)),
    ]


def _redis_replicas(watched: Watched) -> Iterator[Case]:
    alert, pod = "RedisMasterWithoutReplica", watched.component(REDIS)[0]
    yield fires(alert, "a master that nobody follows", redis_role(watched, pod, "master", 0), {"pod": pod.name})
    yield quiet(alert, "a master that one follows", redis_role(watched, pod, "master", 1))
    yield quiet(alert, "a replica that nobody follows", redis_role(watched, pod, "slave", 0))

    alert, seen, address = "RedisReplicaBehind", 10 * REPLICA_BYTES, "10.0.2.7"

    def behind(size: float) -> list[Series]:
        labels = {"slave_ip": address, "slave_port": "6379", "slave_state": "online"}
        offset = steady(seen - size)
        return [
            watched.scraped(REDIS, pod, "redis_master_repl_offset", steady(seen)),
            watched.scraped(REDIS, pod, "redis_connected_slave_offset_bytes", offset, **labels),
        ]

    yield fires(
        alert, "further than it should be", behind(REPLICA_BYTES * OVER), {"pod": pod.name, "slave_ip": address}
    )
    yield quiet(alert, "just as far as it may be", behind(REPLICA_BYTES * UNDER))


def _roles(watched: Watched, pod: Pod, *turns: tuple[str, int]) -> Iterator[Series]:
    """What a node says that it is, one after the other, for as many samples each; it says nothing in between."""
    for role in ("master", "slave"):
        values = (f"1+0x{samples - 1}" if turn == role else f"stale _x{samples - 1}" for turn, samples in turns)
        yield watched.scraped(REDIS, pod, "redis_instance_info", " ".join(values), role=role, redis_mode="cluster")


def _redis_failovers(watched: Watched) -> Iterator[Case]:
    alert, (first, second, *_), masters = "RedisFailovers", watched.component(REDIS), watched.scope.needed[REDIS]
    most, each = 2 * masters, 6

    def changing(times: int) -> list[Series]:
        """A master and its replica, every three minutes the other way round."""
        turns = [("master", "slave")[count % 2] for count in range(times + 1)]
        others = [("slave", "master")[count % 2] for count in range(times + 1)]
        lasting = [60, *[each] * (times - 1), LENGTH]
        return [
            *_roles(watched, first, *zip(turns, lasting, strict=True)),
            *_roles(watched, second, *zip(others, lasting, strict=True)),
        ]

    yield fires(alert, "one more than a roll of all", changing(most + 1), begins=(60 + each * most) * EVERY)
    yield quiet(alert, "a roll of all: each master, and back", changing(most))
    nodes = watched.component(REDIS)
    formed = [("master", 100), ("slave", LENGTH)], [("master", LENGTH)]
    made = (one for count, pod in enumerate(nodes) for one in _roles(watched, pod, *formed[count % 2]))
    yield quiet(alert, "a cluster that is formed", made)
    down = _roles(watched, first, *[("master", each), ("nothing", each)] * 12)
    yield quiet(alert, "a node that comes back as what it was", down)


def _uneven(watched: Watched) -> Iterator[Case]:
    alert, fair = "RedisUneven", watched.scope.monitoring.thresholds.fair_share
    nodes, total = watched.component(REDIS, 4), 30 * FEWEST_COMMANDS

    def asked(*rates: float, total: float = total) -> list[Series]:
        """Shares of all commands that three masters answer, and a replica that hears of nothing."""
        return [
            series
            for pod, role, rate in zip(nodes, ["master"] * 3 + ["slave"], [*rates, 0], strict=True)
            for series in (
                watched.scraped(REDIS, pod, "redis_commands_processed_total", growing(total * rate)),
                watched.scraped(REDIS, pod, "redis_instance_info", steady(1), role=role, redis_mode="cluster"),
            )
        ]

    over, under = fair * OVER / 3, fair * UNDER / 3
    yield fires(alert, "one has more than it should", asked(over, (1 - over) / 2, (1 - over) / 2), begins=RATE_BEGINS)
    yield quiet(alert, "one has just what it may", asked(under, (1 - under) / 2, (1 - under) / 2))
    yield quiet(alert, "hardly anybody asks", asked(1, 0, 0, total=FEWEST_COMMANDS * UNDER))


def cache(watched: Watched, pod: Pod, hits: float, misses: float) -> list[Series]:
    """Reads per second that find their key, and that do not."""
    return [
        watched.scraped(REDIS, pod, "redis_keyspace_hits_total", growing(hits)),
        watched.scraped(REDIS, pod, "redis_keyspace_misses_total", growing(misses)),
    ]


def _cache(watched: Watched) -> Iterator[Case]:
    pod, limits = watched.component(REDIS)[0], watched.scope.monitoring.thresholds.cache_hits
    for alert, limit in (("RedisCacheHitsLow", limits.warning), ("RedisCacheHitsVeryLow", limits.critical)):
        low, enough = (cache(watched, pod, 100 * share, 100 * (1 - share)) for share in (limit * UNDER, limit * OVER))
        yield fires(alert, "fewer find their key than should", low, begins=RATE_BEGINS)
        yield quiet(alert, "just as many find it as should", enough)
        yield quiet(alert, "nobody reads", cache(watched, pod, 0, 0))
        yield quiet(alert, "hardly anybody reads", cache(watched, pod, 0, FEWEST_READS * UNDER))

    dropped = [[watched.scraped(REDIS, pod, "redis_evicted_keys_total", growing(rate))] for rate in (0.1, 0)]
    yield fires("RedisEvicts", "one in ten seconds", dropped[0], begins=RATE_BEGINS)
    yield quiet("RedisEvicts", "none", dropped[1])
