"""Ways that one end states and the other does not: NetworkPolicies, DNS, security groups, and rights of nodes.

Of the rules network-both-sides, network-dns, security-groups-agree and eks-rights; each test breaks one thing.
"""

from collections.abc import Callable, Mapping
from functools import partial
from operator import is_
from typing import Any

import pytest

from policies.checks.model import Resource
from policies.checks.plain import UNKNOWN
from policies.checks.tokens import ADDON, POD_IDENTITY
from tests.unit.policy_plan import GONE, PLATFORMS, REGIONS, Stack, find, put, region, swapped, verdicts

AWS = ("aws", "us-east")
BOTH, DNS, GROUPS, RIGHTS = "network-both-sides", "network-dns", "security-groups-agree", "eks-rights"


def said(stack: Stack, policy: str) -> list[str]:
    return [it.message for it in verdicts(stack, (), packs=("security", "high-availability"), policies={policy})]


def with_field(kind: str, name: str, path: str, value: Any) -> Stack:
    stack = region(*AWS)
    resource = find(stack, kind, name)
    return swapped(stack, resource, put(resource, path, value))


def without(gone: Callable[[Resource], bool]) -> Stack:
    kept = tuple(it for it in region(*AWS) if not gone(it))
    assert len(kept) < len(region(*AWS))
    return kept


@pytest.mark.parametrize(("platform", "name"), [(platform, name) for platform in PLATFORMS for name in REGIONS])
def test_both_ends_of_every_way_of_the_program_agree(platform: str, name: str) -> None:
    for policy in (BOTH, DNS, GROUPS, RIGHTS):
        assert said(region(platform, name), policy) == [], policy


BROKEN: Mapping[str, tuple[str, str, Any, str]] = {
    "who is let out is not let in": (
        "redis-network", "spec.ingress.0.from.0.podSelector.matchLabels", {"app.kubernetes.io/name": "other"},
        "memory-service-network: spec.egress[1] lets us-east-memory-service-deployment out to pods that do not",
    ),
    "who is let in is not let out": (
        "memory-service-network", "spec.egress", [],
        "redis-network: spec.ingress[0] lets in pods that are not let out to us-east-redis-zone-a",
    ),
    "by another port": (
        "redis-network", "spec.ingress.0.ports.0.port", 6380, "out to pods that do not let it in",
    ),
    "by ports that end before it": (
        "redis-network", "spec.ingress.0.ports.0", {"port": 6000, "endPort": 6378}, "out to pods that do not let it in",
    ),
    "out to pods that are not there": (
        "redis-keeper-network", "spec.egress.0.to.0.podSelector.matchLabels", {"app": "nobody"},
        "redis-keeper-network: spec.egress[0] names pods that are not of this stack",
    ),
    "a namespace that is not there": (
        "redis-network", "spec.ingress.3.from.0.namespaceSelector.matchLabels",
        {"kubernetes.io/metadata.name": "monitring"},
        "redis-network: spec.ingress[3] names a namespace that is not there",
    ),
    "whom operators start by hand": (
        "redis-client-network", "spec.egress.0.ports.0.port", 6380, "are not let out to us-east-redis-zone",
    ),
    "out is not what the policy is about": (
        "redis-keeper-network", "spec.policyTypes", ["Ingress"], "lets in pods that are not let out to",
    ),
    "a peer that cannot be read": (
        "redis-keeper-network", "spec.egress.0.to.0.podSelector", "redis", "redis-keeper-network: cannot be judged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", BROKEN)
def test_a_way_that_one_end_alone_states_is_refused(title: str) -> None:
    name, path, value, expected = BROKEN[title]
    found = said(with_field("NetworkPolicy", name, path, value), BOTH)
    assert any(expected in message for message in found), found


SOUND: Mapping[str, tuple[str, str, Any]] = {
    "by a range of ports": ("redis-network", "spec.ingress.0.ports.0", {"port": 6000, "endPort": 6400}),
    "by a port that has a name": ("redis-network", "spec.ingress.0.ports.0.port", "redis"),
    "from everybody": ("redis-network", "spec.ingress.0.from", GONE),
    "from every address": ("redis-network", "spec.ingress.0.from", [{"ipBlock": {"cidr": "0.0.0.0/0"}}]),
    "out to everybody": ("redis-keeper-network", "spec.egress.0.to", GONE),
    "a namespace of the cluster's own": (
        "redis-network", "spec.ingress.3.from.0.namespaceSelector.matchLabels",
        {"kubernetes.io/metadata.name": "kube-system"},
    ),
    "what a policy is about is told by its rules": ("redis-keeper-network", "spec.policyTypes", GONE),
}  # fmt: skip


@pytest.mark.parametrize("title", SOUND)
def test_a_way_that_both_ends_have_passes_however_it_is_written(title: str) -> None:
    name, path, value = SOUND[title]
    assert said(with_field("NetworkPolicy", name, path, value), BOTH) == []


def test_who_is_let_in_may_come_later() -> None:
    stack = region(*AWS)
    policy = find(stack, "NetworkPolicy", "redis-network")
    later = {"ports": [{"port": 6379}], "from": [{"podSelector": {"matchLabels": {"app": "later"}}}]}
    more = [*policy.inputs["spec"]["ingress"], later]
    assert said(swapped(stack, policy, put(policy, "spec.ingress", more)), BOTH) == []


def test_pods_that_nothing_closes_need_no_way_of_their_own() -> None:
    """Without the policies for all pods, whoever no policy of its own closes may be reached."""
    names = ("default-deny", "allow-dns", "redis-keeper-network")
    assert said(without(lambda it: it.type.endswith("NetworkPolicy") and it.name.endswith(names)), BOTH) == []


def test_closed_pods_that_may_not_ask_dns_are_refused() -> None:
    found = said(without(lambda it: it.name.endswith("allow-dns")), DNS)
    assert any("us-east-redis-zone-a: no NetworkPolicy lets its pods ask DNS" in message for message in found), found


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ("reach-users-to-443", "reach-users-pods-443: lets in from a security group that does not let it out"),
        ("reach-users-pods-443", "reach-users-to-443: lets out to a security group that does not let it in"),
        ("reach-users-from-anywhere-443", "reach-users-balancer lets anybody in by port 443"),
        ("reach-links-from-us-west-5432", "reach-links-balancer lets anybody in by port 5432"),
        ("network-endpoints-https", "no security group of it lets anybody in by port 443"),
    ],
)
def test_a_way_through_security_groups_that_has_one_end_is_refused(gone: str, expected: str) -> None:
    found = said(without(lambda it: it.name.endswith(gone)), GROUPS)
    assert any(expected in message for message in found), found


def test_rules_for_other_ports_do_not_answer_each_other() -> None:
    stack = region(*AWS)
    rule = next(it for it in stack if it.name.endswith("reach-users-pods-443"))
    other = put(put(rule, "fromPort", 444), "toPort", 444)
    assert any("reach-users-to-443" in message for message in said(swapped(stack, rule, other), GROUPS))


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ("AmazonEKSWorkerNodePolicy", "is without AmazonEKSWorkerNodePolicy"),
        ("AmazonEC2ContainerRegistryPullOnly", "is without AmazonEC2ContainerRegistryPullOnly"),
        ("AmazonEKSClusterPolicy", "is without AmazonEKSClusterPolicy"),
        ("AmazonEBSCSIDriverPolicy", "aws-ebs-csi-driver-role: may do nothing"),
        ("backups-replication-role-policy", "backups-replication-role: may do nothing"),
    ],
)
def test_a_role_without_what_it_is_for_is_refused(gone: str, expected: str) -> None:
    found = said(without(lambda it: it.name.endswith(gone)), RIGHTS)
    assert any(expected in message for message in found), found


def test_a_role_of_pods_that_no_pods_are_given_is_refused() -> None:
    giving = [it for it in region(*AWS) if it.type == POD_IDENTITY or "podIdentityAssociations" in it.inputs]
    assert {it.type for it in giving} == {POD_IDENTITY, ADDON}
    for one in giving:
        found = said(without(partial(is_, one)), RIGHTS)
        assert len(found) == 1
        assert found[0].endswith(
            "trusts pods, and no PodIdentityAssociation gives it to any: they have none of its rights"
        )


def test_a_role_whose_trust_only_the_update_knows_waits_for_it() -> None:
    stack = region(*AWS)
    association = find(stack, "aws.eks.PodIdentityAssociation", "us-east-platform-load-balancers")
    role = next(it for it in stack if it.name == "us-east-platform-load-balancers-role")
    assert said(swapped(without(partial(is_, association)), role, put(role, "assumeRolePolicy", UNKNOWN)), RIGHTS) == []
