"""A few of Qdrant's metrics, by the names of src/common/metrics.rs."""

from . import catalog
from .node import Node


def text(node: Node, version: str) -> str:
    """Prometheus text."""
    with node.lock:
        peers, collections = len(node.catalog.peers), dict(node.catalog.collections)
        copies = [s for c in collections.values() for held in c.shards.values() for s in held.values()]
    working = node.consensus.stopped is None
    lines = [
        f'app_info{{name="qdrant",version="{version}"}} 1',
        "cluster_enabled 1",
        f"cluster_peers_total {peers}",
        f"cluster_term {node.consensus.ledger.term}",
        f'cluster_working_state{{state="working"}} {int(working)}',
        f'cluster_working_state{{state="stopped"}} {int(not working)}',
        f"collections_total {len(collections)}",
        f"collection_dead_replicas {sum(state == catalog.DEAD for state in copies)}",
    ]
    return "\n".join(lines) + "\n"
