"""The program's own regions on both platforms as plain data, to be broken in one field, and what the rules say then.

The rules are asked without the SDK, whose own work would take most of the time: tests/unit/policy_region.py and the
rehearsal's tests ask through it, and find the same.
"""

import copy
import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from policies import data_safety, high_availability, security
from policies.checks import read
from policies.checks.model import Limits, Minimums, Resource
from policies.checks.plain import Unreadable
from policies.checks.whole import Whole, one
from policies.rules import GONE, PlainRule, ResourceRule, Rule, StackRule, WholeRule
from rehearsal import plain
from rehearsal.engine.model import PlannedResource
from tests.unit.aws_region import Regions, brought_up

PACKS: Mapping[str, tuple[Rule, ...]] = {pack.NAME: pack.RULES for pack in (data_safety, high_availability, security)}
PLATFORMS = ("kubernetes", "aws")
REGIONS = ("us-east", "us-west")

Stack = tuple[Resource, ...]


@dataclass(frozen=True)
class Verdict:
    pack: str
    policy: str
    level: str
    urn: str
    message: str


class KubernetesRegions(Regions):
    """The same on clusters that are there."""

    def configuration(self, region: str) -> dict[str, Any]:
        stated = {**super().configuration(region), "platform": "kubernetes"}
        del stated["aws"]
        return stated


@cache
def planned(platform: str) -> Mapping[str, Sequence[PlannedResource]]:
    """Both regions of the program on a platform, each once a session."""
    if platform == "aws":
        return {region: plan.resources for region, plan in brought_up().plans.items()}
    regions = KubernetesRegions()
    for region in REGIONS:
        regions.up(region)
    return {region: plan.resources for region, plan in regions.plans.items()}


@cache
def region(platform: str, name: str) -> Stack:
    return plain.resources(planned(platform)[name])


def minimums(stack: Stack) -> Minimums:
    """As the rehearsal tells the packs: the zones are the cluster's own."""
    aws = {resource.region for resource in stack if resource.type == "aws:eks/cluster:Cluster"}
    place = aws.pop() if aws else ""
    zones = tuple(f"{place}{letter}" for letter in "abc") if place else ("zone-a", "zone-b", "zone-c")
    return Minimums(3, zones)


def verdicts(
    stack: Stack,
    changed: Iterable[Resource] | None = None,
    limits: Limits | None = None,
    packs: Collection[str] = PACKS,
    least: Minimums | None = None,
    policies: Collection[str] | None = None,
) -> Iterator[Verdict]:
    """What the rules of all packs say, or these policies alone, for none hears of another. Where some resources are
    named as changed, only those are judged singly."""
    singly = tuple(stack if changed is None else changed)
    numbers, least = limits or Limits(), least or minimums(stack)
    whole = Whole(stack)
    asked = [(pack, rule) for pack in packs for rule in PACKS[pack] if policies is None or rule.name in policies]
    read_stack = read.stack(stack if any(isinstance(rule, StackRule) for _, rule in asked) else ())
    for pack, rule in asked:
        for violation in ask(rule, singly, whole, read_stack, numbers, least):
            yield Verdict(pack, rule.name, rule.level.value, violation.urn, violation.message)


def ask(
    rule: Rule, singly: Sequence[Resource], whole: Whole, stack: Any, limits: Limits, least: Minimums
) -> Iterator[Any]:
    """What one rule says: of each of some resources, or of all together."""
    if isinstance(rule, PlainRule):
        for resource in singly:
            if resource.type in rule.types:
                yield from one(resource, lambda it: rule.check(it, limits))
    elif isinstance(rule, WholeRule):
        try:
            yield from rule.check(whole, limits)
        except Unreadable as problem:
            yield Verdict("", rule.name, "", "", str(problem))
    elif isinstance(rule, StackRule):
        yield from rule.check(stack, least)
    elif isinstance(rule, ResourceRule):
        for resource in singly:
            try:
                item = read.item(resource)
            except Unreadable as problem:
                if rule.refuses_unreadable:
                    yield Verdict("", rule.name, "", resource.urn, str(problem))
            else:
                yield from () if item is None else rule.check(item, least)


def token_is(token: str, kind: str) -> bool:
    """Whether a type is the one that the documents call so: `Deployment`, `aws.s3.Bucket`, `aws.Provider`."""
    if kind == "aws.Provider":
        return token == "pulumi:providers:aws"
    if kind.startswith("aws."):
        return token.startswith("aws:") and token.rpartition(":")[2] == kind.rpartition(".")[2]
    if kind == "Cluster":
        return token == "kubernetes:postgresql.cnpg.io/v1:Cluster"
    return token.startswith("kubernetes:") and token.rpartition(":")[2] == kind


def put(resource: Resource, path: str, value: Any) -> Resource:
    """The resource with a field set, or left out with GONE."""
    if path == "protect":
        return dataclasses.replace(resource, protect=value)
    if path == "deleteBeforeReplace":
        return dataclasses.replace(resource, deleted_first=value)
    if path == "ignoreChanges":
        return dataclasses.replace(resource, ignored=tuple(value))
    inputs = copy.deepcopy(resource.inputs)
    *parents, last = path.split(".")
    place: Any = inputs
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
    listed = isinstance(place, list)
    key: Any = int(last) if listed else last
    place = cast(Any, place)
    if value == GONE:
        if listed or key in place:
            del place[key]
    else:
        place[key] = copy.deepcopy(value)
    return dataclasses.replace(resource, inputs=inputs)


def swapped(stack: Stack, old: Resource, new: Resource) -> Stack:
    return tuple(new if resource is old else resource for resource in stack)


def without(stack: Stack, *gone: Resource) -> Stack:
    return tuple(resource for resource in stack if resource not in gone)


def find(stack: Stack, kind: str, name: str = "", where: Callable[[Resource], bool] = lambda _: True) -> Resource:
    """The first resource of a kind whose Pulumi name ends so."""
    return next(it for it in stack if token_is(it.type, kind) and it.name.endswith(name) and where(it))
