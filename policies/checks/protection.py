"""What holds data is not deleted by a mistake: the engine's `protect`, and what AWS itself protects."""

from collections.abc import Iterator

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import flag_at
from policies.checks.tokens import (
    BUCKET,
    EKS_CLUSTER,
    KEY,
    LOAD_BALANCER,
    NAMESPACE,
    POSTGRESQL,
    REPLICA_KEY,
    STATEFUL_SET,
    VOLUME,
    VOLUME_CLAIM,
    VPC,
    ZONE,
)
from policies.checks.whole import Whole, each

HOLD_DATA = (
    STATEFUL_SET,
    POSTGRESQL,
    VOLUME,
    VOLUME_CLAIM,
    BUCKET,
    KEY,
    REPLICA_KEY,
    ZONE,
    EKS_CLUSTER,
    VPC,
    LOAD_BALANCER,
)
"""With what data is lost or cannot be reached any more. Also those without which everything else has to go."""

DELETION_PROTECTION = {EKS_CLUSTER: "deletionProtection", LOAD_BALANCER: "enableDeletionProtection"}


def protected(resource: Resource, limits: Limits) -> Iterator[str]:
    """`protect` makes the engine refuse a delete; a delete never reaches a policy, so it has to be stated before."""
    del limits
    if not resource.protect:
        yield "is not protected: a resource that leaves the program, or a new name, would delete it with what it holds"
    if resource.deleted_first:
        yield "would be deleted before its replacement exists (deleteBeforeReplace)"


def namespaces(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """With a namespace everything in it goes."""
    del limits
    holding = {metadata.namespace(resource) for resource in whole.of(STATEFUL_SET, POSTGRESQL, VOLUME_CLAIM)}

    def check(resource: Resource) -> Iterator[str]:
        if not resource.protect and metadata.name(resource) in holding:
            yield "is not protected, and what holds data is in it"

    yield from each(whole.of(NAMESPACE), check)


def against_deletion(resource: Resource, limits: Limits) -> Iterator[str]:
    """AWS's own protection holds against whoever is not Pulumi, too."""
    del limits
    field = DELETION_PROTECTION[resource.type]
    if not flag_at(resource.inputs, field, default=False):
        yield f"{field} is not true: anybody with the right to may delete it by one call"
