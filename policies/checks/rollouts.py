"""Rollouts that keep pods: a new version replaces the old one pod by pod, and gets to all of them."""

from collections.abc import Iterator

from policies.checks.model import Limits, Minimums, Resource, Rollout, Stack, Violation
from policies.checks.plain import at, list_at, number_at, object_at, text_at

_REGION_ROLE = "soma.io/region-role"
_READY_SECONDS = 10
"""For which a member of a store is ready before the next one ends: its peers have heard of it by then."""


def keep_pods(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """Deployments and Poolers. `reach_all` is about StatefulSets."""
    del minimums
    for workload in stack.workloads:
        waits = workload.labels.get(_REGION_ROLE) == "standby"  # its pods serve nobody until they are promoted
        if workload.rollout is not None and not (waits and workload.rollout.recreates):
            for fault in _faults(workload.rollout, stack.replicas_of(workload)):
                yield Violation(workload.urn, f"{workload.title} {fault}")


def _faults(rollout: Rollout, pods: int) -> Iterator[str]:
    allowed = rollout.max_unavailable
    if rollout.recreates:
        yield "ends all of its pods before it starts new ones: use RollingUpdate"
    elif allowed is not None and allowed.number >= (100 if allowed.percent else pods):
        yield f"may be without any of its {pods} pods while it is rolled out: lower maxUnavailable"


def together(resource: Resource, limits: Limits) -> Iterator[str]:
    """Members of a store that were all lost start at once: one that waits for a majority before it is ready would never
    see the second start (kubernetes.io/docs/concepts/workloads/controllers/statefulset: pod management policies)."""
    del limits
    spec = object_at(resource.inputs, "spec")
    parallel = text_at(spec, "podManagementPolicy", default="OrderedReady") == "Parallel"
    if list_at(spec, "volumeClaimTemplates") and not parallel:
        yield "podManagementPolicy is not Parallel: after the loss of all its pods the second waits for the first"


def reach_all(resource: Resource, limits: Limits) -> Iterator[str]:
    """A StatefulSet's own rollout, which no budget holds back, takes one pod at a time and none is left out
    (kubernetes.io/docs/concepts/workloads/controllers/statefulset: update strategies, minimum ready seconds).
    """
    del limits
    strategy = at(resource.inputs, "spec", "updateStrategy")
    if text_at(strategy, "type", default="RollingUpdate") != "RollingUpdate":
        yield "updateStrategy is not RollingUpdate: an update reaches its pods when somebody deletes them"
    if number_at(strategy, "rollingUpdate", "partition"):
        yield "updateStrategy.rollingUpdate.partition keeps pods at the version before"
    if at(strategy, "rollingUpdate", "maxUnavailable") not in (None, 1):
        yield "updateStrategy.rollingUpdate.maxUnavailable is not 1: a rollout may take a majority away"
    spec = object_at(resource.inputs, "spec")
    if list_at(spec, "volumeClaimTemplates") and (number_at(spec, "minReadySeconds") or 0) < _READY_SECONDS:
        yield f"minReadySeconds is under {_READY_SECONDS}: the next member ends before the last has caught up"
