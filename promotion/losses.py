"""What a promotion may lose: what PostgreSQL, Qdrant and Redis of the new home do not have."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from promotion.access import Access
from promotion.errors import PromotionError

BEHIND = """
SELECT COALESCE(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn,
       (SELECT round(EXTRACT(EPOCH FROM clock_timestamp() - last_msg_receipt_time))
        FROM pg_stat_wal_receiver
        WHERE status = 'streaming' AND pg_last_wal_receive_lsn() >= latest_end_lsn),
       round(EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp()))
"""
"""Of a standby: bytes of WAL that it has, seconds since it heard from home while it has all that home said there is,
seconds since the last commit that it has (PostgreSQL's manual: monitoring-stats, pg-stat-wal-receiver; functions-admin,
recovery)."""
WRITTEN = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"
"""Of home: bytes of WAL that it has written."""
RECEIVED = """
SELECT GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn,
       (SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming')
"""
"""Of a standby: bytes of WAL that it has, streamed or from the archive; 1 while it streams. A receiver that hears
nothing ends after wal_receiver_timeout, 5 s in CloudNativePG's default (docs/src/postgresql_conf.md)."""


class Queries(Protocol):
    """What of `promotion.access.Access` asks PostgreSQL."""

    def query(self, region: str, statement: str) -> str | None:
        """One row of PostgreSQL's designated or current primary, fields divided by `|`; None without an answer."""
        ...


@dataclass(frozen=True)
class Received:
    """What a standby's PostgreSQL has of home's WAL; None where nobody says."""

    bytes: float | None = None
    streams: bool = False


@dataclass(frozen=True)
class Lag:
    """How far a standby's PostgreSQL is behind; None where nobody says."""

    bytes: int | None = None
    seconds: float | None = None
    """At most so many seconds of commits are missing: since it heard from home, else since the last commit it has."""

    def words(self) -> str:
        """For the plan."""
        size = "an unknown number of bytes" if self.bytes is None else f"{self.bytes:,} bytes"
        time = "an unknown time" if self.seconds is None else f"at most {self.seconds:,.0f} s"
        return f"{size}, {time} behind"


def lag(access: Queries, standby: str, home: str | None) -> Lag:
    """Asked of the standby's PostgreSQL and, where it is given, of home's."""
    has, heard, committed = _numbers(access.query(standby, BEHIND), 3)
    (written,) = _numbers(access.query(home, WRITTEN), 1) if home is not None else (None,)
    behind = None if has is None or written is None else max(0, int(written - has))
    return Lag(behind, 0.0 if behind == 0 else heard if heard is not None else committed)


def received(access: Queries, standby: str) -> Received:
    """Asked of the standby's PostgreSQL."""
    has, streams = _numbers(access.query(standby, RECEIVED), 2)
    return Received(has, bool(streams))


def _numbers(row: str | None, count: int) -> list[float | None]:
    fields = (row or "").strip().split("|")
    found: list[float | None] = []
    for index in range(count):
        number: float | None = None
        with suppress(ValueError, IndexError):
            number = float(fields[index])
        found.append(number)
    return found


def newest_snapshot(access: Access, home: str | None, now: datetime) -> str:
    """Age of the newest whole snapshot of home's Qdrant, in words; `home` is None where it does not answer."""
    without = "the vectors are made again from what PostgreSQL has, or are lost"
    unknown = "nobody says: the old home does not answer, the copies in its bucket tell (docs/backups.md)"
    if home is None:
        return unknown
    try:
        job = access.snapshots(home)
    except PromotionError:
        return unknown
    if job is None:
        return f"none is taken: {without}"
    taken = str((job.get("status") or {}).get("lastSuccessfulTime") or "")
    if not taken:
        return f"none has been finished yet: {without}"
    minutes = max(0, int((now - datetime.fromisoformat(taken)).total_seconds() // 60))
    return f"{minutes // 60} h {minutes % 60} min old"
