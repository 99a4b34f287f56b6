"""PostgreSQL: replicas that fall behind, connections that run out, archives that stop."""

from collections.abc import Iterator

from observability.rule import Alert, Severity
from observability.scope import POOLER, POSTGRESQL, Scope, equal

ARCHIVE_SECONDS = 900
"""The operator closes a WAL file every five minutes (archive_timeout, cloudnative-pg docs/src/wal_archiving.md)."""
BACKUP_SECONDS = 2 * 86400
"""Base backups are made once a day."""


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
    yield _connections("PostgresqlConnectionsMany", "warning", connections.warning)
    yield _connections("PostgresqlConnectionsSpent", "critical", connections.critical)
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
