"""What a region on AWS has around its nodes and pays for: ways out and in, traffic to users, buckets of backups.

Through NAT gateways goes nothing that follows from a load: buckets and AWS have endpoints, regions a link.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from capacity import facts, qdrant
from capacity.ledger import Figure, Ledger
from settings import Settings

if TYPE_CHECKING:
    from capacity.plan import Plan
    from capacity.workload import Workload

MONTH: Final = facts.MONTH_DAYS * facts.DAY_SECONDS
"""Seconds."""


class Around(NamedTuple):
    """What a region has."""

    gateways: int
    """NAT gateways, each with an address."""
    endpoints: int
    """Interfaces of endpoints, in all zones together."""
    users: int
    """Addresses of the load balancer that users come by; 0 where there is none."""
    links: bool
    """Whether other regions come by a load balancer, too."""
    retention: float
    """Days for which backups are kept; 0 where there are none."""

    @property
    def balancers(self) -> int:
        return (self.users > 0) + self.links


def planned(workload: "Workload") -> Around:
    """What the program makes for a workload."""
    zones = workload.zones
    endpoints = int(facts.ENDPOINTS.value) * zones
    return Around(zones, endpoints, zones, len(workload.regions) > 1, facts.RETENTION.value)


def of_stack(settings: Settings) -> Around:
    """What it makes for a stack; a network of others has gateways of its own."""
    zones = len(settings.high_availability.zones)
    own = settings.aws.network.existing is None
    return Around(
        zones if own else 0,
        int(facts.ENDPOINTS.value) * zones if own else 0,
        zones if settings.ingress.enabled else 0,
        len(settings.regions) > 1,
        settings.backups.retention_days if settings.backs_up else 0,
    )


class Traffic(NamedTuple):
    """Bytes a second of all users, at the mean."""

    asked: float
    answered: float


class Backups(NamedTuple):
    """Of a region, in a month: what its bucket takes, and the copy of that in another region."""

    requests: float
    """That write."""
    written: float
    """Bytes."""


def traffic(of: "Plan", ledger: Ledger | None = None) -> Traffic:
    """What users send and get."""
    load, envelope = of.load, facts.ENVELOPE.value
    asked = (load.requests * envelope + load.stores * load.value_bytes) / load.peak
    found = load.reads + load.searches * facts.FOUND.value
    answered = (load.requests * envelope + found * load.value_bytes) / load.peak
    if ledger:
        calls = dict[str, float](stores=load.stores, reads=load.reads, searches=load.searches)
        terms = {**calls, "value": load.value_bytes, "envelope": facts.ENVELOPE, "peak": load.peak}
        sent = "((stores + reads + searches) * envelope + stores * value) / peak"
        ledger.note("users.asked", asked, "B/s at the mean", sent, **terms)
        got = "((stores + reads + searches) * envelope + (reads + searches * found) * value) / peak"
        ledger.note("users.answered", answered, "B/s at the mean", got, found=facts.FOUND, **terms)
    return Traffic(asked, answered)


def backups(of: "Plan", home: bool, ledger: Ledger | None = None) -> Backups:
    """PostgreSQL's of each region, which archives what it follows, too; Qdrant's of home alone."""
    load, free = of.load, 1 - facts.FREE.value
    wal = of.needs.postgresql.wal / load.peak
    files = max(wal / facts.SEGMENT.value, 1 / facts.ARCHIVE.value) * MONTH
    base = of.needs.postgresql.storage * free * facts.COMPRESSED.value
    rows = (base / facts.BASE_BACKUPS.value + wal * facts.COMPRESSED.value) * MONTH
    share, every = qdrant.held_share(of.layout.qdrant), facts.SNAPSHOTS.value
    points = of.needs.qdrant.storage * free / share / every * MONTH if home else 0.0
    objects = (of.layout.qdrant.shards * of.workload.namespaces + 1) / every * MONTH if home else 0.0
    written = rows + points
    requests = files + objects + written / facts.PART.value
    if ledger:
        note, month = ledger.note, MONTH
        note(
            "backups.files",
            files,
            "files of WAL a month",
            "max(wal / peak / segment, 1 / timeout) * month",
            wal=of.needs.postgresql.wal,
            peak=load.peak,
            segment=facts.SEGMENT,
            timeout=facts.ARCHIVE,
            month=month,
        )
        note(
            "backups.rows",
            rows,
            "B of PostgreSQL a month",
            "(storage * (1 - free) * compressed / daily + wal / peak * compressed) * month",
            storage=of.needs.postgresql.storage,
            free=facts.FREE,
            compressed=facts.COMPRESSED,
            daily=facts.BASE_BACKUPS,
            wal=of.needs.postgresql.wal,
            peak=load.peak,
            month=month,
        )
        note(
            "backups.points",
            points,
            "B of Qdrant a month",
            "storage * (1 - free) / share / every * month",
            storage=of.needs.qdrant.storage,
            free=facts.FREE,
            share=share,
            every=facts.SNAPSHOTS,
            month=month,
        )
        note(
            "backups.requests",
            requests,
            "requests a month that write to the bucket",
            "files + (shards * namespaces + 1) / every * month + (rows + points) / part",
            files=files,
            shards=of.layout.qdrant.shards,
            namespaces=of.workload.namespaces,
            every=facts.SNAPSHOTS,
            month=month,
            rows=rows,
            points=points,
            part=facts.PART,
        )
        note(
            "backups.kept",
            kept(written, facts.RETENTION.value),
            "B in the bucket, and as much in its copy",
            "(rows + points) / month * retention * day * lasting",
            rows=rows,
            points=points,
            month=month,
            retention=facts.RETENTION,
            day=facts.DAY_SECONDS,
            lasting=facts.LASTING,
        )
    return Backups(requests, written)


def kept(written: float, retention: float) -> float:
    """Bytes in a bucket that is written so much in a month, when it has been for long."""
    return written / MONTH * retention * facts.DAY_SECONDS * facts.LASTING.value


def figures(of: "Plan") -> Iterator[Figure]:
    """What home has of all that."""
    ledger = Ledger()
    traffic(of, ledger)
    backups(of, home=True, ledger=ledger)
    yield from ledger.figures
