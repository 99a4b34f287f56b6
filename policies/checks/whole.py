"""All resources of a stack as plain data, found by type and by what refers to what."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from policies.checks.model import Resource, Violation
from policies.checks.plain import UNKNOWN, Plain, Unreadable, field_of

T = TypeVar("T")


@dataclass(frozen=True)
class Whole:
    """A stack, each resource with its inputs."""

    resources: tuple[Resource, ...] = ()
    _found: dict[Any, Any] = field(default_factory=dict[Any, Any], init=False, repr=False, compare=False)

    def once(self, find: "Callable[[Whole], T]") -> T:
        """What a function finds in the stack: it looks once, for all rules."""
        if find not in self._found:
            self._found[find] = find(self)
        return self._found[find]

    @cached_property
    def _by_type(self) -> dict[str, tuple[Resource, ...]]:
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.type, []).append(resource)
        return {token: tuple(resources) for token, resources in found.items()}

    @cached_property
    def urns(self) -> frozenset[str]:
        """Of all resources that are shown."""
        return frozenset(resource.urn for resource in self.resources)

    def of(self, *types: str) -> tuple[Resource, ...]:
        """The resources of these type tokens."""
        return tuple(resource for token in types for resource in self._by_type.get(token, ()))

    def of_package(self, package: str) -> tuple[Resource, ...]:
        """The resources of a provider's package: `aws`."""
        return tuple(it for token, found in self._by_type.items() if token.startswith(f"{package}:") for it in found)

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
