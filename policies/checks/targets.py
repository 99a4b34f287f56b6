"""Targets of load balancers: pods that do not serve are left out soon, and those that end may finish."""

from collections.abc import Iterator
from typing import Final

from policies.checks.model import Limits, Resource
from policies.checks.plain import flag_at, number_at, object_at, text_at

_SECONDS: Final = 30
"""In which a target that does not answer is left out. AWS's defaults are 30 s and three failures."""
_INTERVAL, _FAILURES = 30, 3


def healthy(resource: Resource, limits: Limits) -> Iterator[str]:
    """By a check that is stated, over HTTP by a path; open connections are given time to end."""
    del limits
    check = object_at(resource.inputs, "healthCheck")
    if not flag_at(check, "enabled", default=True):
        yield "healthCheck.enabled is false: users are led to pods that are gone"
    interval, failures = (number_at(check, field) for field in ("interval", "unhealthyThreshold"))
    seconds = (interval or _INTERVAL) * (failures or _FAILURES)
    if seconds > _SECONDS:
        yield f"leaves a pod out after {seconds} s of silence only, not {_SECONDS}: healthCheck.interval"
    if text_at(check, "protocol", default="HTTP").startswith("HTTP") and not text_at(check, "path"):
        yield "healthCheck.path is not stated: what answers at / need not serve"
    if number_at(resource.inputs, "deregistrationDelay") == 0:
        yield "deregistrationDelay is 0: what is under way at a pod that ends is cut off"
    if text_at(resource.inputs, "targetType", default="instance") != "ip":
        yield "targetType is not ip: it leads to nodes, which are asked and drained in place of their pods"
