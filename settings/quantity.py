"""Kubernetes quantities ("8Gi", "500m", 4): parsed, compared by value, refused with a word about what was meant.

Grammar, rounding and range: k8s.io/apimachinery/pkg/api/resource, type Quantity.
"""

import re
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal, localcontext
from functools import total_ordering
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
"""Decimal suffix and its power of ten."""

BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
"""Binary suffix and its power of 1024."""

LARGEST = Decimal(2**63 - 1)
"""Kubernetes caps larger values silently; here they are refused."""

FINEST = Decimal("1e-9")
"""Kubernetes rounds finer values up to this."""

MEBIBYTE = Decimal(2**20)
MOST_CORES = Decimal(1000)
"""More CPU than a node can have: a forgotten "m"."""

_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))"
    r"(?:(?P<binary>[KMGTPE]i)|(?P<decimal>[numkMGTPE])|[eE](?P<exponent>[+-]?[0-9]{1,4}))?",
)
_NEAR_MISS = re.compile(r"\s*(?P<number>[0-9]+(?:[.,][0-9]+)?)\s*(?P<unit>[A-Za-z]*)\s*")
_BYTE_UNITS = {"b": "", "k": "Ki", "m": "Mi", "g": "Gi", "t": "Ti", "p": "Pi", "e": "Ei"}
_CORE_UNITS = {"": "", "c": "", "cpu": "", "cpus": "", "core": "", "cores": "", "vcpu": "", "vcpus": ""}
_MILLI_UNITS = {
    "mi",
    "milli",
    "millis",
    "mcpu",
    "mcpus",
    "mcore",
    "mcores",
    "millicpu",
    "millicore",
    "millicores",
    "mc",
}
_LONGEST = 64


@total_ordering
@dataclass(frozen=True, eq=False, slots=True)
class Quantity:
    """An amount in Kubernetes' notation. Equality, order and hash go by value: Quantity("1Gi") == Quantity("1024Mi").

    Raises ValueError, with a remedy, for a text that Kubernetes would not read or would cap.
    """

    text: str
    """As it was written; what Kubernetes is given."""
    value: Decimal = field(init=False, repr=False)
    """In units: cores for CPU, bytes for memory and storage."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _parse(self.text))

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return self.value == other.value if isinstance(other, Quantity) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self.value < other.value if isinstance(other, Quantity) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.value)


def _parse(text: str) -> Decimal:
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(_not_a_quantity(_bytes_guess(text)))
    with localcontext(prec=2 * _LONGEST + 64) as context:
        context.Emax, context.Emin = 99999, -99999
        value = Decimal(match["number"])
        if match["binary"]:
            value *= 1024 ** BINARY[match["binary"]]
        else:
            value = value.scaleb(int(match["exponent"] or DECIMAL[match["decimal"] or ""]))
        if abs(value) > LARGEST:
            raise ValueError("larger than Kubernetes can count (2^63-1)")
        rounded = value.quantize(FINEST, rounding=ROUND_UP)
    return value if value == rounded else rounded


def _not_a_quantity(guess: str | None, examples: str = '"8Gi" or "500m"') -> str:
    return "not a Kubernetes quantity: " + (f'did you mean "{guess}"?' if guess else f"write it like {examples}")


def _bytes_guess(text: str) -> str | None:
    """What a near miss such as "8gb", "8 Gi" or "8 gigabytes" most likely means."""
    near = _NEAR_MISS.fullmatch(text[:_LONGEST])
    if near is None:
        return None
    suffix = _BYTE_UNITS.get(near["unit"][:1].lower())
    return None if suffix is None else near["number"].replace(",", ".") + suffix


def _cores_guess(text: str) -> str | None:
    """What a near miss such as "4cores", "4 CPU" or "500mi" most likely means."""
    near = _NEAR_MISS.fullmatch(text[:_LONGEST])
    if near is None:
        return None
    unit = near["unit"].lower()
    if unit == "m" or unit in _MILLI_UNITS:
        return near["number"].replace(",", ".") + "m"
    return near["number"].replace(",", ".") if unit in _CORE_UNITS else None


def _text(given: object, example: str) -> str:
    """A YAML number is accepted in place of a text, as Kubernetes does."""
    if isinstance(given, str):
        return given
    if isinstance(given, bool) or not isinstance(given, int | float):
        remedy = ": give it a value or leave the key out" if given is None else ""
        raise ValueError(f"expected a Kubernetes quantity such as {example}{remedy}")
    return repr(given)


def cores(given: object) -> Quantity:
    """An amount of CPU: above zero, no finer than 1m (Kubernetes refuses finer ones), no unit of bytes."""
    if isinstance(given, Quantity):
        return given
    text = _text(given, 'cpu: "4" or "500m"')
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(_not_a_quantity(_cores_guess(text), '"4" or "500m"'))
    if match["binary"] or (match["decimal"] or "m") not in "num":
        guess = f"{match['number']}m" if match["binary"] == "Mi" or match["decimal"] == "M" else match["number"]
        raise ValueError(f'CPU is counted in cores, not in bytes: did you mean "{guess}"?')
    quantity = Quantity(text)
    if quantity.value <= 0:
        raise ValueError('an amount of CPU is above zero, such as "4" or "500m"')
    if quantity.value % Decimal("0.001"):
        raise ValueError('finer than Kubernetes can share a core: use a multiple of "1m"')
    if quantity.value >= MOST_CORES:
        raise ValueError(f'no node has that many cores: did you mean "{text.strip("+")}m"?')
    return quantity


def amount_of_bytes(given: object) -> Quantity:
    """An amount of memory or storage: at least 1Mi, in no unit under a byte ("100m" is a tenth of a byte)."""
    if isinstance(given, Quantity):
        return given
    text = _text(given, '"8Gi"')
    quantity = Quantity(text)
    if quantity.value <= 0:
        raise ValueError('an amount of memory or storage is above zero, such as "8Gi"')
    if text[-1] in "num":
        raise ValueError(
            f'"{text[-1]}" is a fraction of a byte: did you mean "{text[:-1]}{"Mi" if text[-1] == "m" else "Gi"}"?'
        )
    if quantity.value < MEBIBYTE:
        remedy = (
            f'did you mean "{text.strip("+")}Gi"?'
            if text.strip("+").replace(".", "", 1).isdecimal()
            else 'write it like "8Gi"'
        )
        raise ValueError(f"that is less than a mebibyte, since a number without unit counts bytes: {remedy}")
    return quantity


Cpu = Annotated[Quantity, PlainValidator(cores), PlainSerializer(str)]
"""CPU in a model: text or number."""

CpuOrNone = Annotated[Quantity | None, PlainValidator(cores), PlainSerializer(str, when_used="unless-none")]
"""CPU in a model that may be left out, but not left empty."""

Bytes = Annotated[Quantity, PlainValidator(amount_of_bytes), PlainSerializer(str)]
"""Memory or storage in a model: text, or a number of bytes."""

BytesOrNone = Annotated[Quantity | None, PlainValidator(amount_of_bytes), PlainSerializer(str, when_used="unless-none")]
"""Memory in a model that may be left out, but not left empty."""
