"""What a provider is asked and answers, and what the state holds of a resource that generated something."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rehearsal.engine.model import Value


@dataclass(frozen=True)
class Request:
    """A resource that the program registers."""

    type: str
    name: str
    urn: str
    inputs: dict[str, Value]
    provider: str | None = None
    """URN of its provider resource; None for the ambient one."""
    aliases: tuple[str, ...] = ()
    """URNs under which the resource was known before."""
    ignore_changes: tuple[str, ...] = ()
    """Paths of inputs that stay as the last update had them."""


@dataclass(frozen=True)
class Recorded:
    """A resource as the last update left it."""

    inputs: dict[str, Value]
    outputs: dict[str, Value]


@dataclass(frozen=True)
class Answer:
    """The provider's view of a resource."""

    id: str
    inputs: dict[str, Value]
    """As checked: with the provider's secret marks."""
    outputs: dict[str, Value]
    complete: bool = True
    """Whether properties that `outputs` leaves out are known to be unset. False: only the cluster knows them."""


@dataclass(frozen=True)
class Elsewhere:
    """A resource that is there and not the program's: another region's, or made by hand."""

    type: str
    region: str
    outputs: Mapping[str, Value]
    """With `id`."""
    inputs: Mapping[str, Value] = field(default_factory=dict)
    urn: str = ""
