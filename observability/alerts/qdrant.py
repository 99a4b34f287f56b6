"""Qdrant: copies that do not serve, peers that went apart, points and requests on few nodes."""

from collections.abc import Iterator

from observability.rule import Alert
from observability.scope import QDRANT, Scope, equal

COMMITS = 100
"""Consensus operations that a node may be behind."""
SNAPSHOT_SECONDS = 2 * 86400
"""Eight of the default schedule, every six hours, and one more than a schedule of once a day has."""


def alerts(scope: Scope) -> Iterator[Alert]:
    """Of a region's Qdrant."""
    own, fair, members = scope.of(QDRANT), scope.monitoring.thresholds.fair_share, scope.of_members()
    least, most = scope.qdrant_nodes, scope.qdrant_all
    peers = f"{least} to {most}" if least < most else f"{least}"
    shards = "qdrant_node:shards:count"
    yield Alert(
        "QdrantDeadReplicas",
        "qdrant:dead_replicas:count > 0",
        "critical",
        "{{ $value }} copies of shards do not serve",
        "Each of these shards has one copy less: with a further node some of the memories cannot be found.",
        "A node that is away brings its copies back when it returns. If all nodes are ready and it stays so, run the "
        "rebalancer with `qdrant.rebalance.moves: true`, which makes them anew.",
        "10m",
    )
    yield Alert(
        "QdrantTooFewReplicas",
        # Without a collection, as in a standby, Qdrant tells 0.
        f"min(collection_active_replicas_min{members} and collections_total{members} > 0) < {scope.replication_factor}",
        "warning",
        f"A shard has {{{{ $value }}}} active copies, {scope.replication_factor} are wanted",
        "Copies are being made, or are missing.",
        "Run the rebalancer: its report names the shard; with moves on it makes the copy.",
        "30m",
    )
    yield Alert(
        "QdrantShardInFewZones",
        # Where not every node is of a known zone, nobody knows.
        f"count(qdrant_shard:zones:count < {min(scope.replication_factor, 2)}) > 0"
        f" unless on () (count(up{scope.of(QDRANT, equal('zone', ''))}) > 0)",
        "warning",
        "{{ $value }} shards have all their copies in one zone",
        "All is well now, but the loss of that zone would lose memories.",
        "Run the rebalancer with `qdrant.rebalance.moves: true`, which gives every zone its copy.",
        "1h",
    )
    yield Alert(
        "QdrantPeersApart",
        f"count(cluster_peers_total{members} < {least} or cluster_peers_total{members} > {most}) > 0",
        "critical",
        f"{{{{ $value }}}} nodes do not count {peers} peers",
        "A node knows another cluster than the others: one that lost its volume may have begun a second one.",
        "Compare `GET /cluster` of all nodes, and see that no drain is under way (`qdrant.drain_to`). A peer whose pod "
        "is no more and holds no shard is removed with `DELETE /cluster/peer/<id>`. A node that stands alone and has "
        "no shard that others lack is deleted together with its volume, and joins anew.",
        "5m",
    )
    yield Alert(
        "QdrantConsensusStopped",
        f"max by (pod) (cluster_working_state{scope.of_members(equal('state', 'stopped'))}) == 1",
        "critical",
        "{{ $labels.pod }} has stopped taking part in consensus",
        "The node takes no change of collections and shards any more.",
        "Its log says why (a full disk, most often). Restart it when that is mended.",
        "2m",
    )
    yield Alert(
        "QdrantConsensusBehind",
        f"qdrant_node:commit_lag:operations > {COMMITS}",
        "warning",
        "{{ $labels.pod }} is {{ $value }} operations behind",
        "The node does not keep up with changes of collections and shards.",
        "See whether it is short of CPU or cut off from the others.",
        "15m",
    )
    yield Alert(
        "QdrantUneven",
        # "At least" and not "more than": of two copies on three nodes, a node that holds every shard has just 1.5 times
        # its share. One copy more than the mean is nobody's fault: few shards do not divide evenly.
        f"max({shards}) >= {fair:g} * sum({shards}) / count({shards})"
        f" and max({shards}) > ceil(sum({shards}) / count({shards}))",
        "warning",
        "One node has {{ $value }} copies of shards, far over its share",
        "Load is not spread over the nodes: the fullest one answers last, and every search waits for it.",
        "`shard-distribution` shows which node. Run the rebalancer with `qdrant.rebalance.moves: true`.",
        "1h",
    )
    yield Alert(
        "QdrantRequestsUneven",
        f"max(qdrant_node:requests:rate5m) > {fair:g} * avg(qdrant_node:requests:rate5m)"
        " and sum(qdrant_node:requests:rate5m) > 1",
        "warning",
        "One node answers {{ $value | humanize }} requests per second, far over its share",
        "The gateways do not spread requests over the nodes, or some nodes were away.",
        "See which nodes are ready; restart the service's pods if it stays: their gateways look the nodes up anew.",
        "30m",
    )
    yield Alert(
        "QdrantSearchSlow",
        'max(qdrant:search_latency_seconds:quantile_rate5m{quantile="0.95"})'
        f" > {scope.monitoring.thresholds.latency.warning_ms / 1000:g}",
        "warning",
        "Vector searches take {{ $value | humanizeDuration }}",
        "One search in twenty takes longer inside Qdrant than a whole request should.",
        "See whether a node is short of CPU or memory, or indexes (`collection_running_optimizations`); else more "
        "nodes, or more memory for the vectors.",
        "15m",
    )
    yield Alert(
        "QdrantRecoveryMode",
        f"max by (pod) (app_status_recovery_mode{own}) == 1",
        "critical",
        "{{ $labels.pod }} runs in recovery mode and serves nothing",
        "The node found too little memory to load its collections.",
        "Raise `qdrant.resources.limits.memory` and restart it.",
        "1m",
    )
    if scope.backups and scope.home:
        backup = "{" + scope.own + ', cronjob="qdrant-backup"}'
        # Until it succeeds for the first time, its age counts from when it was made.
        age = f"time() - max(kube_cronjob_status_last_successful_time{backup} or kube_cronjob_created{backup})"
        yield Alert(
            "QdrantSnapshotOld",
            f"{age} > {SNAPSHOT_SECONDS}",
            "critical",
            "The newest snapshot is {{ $value | humanizeDuration }} old",
            "A restore would lose everything since.",
            "The log of the newest Job `qdrant-backup-…` says what failed; `kubectl create job --from=cronjob/"
            "qdrant-backup` takes one now.",
            "10m",
        )
