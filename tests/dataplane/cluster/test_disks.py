"""A volume that is full to its last byte: said by name, writes go on elsewhere, and all is there afterwards."""

from collections.abc import Callable

import pytest

from tests.dataplane.cluster.faults import Faults, stopwatch
from tests.dataplane.cluster.qdrant_copies import copies
from tests.dataplane.cluster.redis_cluster import RedisNodes
from tests.dataplane.cluster.stand import Stand, eventually
from tests.dataplane.cluster.store_load import load
from tests.dataplane.cluster.test_redis import KEYS, RESTORED_SECONDS

NOTICED_SECONDS, MENDED_SECONDS = 300, 240
QDRANT_NODE = "qdrant-1"


def starts(stand: Stand, pod: str) -> tuple[str, int]:
    """Uid, and how often containers were started again: both stay when nothing is killed."""
    found = stand.pod(pod)
    return found.uid, sum(int(one["restartCount"]) for one in found.manifest["status"]["containerStatuses"])


def said_of(stand: Stand, pod: str) -> str:
    """Messages of the events of a pod."""
    events = stand.client.list("v1", "Event", stand.namespace, field_selector=f"involvedObject.name={pod}")
    return "\n".join(str(event.get("message") or "") for event in events)


@pytest.mark.timeout(900)
def test_a_redis_master_with_a_full_volume_hands_over_and_takes_back(
    cluster: Stand, faults: Faults, figure: Callable[[str], None]
) -> None:
    redis = RedisNodes(cluster)
    eventually("Redis is as planned", lambda: redis.works() and redis.masters() == redis.planned_masters, 180)
    redis.write(KEYS)
    full = sorted(redis.planned_masters)[0]
    before = starts(cluster, full)
    with load(cluster) as told:
        since = stopwatch()
        faults.fill_disk(full, "redis", "/data")
        eventually("a replica has taken over", lambda: full not in redis.masters(), NOTICED_SECONDS)
        seconds = since()
        eventually(
            "an event says why",
            lambda: "MISCONF" in said_of(cluster, full) or "is its disk full?" in said_of(cluster, full),
            60,
        )
        assert "No space left on device" in cluster.logs(full, "redis")
        faults.free_disk(full, "redis", "/data")
        eventually("roles are back", lambda: redis.works() and redis.masters() == redis.planned_masters, MENDED_SECONDS)
    figure(
        f"Redis volume filled, real nodes: a replica took over after {seconds:.0f} s (filling it included); "
        f"{told['redis'].answers} answers, the slowest took {told['redis'].longest:.1f} s"
    )
    assert (told["redis"].errors, told["redis"].wrong) == ([], [])
    assert redis.wrong(KEYS) == []
    assert starts(cluster, full) == before, "to start it again would not make room"


@pytest.mark.timeout(900)
def test_a_qdrant_node_with_a_full_volume_costs_no_write_and_catches_up(
    cluster: Stand, faults: Faults, figure: Callable[[str], None]
) -> None:
    def states() -> set[str]:
        return {state for held in copies(cluster).copies.values() for node, state in held if node == QDRANT_NODE}

    eventually("all copies are active", lambda: states() == {"Active"}, MENDED_SECONDS)
    before = starts(cluster, QDRANT_NODE)
    with load(cluster) as told:
        faults.fill_disk(QDRANT_NODE, "qdrant", "/qdrant/storage")
        eventually("its copies are known to be behind", lambda: "Dead" in states(), NOTICED_SECONDS)
        faults.free_disk(QDRANT_NODE, "qdrant", "/qdrant/storage")
        since = stopwatch()
        eventually("they have caught up", lambda: states() == {"Active"}, MENDED_SECONDS)
        seconds = since()
    figure(
        f"Qdrant volume filled, real nodes: copies caught up {seconds:.0f} s after there was room again; "
        f"{told['qdrant'].answers} answers, the slowest took {told['qdrant'].longest:.1f} s"
    )
    assert (told["qdrant"].errors, told["qdrant"].wrong) == ([], [])
    assert told["qdrant"].longest <= RESTORED_SECONDS
    assert starts(cluster, QDRANT_NODE) == before
