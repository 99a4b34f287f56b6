"""Rights in the AWS account: each role may do what its one user needs, on what is its own."""

import re
from collections.abc import Iterator

from policies.checks.documents import PODS, Statement, statements
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import UNKNOWN, text_at
from policies.checks.tokens import IAM_POLICY, IAM_ROLE_POLICY
from policies.checks.whole import Whole, input_of

_ON_ALL = re.compile(r"(ec2|elasticloadbalancing|autoscaling):Describe[A-Za-z]+|logs:DescribeLogGroups")
"""Actions that know no resources, so that AWS takes `*` alone
(docs.aws.amazon.com/service-authorization/latest/reference)."""
MANAGED = (
    "AmazonEKSClusterPolicy",
    "AmazonEKSWorkerNodePolicy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEKS_CNI_Policy",
    "AmazonEBSCSIDriverPolicy",
)
"""Policies of AWS's own that EKS asks for (docs/aws.md says why of each)."""
_ARN = re.compile(r"arn:aws[a-z-]*:iam::aws:policy/(?:[a-z-]+/)*([A-Za-z0-9_+=,.@-]+)")


def narrow(resource: Resource, limits: Limits) -> Iterator[str]:
    """Of an identity's policy. One that names what is not made yet is left to `judged-when-known`."""
    del limits
    if input_of(resource, "policy") is UNKNOWN:
        return
    for statement in statements(resource.inputs, "policy"):
        if statement.allows:
            for fault in _faults(statement):
                yield f"statement {statement.title} {fault}"


def _faults(statement: Statement) -> Iterator[str]:
    if statement.inverted:
        yield "is about everything but what it names (NotAction, NotResource)"
    wild = [action for action in statement.actions if "*" in action or "?" in action]
    if wild:
        yield "has actions with *: name them"
    everything = any(_is_all(resource) for resource in statement.resources)
    if everything and not wild and not all(_ON_ALL.fullmatch(action) for action in statement.actions):
        yield "is about all resources: name them"


def _is_all(resource: str) -> bool:
    """`*`, or an ARN that names nothing within its service, account and region."""
    return resource == "*" or resource.split(":", 5)[-1] == "*"


def trusted(resource: Resource, limits: Limits) -> Iterator[str]:
    """Services and pods assume roles; nobody in general and no whole account does.

    Pods by EKS Pod Identity are told by tags of the session, of which at least the service account has to be stated.
    """
    del limits
    for statement in statements(resource.inputs, "assumeRolePolicy"):
        if not statement.allows:
            continue
        if statement.lets_anybody:
            yield f"statement {statement.title} of its trust lets anybody assume it"
        if any(whom.endswith(":root") or whom.isdecimal() for whom in statement.principals):
            yield f"statement {statement.title} of its trust lets a whole account assume it"
        of_pods = PODS in statement.principals
        if of_pods and not statement.condition("StringEquals", "aws:RequestTag/kubernetes-service-account"):
            yield f"statement {statement.title} of its trust lets any pod assume it: state the service account's tag"


def managed(resource: Resource, limits: Limits) -> Iterator[str]:
    """AWS's own policies are wide; only those that EKS asks for are used."""
    del limits
    arn = text_at(resource.inputs, "policyArn")
    match = _ARN.fullmatch(arn)
    if match is not None and match[1] not in MANAGED:
        yield "attaches a policy of AWS's own that this pack does not know to be needed"


def later(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Policies that name what the update will make are judged by the update, before it makes them."""
    del limits
    waiting = [one.name for one in whole.of(IAM_ROLE_POLICY, IAM_POLICY) if input_of(one, "policy") is UNKNOWN]
    if waiting:
        yield Violation("", f"judged by the update, which knows what they name: {', '.join(waiting)}")
