"""Cases of Qdrant and PostgreSQL."""

from collections.abc import Iterator, Sequence

from observability.alerts.postgresql import ARCHIVE_SECONDS, BACKUP_SECONDS, FEWEST_BLOCKS
from observability.alerts.qdrant import COMMITS, SNAPSHOT_SECONDS
from observability.scope import POOLER, POSTGRESQL, QDRANT, SHARDS
from tests.dataplane.observability.cases import (
    HOUR,
    OVER,
    RATE_BEGINS,
    UNDER,
    ZONES,
    Case,
    Labels,
    Pod,
    Series,
    Watched,
    fires,
    growing,
    quiet,
    steady,
    taking,
)
from tests.dataplane.observability.cases_service import while_users_wait


def cases(watched: Watched) -> Iterator[Case]:
    """All of them."""
    yield from _qdrant(watched)
    yield from shards(watched)
    yield from _requests_to_nodes(watched)
    if watched.scope.backups and watched.scope.home:
        yield from _snapshots(watched)
    yield from _connections(watched)
    yield from _cache(watched)
    if watched.scope.backups:
        yield from _archive(watched)
        yield from _base_backups(watched)


def _at(pod: Pod) -> Labels:
    return {"pod": pod.name, "zone": pod.zone}


def _qdrant(watched: Watched) -> Iterator[Case]:
    nodes = watched.component(QDRANT)
    first, *rest = nodes
    who = {"pod": first.name}

    def told(name: str, odd: float, sound: float, **labels: str) -> list[Series]:
        """By the first node, and by the others."""
        return [
            watched.scraped(QDRANT, first, name, steady(odd), **labels),
            *watched.each(QDRANT, rest, name, steady(sound), **labels),
        ]

    yield fires("QdrantDeadReplicas", "a node knows of one", told("collection_dead_replicas", 1, 0))
    yield quiet("QdrantDeadReplicas", "nobody knows of any", told("collection_dead_replicas", 0, 0))

    alert, copies = "QdrantTooFewReplicas", watched.scope.replication_factor

    def replicas(odd: int, sound: int, collections: int) -> list[Series]:
        total = told("collections_total", collections, collections)
        return [*told("collection_active_replicas_min", odd, sound), *total]

    yield fires(alert, "a node knows of a shard with a copy fewer", replicas(copies - 1, copies, 1))
    yield quiet(alert, "every shard has its copies", replicas(copies, copies, 1))
    yield quiet(alert, "there is no collection", replicas(0, 0, 0))

    peers = watched.scope.qdrant_nodes
    yield fires("QdrantPeersApart", "one counts fewer", told("cluster_peers_total", peers - 1, peers))
    yield fires("QdrantPeersApart", "one counts more", told("cluster_peers_total", peers + 1, peers))
    yield quiet("QdrantPeersApart", "they count the same", told("cluster_peers_total", peers, peers))
    yield from _zones_of_shards(watched)

    alert, state = "QdrantConsensusStopped", "cluster_working_state"
    stopped = [*told(state, 1, 0, state="stopped"), *told(state, 0, 1, state="working")]
    working = [*told(state, 0, 0, state="stopped"), *told(state, 1, 1, state="working")]
    yield fires(alert, "a node has", stopped, who)
    yield quiet(alert, "no node has", working)

    commits = 10_000
    late = told("cluster_commit", commits - COMMITS - 1, commits, peer_id="1")
    near = told("cluster_commit", commits - COMMITS, commits, peer_id="1")
    yield fires("QdrantConsensusBehind", "one operation too many", late, _at(first))
    yield quiet("QdrantConsensusBehind", "just as many as it may be", near)

    yield fires("QdrantRecoveryMode", "a node is", told("app_status_recovery_mode", 1, 0), who)
    yield quiet("QdrantRecoveryMode", "no node is", told("app_status_recovery_mode", 0, 0))

    limit = watched.scope.monitoring.thresholds.latency.warning_ms / 1000
    search = "/collections/{name}/points/search"

    def answered(endpoint: str, seconds: float) -> Iterator[Series]:
        for bound, rate in taking(seconds).items():
            labels = {"method": "POST", "endpoint": endpoint, "status": "200", "le": bound}
            yield watched.scraped(QDRANT, first, "rest_responses_duration_seconds_bucket", growing(rate), **labels)

    yield fires("QdrantSearchSlow", "one in twenty is late", answered(search, limit * OVER), begins=RATE_BEGINS)
    yield quiet("QdrantSearchSlow", "one in twenty is just in time", answered(search, limit * UNDER))
    yield quiet("QdrantSearchSlow", "writes are slow", answered("/collections/{name}/points", limit * OVER))


def shards(watched: Watched) -> Iterator[Case]:
    """Of three nodes and two copies, the defaults."""
    nodes = watched.component(QDRANT, 3)

    def held(counts: Sequence[int], answering: int = 3) -> list[Series]:
        """Active copies on each node, which each of two exporters tells of those that answer."""
        up = [watched.scraped(QDRANT, pod, "up", steady(at < answering)) for at, pod in enumerate(nodes)]
        copies = [
            watched.probed(
                SHARDS,
                "qdrant_shard_active",
                steady(1),
                collection="memories",
                shard=str(shard),
                **_told_by(exporter),
                pod=pod.name,
            )
            for pod, count in zip(nodes, counts, strict=True)
            for shard in range(count)
            for exporter in range(2)
        ]
        return [*up, *copies]

    alert = "QdrantUneven"
    yield fires(alert, "one node holds every shard", held([4, 2, 2]))
    yield fires(alert, "one node answers and holds none", held([4, 4, 0]))
    yield quiet(alert, "one node has one copy more than its share", held([5, 4, 3]))
    yield quiet(alert, "as even as four shards can be", held([3, 3, 2]))
    yield quiet(alert, "as even as one shard can be", held([1, 1, 0]))
    yield quiet(alert, "a node is away", held([3, 3, 0], answering=2))
    yield quiet(alert, "nobody tells of shards", held([0, 0, 0]))


def _requests_to_nodes(watched: Watched) -> Iterator[Case]:
    nodes = watched.component(QDRANT, 3)
    alert, fair, total = "QdrantRequestsUneven", watched.scope.monitoring.thresholds.fair_share, 30
    over, under = total / 3 * fair * OVER, total / 3 * fair * UNDER

    def asked(rates: Sequence[float | None]) -> Iterator[Series]:
        labels = {"method": "POST", "endpoint": "/collections/{name}/points/search", "status": "200"}
        for pod, rate in zip(nodes, rates, strict=True):
            yield watched.scraped(QDRANT, pod, "up", steady(1))
            if rate is not None:
                yield watched.scraped(QDRANT, pod, "rest_responses_total", growing(rate), **labels)

    rest = (total - over) / 2
    yield fires(alert, "one has more than it should", asked([over, rest, rest]), begins=RATE_BEGINS)
    yield fires(alert, "the others were never asked", asked([total, None, None]), begins=RATE_BEGINS)
    yield quiet(alert, "one has just what it may", asked([under, (total - under) / 2, (total - under) / 2]))
    yield quiet(alert, "hardly anybody asks", asked([0.9, 0, None]))


def _zones_of_shards(watched: Watched) -> Iterator[Case]:
    alert, names = "QdrantShardInFewZones", [f"qdrant-{node}" for node in range(2)]

    def copies(*zones: str) -> list[Series]:
        nodes = [Pod(name, zone) for name, zone in zip(names, zones, strict=True)]
        shard = {"collection": "memories", "shard": "0", **_told_by(0)}
        return [
            *(watched.scraped(QDRANT, node, "up", steady(1)) for node in nodes),
            *(watched.probed(SHARDS, "qdrant_shard_active", steady(1), pod=node.name, **shard) for node in nodes),
        ]

    yield fires(alert, "both copies are in one", copies(ZONES[0], ZONES[0]))
    yield quiet(alert, "they are in two", copies(ZONES[0], ZONES[1]))
    yield quiet(alert, "a zone is not known", copies(ZONES[0], ""))


def drains(watched: Watched) -> Iterator[Case]:
    """Of a region that drains the nodes beyond those that stay."""
    alert, stay, every = "QdrantPeersApart", watched.scope.qdrant_nodes, watched.scope.qdrant_all
    nodes = [Pod(f"qdrant-{node}", ZONES[node % 3]) for node in range(every)]

    def counting(*peers: int) -> list[Series]:
        return [
            watched.scraped(QDRANT, node, "cluster_peers_total", steady(count))
            for node, count in zip(nodes, peers, strict=True)
        ]

    gone = [1] * (every - stay)
    yield quiet(alert, "all are there still", counting(*[every] * every))
    yield quiet(alert, "the drained ones stand alone", counting(*[stay] * stay, *gone))
    yield fires(alert, "one that stays has lost another", counting(stay - 1, *[stay] * (stay - 1), *gone))
    dead = [watched.scraped(QDRANT, node, "collection_dead_replicas", steady(node == nodes[-1])) for node in nodes]
    yield quiet("QdrantDeadReplicas", "a drained one knows of dead copies", dead)


def _told_by(exporter: int) -> dict[str, str]:
    return {"instance": f"10.0.0.{exporter + 1}:9117", "container": "qdrant"}


def _snapshots(watched: Watched) -> Iterator[Case]:
    alert, job = "QdrantSnapshotOld", {"namespace": watched.scope.namespace, "cronjob": "qdrant-backup"}

    def taken(created: float, *succeeded: float) -> list[Series]:
        """Seconds before the test began; time begins with it."""
        return [
            watched.told("kube_cronjob_created", steady(-created), **job),
            *(watched.told("kube_cronjob_status_last_successful_time", steady(-age), **job) for age in succeeded),
        ]

    old, young, long_ago = SNAPSHOT_SECONDS + 1, SNAPSHOT_SECONDS - 2 * HOUR, 10 * SNAPSHOT_SECONDS
    yield fires(alert, "the newest is too old", taken(long_ago, old))
    yield fires(alert, "none was ever taken", taken(old))
    yield quiet(alert, "the newest is young enough", taken(long_ago, young))
    yield quiet(alert, "none was taken yet", taken(young))


def _connections(watched: Watched) -> Iterator[Case]:
    pod, limits = watched.component(POSTGRESQL)[0], watched.scope.monitoring.thresholds.connections

    def used(share: float, most: int = 400) -> list[Series]:
        users = {"app": 0.75, "streaming_replica": 0.25}
        return [
            *(
                watched.scraped(
                    POSTGRESQL, pod, "cnpg_backends_total", steady(most * share * part), usename=user, state="active"
                )
                for user, part in users.items()
            ),
            watched.scraped(POSTGRESQL, pod, "cnpg_pg_settings_setting", steady(most), name="max_connections"),
            watched.scraped(POSTGRESQL, pod, "cnpg_pg_settings_setting", steady(10), name="max_wal_senders"),
        ]

    for alert, limit in (
        ("PostgresqlConnectionsMany", limits.warning),
        ("PostgresqlConnectionsSpent", limits.critical),
    ):
        yield fires(alert, "more than there should be", used(limit * OVER), {"pod": pod.name})
        yield quiet(alert, "just as many as there may be", used(limit * UNDER))

    def pool(waiting: int, seconds: float) -> list[Series]:
        pooler = watched.component(POOLER)[0]
        return [
            watched.scraped(POOLER, pooler, "cnpg_pgbouncer_pools_cl_waiting", steady(waiting), database="memories"),
            watched.scraped(POOLER, pooler, "cnpg_pgbouncer_pools_maxwait", steady(seconds), database="memories"),
        ]

    # Five seconds, five minutes, and 300 million: plain numbers of the rules.
    yield fires("PostgresqlPoolerWaits", "somebody waits for long", pool(3, 5 * OVER))
    yield quiet("PostgresqlPoolerWaits", "they wait a little", pool(3, 5 * UNDER))
    yield quiet("PostgresqlPoolerWaits", "nobody waits", pool(0, 5 * OVER))
    for alert, name, limit in (
        ("PostgresqlLongTransaction", "cnpg_backends_max_tx_duration_seconds", 300),
        ("PostgresqlTransactionIds", "cnpg_pg_database_xid_age", 3e8),
    ):
        over, under = (
            [watched.scraped(POSTGRESQL, pod, name, steady(limit * share), datname="memories")]
            for share in (OVER, UNDER)
        )
        yield fires(alert, "too old", over, {"pod": pod.name})
        yield quiet(alert, "just not too old", under)


def _cache(watched: Watched) -> Iterator[Case]:
    pod, limits = watched.component(POSTGRESQL)[0], watched.scope.monitoring.thresholds.postgresql_cache_hits

    def reading(hits: float, missed: float = 20 * FEWEST_BLOCKS) -> list[Series]:
        """Blocks per second that come from the volume, and as many from memory as make this share."""
        rates = {"hit": missed * hits / (1 - hits), "read": missed}
        return [
            watched.scraped(POSTGRESQL, pod, f"cnpg_pg_stat_database_blks_{found}", growing(rate), datname="memories")
            for found, rate in rates.items()
        ]

    alert, at = "PostgresqlCacheHitsLow", {"pod": pod.name}
    low, enough = limits.warning * UNDER, 1 - (1 - limits.warning) * UNDER
    yield fires(alert, "fewer than there should be", reading(low), at, begins=RATE_BEGINS)
    yield quiet(alert, "just as many as there should be", reading(enough))
    yield quiet(alert, "hardly any block is read", reading(low, FEWEST_BLOCKS * UNDER))
    if watched.scope.home:
        over, under = reading(limits.critical * UNDER), reading(limits.critical * OVER)
        yield from while_users_wait(watched, "PostgresqlCacheHitsVeryLow", over, under, at)


def archived(watched: Watched, pod: Pod, seconds: float, waiting: int) -> Iterator[Series]:
    """What an instance says of its archive: seconds since the newest WAL, and files that wait."""
    yield watched.scraped(POSTGRESQL, pod, "cnpg_pg_stat_archiver_seconds_since_last_archival", steady(seconds))
    for value, number in (("ready", waiting), ("done", 20)):
        yield watched.scraped(POSTGRESQL, pod, "cnpg_collector_pg_wal_archive_status", steady(number), value=value)


def _archive(watched: Watched) -> Iterator[Case]:
    alert, pod = "PostgresqlArchiveBehind", watched.component(POSTGRESQL)[0]
    who = {"pod": pod.name}
    yield fires(alert, "files wait for long", archived(watched, pod, ARCHIVE_SECONDS * OVER, 3), who)
    yield fires(alert, "no file was ever archived", archived(watched, pod, -1, 3), who)
    yield quiet(alert, "files wait a little", archived(watched, pod, ARCHIVE_SECONDS * UNDER, 3))
    yield quiet(alert, "nothing is written", archived(watched, pod, 100 * ARCHIVE_SECONDS, 0))
    yield quiet(alert, "nothing was written yet", archived(watched, pod, -1, 0))


STARTED = "cnpg_pg_postmaster_start_time"


def base_backups(watched: Watched, pod: Pod, available: float, failed: float) -> list[Series]:
    """Times of the newest base backups, in seconds after the test began."""
    name = "barman_cloud_cloudnative_pg_io_last_{}_backup_timestamp"
    return [
        watched.scraped(POSTGRESQL, pod, name.format("available"), steady(available)),
        watched.scraped(POSTGRESQL, pod, name.format("failed"), steady(failed)),
    ]


def _base_backups(watched: Watched) -> Iterator[Case]:
    pod = watched.component(POSTGRESQL)[0]
    long_ago = -10 * BACKUP_SECONDS
    old, young = -BACKUP_SECONDS - 1, 2 * HOUR - BACKUP_SECONDS
    yield fires("PostgresqlBackupOld", "the newest is too old", base_backups(watched, pod, old, long_ago))
    yield quiet("PostgresqlBackupOld", "the newest is young enough", base_backups(watched, pod, young, long_ago))
    for makes, started in ((fires, old), (quiet, young)):
        never = [*base_backups(watched, pod, 0, 0), watched.scraped(POSTGRESQL, pod, STARTED, steady(started))]
        yield makes("PostgresqlBackupOld", "none was ever made", never)
    yield fires("PostgresqlBackupFailed", "one failed since", base_backups(watched, pod, young, young + 1))
    yield fires("PostgresqlBackupFailed", "the first one failed", base_backups(watched, pod, 0, 1))
    yield quiet("PostgresqlBackupFailed", "one came about since", base_backups(watched, pod, young + 1, young))
    yield quiet("PostgresqlBackupFailed", "there was none yet", base_backups(watched, pod, 0, 0))
