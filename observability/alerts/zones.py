"""What is left when a zone is lost, and nodes that are overloaded."""

from collections.abc import Iterator

from observability.rule import Alert
from observability.scope import Scope

CPU_USED = 0.7
"""Share of a node's CPU from which its share of the load matters."""
ALMOST_FULL = 0.05
"""Share of a volume that is left when somebody is woken."""


def alerts(scope: Scope) -> Iterator[Alert]:
    """Of the components of a region."""
    fair = scope.monitoring.thresholds.fair_share
    yield Alert(
        "ZoneLossNotSurvived",
        "component:left_pods:count < on (component) component:needed_pods:count",
        "warning",
        "Without its fullest zone {{ $labels.component }} would have {{ $value }} pods, too few to serve",
        "All is well now, but the loss of one zone would stop this component.",
        "`kubectl get pods -o wide` shows where its pods are and which are missing. Pods that wait for a node want "
        "room in their zone; pods that came back elsewhere go home by a restart, one at a time.",
        "15m",
    )
    yield Alert(
        "ComponentDown",
        "sum by (component) (component:ready_pods:count) < on (component) component:needed_pods:count",
        "critical",
        "{{ $labels.component }} has {{ $value }} ready pods, too few to serve",
        "A component has lost its majority, or all that serves.",
        "`kubectl describe pod` of those that are not ready says why. A zone that is gone comes back by itself; a node "
        "that will not, has to be deleted, so that its pods are made elsewhere.",
        "2m",
    )
    yield Alert(
        "ComponentGone",
        # Without kube-state-metrics nobody knows: ClusterMetricsMissing says so.
        "component:needed_pods:count unless on (component) component:ready_pods:count"
        f" and on () group(kube_pod_info{{{scope.own}}})",
        "critical",
        "Of {{ $labels.component }} no pod is known",
        "A component has no pods at all.",
        "See whether its Deployment or StatefulSet is there; `pulumi refresh` shows what was removed by hand.",
        "5m",
    )
    yield Alert(
        "NodeUneven",
        f"node:cpu_used:ratio_rate5m > on () group_left () {fair:g} * avg(node:cpu_used:ratio_rate5m)"
        f" and node:cpu_used:ratio_rate5m > {CPU_USED:g}",
        "warning",
        "Node {{ $labels.node }} has {{ $value | humanizePercentage }} of its CPU in use, far over its share",
        "Load is not spread over the nodes: this one slows down what is on it.",
        "`scaling-overview` shows which pods are on it. Uneven shards: run the rebalancer. Uneven requests: see "
        "MemoryServiceUneven. Else give the component's pods a larger request, so that they are placed apart.",
        "30m",
    )
    yield Alert(
        "VolumeFilling",
        f"volume:free:ratio < {scope.monitoring.thresholds.storage_free:g}",
        "warning",
        "Volume {{ $labels.persistentvolumeclaim }} has {{ $value | humanizePercentage }} free",
        "A store whose volume is full stops, and PostgreSQL needs room to recover.",
        "Grow the volume (docs/runbooks/grow-a-volume.md), which goes on while it is in use, or move load away.",
        "10m",
    )
    yield Alert(
        "VolumeAlmostFull",
        f"volume:free:ratio < {ALMOST_FULL:g}",
        "critical",
        "Volume {{ $labels.persistentvolumeclaim }} has {{ $value | humanizePercentage }} free",
        "The store on it is about to stop.",
        "Grow it at once (docs/runbooks/grow-a-volume.md): that goes on while it is in use.",
        "2m",
    )
