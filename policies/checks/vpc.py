"""The network of a region on AWS: written down, closed by default, open to the world at its load balancer alone."""

from collections.abc import Iterator

from policies.checks.model import Limits, Resource, Violation
from policies.checks.network import ANYWHERE
from policies.checks.plain import at, flag_at, list_at, number_at, text_at, texts_at
from policies.checks.tokens import (
    DEFAULT_SECURITY_GROUP,
    EGRESS_RULE,
    FLOW_LOG,
    INGRESS_RULE,
    LISTENER,
    LOAD_BALANCER,
    SECURITY_GROUP,
    VPC,
)
from policies.checks.whole import Whole, each, input_of, refers, stated


def logged(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """All traffic, what was let through and what was not."""
    del limits

    def check(vpc: Resource) -> Iterator[str]:
        if not any(text_at(log.inputs, "trafficType") == "ALL" for log in _about(vpc, FLOW_LOG, whole)):
            yield "has no flow log of all traffic"

    yield from each(whole.of(VPC), check)


def closed(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Whoever states no security group gets the default one, which lets its members speak to each other."""
    del limits

    def check(vpc: Resource) -> Iterator[str]:
        own = _about(vpc, DEFAULT_SECURITY_GROUP, whole)
        if not own:
            yield "its default security group is as AWS made it: state a DefaultSecurityGroup without rules"
        for group in own:
            if list_at(group.inputs, "ingress") or list_at(group.inputs, "egress"):
                yield "its default security group has rules"

    yield from each(whole.of(VPC), check)


def _about(vpc: Resource, token: str, whole: Whole) -> list[Resource]:
    """Resources of a type that are about a VPC; the only one of a stack is meant by all of them."""
    alone = len(whole.of(VPC)) == 1
    return [it for it in whole.of(token) if alone or refers(it, "vpcId", vpc, "id")]


def subnets(resource: Resource, limits: Limits) -> Iterator[str]:
    """What is made there gets a public address only where it asks for one."""
    del limits
    if flag_at(resource.inputs, "mapPublicIpOnLaunch", default=False):
        yield "mapPublicIpOnLaunch is true: whatever starts there is in the internet"


def inline(resource: Resource, limits: Limits) -> Iterator[str]:
    """Rules within a group or of the old kind, which this program does not use: they are judged, and never public."""
    del limits
    rules = list_at(resource.inputs, "ingress") if resource.type == SECURITY_GROUP else [resource.inputs]
    if resource.type != SECURITY_GROUP and text_at(resource.inputs, "type") != "ingress":
        return
    for rule in rules:
        if any(cidr in ANYWHERE for cidr in (*texts_at(rule, "cidrBlocks"), *texts_at(rule, "ipv6CidrBlocks"))):
            yield "lets the world in: state a SecurityGroupIngressRule for the ports of a load balancer"


def ingress(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """From the world to the ports for users of a load balancer that is theirs, and to nothing else; a port a rule."""

    def check(rule: Resource) -> Iterator[str]:
        inputs = rule.inputs
        sources = [text_at(inputs, "cidrIpv4"), text_at(inputs, "cidrIpv6")]
        if text_at(inputs, "ipProtocol") == "-1":
            yield "opens every port of every protocol: name them"
        elif number_at(inputs, "fromPort") != number_at(inputs, "toPort"):
            yield "opens a range of ports: state a rule for each that is served"
        if rule.type == EGRESS_RULE or not any(source in ANYWHERE for source in sources):
            return
        first, last = number_at(inputs, "fromPort"), number_at(inputs, "toPort")
        if first is None or first != last or first not in limits.public_ports:
            yield _more_than_for_users(limits)
        if not any(_is_at(rule, balancer) for balancer in whole.of(LOAD_BALANCER)):
            yield "opens to the world what is no load balancer for users"

    yield from each(whole.of(INGRESS_RULE, EGRESS_RULE), check)


def _is_at(rule: Resource, balancer: Resource) -> bool:
    """Whether a rule is of a group of a load balancer that faces users."""
    if not _is_public(balancer):
        return False
    groups = balancer.sources.get("securityGroups", ())
    if any(urn in rule.sources.get("securityGroupId", ()) for urn in groups):
        return True
    given = input_of(balancer, "securityGroups")
    return (
        isinstance(given, list)
        and isinstance(input_of(rule, "securityGroupId"), str)
        and input_of(rule, "securityGroupId") in given
    )


def _is_public(balancer: Resource) -> bool:
    """AWS's default."""
    return not flag_at(balancer.inputs, "internal", default=False)


def _more_than_for_users(limits: Limits) -> str:
    return f"opens more to the world than the ports {', '.join(map(str, limits.public_ports))}"


def public_listeners(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """A load balancer that faces the world has the ports for users and no others."""
    public = [it for it in whole.of(LOAD_BALANCER) if _is_public(it)]

    def check(listener: Resource) -> Iterator[str]:
        for_users = number_at(listener.inputs, "port") in limits.public_ports
        if not for_users and any(refers(listener, "loadBalancerArn", balancer, "arn") for balancer in public):
            yield _more_than_for_users(limits)

    yield from each(whole.of(LISTENER), check)


def private_zones(resource: Resource, limits: Limits) -> Iterator[str]:
    """Names by which regions reach each other are known in their own networks alone."""
    del limits
    if not stated(input_of(resource, "vpcs")):
        yield "has no vpcs: it is a public zone, and tells the world the addresses of the region"


def log_groups(resource: Resource, limits: Limits) -> Iterator[str]:
    """What happened can be read when somebody asks, and does not pile up for ever."""
    days = number_at(resource.inputs, "retentionInDays") or 0
    if days < limits.log_days:
        yield f"retentionInDays is under {limits.log_days}" if days else "keeps logs for ever: state retentionInDays"


def providers(resource: Resource, limits: Limits) -> Iterator[str]:
    """Credentials of another account change nothing there by mistake."""
    del limits
    if not at(resource.inputs, "allowedAccountIds"):
        yield "allowedAccountIds is not stated: the credentials at hand decide in which account things are made"
