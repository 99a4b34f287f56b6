"""Plans as people read them, and as programs do."""

import datetime
import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from capacity import cost, facts, limits, link, rounding
from capacity.facts import MONTH_DAYS
from capacity.ledger import plain, shown
from capacity.limits import date_of
from capacity.plan import SERVICE, UNITS, Plan
from capacity.prices import Cost, Prices


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns one below the other, the first and the last to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    last = len(widths) - 1
    return "\n".join(
        "  ".join(
            text.ljust(width) if column in (0, last) else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def components(of: Plan) -> str:
    """Each component of a region."""
    rows = [("component", "pods", "CPU", "memory", "volumes", "made with")]
    for one in of.components:
        volumes = shown(one.storage, "B") if one.storage else "–"
        notes = ", ".join(f"{name} {_note(name, value)}" for name, value in one.notes.items())
        rows.append((one.name, str(one.pods), plain(one.cpu), shown(one.memory, "B"), volumes, notes))
    for region, pods in of.edges.items():
        notes = f"where {region} is a standby"
        rows.append(("edge", str(pods.number), plain(pods.cpu), shown(pods.memory, "B"), "–", notes))
    rows.append(("in all", "", plain(of.cores), shown(of.memory, "B"), shown(of.storage, "B"), ""))
    return aligned(rows)


def _note(name: str, value: float) -> str:
    if name == "wal_storage":
        return shown(value, "B")
    return shown(value, "B/s") if name == "throughput" else plain(value)


def nodes(of: Plan) -> str:
    """Nodes of a region."""
    rows = [("nodes", "a zone", "in all", "type")]
    for pool in of.pools:
        number = f"{pool.per_zone} + 1"
        kind = pool.instance_type or "none of the table is large enough"
        rows.append((pool.use, number, str(pool.with_spare * of.workload.zones), kind))
    return aligned(rows)


def network(of: Plan) -> str:
    """Bytes that cross, at peak and in a month."""
    needs, month = of.needs.network, MONTH_DAYS * 86_400 / of.workload.peak_factor
    rows = [("network", "at peak", "a month", "")]
    for name, rate in (
        ("between zones", needs.zones),
        ("home to each standby", needs.replication),
        ("edges and home", needs.forwarded),
    ):
        if rate:
            rows.append((name, _mbit(rate), shown(rate * month, "B"), ""))
    return aligned(rows)


def _mbit(rate: float) -> str:
    return f"{plain(rate * link.BITS)} Mbit/s"


_PARTS: Final = (1, 0.9, 0.75, 0.5)
"""Of the rate that a link has to have."""


def recovery(of: Plan) -> str:
    """What the loss of home costs, by what carries each store to the standby; empty without one."""
    needs, workload = of.needs.network, of.workload
    if not needs.link:
        return ""
    rows = [("lost with home", "at most", "objective", "by")]
    rpo = f"{workload.objectives.rpo_seconds:,} s"
    given = link.stated(workload)
    for rate in ([given] if given else []) + [needs.link * part for part in _PARTS]:
        behind = link.lag(workload, needs.replication, needs.users, rate)
        lag = "ever more" if math.isinf(behind) else f"{rounding.whole(behind):,} s"
        which = "the link that is stated" if rate == given else "a link"
        rows.append(("PostgreSQL", lag, rpo, f"{which} of {_mbit(rate)}"))
    rows.append(("", f"{facts.ARCHIVE.value:,.0f} s", rpo, "its archive, while the link is down"))
    points = of.load.stores / workload.peak_factor * facts.SNAPSHOTS.value
    rows.append(
        (
            "Qdrant",
            f"{facts.SNAPSHOTS.value:,.0f} s",
            "none",
            f"snapshots: {shown(round(points), 'points')} at the mean",
        )
    )
    rows.append(("Redis", "all", "none", "nothing: what a cache holds, and locks"))
    return aligned(rows)


def money(of: Plan, table: Prices) -> str:
    """Cost by region and component. Names the date of the prices."""
    found = cost.costs(of, table)
    dated = f"prices of {table.date}"
    rows = [("a month", table.currency, dated)]
    for region in of.workload.regions:
        own = [one for one in found if one.region == region.name]
        rows += [
            (f"{one.region}: {one.component}", _amount(one.amount), cost.NO_MACHINE if one.amount is None else "")
            for one in own
        ]
        if len(of.workload.regions) > 1:
            rows.append((f"{region.name} in all", *_in_all(own, dated)))
    rows.append(("in all", *_in_all(found, dated)))
    return f"{aligned(rows)}\n{table.what}; {cost.left_out(workload=True)}"


def _in_all(found: Sequence[Cost], dated: str) -> tuple[str, str]:
    return f"{cost.total(found):,.0f}", ", ".join(filter(None, [dated, cost.without(found)]))


def bill(of: Plan, region: str, table: Prices) -> str:
    """Cost of a region in a line, with the date of the prices, and in another what it has not in it."""
    own = [one for one in cost.costs(of, table) if one.region == region]
    told = [f"{cost.total(own):,.0f} {table.currency} a month by prices of {table.date}", cost.without(own)]
    return f"{region}: {', '.join(filter(None, told))}\n{cost.left_out(workload=True)}"


def _amount(amount: float | None) -> str:
    return "not known" if amount is None else f"{amount:,.0f}"


def warnings(of: Plan, today: datetime.date) -> list[str]:
    """Where the service is the limit, or something that no larger pod lifts, from when on, and what does; by day."""
    found = [("THE SERVICE", limit) for limit in limits.service_limits(of.workload)]
    found += [(limit.component, limit) for limit in limits.outer_limits(of.workload)]
    return [
        f"LIMIT OF {what} from {date_of(of.workload, limit.day or 0, today)}: {limit.words}.\n  {limit.remedy}."
        for what, limit in sorted(found, key=lambda one: one[1].day or 0)
    ]


def not_carried(of: Plan, today: datetime.date) -> str:
    """From when on no number of pods answers in time, where that is before the last day of the plan."""
    day = limits.late(of.workload).day
    if day is None or day >= of.load.day:
        return ""
    return (
        f"NOT CARRIED from {date_of(of.workload, day, today)} on: no number of pods answers in "
        f"{of.workload.objectives.latency_ms:,g} ms then, whatever these sizes cost (LIMIT OF THE SERVICE)"
    )


def until(of: Plan, today: datetime.date) -> str:
    """The binding constraint, with its date."""
    found = limits.first(of)
    if found.day is None:
        return "not outgrown within twenty years"
    return f"outgrown first by {found.name}, on {date_of(of.workload, found.day, today)}"


def whole(of: Plan, table: Prices, today: datetime.date) -> str:
    """Everything of a plan."""
    regions = ", ".join(region.name for region in of.workload.regions)
    start = date_of(of.workload, 0, today)
    head = (
        f"{shown(of.workload.horizon_months, 'months')} from {start}, for each of {regions}: "
        f"{shown(round(of.load.memories), 'memories')}, {shown(round(of.load.points), 'points')}, "
        f"{shown(of.load.requests, 'requests/s')} at peak"
    )
    parts = [
        head,
        not_carried(of, today),
        components(of),
        nodes(of),
        network(of),
        recovery(of),
        money(of, table),
        until(of, today),
    ]
    return "\n\n".join(filter(None, [*parts, *warnings(of, today)])) + "\n"


def as_json(of: Plan, table: Prices, today: datetime.date) -> dict[str, Any]:
    """Everything of a plan; bytes, cores, seconds."""
    found = limits.outgrown(of.workload, of.layout, limits.given(of))
    first = limits.first(of)
    return {
        "workload": of.workload.model_dump(mode="json"),
        "load": of.load._asdict(),
        "components": {
            one.name: {"pods": one.pods, "cpu": one.cpu, "memory": one.memory, "storage": one.storage, **one.notes}
            for one in of.components
        },
        "nodes": {
            pool.use: {"instance_type": pool.instance_type, "per_zone": pool.per_zone, "spare_per_zone": 1}
            for pool in of.pools
        },
        "edges": {
            region: {"pods": pods.number, "cpu": pods.cpu, "memory": pods.memory} for region, pods in of.edges.items()
        },
        "network": of.needs.network._asdict(),
        "outgrown": {one.name: _date(of, one.day, today) for one in found},
        "outgrown_first": {"name": first.name, "date": _date(of, first.day, today)},
        "connections": of.needs.connections._asdict(),
        "service_limits": [_limit(of, limit, today) for limit in limits.service_limits(of.workload)],
        "outer_limits": [
            {"component": limit.component, **_limit(of, limit, today)} for limit in limits.outer_limits(of.workload)
        ],
        "cost": {
            "date": table.date,
            "currency": table.currency,
            "month": [one._asdict() for one in cost.costs(of, table)],
            "left_out": cost.left_out(workload=True),
        },
    }


def _date(of: Plan, day: float | None, today: datetime.date) -> str | None:
    return None if day is None else str(date_of(of.workload, day, today))


def _limit(of: Plan, limit: limits.ServiceLimit, today: datetime.date) -> dict[str, str]:
    day = str(date_of(of.workload, limit.day or 0, today))
    return {"name": limit.name, "date": day, "words": limit.words, "remedy": limit.remedy}


def compared(one: Plan, other: Plan, names: tuple[str, str], table: Prices, today: datetime.date) -> str:
    """Two plans side by side."""
    rows: list[tuple[str, ...]] = [("", *names, "times", "")]
    sizes = [_sizes(of) for of in (one, other)]
    for name, size in sizes[0].items():
        what, there = name.rpartition(".")[2], sizes[1][name]
        shows = [shown(value, "B") if UNITS.get(what) == "B" else plain(value) for value in (size, there)]
        rows.append((name.removesuffix(_EACH), *shows, _times(size, there), _OF.get(what, "")))
    rows += _nodes_compared(one, other)
    rows += bills_compared([cost.costs(of, table) for of in (one, other)], names, table)
    ends = [f"{name}: {said}" for name, of in zip(names, (one, other), strict=True) for said in _ends(of, today)]
    return "\n".join([aligned(rows), f"costs are {cost.left_out(workload=True)}", *ends]) + "\n"


def _ends(of: Plan, today: datetime.date) -> list[str]:
    return [*filter(None, [not_carried(of, today)]), until(of, today), *warnings(of, today)]


_EACH: Final = " of each"
_OF: Final = {
    "pods": "in all",
    f"pods{_EACH}": "of each memory namespace",
    "cpu": "a pod",
    "memory": "a pod",
    "storage": "a volume",
    "wal_storage": "a volume",
}
"""What a size of a comparison is of."""


def _sizes(of: Plan) -> dict[str, float]:
    """By component and what of it, in the order of a plan: what all pods are, and each pod and volume."""
    provided, found = of.provided, dict[str, float]()
    for one in of.components:
        if one.name == SERVICE:
            found["memory namespaces"] = of.workload.namespaces
            found[f"{SERVICE}.pods{_EACH}"] = of.needs.service.pods
        found |= {f"{one.name}.pods": one.pods, f"{one.name}.cpu": one.cpu}
        found |= {
            name: size for name, size in provided.items() if name.startswith(f"{one.name}.") and name not in found
        }
    return found


def _nodes_compared(one: Plan, other: Plan) -> Iterator[tuple[str, ...]]:
    """Nodes of all zones of a region, spares with them."""
    for there, then in zip(one.pools, other.pools, strict=True):
        numbers = [pool.with_spare * of.workload.zones for pool, of in ((there, one), (then, other))]
        kinds = " and ".join(dict.fromkeys(pool.instance_type or "no machine" for pool in (there, then)))
        yield f"{there.use}.nodes", *map(plain, numbers), _times(*numbers), kinds


def bills_compared(bills: Sequence[Sequence[Cost]], names: Sequence[str], table: Prices) -> Iterator[tuple[str, ...]]:
    """By region and component of either plan, and in all; each row names the date of the prices."""
    dated = f"{table.currency} a month, prices of {table.date}"
    parts = [{(one.region, one.component): one.amount for one in bill} for bill in bills]
    for key in dict.fromkeys(key for part in parts for key in part):
        amounts = [_amount(part[key]) if key in part else "–" for part in parts]
        yield ": ".join(key), *amounts, _times(*(part.get(key) for part in parts)), dated
    totals = [cost.total(bill) for bill in bills]
    lacking = [f"{name} {words}" for name, bill in zip(names, bills, strict=True) if (words := cost.without(bill))]
    amounts = [f"{total:,.0f}" for total in totals]
    yield "in all", *amounts, "–" if lacking else _times(*totals), "; ".join([dated, *lacking])


def _times(size: float | None, there: float | None) -> str:
    return f"{there / size:,.2f}" if size and there is not None else "–"
