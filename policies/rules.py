"""What a rule of a pack is: a check with its name, its words and the numbers that may be configured."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from policies.checks.model import Item, Minimums, Stack, Violation


class Severity(Enum):
    """How bad it is to live with a violation."""

    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Parameter:
    """A value that may be configured."""

    description: str
    schema: Mapping[str, object]
    """JSON schema, with the default."""


PARAMETERS: Mapping[str, Parameter] = {
    "min_replicas": Parameter(
        "pods that whatever runs always has at least: `high_availability.min_replicas`",
        {"type": "integer", "minimum": 1, "default": Minimums().min_replicas},
    ),
    "zones": Parameter(
        "the cluster's zones by their `topology.kubernetes.io/zone`; none means three of any name",
        {"type": "array", "items": {"type": "string"}, "default": list(Minimums().zone_names)},
    ),
}


def minimums(config: Mapping[str, Any]) -> Minimums:
    """The values of a configuration, whose numbers arrive as floats; those that it leaves out are the defaults."""
    default = Minimums()
    return Minimums(
        min_replicas=int(config.get("min_replicas", default.min_replicas)),
        zone_names=tuple(config.get("zones", default.zone_names)),
    )


@dataclass(frozen=True)
class Rule:
    """The words of a rule, as the engine shows them."""

    name: str
    description: str
    remedy: str
    severity: Severity
    parameters: tuple[str, ...] = ()
    """Names in `PARAMETERS` that the check looks at."""


@dataclass(frozen=True, kw_only=True)
class ResourceRule(Rule):
    """Judges one resource by its inputs, before it is created or changed: in an update a violation stops it."""

    check: Callable[[Item, Minimums], Iterable[Violation]]
    refuses_unreadable: bool = False
    """The one rule of a pack that reports what cannot be read; the others leave such a resource to it."""


@dataclass(frozen=True, kw_only=True)
class StackRule(Rule):
    """Judges all resources together.

    An engine asks it in a preview, which it fails, and again when an update has applied everything: only the
    preview protects.
    """

    check: Callable[[Stack, Minimums], Iterable[Violation]]
