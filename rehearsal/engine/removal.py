"""The order of deletions: what depends on a resource goes before it."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from rehearsal.engine.state import Held

Order = dict[str, list[str]]
"""What each deletion comes after."""


def order(unwanted: Mapping[str, Held], leaving: Mapping[str, Held]) -> Order:
    """`unwanted` left the program, by URN; `leaving` are former objects of replacements, under keys of their own.

    What is leaving was recorded by older updates, of which each may have had another order: where they contradict one
    another, only what left the program keeps an order.
    """
    found = _dependents({**unwanted, **leaving})
    try:
        TopologicalSorter(found).prepare()
    except CycleError:
        return {**{key: [] for key in leaving}, **_dependents(unwanted)}
    return found


def _dependents(going: Mapping[str, Held]) -> Order:
    keys: dict[str, list[str]] = {}
    for key, held in going.items():
        keys.setdefault(held.resource.urn, []).append(key)
    found: Order = {key: [] for key in going}
    for key, held in going.items():
        former = held.resource
        for other in (*former.depends_on, former.provider, former.parent):
            for before in keys.get(other or "", ()):
                found[before].append(key)
    return found
