"""Plans as people read them, and as programs do."""

import datetime
from collections.abc import Sequence
from typing import Any

from capacity import cost, limits
from capacity.facts import MONTH_DAYS
from capacity.ledger import plain, shown
from capacity.limits import date_of
from capacity.plan import POSTGRESQL, Plan
from capacity.prices import Prices


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
    for name, rate in zip(("between zones", "home to each standby", "edges and home"), needs, strict=True):
        if rate:
            rows.append((name, f"{rate * 8 / 1e6:,.1f} Mbit/s", shown(rate * month, "B"), ""))
    return aligned(rows)


def money(of: Plan, table: Prices) -> str:
    """Cost by region and component. Names the date of the prices."""
    found = cost.costs(of, table)
    rows = [("a month", table.currency, "")]
    rows += [(f"{one.region}: {one.component}", f"{one.amount:,.0f}", "") for one in found]
    rows.append(("in all", f"{cost.total(found):,.0f}", f"prices of {table.date}"))
    return f"{aligned(rows)}\n{table.what}"


def warnings(of: Plan, today: datetime.date) -> list[str]:
    """Where the service is the limit, from when on, and what lifts it."""
    return [
        f"LIMIT OF THE SERVICE from {date_of(of.workload, limit.day or 0, today)}: {limit.words}.\n  {limit.remedy}."
        for limit in limits.service_limits(of.workload)
    ]


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
        f"{of.workload.horizon_months} months from {start}, for each of {regions}: "
        f"{of.load.memories:,.0f} memories, {of.load.points:,.0f} points, {plain(of.load.requests)} requests/s at peak"
    )
    parts = [head, components(of), nodes(of), network(of), money(of, table), until(of, today), *warnings(of, today)]
    return "\n\n".join(parts) + "\n"


def as_json(of: Plan, table: Prices, today: datetime.date) -> dict[str, Any]:
    """Everything of a plan; bytes, cores, seconds."""
    found = limits.outgrown(of.workload, of.layout, of.provided)
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
        "network": of.needs.network._asdict(),
        "outgrown": {one.name: None if one.day is None else str(date_of(of.workload, one.day, today)) for one in found},
        "service_limits": [
            {
                "name": limit.name,
                "date": str(date_of(of.workload, limit.day or 0, today)),
                "words": limit.words,
                "remedy": limit.remedy,
            }
            for limit in limits.service_limits(of.workload)
        ],
        "cost": {
            "date": table.date,
            "currency": table.currency,
            "month": [one._asdict() for one in cost.costs(of, table)],
        },
    }


def compared(one: Plan, other: Plan, names: tuple[str, str], table: Prices, today: datetime.date) -> str:
    """Two plans side by side."""
    rows: list[tuple[str, ...]] = [("", *names, "times")]
    for name, size in one.provided.items():
        unit = name.rpartition(".")[2]
        bytes_ = unit in ("memory", "storage", "wal_storage")
        there = other.provided[name]
        shows = [shown(value, "B") if bytes_ else plain(value) for value in (size, there)]
        rows.append((name, *shows, f"{there / size:.2f}" if size else "–"))
    for name in ("qdrant", POSTGRESQL, "redis"):
        pods = one.component(name).pods, other.component(name).pods
        rows.append((f"{name}.pods", str(pods[0]), str(pods[1]), f"{pods[1] / pods[0]:.2f}"))
    bills = cost.total(cost.costs(one, table)), cost.total(cost.costs(other, table))
    rows.append((f"{table.currency} a month", f"{bills[0]:,.0f}", f"{bills[1]:,.0f}", f"{bills[1] / bills[0]:.2f}"))
    ends = [until(of, today) for of in (one, other)]
    lines = [aligned(rows), f"prices of {table.date}", *(f"{n}: {e}" for n, e in zip(names, ends, strict=True))]
    return "\n".join(lines) + "\n"
