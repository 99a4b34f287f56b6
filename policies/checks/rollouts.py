"""Rollouts that keep pods: a new version replaces the old one pod by pod."""

from collections.abc import Iterator

from policies.checks.model import Minimums, Rollout, Stack, Violation

_REGION_ROLE = "soma.io/region-role"


def keep_pods(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """Deployments and Poolers. A StatefulSet's pods are replaced one after the other, unless it is told otherwise."""
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
