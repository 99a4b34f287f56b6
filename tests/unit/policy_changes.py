"""What the rules say more of a region of which one resource is changed or gone, asked of those alone that may.

A rule is a function of what it looks at. One over plain data that looked at no resource of a type says the same
whatever becomes of those; and one over what was read does where the resource reads as before.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from policies.checks import read
from policies.checks.model import Item, Limits, Resource
from policies.checks.plain import Unreadable
from policies.checks.whole import Whole
from policies.rules import ResourceRule, StackRule, WholeRule
from tests.unit.policy_mutants import Mutant
from tests.unit.policy_plan import PACKS, Stack, Verdict, ask, minimums

T = TypeVar("T")


@dataclass(frozen=True)
class _Watched(Whole):
    """Says what types of resources were looked at: a token, a package, or the empty text for all."""

    looked: set[str] = field(default_factory=set[str])

    def of(self, *types: str) -> tuple[Resource, ...]:
        self.looked.update(types)
        return super().of(*types)

    def of_package(self, package: str) -> tuple[Resource, ...]:
        self.looked.add(f"{package}:")
        return super().of_package(package)

    def once(self, find: Callable[[Whole], T]) -> T:
        return find(self)

    def __getattribute__(self, name: str) -> Any:
        if name == "resources":
            object.__getattribute__(self, "looked").add("")
        return object.__getattribute__(self, name)


class Before:
    """A region as it is, and what is said of it."""

    def __init__(self, stack: Stack) -> None:
        self._least, self._limits = minimums(stack), Limits()
        self._items = {resource.urn: _read(resource) for resource in stack}
        self._looked: dict[str, set[str]] = {}
        self._said: set[tuple[str, str]] = set()
        known, whole = read.stack(stack, self._item), Whole(stack)
        for pack, rules in PACKS.items():
            for rule in rules:
                watched = _Watched(stack)
                watched.on_aws  # noqa: B018  (sorts the resources, which looks at all of them once)
                watched.looked.clear()
                seen = watched if isinstance(rule, WholeRule) else whole
                said = ask(rule, stack, seen, known, self._limits, self._least)
                self._said |= {(rule.name, violation.urn) for violation in said}
                self._looked[f"{pack} {rule.name}"] = watched.looked

    def more(self, mutant: Mutant, packs: Collection[str] = PACKS) -> Iterator[Verdict]:
        """What is said of a mutant and was not said before, by the packs in this order."""
        found = None if mutant.new is None else _read(mutant.new)
        same = mutant.new is not None and found == self._items[mutant.old.urn]
        whole, known = Whole(mutant.stack), None
        for pack in packs:
            for rule in PACKS[pack]:
                looked = self._looked[f"{pack} {rule.name}"]
                if isinstance(rule, WholeRule) and not any(map(mutant.old.type.startswith, looked)):
                    continue
                if isinstance(rule, (StackRule, ResourceRule)):
                    if same:
                        continue
                    known = known or read.stack(mutant.stack, lambda it: self._item(it, mutant.new, found))
                for violation in ask(rule, mutant.changed, whole, known, self._limits, self._least):
                    if (rule.name, violation.urn) not in self._said:
                        yield Verdict(pack, rule.name, rule.level.value, violation.urn, violation.message)

    def _item(self, resource: Resource, new: Resource | None = None, read_anew: Any = None) -> Item | None:
        found = read_anew if resource is new else self._items[resource.urn]
        if isinstance(found, str):
            raise Unreadable(found)
        return found


def _read(resource: Resource) -> Item | str | None:
    """As the checks know it, or why it cannot be read."""
    try:
        return read.item(resource)
    except Unreadable as problem:
        return str(problem)
