"""Qdrant: copies that do not serve, peers that went apart, points and requests on few nodes."""

from collections.abc import Iterator

from observability.recording import PEERS
from observability.rule import Alert
from observability.scope import QDRANT, QDRANT_GATEWAY, Scope, equal

FEWEST = 1
"""Calls per second of a service: of fewer, one that fails is a large share."""
REPEATED = 0.05
"""Share of calls that are made a second time: a node that is lost has that for the seconds until it is left out."""
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
    # A node that holds every shard has no more than this times its share.
    uneven = min(fair, most_of_a_node) if (most_of_a_node := least / scope.replication_factor) > 1 else fair
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
        f"max({shards}) >= {uneven:g} * sum({shards}) / count({shards})"
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
    yield from _through_gateways(scope)
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


def _through_gateways(scope: Scope) -> Iterator[Alert]:
    """What the service asks of Qdrant: its gateways make a call that a node fails to another one."""
    limit, calls = scope.monitoring.thresholds.errors.warning, scope.of(QDRANT_GATEWAY, PEERS)
    asked = f"and on (service) sum by (service) (rate(haproxy_backend_http_responses_total{calls}[5m])) > {FEWEST}"
    yield Alert(
        "QdrantRequestsFail",
        f"service:qdrant_errors:ratio_rate5m > {limit:g} {asked}",
        "critical",
        "{{ $value | humanizePercentage }} of what {{ $labels.service }} asks of Qdrant fails",
        f"More than {limit:.0%} of calls fail at every node that they are made to, or take longer than the service "
        "waits: searches fail, and memories are stored without their vector, so that no search finds them.",
        "QdrantGatewayWithoutPeers: the gateways reach no node. Else the nodes' log says why; see QdrantDeadReplicas, "
        "QdrantConsensusStopped and VolumeAlmostFull.",
        "5m",
    )
    yield Alert(
        "QdrantRequestsRepeated",
        f"service:qdrant_repeated:ratio_rate5m > {REPEATED:g} {asked}",
        "warning",
        "{{ $value | humanizePercentage }} of what {{ $labels.service }} asks of Qdrant is asked of another node again",
        "A node that counts as ready fails calls, or does not answer them in time. Users see it as seconds that they "
        "wait; one node more that fails makes errors of it.",
        "`scaling-overview` says which node fails requests; a node that fails none is slow: see its CPU and volume.",
        "15m",
    )
    yield Alert(
        "QdrantGatewayWithoutPeers",
        "max by (pod) (qdrant_gateway:peers:count) == 0",
        "warning",
        "{{ $labels.pod }} finds no node of Qdrant that answers",
        "The pod gets no requests, for it could neither store vectors nor search.",
        "Of all pods: see the nodes of Qdrant. Of some: their zone is cut off from Qdrant. Of new ones: the headless "
        "Service's name does not resolve, or a NetworkPolicy is in the way.",
        "2m",
    )
    # Those that are drained may be more.
    answer = f"count(up{scope.of_members()} == 1)"
    yield Alert(
        "QdrantGatewayLacksPeers",
        f"max by (pod) (qdrant_gateway:peers:count > 0) < on () group_left () {answer}",
        "warning",
        "{{ $labels.pod }} asks {{ $value }} nodes of Qdrant, and more than those are well",
        "The others do this pod's share, and it has fewer left to ask when one of them fails.",
        "The log of its container `qdrant-gateway` says since when and why: a node that is not ready, a part of the "
        "network that is cut off. If nodes are new, see whether the headless Service names them.",
        "15m",
    )
