"""What is left when a zone is lost, and nodes that are overloaded."""

from collections.abc import Iterator

from observability.alerts.waiting import users_wait
from observability.rule import Alert, Severity
from observability.scope import Scope

CPU_USED = 0.7
"""Share of a node's CPU from which its share of the load matters."""
CPU_FULL = 0.95
"""Share at which a node is overloaded, whatever its fair share: no node has more than all of its CPU."""
CPU_APART = 0.1
"""Of a node's CPU: fewer that it is over the average are no uneven load."""
_WHERE = "`scaling-overview` shows which pods are on it. "


def alerts(scope: Scope) -> Iterator[Alert]:
    """Of the components of a region."""
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
    yield _below_minimum(scope)
    yield from _nodes(scope)
    thresholds = scope.monitoring.thresholds
    yield Alert(
        "VolumeFilling",
        f"volume:free:ratio < {thresholds.storage_free:g}",
        "warning",
        "Volume {{ $labels.persistentvolumeclaim }} has {{ $value | humanizePercentage }} free",
        "A store whose volume is full stops, and PostgreSQL needs room to recover.",
        "Grow the volume (docs/runbooks/grow-a-volume.md), which goes on while it is in use, or move load away.",
        "10m",
    )
    yield Alert(
        "VolumeAlmostFull",
        f"volume:free:ratio < {thresholds.storage_free_critical:g}",
        "critical",
        "Volume {{ $labels.persistentvolumeclaim }} has {{ $value | humanizePercentage }} free",
        "The store on it is about to stop.",
        "Grow it at once (docs/runbooks/grow-a-volume.md): that goes on while it is in use.",
        "2m",
    )


def _below_minimum(scope: Scope) -> Alert:
    least = "component:least_pods:count"
    return Alert(
        "ZoneBelowMinimum",
        # A zone in which nothing of a component runs has no figure. Without kube-state-metrics nobody knows.
        f"((component:ready_pods:count or on (component, zone) 0 * {least}) < on (component, zone) {least})"
        f" and on () group(kube_pod_info{{{scope.own}}})",
        "warning",
        "{{ $labels.zone }} has {{ $value }} ready pods of {{ $labels.component }}, fewer than it should",
        "The region serves, with less than was declared: a further fault costs more than it should.",
        "`kubectl get pods -o wide` shows what waits for that zone. Nodes are missing there, or have no room.",
        "15m",
    )


def _nodes(scope: Scope) -> Iterator[Alert]:
    thresholds, cpu = scope.monitoring.thresholds, "node:cpu_used:ratio_rate5m"
    yield Alert(
        "NodeUneven",
        f"{cpu} > on () group_left () clamp_max({thresholds.fair_share:g} * avg({cpu}), {CPU_FULL:g})"
        f" and {cpu} > on () group_left () ({CPU_APART:g} + avg({cpu})) and {cpu} > {CPU_USED:g}",
        "warning",
        "Node {{ $labels.node }} has {{ $value | humanizePercentage }} of its CPU in use, far over its share",
        "Load is not spread over the nodes: this one slows down what is on it.",
        f"{_WHERE}Uneven shards: run the rebalancer. Uneven requests: see MemoryServiceUneven. Else give the "
        "component's pods a larger request, so that they are placed apart.",
        "30m",
    )
    yield Alert(
        "NodeCpuShort",
        f"{cpu} > {thresholds.cpu.warning:g}",
        "warning",
        "Node {{ $labels.node }} has {{ $value | humanizePercentage }} of its CPU in use",
        "Little is left for a peak, or for the pods of a zone that is lost.",
        f"{_WHERE}See NodeUneven. If all nodes are busy: more nodes, or larger ones.",
        "30m",
    )
    if scope.home:
        yield Alert(
            "NodeCpuSpent",
            f"{cpu} > {thresholds.cpu.critical:g} and on () ({users_wait(scope)})",
            "critical",
            "Node {{ $labels.node }} has {{ $value | humanizePercentage }} of its CPU in use, and users wait",
            "Requests take longer than they should, and a node has no CPU left that would make them faster.",
            f"{_WHERE}More nodes take what can move; what else is on it has to go elsewhere.",
            "15m",
        )
    yield _memory("NodeMemoryShort", "warning", thresholds.memory.warning, "30m")
    yield _memory("NodeMemorySpent", "critical", thresholds.memory.critical, "10m")


def _memory(name: str, severity: Severity, limit: float, lasts: str) -> Alert:
    return Alert(
        name,
        f"node:memory_used:ratio > {limit:g}",
        severity,
        "Node {{ $labels.node }} has {{ $value | humanizePercentage }} of its memory in use",
        "When none is left, pods are evicted, and processes killed.",
        f"{_WHERE}Pods that use more than they request: raise the request to what they use, so that they are placed "
        "apart. Else more nodes, or larger ones.",
        lasts,
    )
