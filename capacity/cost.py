"""What the regions of a plan cost in a month."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from capacity import around, as_set, facts, prices
from capacity.around import Around
from capacity.nodes import Pool
from capacity.plan import Component, Plan
from capacity.prices import Cost, PriceError, Prices
from settings import Settings
from settings.workload import RegionShare

_NEVER: Final = "what passes NAT gateways and endpoints, reads of buckets, keys, names and logs"
_OF_A_WORKLOAD: Final = "traffic and backups (state a workload)"

NO_MACHINE: Final = "no machine of the table takes its pods"
"""Why a cost is not known."""


def left_out(workload: bool) -> str:
    """What no cost has in it, to stand beside every total."""
    return f"without {_NEVER}" if workload else f"without {_OF_A_WORKLOAD}, {_NEVER}"


def costs(of: Plan, table: Prices, has: Around | None = None) -> list[Cost]:
    """By region and component, the nodes as a component of their own. A standby costs what home does: it has to be
    able to take over. Around its nodes a region has what the program makes for a workload, or what `has` says.
    """
    peak, has = of.workload.peak_factor, has or around.planned(of.workload)
    found: list[Cost] = []
    for region in of.workload.regions:
        found += _standing(region.name, of.workload.zones, of.components, of.pools, table)
        found += _around(region.name, has, table)
        found += _used(of, region, has, table)
        if region.name == of.workload.home:
            between = prices.transfer(of.needs.network.zones / peak, table.zone_gb)
            found.append(Cost(region.name, "network between zones", between))
        else:
            share = region.share / max(1e-9, 1 - of.workload.regions[0].share)
            rate = (of.needs.network.replication + of.needs.network.forwarded * share) / peak
            found.append(Cost(region.name, "network to home", prices.transfer(rate, table.region_gb)))
    return found


def of_stack(settings: Settings, table: Prices) -> list[Cost]:
    """Of a stack as it is set, on AWS with the node groups that it has; without a workload without what follows from
    the load alone. Raises PriceError.
    """
    if settings.planned_workload is None:
        zones = len(settings.high_availability.zones)
        nodes = _standing(settings.stack, zones, as_set.components(settings), _groups(settings, table), table)
        return [*nodes, *_around(settings.stack, around.of_stack(settings), table)]
    made = as_set.as_set(settings, table)
    has = None
    if settings.platform == "aws":
        made, has = replace(made, bought=_groups(settings, table)), around.of_stack(settings)
    return [one for one in costs(made, table, has) if one.region == settings.stack]


def _standing(
    region: str, zones: int, components: Sequence[Component], pools: Sequence[Pool], table: Prices
) -> Iterator[Cost]:
    """What a region costs whether or not anybody uses it."""
    yield Cost(region, "control plane", table.cluster_hour * prices.HOURS)
    for pool in pools:
        number = pool.with_spare * zones
        amount = prices.machines(table, pool.instance_type, number) if pool.instance_type else None
        yield Cost(region, f"{pool.use} nodes", amount)
    for one in components:
        if one.storage:
            rates = one.notes.get("iops", 0), one.notes.get("throughput", 0)
            yield Cost(region, f"{one.name} volumes", one.pods * prices.volume(table, one.storage, *rates))


def _around(region: str, has: Around, table: Prices) -> Iterator[Cost]:
    """The hours of what stands around the nodes."""
    if has.gateways:
        yield Cost(region, "NAT gateways", has.gateways * (table.nat_hour + table.address_hour) * prices.HOURS)
    if has.endpoints:
        yield Cost(region, "endpoints", has.endpoints * table.endpoint_hour * prices.HOURS)
    if has.balancers:
        hour = has.balancers * table.balancer_hour + has.users * table.address_hour
        yield Cost(region, "load balancers", hour * prices.HOURS)


def _used(of: Plan, region: RegionShare, has: Around, table: Prices) -> Iterator[Cost]:
    """What the load takes of it, at the mean."""
    home, needs, users = region.name == of.workload.home, of.needs.network, around.traffic(of)
    if has.users:
        asked, answered = users.asked * region.share, users.answered * region.share
        carried = asked + answered
        if home and has.links:
            others = len(of.workload.regions) - 1
            carried += (needs.forwarded + needs.replication * others) / of.workload.peak_factor
        hour = carried * 3600 / facts.BALANCED.value * table.balancer_unit_hour
        yield Cost(region.name, "load balancers' units", hour * prices.HOURS)
        yield Cost(region.name, "traffic to users", prices.transfer(answered, table.internet_gb))
    if has.retention:
        yield Cost(region.name, "backups", _backups(of, home, has.retention, table))


def _backups(of: Plan, home: bool, retention: float, table: Prices) -> float:
    """A bucket, and its copy in another region."""
    found = around.backups(of, home)
    each = around.kept(found.written, retention) / facts.GIB * table.bucket_gib_month
    each += found.requests / 1000 * table.bucket_thousand_writes
    return 2 * each + prices.transfer(found.written / around.MONTH, table.region_gb)


def _groups(settings: Settings, table: Prices) -> tuple[Pool, ...]:
    """Of each use the preferred type; the spare is one of its nodes."""
    groups = {"stateful": settings.aws.nodes.stateful, "stateless": settings.aws.nodes.stateless}
    lacking = sorted({group.instance_types[0] for group in groups.values()} - table.instance_hour.keys())
    if lacking:
        raise PriceError(f"the prices of {table.date} have none of {', '.join(lacking)}: add them to instance_hour")
    return tuple(Pool(use, group.instance_types[0], group.per_zone - 1, ()) for use, group in groups.items())


def total(found: Iterable[Cost]) -> float:
    """Of what is known; say beside it what is not (`without`)."""
    return sum(cost.amount for cost in found if cost.amount is not None)


def without(found: Iterable[Cost]) -> str:
    """What their total lacks, in words; empty where all is known."""
    lacking = [f"{cost.component} of {cost.region}" for cost in found if cost.amount is None]
    return f"without {', '.join(lacking)}" if lacking else ""
