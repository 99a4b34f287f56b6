"""What only all regions together tell: that each could be home, and that their records of a public name are one set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policies.checks import read
from policies.checks.model import Kind, Limits, Resource, Stack, Violation
from policies.checks.names import routing
from policies.checks.plain import list_at, text_at
from policies.checks.tokens import POSTGRESQL, RECORD
from policies.checks.whole import Whole, input_of, stated

Regions = Mapping[str, Whole]
"""The plan of each region, by its name."""

_STORES = (Kind.STATEFUL_SET, Kind.POOLER)
"""Kinds that every region has; Deployments may be a standby's or home's alone."""


@dataclass(frozen=True)
class _Sized:
    """Something of a region that is counted."""

    urn: str
    title: str
    number: int
    everywhere: bool


def same_size(regions: Regions, limits: Limits) -> Iterator[Violation]:
    """Whatever one region has another has in the same number: after a promotion it carries the same."""
    del limits
    counted = {name: _counted(name, read.stack(whole.resources)) for name, whole in regions.items()}
    for key in dict.fromkeys(key for things in counted.values() for key in things):
        there = {name: things[key] for name, things in counted.items() if key in things}
        fullest = max(there, key=lambda name: there[name].number)
        most = there[fullest]
        for name, thing in there.items():
            if thing.number < most.number:
                yield Violation(
                    thing.urn,
                    f"{name} has {thing.number} of {thing.title}, {fullest} has {most.number}: after a promotion it "
                    "would carry less",
                )
        for name in regions.keys() - there.keys() if most.everywhere else ():
            yield Violation(most.urn, f"{name} has no {most.title}, which {fullest} has: it could not be home")


def _counted(region: str, stack: Stack) -> dict[tuple[str, str], _Sized]:
    """By kind and name, without the region's own in it."""
    found: dict[tuple[str, str], _Sized] = {}
    for workload in stack.workloads:
        if workload.lasting:
            number, everywhere = stack.replicas_of(workload), workload.kind in _STORES
            found[workload.kind.value, _common(workload.name, region)] = _Sized(
                workload.urn, workload.title, number, everywhere
            )
    for database in stack.databases:
        key = ("PostgreSQL", _common(database.name, region))
        found[key] = _Sized(database.urn, f"PostgreSQL {database.name}", database.instances, everywhere=True)
    return found


def _common(name: str, region: str) -> str:
    return name.replace(region, "*")


def same_postgresql(regions: Regions, limits: Limits) -> Iterator[Violation]:
    """Servers of another major version follow nothing (postgresql.org/docs/current/warm-standby.html)."""
    del limits
    images = {
        (name, _common(resource.name, name)): (resource, text_at(resource.inputs, "spec", "imageName"))
        for name, whole in regions.items()
        for resource in whole.of(POSTGRESQL)
    }
    for (name, key), (resource, image) in images.items():
        others = {other for (other, common), (_, theirs) in images.items() if common == key and theirs != image}
        if others:
            yield Violation(resource.urn, f"{name} runs another image of PostgreSQL than {', '.join(sorted(others))}")


def one_set_of_records(regions: Regions, limits: Limits) -> Iterator[Violation]:
    """A public name has a record of each region, all by the same policy, and somebody answers whoever asks."""
    del limits
    by_name: dict[tuple[str, str], list[tuple[str, Resource]]] = {}
    for name, whole in regions.items():
        for record in whole.of(RECORD):
            if routing(record):
                key = (text_at(record.inputs, "name"), text_at(record.inputs, "type"))
                by_name.setdefault(key, []).append((name, record))
    for (public, _), records in by_name.items():
        first = records[0][1]
        for fault in (*_shared(records), *_complete(regions, records)):
            yield Violation(first.urn, f"{public} {fault}")


def _shared(records: list[tuple[str, Resource]]) -> Iterator[str]:
    policies = sorted({routing(record) for _, record in records})
    if len(policies) > 1:
        yield f"is routed by {' and '.join(policies)}: Route 53 takes one policy for a name"
    names = [text_at(record.inputs, "setIdentifier") for _, record in records]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"has two records of the identifier {name}"


def _complete(regions: Regions, records: list[tuple[str, Resource]]) -> Iterator[str]:
    missing = sorted(regions.keys() - {name for name, _ in records})
    if missing:
        yield f"has no record of {', '.join(missing)}"
    kinds = [_failover(record) for _, record in records if stated(input_of(record, "failoverRoutingPolicies"))]
    if kinds and kinds.count("PRIMARY") != 1:
        yield f"has {kinds.count('PRIMARY')} records for failover that are PRIMARY, one is required"
    if kinds and len(regions) > 1 and "SECONDARY" not in kinds:
        yield "has no record for failover that is SECONDARY"
    places = [place for _, record in records for place in list_at(record.inputs, "geolocationRoutingPolicies")]
    if places and not any(text_at(place, "country") == "*" for place in places):
        yield "answers nobody from where no record is for: a record of the country * is required"


def _failover(record: Resource) -> str:
    return text_at(list_at(record.inputs, "failoverRoutingPolicies")[0], "type")
