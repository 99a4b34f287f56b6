"""Services of AWS that nodes call: reached within the VPC, while the NAT gateway of a zone is away, too."""

from collections.abc import Iterator
from typing import Final

from policies.checks.model import Limits, Violation
from policies.checks.plain import Unreadable, text_at
from policies.checks.tokens import NODE_GROUP, VPC, VPC_ENDPOINT
from policies.checks.whole import Whole

NEEDED: Final = (
    "s3",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "sts",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "logs",
    "autoscaling",
)
"""By which nodes join, get images and rights, and load balancers are led to pods
(docs.aws.amazon.com/eks/latest/userguide/private-clusters.html)."""


def reached(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Where nodes and their VPC are of the stack: of a VPC that is there already its endpoints are not known."""
    del limits
    if not whole.of(NODE_GROUP) or not whole.of(VPC):
        return
    names = set[str]()
    for endpoint in whole.of(VPC_ENDPOINT):
        try:
            names.add(text_at(endpoint.inputs, "serviceName"))
        except Unreadable as problem:
            yield Violation(endpoint.urn, f"{endpoint.name}: cannot be judged: {problem}")
    for service in NEEDED:
        if not any(name.endswith(f".{service}") for name in names):
            yield Violation("", f"the VPC has no endpoint for {service}: nodes call it by NAT gateways alone")
