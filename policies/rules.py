"""What a rule of a pack is: a check with its name, its words and the numbers that may be configured."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from policies.checks.model import Item, Limits, Minimums, Resource, Stack, Violation
from policies.checks.whole import Whole


class Severity(Enum):
    """How bad it is to live with a violation."""

    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Level(Enum):
    """What a violation does where nothing else is configured."""

    ADVISORY = "advisory"
    MANDATORY = "mandatory"


@dataclass(frozen=True)
class Parameter:
    """A value that may be configured."""

    description: str
    schema: Mapping[str, object]
    """JSON schema, with the default."""


def _days(default: int, least: int, most: int) -> Mapping[str, object]:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


PARAMETERS: Mapping[str, Parameter] = {
    "min_replicas": Parameter(
        "pods that whatever runs always has at least: `high_availability.min_replicas`",
        {"type": "integer", "minimum": 1, "maximum": 1000, "default": Minimums().min_replicas},
    ),
    "zones": Parameter(
        "the cluster's zones by their `topology.kubernetes.io/zone`; none means three of any name",
        {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "uniqueItems": True,
            "default": list(Minimums().zone_names),
        },
    ),
    "key_days": Parameter(
        "days that must be left to call the deletion of a KMS key off; AWS allows 7 to 30",
        _days(Limits().key_days, 7, 30),
    ),
    "retention_days": Parameter(
        "days for which backups, and versions of objects that were deleted or overwritten, are kept at least; the "
        "settings' `backups.retention_days` counts where it is more",
        _days(Limits().retention_days, 1, 3650),
    ),
    "log_days": Parameter("days for which logs are kept at least", _days(Limits().log_days, 1, 3653)),
    "public_ports": Parameter(
        "ports that a load balancer for users may open to the world",
        {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": 65535},
            "uniqueItems": True,
            "default": list(Limits().public_ports),
        },
    ),
    "failover_seconds": Parameter(
        "seconds until users of a public name are led away from a region that is down",
        {"type": "integer", "minimum": 40, "maximum": 3600, "default": Limits().failover_seconds},
    ),
    "times_plan": Parameter(
        "how many times what the plan asks for all pods of a component may have",
        {"type": "integer", "minimum": 1, "maximum": 100, "default": Limits().times_plan},
    ),
    "standby_percent": Parameter(
        "percent of home's CPU and memory that each standby has at least, by component",
        {"type": "integer", "minimum": 1, "maximum": 100, "default": Limits().standby_percent},
    ),
}


def minimums(config: Mapping[str, Any]) -> Minimums:
    """The values of a configuration, whose numbers arrive as floats; those that it leaves out are the defaults."""
    default = Minimums()
    return Minimums(
        min_replicas=int(config.get("min_replicas", default.min_replicas)),
        zone_names=tuple(config.get("zones", default.zone_names)),
    )


def limits(config: Mapping[str, Any]) -> Limits:
    """The same for the packs data-safety, security and capacity, and for the rules of all regions."""
    default = Limits()
    return Limits(
        key_days=int(config.get("key_days", default.key_days)),
        retention_days=int(config.get("retention_days", default.retention_days)),
        log_days=int(config.get("log_days", default.log_days)),
        public_ports=tuple(int(port) for port in config.get("public_ports", default.public_ports)),
        failover_seconds=int(config.get("failover_seconds", default.failover_seconds)),
        times_plan=int(config.get("times_plan", default.times_plan)),
        standby_percent=int(config.get("standby_percent", default.standby_percent)),
    )


GONE: Final = "(left out)"
"""Stands in an example for a field that is not stated."""


@dataclass(frozen=True)
class Example:
    """One field of a resource, as it breaks a rule and as it keeps it. A unit test holds both to be true."""

    kind: str
    """Of the resource, as its manifest or the AWS documentation calls it."""
    path: str
    """Of the field: `spec.template.spec.containers.0.image`, or `protect`, an option of the resource."""
    fails: Any
    passes: Any


@dataclass(frozen=True)
class Case:
    """What breaks a rule and what keeps it, in words: it takes more than one field of one resource to show."""

    fails: str
    passes: str
    test: str
    """Which shows both, from the checkout's root."""


@dataclass(frozen=True)
class Rule:
    """The words of a rule, as the engine shows them."""

    name: str
    description: str
    remedy: str
    severity: Severity
    parameters: tuple[str, ...] = ()
    """Names in `PARAMETERS` that the check looks at."""
    level: Level = Level.MANDATORY
    example: Example | None = None
    case: Case | None = None
    """Stated where there is no example."""


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


@dataclass(frozen=True, kw_only=True)
class PlainRule(Rule):
    """Like a ResourceRule, over the inputs as they are; refuses a resource whose fields it cannot read."""

    types: tuple[str, ...]
    """Type tokens of the resources that it judges."""
    check: Callable[[Resource, Limits], Iterable[str]]
    """What is wrong with a resource, in words. May raise Unreadable."""


@dataclass(frozen=True, kw_only=True)
class WholeRule(Rule):
    """Like a StackRule, over the inputs as they are."""

    check: Callable[[Whole, Limits], Iterable[Violation]]


@dataclass(frozen=True, kw_only=True)
class ExceptionsRule(Rule):
    """Refuses exceptions that have expired or that nothing needs. The last of a pack: the others are asked first."""


EXCEPTIONS: Final = ExceptionsRule(
    name="exceptions",
    description="Every exception from a policy of this pack is in force and needed.",
    remedy="Mend the resource, and take the entry out of policies/exceptions.yaml.",
    severity=Severity.MEDIUM,
    case=Case(
        fails="an entry whose day is past, or that no violation needs",
        passes="an entry in force for a violation that is there",
        test="tests/unit/test_policy_exceptions.py",
    ),
)


def judges_single(rule: Rule) -> bool:
    """Whether the rule looks at one resource at a time."""
    return isinstance(rule, (ResourceRule, PlainRule))
