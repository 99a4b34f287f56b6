"""What the scaling guide's own sizes carry: memories that fill each of them, with the defaults of a workload."""

from collections.abc import Callable
from typing import Final, NamedTuple

from capacity import bisection, limits, postgresql, qdrant, redis, service
from capacity.facts import BUSY, GIB
from capacity.ledger import QUIET
from capacity.load import Load, load
from capacity.workload import Workload

QDRANT_LAYOUT: Final = qdrant.Layout(nodes=3, shards=4, copies=2)
REDIS_LAYOUT: Final = redis.Layout(masters=3, replicas=1)
POSTGRES_LAYOUT: Final = postgresql.Layout(instances=3, partitions=8)
STORE_BYTES: Final = 8 * GIB
STORE_CORES: Final = 4
REDIS_BYTES: Final = 4 * GIB
REPLICAS: Final = 3


class Carried(NamedTuple):
    """A size of the guide and how much fills it."""

    size: str
    carries: float
    what: str
    why: str


def workload() -> Workload:
    """One of defaults, but for what has none."""
    return Workload(memories_per_day=100, concurrent_users=10)


def carried() -> list[Carried]:
    """Every size of the guide's components."""
    given = workload()
    quiet = load(given, 0, QUIET)

    def holding(memories: float) -> Load:
        """A load of next to nothing but what is held."""
        return quiet._replace(memories=memories, points=memories)

    vectors = _most(lambda n: qdrant.needs(given, holding(n), QDRANT_LAYOUT).memory <= STORE_BYTES)
    spread = _most(lambda n: qdrant.needs(given, holding(n), QDRANT_LAYOUT._replace(shards=6)).memory <= STORE_BYTES)
    rows = _most(lambda n: postgresql.needs(given, holding(n), POSTGRES_LAYOUT, REPLICAS, 0).memory <= STORE_BYTES)
    keys = _most(lambda n: redis.needs(given, holding(n), REDIS_LAYOUT).memory <= REDIS_BYTES)
    idle = quiet._replace(stores=0, reads=0, searches=0)
    searches = _most(lambda n: qdrant.needs(given, idle._replace(searches=n), QDRANT_LAYOUT).cpu <= STORE_CORES)
    updates = _most(
        lambda n: postgresql.needs(given, idle._replace(reads=n), POSTGRES_LAYOUT, REPLICAS, 0).cpu <= STORE_CORES
    )
    cost = service.costs(given, quiet)
    reads = REPLICAS * (given.zones - 1) / given.zones * BUSY.value / cost.read
    late = limits.most_memories(given)
    latency = given.objectives.latency_ms
    return [
        Carried(
            "Qdrant: 3 nodes of 8Gi, 4 shards × 2 copies",
            vectors,
            "points",
            "eight copies on three nodes: one of them holds three of four shards, which it is filled by",
        ),
        Carried("the same with 6 shards × 2", spread, "points", "a multiple of the nodes: each holds as much"),
        Carried("Qdrant: 3 nodes of 4 CPU", searches, "searches/s", "one zone is lost, the others do its part"),
        Carried("PostgreSQL: 8Gi", rows, "memories", "rows and keys that every store reads stay in memory"),
        Carried("PostgreSQL: 4 CPU", updates, "reads/s", "each read counts itself, and the primary alone writes"),
        Carried("Redis: 3 masters of 4Gi", keys, "memories", "three quarters of the limit, nothing evicted"),
        Carried(
            "service: 3 replicas of 4 CPU, 8Gi",
            reads,
            "reads/s",
            "a process fills about one core, so three of the four CPUs are never used; one zone is lost",
        ),
        Carried(
            "service: any number of replicas",
            late,
            "memories",
            f"beyond it a store takes too long for {latency:g} ms with {given.round_trip_ms:g} ms to a store",
        ),
    ]


def _most(holds: Callable[[float], bool]) -> float:
    return bisection.ends(holds, bisection.MOST)[0]


def guide_function(memories_per_day: float, vector_dim: float) -> tuple[float, float, float]:
    """The guide's `estimate_resources` word for word, with the name that its second line means."""
    cpu = (memories_per_day / 1000) * 2
    memory = (vector_dim * memories_per_day * 4) / (1024 * 1024)
    storage = memories_per_day * 30 * 0.1
    return cpu, memory, storage
