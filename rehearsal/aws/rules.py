"""Every rule, by the type that it judges."""

from collections.abc import Iterator, Mapping
from typing import Final

from rehearsal.aws import (
    rules_dns,
    rules_edge,
    rules_eks,
    rules_iam,
    rules_links,
    rules_network,
    rules_references,
    rules_routes,
    rules_s3,
    rules_transit,
)
from rehearsal.aws.resource import Draft, Resource, Rule
from rehearsal.aws.world import World

RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    **rules_dns.RULES,
    **rules_edge.RULES,
    **rules_eks.RULES,
    **rules_iam.RULES,
    **rules_links.RULES,
    **rules_network.RULES,
    **rules_routes.RULES,
    **rules_s3.RULES,
    **rules_transit.RULES,
}
"""By token; the rules of references hold for every type."""


def faults(draft: Draft) -> Iterator[str]:
    """What AWS would refuse in a resource. Where a reference leads nowhere, nothing more is judged."""
    broken = list(rules_references.resolve(draft))
    yield from broken
    if not broken:
        for rule in RULES.get(draft.type, ()):
            yield from rule(draft)


def unfinished(world: World) -> Iterator[tuple[Resource, str]]:
    """What is wrong with the whole set, by the resource that shows it."""
    yield from rules_routes.unfinished(world)
    yield from rules_eks.unfinished(world)
