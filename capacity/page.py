"""docs/capacity.md, computed: what the guide's sizes carry, where numbers come from, and how good they are."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from capacity import guide, limits, prices
from capacity.calibration import measured, source
from capacity.estimate import estimate_resources
from capacity.facts import Fact
from capacity.ledger import shown
from capacity.plan import plan
from capacity.postgresql import PARTITION, STORED
from capacity.redis import MEMORY, NODE
from capacity.workload import Objectives, Workload

_INTRODUCTION = """# Capacity

How much a workload needs, why, until when, and what it costs:

```console
python -m capacity estimate memories_per_day=200 concurrent_users=10 objectives.latency_ms=5000
python -m capacity explain memories_per_day=200 concurrent_users=10 --only postgresql
python -m capacity growth memories_per_day=200 concurrent_users=10 --png growth.png
python -m capacity compare today.yaml next-year.yaml
python -m capacity apply --stack us-east --workload today.yaml
python -m capacity review --prometheus http://127.0.0.1:9090 --stack us-east --workload today.yaml
```

`estimate --json` is for programs, `estimate --yaml` prints the keys of a stack file. `apply` shows the difference,
asks, and keeps comments. It never lowers a volume or a number of nodes, and leaves shards and partitions as they are:
those that the file states, and without `--new` (the region is not made yet) those of the defaults, too. `review` asks
for the last days' peaks (`--days`), proposes one step at a time, and keeps what it found in `reviews/`, for the next.

Plans hold for the last day of the horizon, at peak, with `objectives.zones_lost` zones away. Every number has its
arithmetic in `explain`, and each constant in it a source: *measured by make calibrate*, *documented by* somebody and
not measured here, or *assumed* by this project. Where an assumption decides a purchase, measure first: a `review` of a
small region does that.

Nodes of a zone are as many as take its pods in whatever order these are scheduled, and one more, which may be away: a
scheduler packs nothing, so that small pods can stand in the way of a large one on nodes that have room for all. The
tests place plans drawn at random on a real scheduler, and a whole region whose spare nodes are away.

Install what it needs by `pip install '.[capacity]'`, or `make setup`. This page is written by `make docs`.
"""

_STACK = """## In a stack

A stack file, or `Pulumi.yaml` for all of them, may state the workload itself:

```yaml
  somafractalmemory:workload:
    memories_per_day: 20
    concurrent_users: 5
    objectives: {latency_ms: 20000}
    start: "2026-12-01"
```

Sizes that the stack does not state then follow from it: pods, nodes, shards, copies, CPU, memory, volumes, on AWS the
node groups. What it states holds, and the rest is planned to suit it. Zones, memory namespaces, `memory.max_memories`
and the regions are the stack's own. `start` has to be stated, so that sizes do not follow the calendar.

- A workload that changes takes nothing away that is there: less memory of Redis, smaller volumes, fewer nodes or
  copies, other shards or partitions are refused before anything is changed, with what to state to keep them. So is it
  when a workload is taken out, or given to a region that was made by the defaults.
- The policy pack `capacity` judges what a region has, whoever decided it: less than is needed on the last day of the
  plan is refused, with what is short and from which day on; more than three times the plan is said
  ([policies](policies.md#capacity)).
- `make preview` shows what each region costs in a month, and of which day the prices are. `ARGS='--prices FILE'` takes
  another table.
"""

_SERVICE = """## Where the service is the limit

A store reads every memory of its namespace in Redis, one after the other (two round trips each), lists the keys of all
namespaces, ten at a time, and keeps its process from everything else until it is done (core.py of 9d8f7f1,
`_enforce_memory_limit`). So the time of a store grows with what is held. More pods do not shorten it; more namespaces
shorten the first part alone. Plans say from which day on requests are late for that, and which split helps, if any.

Memories that may be held in all, so that 95 of 100 requests are answered in time, stores among them, for 100 memories
a day and 10 users (`redis-cli --latency` through the gateway tells the round trip):
"""

_GUIDE = """## The guide's sizes

The scaling guide states sizes without a workload. What fills them, with the defaults below:
"""

_FUNCTION = """Its function `estimate_resources(memories_per_day, avg_vector_dim, concurrent_users)` has a name in its
second line that does not exist, calls MiB GB, and never uses its third input. For 100 memories a day of 768 dimensions
and 10 users:
"""

_CALIBRATION = """## Measured

`make calibrate` writes memories of the service's shape into a real PostgreSQL with the table of the schema Job, and
into real servers of Redis and Valkey with the configuration of pods, and runs the service's statements by its clients,
without its web framework. Payloads are English sentences. Plans count what PostgreSQL has after each memory was written
again, since reads and each start of a process do so.
"""

_QDRANT = """Redis and Valkey differ by who hands out their memory. Images have jemalloc; the model takes the larger.
Rows of few memories show what a node takes for itself.

Qdrant is not measured: vectors are counted as its documentation says (numbers × 4 bytes × 1.5 × copies),
with the links of HNSW on top. A test compares the raw size with that of an array of the same numbers.
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [
        _INTRODUCTION,
        _STACK,
        _SERVICE,
        _limits(),
        _GUIDE,
        _table(
            ("size", "is filled by", "because"),
            ((one.size, f"{_count(one.carries)} {one.what}", one.why) for one in guide.carried()),
        ),
        _FUNCTION,
        _function(),
        "## Inputs\n",
        _inputs(),
        _CALIBRATION,
        _measured(),
        _QDRANT,
        "## Constants\n",
        _constants(),
        f"## Prices\n\n{prices.own().what}. They are of {prices.own().date}; every printed cost says so.\n",
    ]
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join([*lines, ""])


def _count(value: float) -> str:
    """Two digits that count: the model is not better than that."""
    digits = max(0, len(str(int(value))) - 2)
    return f"{int(value) // 10**digits * 10**digits:,}"


def _limits() -> str:
    latencies, trips = (200.0, 500.0, 2_000.0, 10_000.0, 60_000.0), (0.1, 0.5, 1.0)

    def most(latency: float, trip: float, namespaces: int) -> str:
        given = guide.workload().model_copy(
            update={
                "round_trip_ms": trip,
                "objectives": Objectives(latency_ms=latency),
                "namespaces": namespaces,
            }
        )
        return _count(limits.most_memories(given))

    head = ("95 of 100 within", *(f"{n} namespace{'s' * (n > 1)}, {t:g} ms" for n in (1, 10) for t in trips))
    rows = ((f"{latency:,.0f} ms", *(most(latency, t, n) for n in (1, 10) for t in trips)) for latency in latencies)
    return _table(head, rows)


def _function() -> str:
    cpu, memory, storage = guide.guide_function(100, 768)
    ours = estimate_resources(100, 768, 10)
    rows = (
        ("CPU", f"{cpu:g} cores", f"{ours.cpu:g} cores"),
        ("memory", f'{memory:.2f} "GB" (MiB)', f"{ours.memory:g} GiB"),
        ("storage a month", f"{storage:,.0f} GB", f"{ours.storage:,.1f} GiB"),
    )
    return _table(("", "the guide", "`capacity.estimate_resources`"), rows)


def _inputs() -> str:
    rows: list[tuple[str, str, str]] = []
    for model, before in ((Workload, ""), (Objectives, "objectives.")):
        for name, field in model.model_fields.items():
            if name == "objectives":
                continue
            default = "required" if field.is_required() else f"`{json.dumps(_plain(field.get_default()))}`"
            rows.append((f"`{before}{name}`", default, str(field.description)))
    return _table(("key", "default", "what it is"), rows)


def _plain(value: Any) -> Any:
    return [item.model_dump() for item in value] if isinstance(value, tuple) else value


def deviations() -> list[tuple[str, float, float]]:
    """What was measured, in words; measured and modelled bytes of a memory."""
    found = measured()["measured"]
    stored = {float(size): float(value) for size, value in measured()["model"]["postgresql"]["stored_bytes"].items()}
    rows: list[tuple[str, float, float]] = []
    for row in found["postgresql"]:
        size, partitions, number = row["payload_bytes"], row["partitions"], row["memories"]
        each = _between(stored, size) if row["rewrites"] == 0 else STORED.at(size)
        words = (
            f"PostgreSQL, {number:,} × {size:,} B, {partitions} partition{'s' * (partitions > 1)}"
            + ", written again" * row["rewrites"]
        )
        rows.append((words, sum(row["parts"].values()), each + partitions * PARTITION.value / number))
    for row in found["redis"]:
        size, number = row["payload_bytes"], row["memories"]
        modelled = MEMORY.at(size) + NODE.value / number
        rows.append((f"{row['server']}, {number:,} × {size:,} B", row["memory"], modelled))
    return rows


def _between(known: dict[float, float], size: float) -> float:
    """The straight line between two sizes."""
    left = max((one for one in known if one <= size), default=min(known))
    right = min((one for one in known if one >= size), default=max(known))
    if left == right:
        return known[left]
    return known[left] + (known[right] - known[left]) * (size - left) / (right - left)


def _measured() -> str:
    found = measured()
    head = ("what", "measured, a memory", "model", "model over measured")
    rows = [
        (words, shown(real, "B"), shown(model, "B"), f"{model / real - 1:+.1%}") for words, real, model in deviations()
    ]
    statements = [
        (
            f"{size} B",
            *_microseconds(cost, "write_cpu", "read_cpu", "scan_cpu"),
            shown(cost["wal_bytes"], "B"),
        )
        for size, cost in found["measured"]["statements"].items()
    ]
    calls = [
        (f"{size} B", *_microseconds(cost, "store", "held", "listed", "read", "search"))
        for size, cost in found["measured"]["service"].items()
    ]
    return "\n".join(
        [
            f"PostgreSQL {found['postgresql_version']}; {source()}.\n",
            _table(head, rows),
            "Of PostgreSQL, microseconds of CPU of a statement (a scan: of a key), and WAL of a row:\n",
            _table(("payload", "write", "read", "scan", "WAL"), statements),
            "Of a process of the service, on one connection to PostgreSQL and one to Redis, microseconds of CPU of a "
            "store without memories, for each memory that the namespace holds and each key that is listed, of a read "
            "and of a search:\n",
            _table(("payload", "store", "held", "listed", "read", "search"), calls),
        ]
    )


def _microseconds(cost: Mapping[str, float], *names: str) -> list[str]:
    return [f"{cost[name] * 1e6:,.1f}" for name in names]


def _constants() -> str:
    sample = Workload(memories_per_day=100, concurrent_users=10)
    seen: dict[tuple[str, float], tuple[str, str, str]] = {}
    for figure in plan(sample).explain():
        for name, term in figure.terms.items():
            if isinstance(term, Fact) and "make calibrate" not in term.source:
                words = name.replace("_", " ")
                seen.setdefault((term.source, term.value), (words, shown(term.value, term.unit), term.source))
    return _table(("name", "value", "source"), seen.values())
