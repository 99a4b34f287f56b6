"""The scaling guide's function, with its three wrong lines mended."""

from typing import NamedTuple

from capacity import workload
from capacity.facts import GIB
from capacity.plan import plan


class Resources(NamedTuple):
    """What a region has to have, all copies together."""

    cpu: float
    """Cores that its pods request."""
    memory: float
    """GiB that its pods request."""
    storage: float
    """GiB of volumes for each month of memories."""


def estimate_resources(memories_per_day: float, avg_vector_dim: int, concurrent_users: float) -> Resources:
    """CPU in cores, memory in GiB, storage in GiB a month, for one region after its first month.

    Everything that is not asked for is a default of `Workload`, without growth. Raises WorkloadError.

    The scaling guide's version had three faults. `vector_dim` in its second line was no name (the parameter is
    `avg_vector_dim`), so that it never answered. It divided bytes by 1024² and called them GB: they were MiB, a
    thousand times less, of one day's vectors without index or copies. And `concurrent_users` was never used. Its
    0.1 GB of storage for each memory is some thousand times what a memory takes (docs/capacity.md).
    """
    given = workload.read(
        {
            "memories_per_day": memories_per_day,
            "vector_dimensions": avg_vector_dim,
            "concurrent_users": concurrent_users,
            "growth_per_month": 0.0,
            "horizon_months": 1,
        },
        "estimate_resources",
    )
    month = plan(given)
    qdrant, postgresql, redis = month.layout
    stored = (
        month.needs.qdrant.storage * qdrant.nodes * 2
        + month.needs.postgresql.storage * postgresql.instances
        + month.needs.redis.storage * redis.pods
    )
    return Resources(month.cores, month.memory / GIB, stored / GIB)
