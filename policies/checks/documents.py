"""Policy documents of AWS: statements with whom, what and on what.

Grammar: docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from policies.checks.plain import Plain, Unreadable, at

ANYBODY = "*"
PODS = "pods.eks.amazonaws.com"
"""Whom a role trusts that pods take by EKS Pod Identity."""


@dataclass(frozen=True)
class Statement:
    title: str
    """Its Sid, or its place."""
    allows: bool
    principals: tuple[str, ...]
    """ARNs, accounts and services; `*` is anybody."""
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    inverted: bool
    """By NotAction, NotResource or NotPrincipal: about everything but what it names."""
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Operator to key to values."""

    @property
    def lets_anybody(self) -> bool:
        """It allows something to whoever asks, or to all but those that it names."""
        return self.allows and (ANYBODY in self.principals or self.inverted)

    def condition(self, operator: str, key: str) -> tuple[str, ...]:
        return self.conditions.get(operator, {}).get(key, ())


def statements(inputs: Plain, field: str) -> Iterator[Statement]:
    """Of the document in a field, which is JSON text or an object. Raises Unreadable."""
    value = at(inputs, field)
    if value is None:
        raise Unreadable(f"{field} is missing")
    try:
        document = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise Unreadable(f"{field} is not JSON") from None
    found = at(document, "Statement")
    for index, entry in enumerate(found if isinstance(found, list) else [found]):
        if not isinstance(entry, Mapping):
            raise Unreadable(f"{field} has a statement that is not an object")
        yield _statement(cast(Mapping[str, Any], entry), index)


def _statement(entry: Mapping[str, Any], index: int) -> Statement:
    principal = entry.get("Principal")
    whom = (
        [one for value in cast(Mapping[str, Any], principal).values() for one in _texts(value)]
        if isinstance(principal, Mapping)
        else _texts(principal)
    )
    conditions = cast(Mapping[str, Mapping[str, Any]], entry.get("Condition") or {})
    return Statement(
        title=str(entry.get("Sid") or f"number {index + 1}"),
        allows=entry.get("Effect") == "Allow",
        principals=tuple(whom),
        actions=_texts(entry.get("Action")),
        resources=_texts(entry.get("Resource")),
        inverted=bool({"NotAction", "NotResource", "NotPrincipal"} & entry.keys()),
        conditions={
            operator: {key: _texts(values) for key, values in keys.items()} for operator, keys in conditions.items()
        },
    )


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(str(one) for one in cast(Sequence[Any], value))
    return () if value is None else (str(value),)
