"""Recording rules of what runs: nodes, pods, the components that they are of, and volumes."""

from collections.abc import Iterator

from observability.rule import Recording
from observability.scope import PODS, Scope


def component(metric: str) -> str:
    """A metric of pods with the component that the pod is of."""
    return f'label_replace({metric}, "component", "$1$2", "pod", "{PODS}")'


def placed(metric: str) -> str:
    """A metric of pods with the zone of the node that each is on (kube-state-metrics)."""
    named = 'label_replace(kube_node_labels, "zone", "$1", "label_topology_kubernetes_io_zone", "(.+)")'
    # While kube-state-metrics is rolled, two of it tell of each node.
    zone = f"max by (node, zone) ({named})"
    node = f"max by (namespace, pod, node) (kube_pod_info) * on (node) group_left (zone) {zone}"
    return f"{metric} * on (namespace, pod) group_left (node, zone) ({node})"


def nodes() -> Iterator[Recording]:
    """CPU and memory of the cluster's nodes."""
    yield Recording(
        "node:cpu_used:ratio_rate5m",
        '1 - avg by (node, zone) (rate(node_cpu_seconds_total{mode="idle"}[5m]))',
        "ratio",
        "Share of a node's CPU in use.",
    )
    yield Recording(
        "node:memory_used:ratio",
        "1 - max by (node, zone) (node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
        "ratio",
        "Share of a node's memory in use.",
    )


def components(scope: Scope) -> Iterator[Recording]:
    """What a region's pods use of what they may, where they are, and their volumes."""
    ours = f'{scope.own}, container!=""'
    yield Recording(
        "pod:cpu_used:cores_rate5m",
        component(f"sum by (pod) (rate(container_cpu_usage_seconds_total{{{ours}}}[5m]))"),
        "cores",
        "CPU that a pod uses.",
    )
    yield Recording(
        "pod:memory_used:bytes",
        component(f"sum by (pod) (container_memory_working_set_bytes{{{ours}}})"),
        "bytes",
        "Memory that a pod uses and that cannot be reclaimed.",
    )
    yield Recording(
        "pod:memory_of_limit:ratio",
        _of_limit(scope, f"max by (pod, container) (container_memory_working_set_bytes{{{ours}}})", "memory"),
        "ratio",
        "Memory of a pod's fullest container as a share of its limit, at which it is killed.",
    )
    yield Recording(
        "pod:memory_kept:ratio",
        _of_limit(scope, f"max by (pod, container) (container_memory_rss{{{ours}}})", "memory"),
        "ratio",
        "The same without files, which the kernel takes back before it kills.",
    )
    yield Recording(
        "pod:cpu_of_limit:ratio_rate5m",
        _of_limit(scope, f"sum by (pod, container) (rate(container_cpu_usage_seconds_total{{{ours}}}[5m]))", "cpu"),
        "ratio",
        "CPU of a pod's busiest container as a share of its limit, at which it is held back.",
    )
    yield from _by_component(scope)
    volumes = f"{{{scope.own}}}"
    yield Recording(
        "volume:free:ratio",
        f"min by (persistentvolumeclaim) (kubelet_volume_stats_available_bytes{volumes}"
        f" / kubelet_volume_stats_capacity_bytes{volumes})",
        "ratio",
        "Share of a volume that is free.",
    )


def _of_limit(scope: Scope, used: str, resource: str) -> str:
    """What a pod's container that comes nearest to its limit uses of that; `used` is by pod and container."""
    limit = f'max by (pod, container) (kube_pod_container_resource_limits{{{scope.own}, resource="{resource}"}})'
    return component(f"max by (pod) ({used} / {limit})")


def _by_component(scope: Scope) -> Iterator[Recording]:
    yield Recording(
        "component:memory_used:bytes",
        "sum by (component) (pod:memory_used:bytes)",
        "bytes",
        "Memory that a component uses.",
    )
    yield Recording(
        "component:cpu_used:cores_rate5m",
        "sum by (component) (pod:cpu_used:cores_rate5m)",
        "cores",
        "CPU that a component uses.",
    )
    ready = f'max by (namespace, pod) (kube_pod_status_ready{{{scope.own}, condition="true"}})'
    yield Recording(
        "component:ready_pods:count",
        f"sum by (component, zone) ({component(placed(ready))})",
        "count",
        "Ready pods of a component in a zone.",
    )
    for name, needed in scope.needed.items():
        yield Recording(
            "component:needed_pods:count",
            f"vector({needed})",
            "count",
            "Pods without which a component does not serve.",
            {"component": name},
        )
    for name, least in scope.least.items():
        for zone in scope.zones:
            yield Recording(
                "component:least_pods:count",
                f"vector({least})",
                "count",
                "Pods that a component has in each zone at least, as its settings spread them.",
                {"component": name, "zone": zone},
            )
    yield Recording(
        "component:left_pods:count",
        "sum by (component) (component:ready_pods:count) - max by (component) (component:ready_pods:count)",
        "count",
        "Ready pods that are left when the fullest zone is lost.",
    )
