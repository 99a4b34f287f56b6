"""What a rule is: a function over the draft that names what it reads."""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator

from settings.draft import Draft, Finding
from settings.faults import Place

Check = Callable[[Draft], Iterator[Finding]]


def place(path: str) -> Place:
    """A dotted path with list indexes as a place: "multiregion.regions[1].name"."""
    return tuple(int(part) if part.isdecimal() else part for part in re.split(r"\.|\[|\]\.?", path) if part)


def rule(*reads: str) -> Callable[[Check], Check]:
    """Marks a rule with all that it reads. It is left out when any of that is faulty already."""
    places = [place(path) for path in reads]

    def mark(check: Check) -> Check:
        def guarded(draft: Draft) -> Iterator[Finding]:
            if draft.sound(places):
                yield from check(draft)

        return guarded

    return mark


def repeated(items: Iterable[Hashable]) -> Iterator[tuple[int, int]]:
    """Index of each item that stood before, and where it stood first."""
    first: dict[Hashable, int] = {}
    for index, item in enumerate(items):
        if item in first:
            yield index, first[item]
        else:
            first[item] = index
