"""Targets of load balancers: there are some, and they come and go with what serves."""

from collections.abc import Iterator, Mapping
from typing import Final

from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import flag_at, number_at, object_at, text_at
from policies.checks.tokens import (
    LISTENER,
    LISTENER_RULE,
    SCALING_ATTACHMENT,
    SCALING_GROUP,
    TARGET_ATTACHMENT,
    TARGET_BINDING,
    TARGET_GROUP,
)
from policies.checks.whole import Whole, refers

_SECONDS: Final = 30
"""In which a target that does not answer is left out. AWS's defaults are 30 s and three failures."""
_INTERVAL, _FAILURES = 30, 3

_LEADS: Final = {LISTENER: "defaultActions", LISTENER_RULE: "actions"}
"""What leads users to a target group, and the input that says to which."""
_FILLS: Final = {
    TARGET_BINDING: "spec",
    TARGET_ATTACHMENT: "targetGroupArn",
    SCALING_GROUP: "targetGroupArns",
    SCALING_ATTACHMENT: "lbTargetGroupArn",
}
"""What puts pods or nodes into one."""


def served(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Users are led to each target group of the stack, and something puts pods into it."""
    del limits
    for group in whole.of(TARGET_GROUP):
        if not _named(whole, _LEADS, group):
            yield Violation(group.urn, f"{group.name}: no listener leads to it: nobody reaches its pods")
        if not _named(whole, _FILLS, group):
            yield Violation(group.urn, f"{group.name}: no TargetGroupBinding fills it: users find nobody there")


def _named(whole: Whole, by: Mapping[str, str], group: Resource) -> bool:
    return any(refers(it, field, group) for token, field in by.items() for it in whole.of(token))


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
