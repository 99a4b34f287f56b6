"""Rights that are there: a role of AWS that may do nothing is one whose policy is missing."""

from collections.abc import Iterable, Iterator
from typing import Final

from policies.checks.documents import PODS, statements
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import UNKNOWN, text_at
from policies.checks.tokens import (
    ADDON,
    EKS_CLUSTER,
    IAM_ATTACHMENT,
    IAM_ROLE,
    IAM_ROLE_POLICY,
    NODE_GROUP,
    POD_IDENTITY,
)
from policies.checks.whole import Whole, each, input_of, refers, stated

_OF_CLUSTER: Final = (("AmazonEKSClusterPolicy",),)
_OF_NODES: Final = (
    ("AmazonEKSWorkerNodePolicy", "AmazonEKSWorkerNodeMinimalPolicy"),
    ("AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryReadOnly"),
)
"""Policies of AWS's own, one of each group, without which no node joins and none gets an image
(docs.aws.amazon.com/eks/latest/userguide: cluster-iam-role, create-node-role)."""


def there(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Of every role, of those of pods by whom they are taken, and of those of EKS what it asks for."""
    yield from any_at_all(whole, limits)
    yield from of_pods(whole, limits)
    yield from of_eks(whole, limits)


def any_at_all(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """By a policy of its own, one that is attached to it, or one within it."""
    del limits
    giving = whole.of(IAM_ROLE_POLICY, IAM_ATTACHMENT)

    def check(role: Resource) -> Iterator[str]:
        within = any(stated(input_of(role, field)) for field in ("inlinePolicies", "managedPolicyArns"))
        if not within and not any(refers(one, "role", role, "name") for one in giving):
            yield "may do nothing: its policy is missing, or nobody needs the role"

    yield from each(whole.of(IAM_ROLE), check)


def of_pods(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """A role that trusts EKS Pod Identity is given to pods by an association: without one they have none of its rights.
    Add-ons may bring their own.
    """
    del limits
    giving = [(one, "roleArn") for one in whole.of(POD_IDENTITY)]
    giving += [(one, "podIdentityAssociations") for one in whole.of(ADDON)]

    def check(role: Resource) -> Iterator[str]:
        if input_of(role, "assumeRolePolicy") is UNKNOWN:
            return
        trusted = {whom for it in statements(role.inputs, "assumeRolePolicy") if it.allows for whom in it.principals}
        if PODS in trusted and not any(refers(one, field, role) or _named(one, field, role) for one, field in giving):
            yield "trusts pods, and no PodIdentityAssociation gives it to any: they have none of its rights"

    yield from each(whole.of(IAM_ROLE), check)


def of_eks(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """The roles of the cluster and of its nodes, as far as they are of the stack."""
    del limits
    roles, attached = whole.of(IAM_ROLE), whole.of(IAM_ATTACHMENT)

    def lacking(resource: Resource, field: str, needed: Iterable[tuple[str, ...]]) -> Iterator[str]:
        for role in roles:
            if refers(resource, field, role, "arn") or _named(resource, field, role):
                has = {_name(one) for one in attached if refers(one, "role", role, "name")}
                for names in needed:
                    if has.isdisjoint(names):
                        yield f"its role {role.name} is without {' or '.join(names)}"

    yield from each(whole.of(EKS_CLUSTER), lambda it: lacking(it, "roleArn", _OF_CLUSTER))
    yield from each(whole.of(NODE_GROUP), lambda it: lacking(it, "nodeRoleArn", _OF_NODES))


def _named(resource: Resource, field: str, role: Resource) -> bool:
    """Where an ARN is known it ends with the role's name."""
    arn, name = input_of(resource, field), input_of(role, "name")
    return isinstance(arn, str) and isinstance(name, str) and arn.rpartition("/")[2] == name


def _name(attachment: Resource) -> str:
    return text_at(attachment.inputs, "policyArn").rpartition("/")[2]
