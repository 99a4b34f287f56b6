"""A resource of the simulated account, and one that is about to be made."""

import hashlib
import string
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rehearsal.aws import regions, values
from rehearsal.engine.model import Value

if TYPE_CHECKING:
    from rehearsal.aws.world import World

MADE: Final = "2026-01-01T00:00:00Z"
"""When everything was made: a second run has to equal the first."""
_LETTERS: Final = string.ascii_uppercase + string.digits


@dataclass(frozen=True)
class Resource:
    """A resource that is there. Inputs and outputs are without secret marks."""

    type: str
    region: str
    id: str
    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]
    urn: str = ""
    """Empty for what was there before the program."""

    @property
    def name(self) -> str:
        """As the program calls it, or its id."""
        return self.urn.rsplit("::", 1)[-1] or self.id

    def get(self, *path: str | int) -> Value:
        """An output, else an input; None where it is unset or unknown."""
        found = values.get(self.outputs, *path)
        return values.get(self.inputs, *path) if found is None else found

    def text(self, *path: str | int) -> str | None:
        """A text among outputs or inputs."""
        return values.text(self.outputs, *path) or values.text(self.inputs, *path)


@dataclass(frozen=True)
class Draft:
    """A resource while it is asked for."""

    type: str
    name: str
    """As the program calls it."""
    urn: str
    region: str
    account: str
    inputs: Mapping[str, Value]
    """Without secret marks."""
    world: "World"
    seed: str
    """What its id is derived from: the same for the same resource in every run, another one for a replacement."""

    def get(self, *path: str | int) -> Value:
        """An input; None where it is unset or unknown."""
        return values.get(self.inputs, *path)

    def text(self, *path: str | int) -> str | None:
        """A text among the inputs; None where it is unset, unknown or empty."""
        return values.text(self.inputs, *path)

    def texts(self, *path: str | int) -> list[str]:
        """The known texts of a list among the inputs."""
        return values.texts(self.inputs, *path)

    def stated(self, name: str, default: Value) -> Value:
        """An input, unknown or not, or what AWS takes where it is unset."""
        return values.stated(self.inputs, name, default)

    @property
    def partition(self) -> str:
        return regions.partition(self.region)

    def arn(self, service: str, *rest: Value, region: bool = True, account: bool = True) -> Value:
        """An ARN of this account; UNKNOWN while a part of it is."""
        place = self.region if region else ""
        owner = self.account if account else ""
        return values.joined(f"arn:{self.partition}:{service}:{place}:{owner}:", *rest)

    # Texts that AWS would make up

    def hex(self, label: str = "", length: int = 17) -> str:
        """So many hexadecimal digits."""
        return self._digest(label).hex()[:length]

    def id(self, prefix: str, label: str = "") -> str:
        """A prefix and 17 hexadecimal digits (docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html)."""
        return f"{prefix}-{self.hex(label or prefix)}"

    def capitals(self, label: str, length: int) -> str:
        """So many capital letters and digits."""
        return "".join(_LETTERS[byte % len(_LETTERS)] for byte in self._digest(label)[:length])

    def uuid(self, label: str = "") -> str:
        """A version 4 UUID."""
        return str(uuid.UUID(bytes=self._digest(label)[:16], version=4))

    def number(self, label: str, below: int) -> int:
        """A number from 0 on."""
        return int.from_bytes(self._digest(label)[:6]) % below

    def named(self, key: str = "name", prefix: str = "") -> Value:
        """The stated name; else its prefix, or the program's name for it, with a suffix as Pulumi's auto-naming gives
        (pulumi.com/docs/iac/concepts/resources/names)."""
        found = self.inputs.get(key)
        if found is not None and found != "":
            return found
        start = self.inputs.get(f"{key}Prefix") or f"{prefix}{self.name}-"
        return values.joined(start, self.hex("name", 7))

    def taken(self, name: Value) -> Iterator[str]:
        """What is wrong where another one of its type in the region has this name."""
        for other in self.world.where(self.type, self.region, name=name):
            if other.urn != self.urn:
                yield f"name = {name} is taken by {other.name} in {self.region}"

    def _digest(self, label: str) -> bytes:
        return hashlib.sha256("\0".join((self.account, self.region, self.type, self.seed, label)).encode()).digest()


Rule = Callable[[Draft], Iterator[str]]
"""What AWS would refuse in a resource, each with a remedy. What is unknown is not judged."""


def _nothing(draft: Draft) -> dict[str, Value]:
    del draft
    return {}


def _none_beside(draft: Draft, outputs: Mapping[str, Value]) -> Iterable[Resource]:
    del draft, outputs
    return ()


@dataclass(frozen=True)
class Kind:
    """What the simulation knows of a type."""

    id: Callable[[Draft], Value]
    outputs: Callable[[Draft], dict[str, Value]] = _nothing
    """Outputs that AWS computes."""
    defaults: Mapping[str, Value] = field(default_factory=dict)
    """What AWS takes for inputs that are unset."""
    empty: tuple[str, ...] = ()
    """Outputs that are there and empty where the inputs do not state them."""
    forced: tuple[str, ...] = ()
    """Paths of inputs whose change makes a new resource (ForceNew of the Terraform provider's schema)."""
    irrevocable: tuple[str, ...] = ()
    """Paths of inputs that make a new resource when they are taken away."""
    beside: Callable[[Draft, Mapping[str, Value]], Iterable[Resource]] = _none_beside
    """What AWS makes along with it: (draft, outputs) to resources."""
    wide: bool = False
    """Of the whole account or partition rather than of a region."""
