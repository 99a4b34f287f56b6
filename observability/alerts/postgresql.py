"""PostgreSQL: replicas that fall behind, connections that run out, archives that stop."""

from collections.abc import Iterator

from observability.alerts.waiting import users_wait
from observability.rule import Alert, Severity
from observability.scope import POOLER, POSTGRESQL, POSTGRESQL_GATEWAY, Scope, equal

ARCHIVE_SECONDS = 900
"""The operator closes a WAL file every five minutes (archive_timeout, cloudnative-pg docs/src/wal_archiving.md)."""
BACKUP_SECONDS = 2 * 86400
"""Base backups are made once a day."""
STANDS = "2m"
"""Nothing that is well holds replay up for as long: a query on a replica does for half a minute
(max_standby_streaming_delay), and a replica tells how far it is every ten seconds (wal_receiver_status_interval,
postgresql.org/docs/current/runtime-config-replication.html).
"""
FEWEST_FAILED = 30
"""Statements in five minutes: each pod of the service that starts has a few that PostgreSQL refuses."""
FEWEST_BLOCKS = 100
"""Blocks of 8 kB that are read into memory per second: fewer cost nobody anything."""


def alerts(scope: Scope) -> Iterator[Alert]:
    """Of a region's PostgreSQL."""
    own, connections = scope.of(POSTGRESQL), scope.monitoring.thresholds.connections
    replica = f"max by (pod) (cnpg_pg_replication_in_recovery{own})"
    yield Alert(
        "PostgresqlReplicaBehind",
        f"postgresql:replication_lag:seconds > {scope.rpo_seconds / 10:g}",
        "warning",
        "{{ $labels.pod }} is {{ $value | humanizeDuration }} behind",
        "A replica falls behind what it follows.",
        "See whether its node or its volume is slow, and whether a long query on it holds replay up.",
        "5m",
    )
    yield Alert(
        "PostgresqlReplicaBehindObjective",
        f"min(postgresql:replication_lag:seconds and on (pod) {replica} == 1) > {scope.rpo_seconds}",
        "critical",
        "Every replica is {{ $value | humanizeDuration }} behind or more, more than a promotion may lose",
        f"A promotion of this region now would lose more than `multiregion.rpo_seconds` ({scope.rpo_seconds} s), and "
        "is refused.",
        "`regional-performance` says whether the region link is slow or down. A standby that does not catch up is made "
        "anew (docs/promotion.md).",
        "2m",
    )
    yield Alert(
        "PostgresqlNotStreaming",
        f"max by (pod) (cnpg_pg_replication_in_recovery{own}) > on (pod)"
        f" max by (pod) (cnpg_pg_replication_is_wal_receiver_up{own})",
        "critical",
        "{{ $labels.pod }} follows nobody",
        "A replica has no connection to what it follows: it falls behind without a lag that grows.",
        "Its log names the address that it cannot reach, or the certificate that is refused.",
        "5m",
    )
    if scope.home:
        yield _replay()
    if scope.instances > 1 and scope.home:
        # Other regions stream from the primary too, and confirm nothing. Without a primary nobody tells of replicas.
        ours = scope.of(POSTGRESQL, f'application_name=~"{POSTGRESQL}-{scope.region}-[0-9]+"')
        confirming = f"count(group by (application_name) (cnpg_pg_stat_replication_sent_diff_bytes{ours}))"
        yield Alert(
            "PostgresqlNotSynchronous",
            f"({confirming} or 0 * max(cnpg_pg_replication_streaming_replicas{own}))"
            f" < max(cnpg_collector_sync_replicas{scope.of(POSTGRESQL, equal('value', 'observed'))})",
            "critical",
            "{{ $value }} replicas confirm what the primary commits, too few",
            "Commits wait: nothing is written until a replica is back.",
            "`kubectl cnpg status` names the instances that are away; see their pods and volumes.",
            "1m",
        )
    if scope.home:
        yield from _as_the_service_sees_it(scope)
    yield _connections("PostgresqlConnectionsMany", "warning", connections.warning)
    yield _connections("PostgresqlConnectionsSpent", "critical", connections.critical)
    yield from _cache(scope)
    yield Alert(
        "PostgresqlPoolerWaits",
        f"postgresql:pooler_waiting:count > 0 and on () max(cnpg_pgbouncer_pools_maxwait{scope.of(POOLER)}) > 5",
        "warning",
        "{{ $value }} clients wait for a connection to PostgreSQL",
        "The primary moves, or every connection of the pooler is in use.",
        "If there is a primary, look for long transactions; then raise `postgresql.pooler.instances`.",
        "5m",
    )
    yield Alert(
        "PostgresqlLongTransaction",
        f"max by (pod) (cnpg_backends_max_tx_duration_seconds{own}) > 300",
        "warning",
        "A transaction on {{ $labels.pod }} is open for {{ $value | humanizeDuration }}",
        "Vacuum cannot remove what it might still see, and tables grow.",
        "Find it in pg_stat_activity; `pg_terminate_backend` ends it.",
        "5m",
    )
    yield Alert(
        "PostgresqlTransactionIds",
        f"max by (pod) (cnpg_pg_database_xid_age{own}) > 3e8",
        "critical",
        "The oldest transaction of a database on {{ $labels.pod }} is {{ $value | humanize }} ids old",
        "At two billion PostgreSQL stops taking writes.",
        "Look for long transactions and unused replication slots that hold vacuum back, then `VACUUM FREEZE`.",
        "15m",
    )
    if scope.backups:
        yield from _backups(scope)


def _replay() -> Alert:
    """What a replica's own lag is silent about, by the primary.

    The lag is GREATEST(0, now() - pg_last_xact_replay_timestamp()), and that is NULL until a commit was replayed since
    the start (cloudnative-pg, default-monitoring.yaml): 0 for ever where replay is paused from then on, as it is when
    a parameter is lower than the primary's. No number of bytes divides well from ill: a busy primary always has some
    that nobody has replayed, a quiet one writes few. They fall again and again where something is replayed.

    The primary of a standby region is among those that stream; the replicas that follow it are not, and have their
    own lag alone.
    """
    behind = "postgresql:replay_behind:bytes"
    return Alert(
        "PostgresqlReplicaDoesNotReplay",
        f"min_over_time({behind}[{STANDS}]) > 0 unless resets({behind}[{STANDS}]) > 0",
        "warning",
        "{{ $labels.application_name }} has not replayed {{ $value | humanize1024 }}B of WAL, and it only grows",
        "A replica receives what the primary writes and does not replay it, or ever less of it. Its own lag may be 0 "
        "all the same. It loses nothing, but answers with old data, and can take over late or not at all.",
        "Its log says whether `recovery has paused`, and why. Else see whether its volume or its node is slow.",
        "5m",
    )


def _as_the_service_sees_it(scope: Scope) -> Iterator[Alert]:
    """Which answers its users 200 even so."""
    limit, statements = scope.monitoring.thresholds.errors.warning, "postgresql_gateway_statements_total"
    failed = scope.of(POSTGRESQL_GATEWAY, equal("outcome", "error"))
    yield Alert(
        "PostgresqlStatementsFail",
        f"service:postgresql_errors:ratio_rate5m > {limit:g} and on (service)"
        f" sum by (service) (increase({statements}{failed}[5m])) >= {FEWEST_FAILED}",
        "critical",
        "{{ $value | humanizePercentage }} of the statements of {{ $labels.service }} fail",
        f"More than {limit:.0%} of statements end in an error, and the service answers that all is well: memories "
        "that it takes now are not in PostgreSQL, and are lost with the cache.",
        "PostgreSQL's log has the errors: a right that is missing, a full disk, a connection that broke off. Stop "
        "writers if it does not end soon.",
        "5m",
    )
    logins = "postgresql_gateway_logins_total"
    tried, found = (
        f"sum by (service) (increase({logins}{scope.of(POSTGRESQL_GATEWAY, equal('outcome', outcome))}[2m]))"
        for outcome in ("failed", "ok")
    )
    yield Alert(
        "PostgresqlNotReached",
        f"{tried} > 0 unless on (service) {found} > 0",
        "critical",
        "{{ $labels.service }} finds no PostgreSQL that takes writes",
        "Its gateways try to log in, and none succeeds: requests wait, and fail after two minutes.",
        "`kubectl cnpg status` says whether there is a primary. There is one: see the poolers' log, and whether "
        "password or certificate was changed.",
        "2m",
    )


def _connections(name: str, severity: Severity, limit: float) -> Alert:
    return Alert(
        name,
        f"postgresql:connections:ratio > {limit:g}",
        severity,
        "{{ $labels.pod }} has {{ $value | humanizePercentage }} of its connections in use",
        "When none is left, logins fail; the pooler holds them for two minutes.",
        "See who has them in pg_stat_activity. They follow `postgresql.pooler.instances` and its pool size.",
        "5m",
    )


def _cache(scope: Scope) -> Iterator[Alert]:
    limits = scope.monitoring.thresholds.postgresql_cache_hits
    hits = "postgresql:cache_hits:ratio_rate5m"
    read = f"sum by (pod) (rate(cnpg_pg_stat_database_blks_read{scope.of(POSTGRESQL)}[5m])) > {FEWEST_BLOCKS}"
    more = (
        "After a restart memory fills by itself. Else what is read does not fit: raise "
        "`postgresql.primary.resources.limits.memory`, of which a quarter are its buffers, or split what "
        "`memory.namespaces` holds."
    )
    yield Alert(
        "PostgresqlCacheHitsLow",
        f"{hits} < {limits.warning:g} and on (pod) ({read})",
        "warning",
        "{{ $labels.pod }} finds {{ $value | humanizePercentage }} of the blocks that it reads in its memory",
        "The others come from the volume, or from the node's memory if they are there.",
        more,
        "30m",
    )
    if scope.home:
        yield Alert(
            "PostgresqlCacheHitsVeryLow",
            f"{hits} < {limits.critical:g} and on (pod) ({read}) and on () ({users_wait(scope)})",
            "critical",
            "{{ $labels.pod }} finds {{ $value | humanizePercentage }} of the blocks that it reads in its memory, and "
            "users wait",
            "Requests take longer than they should, and PostgreSQL reads its volume for them.",
            more,
            "30m",
        )


def _backups(scope: Scope) -> Iterator[Alert]:
    own = scope.of(POSTGRESQL)
    since = f"max by (pod) (cnpg_pg_stat_archiver_seconds_since_last_archival{own})"
    waiting = f"max by (pod) (cnpg_collector_pg_wal_archive_status{scope.of(POSTGRESQL, equal('value', 'ready'))})"
    yield Alert(
        "PostgresqlArchiveBehind",
        # Nothing is archived where nothing is written; -1 says that nothing ever was (config/manager,
        # default-monitoring.yaml).
        f"{waiting} > 0 and on (pod) ({since} > {ARCHIVE_SECONDS} or {since} < 0)",
        "critical",
        "{{ $value }} WAL files of {{ $labels.pod }} wait to be archived, and none was for a quarter of an hour",
        "A restore would lose everything since, and the WAL volume fills.",
        "The log of the container `plugin-barman-cloud` says what the object store answers.",
        "5m",
    )
    yield Alert(
        "PostgresqlBackupOld",
        # Nought until the first one is there: till then its age counts from PostgreSQL's start.
        f"time() - (max(barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{own}) != 0"
        f" or max(cnpg_pg_postmaster_start_time{own})) > {BACKUP_SECONDS}",
        "critical",
        "The newest base backup is {{ $value | humanizeDuration }} old",
        "A restore takes long, and backups from before the retention are gone.",
        "`kubectl get backups` names the one that failed and why.",
        "10m",
    )
    yield Alert(
        "PostgresqlBackupFailed",
        f"max(barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp{own})"
        f" > max(barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{own})",
        "warning",
        "The newest base backup failed",
        "The one before it is still there.",
        "`kubectl describe backup` of the newest one says why.",
        "10m",
    )
