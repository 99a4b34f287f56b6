"""Types that run or scale pods and that cannot be judged: passed over in silence, they would look like sound ones."""

from collections.abc import Mapping

INSTEAD: Mapping[str, str] = {
    "Deployment": "Deployment of apps/v1",
    "StatefulSet": "StatefulSet of apps/v1",
    "DaemonSet": "DaemonSet of apps/v1",
    "ReplicaSet": "ReplicaSet of apps/v1",
    "ReplicationController": "Deployment of apps/v1",
    "Pod": "Pod of core/v1",
    "Job": "Job of batch/v1",
    "CronJob": "CronJob of batch/v1",
    "PodDisruptionBudget": "PodDisruptionBudget of policy/v1",
    "HorizontalPodAutoscaler": "HorizontalPodAutoscaler of autoscaling/v2",
    "Rollout": "Deployment of apps/v1",
    "ScaledObject": "HorizontalPodAutoscaler of autoscaling/v2",
    "ScaledJob": "CronJob of batch/v1",
}
"""Kinds of any API group that run pods, scale them or protect them (Argo's and KEDA's too), and what to use."""

_OPERATED: Mapping[str, tuple[str, ...]] = {"postgresql.cnpg.io": ("Cluster", "Pooler")}
"""The same by API group, of kinds whose names mean something else in another group."""

_MAKERS = ("helm.sh", "kustomize", "yaml")
"""Groups of Pulumi's own that make objects of files."""


def why(token: str) -> str | None:
    """Why a type that nothing reads is refused, and what to do; None for one that runs no pods."""
    package, _, rest = token.partition(":")
    module, _, name = rest.rpartition(":")
    group = module.partition("/")[0]
    if package != "kubernetes":
        return None
    if group in _MAKERS:
        return "this pack cannot judge what it makes: declare the objects as resources of the program"
    if _has_pods(group, name.removesuffix("Patch")) and name.endswith("Patch"):
        return "this pack cannot judge a patch, which shows only a part of an object: state the whole"
    if _has_pods(group, name.removesuffix("List")) and name.endswith("List"):
        return "this pack cannot judge a list: declare each object by itself"
    return _other(group, name) if _has_pods(group, name) else None


def _has_pods(group: str, kind: str) -> bool:
    return kind in INSTEAD or kind in _OPERATED.get(group, ())


def _other(group: str, kind: str) -> str:
    if kind in _OPERATED.get(group, ()):
        return f"this pack cannot judge {kind} of this API version: use the one of {group}/v1"
    if INSTEAD[kind].startswith(f"{kind} "):
        return f"this pack cannot judge {kind} of this API version: use {INSTEAD[kind]}"
    return f"this pack cannot judge a {kind}: use {INSTEAD[kind]}"
