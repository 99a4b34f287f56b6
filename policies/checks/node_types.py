"""Types of nodes: a node group says which it takes."""

from collections.abc import Iterator

from policies.checks.model import Limits, Resource
from policies.checks.plain import texts_at


def stated(resource: Resource, limits: Limits) -> Iterator[str]:
    """AWS's own choice, where none is stated, is t3.medium, which no store fits on
    (docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html: instanceTypes).
    """
    del limits
    if not texts_at(resource.inputs, "instanceTypes"):
        yield "states no instanceTypes: AWS takes t3.medium, unless the launch template says another"
