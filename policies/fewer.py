"""Fewer pods of a store that holds data: an update takes away what is on them, as a deletion would.

The program empties what is beyond a lower number first, and keeps as outputs of its stack down to what number the next
run may go, which a run that failed does not change (components/scale_in.py, components/zone_places.py). A plan shows
them as what the stack is before the update. PostgreSQL has no such number: its instances are never emptied.
"""

from collections.abc import Mapping
from functools import reduce
from string import ascii_lowercase
from typing import Any, Final, cast

from policies.checks.plain import field_of
from policies.checks.tokens import POSTGRESQL, STATEFUL_SET

NUMBERS: Final[Mapping[str, str]] = {STATEFUL_SET: "replicas", POSTGRESQL: "instances"}
"""Type to the field of `spec` with its number of pods; one where it is not stated."""

QDRANT: Final = "qdrant"
REDIS: Final = "redis-zone-"
"""Names of the StatefulSets that are drained; of Redis' the one of a zone goes on with a letter, by its place."""

SCALE_IN, NODES, ZONES, PODS = "scale_in", "qdrant.replicas", "zones", "redis_pods"
"""Stack output, and in it the least number of Qdrant's nodes; stack output, and in each zone that of Redis' pods."""


def taken(token: str, step: Mapping[str, Any], outputs: Mapping[str, Any]) -> str | None:
    """What the update of a store takes away that nothing has emptied, in words; None where it takes nothing.

    `outputs` are those of the stack before. ValueError where the step does not show the store before and after.
    """
    before, after = (_inputs(step, state) for state in ("oldState", "newState"))
    had, has = (_number(inputs, NUMBERS[token]) for inputs in (before, after))
    if has is None or had is None:
        return "an unknown number of the pods"
    if has >= had:
        return None
    lowest = _lowest(_at(before, "metadata", "name"), outputs) if token == STATEFUL_SET else None
    return None if lowest is not None and has >= lowest else f"{had - has} of {had} pods"


def _inputs(step: Mapping[str, Any], state: str) -> Mapping[str, Any]:
    inputs = _at(step, state, "inputs")
    if not isinstance(inputs, Mapping):
        raise ValueError(f"has an update without its {state}")
    return cast(Mapping[str, Any], inputs)


def _number(inputs: Mapping[str, Any], name: str) -> int | None:
    """None where it is not known, or secret."""
    value = _at(inputs, "spec", name)
    return 1 if value is None else _whole(value)


def _lowest(name: Any, outputs: Mapping[str, Any]) -> int | None:
    """How many pods of a StatefulSet are not emptied; None where the stack does not say."""
    if name == QDRANT:
        return _whole(_at(outputs, SCALE_IN, NODES))
    zones = outputs.get(ZONES)
    places = zip(ascii_lowercase, cast(list[Any], zones), strict=False) if isinstance(zones, list) else ()
    return next((_whole(_at(zone, PODS)) for letter, zone in places if name == f"{REDIS}{letter}"), None)


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _at(value: Any, *path: str) -> Any:
    return reduce(field_of, path, value)
