"""Cases of PostgreSQL's replicas: how far they are behind, whether they follow, replay and confirm."""

from collections.abc import Iterator, Sequence

from observability.scope import POSTGRESQL
from tests.dataplane.observability.cases import (
    EVERY,
    MINUTE,
    OVER,
    UNDER,
    Case,
    Pod,
    Series,
    Watched,
    again_and_again,
    fires,
    growing,
    quiet,
    steady,
    steps,
)


def cases(watched: Watched) -> Iterator[Case]:
    """Of replicas."""
    yield from _replication(watched)
    if watched.scope.home:
        yield from _replay(watched)
        yield from _synchronous(watched)


def _replication(watched: Watched) -> Iterator[Case]:
    instances, rpo = watched.component(POSTGRESQL), watched.scope.rpo_seconds
    pod = instances[1]
    where = {"pod": pod.name, "zone": pod.zone}
    for alert, limit in (("PostgresqlReplicaBehind", rpo / 10), ("PostgresqlReplicaBehindObjective", rpo)):

        def lag(*lags: float) -> list[Series]:
            """Of replicas."""
            return [
                watched.scraped(POSTGRESQL, one, name, steady(value))
                for one, behind in zip(instances[1:], lags, strict=False)
                for name, value in (("cnpg_pg_replication_lag", behind), ("cnpg_pg_replication_in_recovery", 1))
            ]

        of_all = alert == "PostgresqlReplicaBehindObjective"
        yield fires(alert, "further than it should be", lag(limit * OVER), {} if of_all else where)
        yield quiet(alert, "just as far as it may be", lag(limit * UNDER))
        if of_all:
            yield quiet(alert, "another one is not", lag(limit * OVER, 0))
            primary = watched.scraped(POSTGRESQL, instances[0], "cnpg_pg_replication_lag", steady(0))
            yield fires(alert, "the primary is behind nobody", [primary, *lag(limit * OVER)])

    def instance(follows: bool, receives: bool) -> list[Series]:
        return [
            watched.scraped(POSTGRESQL, pod, "cnpg_pg_replication_in_recovery", steady(follows)),
            watched.scraped(POSTGRESQL, pod, "cnpg_pg_replication_is_wal_receiver_up", steady(receives)),
        ]

    yield fires("PostgresqlNotStreaming", "a replica receives nothing", instance(True, False), {"pod": pod.name})
    yield quiet("PostgresqlNotStreaming", "a replica receives", instance(True, True))
    yield quiet("PostgresqlNotStreaming", "a primary receives nothing", instance(False, False))


def confirmed(watched: Watched, primary: Pod, replicas: Sequence[str]) -> Iterator[Series]:
    """What a primary says of those that stream from it, of whom one has to confirm."""
    for value, number in (("observed", 1), ("expected", 0)):
        yield watched.scraped(POSTGRESQL, primary, "cnpg_collector_sync_replicas", steady(number), value=value)
    streaming = steady(len(replicas))
    yield watched.scraped(POSTGRESQL, primary, "cnpg_pg_replication_streaming_replicas", streaming)
    for number, replica in enumerate(replicas):
        labels = {"application_name": replica, "client_addr": f"10.0.1.{number}", "usename": "streaming_replica"}
        yield watched.scraped(POSTGRESQL, primary, "cnpg_pg_stat_replication_sent_diff_bytes", steady(0), **labels)


def unreplayed(watched: Watched, primary: Pod, replica: str, values: str, port: str = "41822") -> Series:
    """WAL in bytes, as a primary says of one that streams from it."""
    labels = {"application_name": replica, "client_port": port, "usename": "streaming_replica"}
    return watched.scraped(POSTGRESQL, primary, "cnpg_pg_stat_replication_replay_diff_bytes", values, **labels)


def _replay(watched: Watched) -> Iterator[Case]:
    """Replicas' own lag is 0 in all of them."""
    alert, (primary, replica, another) = "PostgresqlReplicaDoesNotReplay", watched.component(POSTGRESQL)
    elsewhere, busy = "postgresql-us-west-1", again_and_again(56, 8192, 880, 264)
    well = unreplayed(watched, primary, another.name, busy)

    def behind(values: str, name: str = replica.name) -> list[Series]:
        lags = watched.each(POSTGRESQL, (replica, another), "cnpg_pg_replication_lag", steady(0))
        return [*lags, well, unreplayed(watched, primary, name, values)]

    stuck = {"application_name": replica.name}
    yield fires(alert, "a quiet primary wrote a little", behind(steady(56)), stuck)
    yield fires(alert, "a busy primary writes", behind(growing(1e6, start=56)), stuck)
    yield fires(alert, "one of another region", behind(steady(56), elsewhere), {"application_name": elsewhere})
    since = behind(steps((0, 20), then=56))
    yield fires(alert, "after it had replayed all", since, stuck, begins=20 * EVERY + 2 * MINUTE)
    yield quiet(alert, "it replays what a busy primary writes", behind(busy))
    yield quiet(alert, "nothing is written", behind(steady(0)))
    yield quiet(alert, "it catches up slowly", behind(again_and_again(*range(10_000, 0, -50))))


def _synchronous(watched: Watched) -> Iterator[Case]:
    alert, (primary, *replicas) = "PostgresqlNotSynchronous", watched.component(POSTGRESQL)
    elsewhere, joining = "postgresql-us-west-1", f"{replicas[0].name}-join"
    yield fires(alert, "nobody streams", confirmed(watched, primary, []))
    yield fires(alert, "only another region streams, and a clone", confirmed(watched, primary, [elsewhere, joining]))
    yield quiet(alert, "one replica streams", confirmed(watched, primary, [replicas[0].name, elsewhere]))
