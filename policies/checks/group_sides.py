"""Ways through security groups of AWS: both ends allow them, and what listens lets somebody in."""

from collections.abc import Iterator

from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import at, number_at, text_at
from policies.checks.tokens import (
    EGRESS_RULE,
    INGRESS_RULE,
    LISTENER,
    LOAD_BALANCER,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    VPC_ENDPOINT,
)
from policies.checks.whole import Whole, each, input_of, refers, stated

_HTTPS = 443


def kept(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Both."""
    yield from agreed(whole, limits)
    yield from entered(whole, limits)


def agreed(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """A rule that names another security group has one of that group at its other end. Of the group that EKS makes,
    which lets everything out, the rules for what comes in are the stack's.
    """
    del limits
    ins, outs = whole.of(INGRESS_RULE), whole.of(EGRESS_RULE)
    stating = {_group(rule) for rule in outs}

    def out(rule: Resource) -> Iterator[str]:
        if _peer(rule) and not any(_answers(rule, one) for one in ins):
            yield "lets out to a security group that does not let it in: add an ingress rule there"

    def in_(rule: Resource) -> Iterator[str]:
        if _peer(rule) in stating and not any(_answers(rule, one) for one in outs):
            yield "lets in from a security group that does not let it out: add an egress rule there"

    yield from each(outs, out)
    yield from each(ins, in_)


def entered(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """What listens behind security groups of the stack has a rule that lets somebody in by its port."""
    del limits
    groups = whole.of(SECURITY_GROUP)
    ins = whole.of(INGRESS_RULE)
    inline = {it.urn for it in groups if stated(input_of(it, "ingress"))}
    if whole.of(SECURITY_GROUP_RULE):
        return  # the older kind, which no program should write any more, says its group in another way

    def shut(resource: Resource, field: str, port: int | None) -> bool:
        own = [it for it in groups if it.urn in resource.sources.get(field, ())]
        return bool(own) and not any(
            group.urn in inline or any(refers(one, "securityGroupId", group) and _by(one, port) for one in ins)
            for group in own
        )

    def listener(resource: Resource) -> Iterator[str]:
        port = number_at(resource.inputs, "port")
        for balancer in whole.of(LOAD_BALANCER):
            if refers(resource, "loadBalancerArn", balancer, "arn") and shut(balancer, "securityGroups", port):
                yield f"no security group of {balancer.name} lets anybody in by port {port}"

    def endpoint(resource: Resource) -> Iterator[str]:
        if text_at(resource.inputs, "vpcEndpointType") == "Interface" and shut(resource, "securityGroupIds", _HTTPS):
            yield f"no security group of it lets anybody in by port {_HTTPS}"

    yield from each(whole.of(LISTENER), listener)
    yield from each(whole.of(VPC_ENDPOINT), endpoint)


def _group(rule: Resource) -> object:
    return _told(rule, "securityGroupId")


def _peer(rule: Resource) -> object:
    return _told(rule, "referencedSecurityGroupId")


def _told(rule: Resource, field: str) -> object:
    """A security group by where its id comes from; by the id itself where it is stated."""
    value = input_of(rule, field)
    return rule.sources.get(field) or (value if isinstance(value, str) else None)


def _answers(rule: Resource, other: Resource) -> bool:
    return _group(other) == _peer(rule) and _peer(other) == _group(rule) and _meet(rule, other)


def _meet(rule: Resource, other: Resource) -> bool:
    (first, last), (from_, to) = _range(rule), _range(other)
    return first <= to and from_ <= last


def _by(rule: Resource, port: int | None) -> bool:
    first, last = _range(rule)
    return port is None or first <= port <= last


def _range(rule: Resource) -> tuple[int, int]:
    if at(rule.inputs, "fromPort") is None or at(rule.inputs, "fromPort") == -1:
        return 0, 65535
    first = number_at(rule.inputs, "fromPort") or 0
    return first, number_at(rule.inputs, "toPort") or first
