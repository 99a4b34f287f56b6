"""Names that lead to what answers: records of Route 53, and the certificates for the names."""

from collections.abc import Iterator

from policies.checks.model import Limits, Resource
from policies.checks.plain import flag_at, list_at, number_at, text_at
from policies.checks.tokens import RECORD
from policies.checks.whole import input_of, stated

ROUTED = (
    "failoverRoutingPolicies",
    "latencyRoutingPolicies",
    "weightedRoutingPolicies",
    "geolocationRoutingPolicies",
    "geoproximityRoutingPolicy",
)
"""What makes a record one of several of a name, of which Route 53 picks one."""


def routing(record: Resource) -> str:
    """The field that makes a record one of several of its name; empty where it is the only one."""
    return next((field for field in ROUTED if stated(input_of(record, field))), "")


def healthy(resource: Resource, limits: Limits) -> Iterator[str]:
    """One of several records is left out while what it leads to is down; without a check Route 53 never knows
    (docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-complex-configs.html).
    """
    del limits
    if routing(resource) and not stated(input_of(resource, "healthCheckId")):
        yield "is one of several of its name, and healthCheckId names no check: users are led to a region that is down"
    for index, alias in enumerate(list_at(resource.inputs, "aliases")):
        if not flag_at(alias, "evaluateTargetHealth", default=False):
            yield f"aliases[{index}].evaluateTargetHealth is not true: it answers with what is down"


TTL_SECONDS = 60
"""For which clients keep an answer: what Route 53 gives an alias of a load balancer, which states none itself
(docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html)."""
_INTERVAL, _FAILURES = 30, 3
"""Of a check that states neither: AWS's defaults."""


def quick(resource: Resource, limits: Limits) -> Iterator[str]:
    """A region that is down is noticed, and its answer forgotten, within `failover_seconds`."""
    if resource.type == RECORD:
        seconds = number_at(resource.inputs, "ttl") or 0
        if routing(resource) and seconds > TTL_SECONDS:
            yield f"is one of several of its name, and clients keep its answer for {seconds} s: ttl {TTL_SECONDS}"
        return
    interval, failures = (number_at(resource.inputs, field) for field in ("requestInterval", "failureThreshold"))
    seconds = (interval or _INTERVAL) * (failures or _FAILURES) + TTL_SECONDS
    if seconds > limits.failover_seconds:
        yield (
            f"users are led away from a region that is down after {seconds} s only, not {limits.failover_seconds}: "
            "lower requestInterval or failureThreshold"
        )


def certified(resource: Resource, limits: Limits) -> Iterator[str]:
    """Renewed by itself, which only validation by DNS allows
    (docs.aws.amazon.com/acm/latest/userguide/dns-validation.html).
    """
    del limits
    if not stated(input_of(resource, "privateKey")) and text_at(resource.inputs, "validationMethod") != "DNS":
        yield "validationMethod is not DNS: somebody has to renew it by hand"
    if text_at(resource.inputs, "keyAlgorithm") == "RSA_1024":
        yield "keyAlgorithm is RSA_1024, which is too short"
