"""What the regions of a plan cost in a month."""

from dataclasses import replace

from capacity import prices
from capacity.as_set import as_set
from capacity.nodes import Pool
from capacity.plan import POSTGRESQL, Plan
from capacity.prices import Cost, PriceError, Prices
from settings import Settings


def costs(of: Plan, table: Prices) -> list[Cost]:
    """By region and component, the nodes as a component of their own. A standby costs what home does: it has to be
    able to take over.
    """
    peak, zones = of.workload.peak_factor, of.workload.zones
    found: list[Cost] = []
    for region in of.workload.regions:
        found.append(Cost(region.name, "control plane", table.cluster_hour * prices.HOURS))
        found += [
            Cost(
                region.name,
                f"{pool.use} nodes",
                prices.machines(table, pool.instance_type, pool.with_spare * zones) if pool.instance_type else 0.0,
            )
            for pool in of.pools
        ]
        found += [
            Cost(region.name, f"{one.name} volumes", one.pods * _volumes(one.name, one.storage, of, table))
            for one in of.components
            if one.storage
        ]
        if region.name == of.workload.home:
            between = prices.transfer(of.needs.network.zones / peak, table.zone_gb)
            found.append(Cost(region.name, "network between zones", between))
        else:
            share = region.share / max(1e-9, 1 - of.workload.regions[0].share)
            rate = (of.needs.network.replication + of.needs.network.forwarded * share) / peak
            found.append(Cost(region.name, "network to home", prices.transfer(rate, table.region_gb)))
    return found


def of_stack(settings: Settings, table: Prices) -> list[Cost]:
    """Of a stack with a workload as it is set, on AWS with the node groups that it has. Raises PriceError."""
    made = as_set(settings, table)
    if settings.platform == "aws":
        made = replace(made, bought=_groups(settings, made.pools, table))
    return [one for one in costs(made, table) if one.region == settings.stack]


def _groups(settings: Settings, pools: tuple[Pool, ...], table: Prices) -> tuple[Pool, ...]:
    """Of each use the preferred type; the spare is one of its nodes."""
    groups = {"stateful": settings.aws.nodes.stateful, "stateless": settings.aws.nodes.stateless}
    lacking = sorted({group.instance_types[0] for group in groups.values()} - table.instance_hour.keys())
    if lacking:
        raise PriceError(f"the prices of {table.date} have none of {', '.join(lacking)}: add them to instance_hour")
    return tuple(
        pool._replace(instance_type=groups[pool.use].instance_types[0], per_zone=groups[pool.use].per_zone - 1)
        for pool in pools
    )


def _volumes(name: str, size: float, of: Plan, table: Prices) -> float:
    if name != POSTGRESQL:
        return prices.volume(table, size)
    notes = of.component(name).notes
    return prices.volume(table, size, notes["iops"], notes["throughput"])


def total(found: list[Cost]) -> float:
    return sum(cost.amount for cost in found)
