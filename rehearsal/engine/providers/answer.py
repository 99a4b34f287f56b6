"""What a provider answers, and what the state holds of a resource that generated something."""

from dataclasses import dataclass

from rehearsal.engine.model import Value


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
