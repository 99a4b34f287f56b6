"""All resources of a stack as plain data, found by type and by what refers to what."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from policies.checks.model import Resource, Violation
from policies.checks.plain import UNKNOWN, Plain, Unreadable, field_of


@dataclass(frozen=True)
class Whole:
    """A stack, each resource with its inputs."""

    resources: tuple[Resource, ...] = ()

    @cached_property
    def _by_type(self) -> dict[str, tuple[Resource, ...]]:
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.type, []).append(resource)
        return {token: tuple(resources) for token, resources in found.items()}

    def of(self, *types: str) -> tuple[Resource, ...]:
        """The resources of these type tokens."""
        return tuple(resource for token in types for resource in self._by_type.get(token, ()))

    @cached_property
    def on_aws(self) -> bool:
        """The stack makes its platform, too."""
        return any(token.startswith("aws:") for token in self._by_type)


def refers(resource: Resource, field: str, target: Resource, *names: str) -> bool:
    """Whether a top-level input of one resource names another: by where its value comes from, or by the other's inputs.

    `names` are inputs of the target whose values others refer to it by. Ids that only an update knows are told by
    where they come from alone.
    """
    value = input_of(resource, field)
    if target.urn in resource.sources.get(field, ()) and stated(value):
        return True
    return isinstance(value, str) and any(value == input_of(target, name) for name in names)


def input_of(resource: Resource, field: str) -> Plain:
    """A top-level input, whatever it is: None where it is absent, `UNKNOWN` where only the update knows it."""
    return field_of(resource.inputs, field)


def stated(value: Plain) -> bool:
    """Whether there is a value at all, known or not: a reference to what the update makes is unknown in a preview."""
    return value is UNKNOWN or bool(value)


def each(resources: Iterable[Resource], check: Callable[[Resource], Iterable[str]]) -> Iterator[Violation]:
    """What a check says of each resource; what it cannot read is said of that one, and the others are still judged."""
    for resource in resources:
        yield from one(resource, check)


def one(resource: Resource, check: Callable[[Resource], Iterable[str]]) -> Iterator[Violation]:
    try:
        for message in check(resource):
            yield Violation(resource.urn, f"{resource.name}: {message}")
    except Unreadable as problem:
        yield Violation(resource.urn, f"{resource.name}: cannot be judged: {problem}")
