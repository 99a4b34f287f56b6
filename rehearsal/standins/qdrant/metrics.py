"""Some of Qdrant's metrics, by the names and labels of src/common/metrics.rs."""

import re
import threading
from collections import Counter
from collections.abc import Iterator

from . import catalog
from .node import Node

BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
"""Upper bounds in seconds, fewer than Qdrant's; +Inf is added."""


class Answers:
    """Counts what a node answers, by the template of the path as Qdrant's router has it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._responses: Counter[tuple[str, str, int]] = Counter()
        self._buckets: Counter[tuple[str, str, int, float]] = Counter()

    def count(self, method: str, path: str, status: int, seconds: float) -> None:
        """One answer."""
        key = (method, re.sub(r"^/collections/[^/]+", "/collections/{name}", path), status)
        with self._guard:
            self._responses[key] += 1
            for bound in BUCKETS:
                self._buckets[(*key, bound)] += seconds <= bound

    def lines(self) -> Iterator[str]:
        """Counter and histogram."""
        with self._guard:
            for (method, endpoint, status), number in self._responses.items():
                labels = f'method="{method}",endpoint="{endpoint}",status="{status}"'
                yield f"rest_responses_total{{{labels}}} {number}"
                name = "rest_responses_duration_seconds"
                for bound in BUCKETS:
                    below = self._buckets[method, endpoint, status, bound]
                    yield f'{name}_bucket{{{labels},le="{bound}"}} {below}'
                yield f'{name}_bucket{{{labels},le="+Inf"}} {number}'
                yield f"{name}_count{{{labels}}} {number}"


def text(node: Node, answers: Answers, version: str) -> str:
    """Prometheus text."""
    return "\n".join([*_cluster(node, version), *_collections(node), *answers.lines()]) + "\n"


def _cluster(node: Node, version: str) -> Iterator[str]:
    with node.lock:
        peers = len(node.catalog.peers)
    working = node.consensus.stopped is None
    yield f'app_info{{name="qdrant",version="{version}"}} 1'
    yield "app_status_recovery_mode 0"
    yield "cluster_enabled 1"
    yield f"cluster_peers_total {peers}"
    yield f"cluster_term {node.consensus.ledger.term}"
    yield f'cluster_commit{{peer_id="{node.me}"}} {node.consensus.commit}'
    yield f'cluster_working_state{{state="working"}} {int(working)}'
    yield f'cluster_working_state{{state="stopped"}} {int(not working)}'


def _collections(node: Node) -> Iterator[str]:
    with node.lock:
        collections = dict(node.catalog.collections)
        held = [list(copies.values()) for one in collections.values() for copies in one.shards.values()]
        points: Counter[str] = Counter(dict.fromkeys(collections, 0))
        for (name, _, _), shard in node.shards.items():
            points[name] += shard.count
    active = [states.count(catalog.ACTIVE) for states in held] or [0]
    yield f"collections_total {len(collections)}"
    yield f"collection_dead_replicas {sum(states.count(catalog.DEAD) for states in held)}"
    yield f"collection_active_replicas_min {min(active)}"
    yield f"collection_active_replicas_max {max(active)}"
    for name, number in points.items():
        yield f'collection_points{{id="{name}"}} {number}'
