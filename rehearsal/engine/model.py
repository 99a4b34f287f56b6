"""What the engines speak: resources, plans, changes and results, and the marks of secret and unknown values.

Inputs and outputs are plain JSON values (dict with text keys, list, str, int, float, bool, None) in which a `Secret` or
`UNKNOWN` may stand at any depth. Property names are the wire's camelCase (`stringData`), whatever the language.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Final, Protocol

from rehearsal.progress import Progress

Value = Any
"""A JSON value with `Secret` and `UNKNOWN` marks."""

STACK_REFERENCE: Final = "pulumi:pulumi:StackReference"
MASK: Final = "[secret]"
UNKNOWN_TEXT: Final = "[unknown]"


class Secret:
    """A secret value. It shows itself in no text; only `.value` gives it away, and `json.dumps` refuses it."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value: Value = value.value if isinstance(value, Secret) else value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return format(MASK, format_spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.value == other.value

    __hash__ = None  # type: ignore[assignment]


class Unknown:
    """A value that only the update will know. Use the one instance `UNKNOWN`."""

    _one: "Unknown | None" = None

    def __new__(cls) -> "Unknown":
        if cls._one is None:
            cls._one = super().__new__(cls)
        return cls._one

    def __repr__(self) -> str:
        return UNKNOWN_TEXT


UNKNOWN: Final = Unknown()


class Change(Enum):
    """What happens to a resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    SAME = "same"


@dataclass(frozen=True)
class PlannedResource:
    """A resource as the program registered it."""

    type: str
    """The type token, `kubernetes:apps/v1:StatefulSet`."""
    name: str
    urn: str
    parent: str | None
    """URN of the parent; None for those directly under the stack."""
    inputs: dict[str, Value]
    protect: bool = False
    depends_on: tuple[str, ...] = ()
    """URNs of what must be there first: explicit dependencies and those of every input, sorted."""
    provider: str | None = None
    """URN of the provider resource; None for components and the ambient provider."""
    ignore_changes: tuple[str, ...] = ()
    custom: bool = True
    """False for components."""
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Input name to the URNs that its value came from."""
    aliases: tuple[str, ...] = ()
    """URNs under which the resource was known before."""
    additional_secret_outputs: tuple[str, ...] = ()
    delete_before_replace: bool = False
    retain_on_delete: bool = False
    timeouts: Mapping[str, float] = field(default_factory=dict)
    """`create`, `update`, `delete` in seconds, where the program states them."""
    outputs: dict[str, Value] = field(default_factory=dict)
    """What the program was told that the resource became, where that is more than its inputs."""


def shown_to_packs(resources: Iterable[PlannedResource]) -> list[PlannedResource]:
    """Those that a policy pack sees: none that is only read (pkg/resource/deploy/step_executor.go: `reads`)."""
    return [resource for resource in resources if resource.type != STACK_REFERENCE]


@dataclass(frozen=True)
class Plan:
    """One region as its program describes it, in the order of registration."""

    region: str
    resources: tuple[PlannedResource, ...]
    outputs: dict[str, Value] = field(default_factory=dict)
    """Stack outputs."""


@dataclass(frozen=True)
class Step:
    """What happens, or happened, to one resource, and why."""

    change: Change
    urn: str
    type: str
    name: str
    reasons: tuple[str, ...] = ()
    """Paths of the inputs that differ, or a short sentence; never a value."""


def count(steps: Iterable[Step]) -> dict[str, int]:
    """How many resources each change concerns, every change named: `{"create": 3, "update": 0, …}`."""
    seen = Counter(step.change for step in steps)
    return {change.value: seen[change] for change in Change}


@dataclass(frozen=True)
class Preview:
    """What an update would do, with nothing touched."""

    region: str
    resources: tuple[PlannedResource, ...]
    steps: tuple[Step, ...]
    outputs: dict[str, Value] = field(default_factory=dict)

    @property
    def changes(self) -> dict[str, int]:
        return count(self.steps)


@dataclass(frozen=True)
class Result:
    """What an update or a destroy did."""

    region: str
    resources: tuple[PlannedResource, ...]
    steps: tuple[Step, ...]
    outputs: dict[str, Value] = field(default_factory=dict)

    @property
    def changes(self) -> dict[str, int]:
        return count(self.steps)


Gate = Callable[[str, Sequence[PlannedResource]], None]
"""Asked (region, resources) after the program was evaluated and before anything is applied; raises to stop it."""


class Engine(Protocol):
    """Brings regions up. Regions may be asked for from several threads; a home region comes before its standbys."""

    name: ClassVar[str]
    """`in-process` or `pulumi`."""

    def preview(self, region: str) -> Preview:
        """What `up` would do now. Raises RehearsalError when the program refuses its settings."""
        ...

    def up(self, region: str, progress: Progress, gate: Gate | None = None) -> Result:
        """Make the region what the program says. RehearsalError; a later call takes up where this one stopped."""
        ...

    def destroy(self, region: str, progress: Progress) -> Result:
        """Delete what `up` made, dependents first. Refuses while a resource is protected."""
        ...

    def interrupt(self) -> None:
        """End every update soon: what was made is recorded, nothing new is begun, and the updates raise."""
        ...


def masked(value: Value) -> Value:
    """The value for human eyes: "[secret]" for each secret, "[unknown]" for what only the update will know."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Unknown):
        return UNKNOWN_TEXT
    if isinstance(value, Mapping):
        return {str(key): masked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    return value


def revealed(value: Value) -> Value:
    """The value without secret marks: only for the API server, a provider or a policy pack. `UNKNOWN` stays."""
    if isinstance(value, Secret):
        return revealed(value.value)
    if isinstance(value, Mapping):
        return {str(key): revealed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(item) for item in value]
    return value


def has_unknown(value: Value) -> bool:
    """Whether a value, or a part of it, is only known to the update."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    return isinstance(value, (list, tuple)) and any(has_unknown(item) for item in value)


def resource_json(resource: PlannedResource) -> dict[str, Value]:
    """One entry of `regions.<region>.resources` in the JSON document; secrets masked."""
    return {
        "type": resource.type,
        "name": resource.name,
        "urn": resource.urn,
        "parent": resource.parent,
        "inputs": masked(resource.inputs),
        "protect": resource.protect,
        "depends_on": list(resource.depends_on),
    }


def to_json(outcome: Preview | Result) -> dict[str, Value]:
    """What an engine contributes to `regions.<region>` of the JSON document: `resources` and `changes`.

    A replacement counts as one delete and one create, for the document knows create, update, delete and same.
    """
    changes = outcome.changes
    replaced = changes.pop(Change.REPLACE.value)
    changes[Change.CREATE.value] += replaced
    changes[Change.DELETE.value] += replaced
    return {"resources": [resource_json(resource) for resource in outcome.resources], "changes": changes}
