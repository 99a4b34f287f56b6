"""Machines that a plan may count with, and what of each is left for pods."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from capacity import facts


class InstanceType(NamedTuple):
    """A machine."""

    name: str
    cores: int
    gibibytes: int
    max_pods: int
    """Without prefix delegation (github.com/awslabs/amazon-eks-ami, eni-max-pods.txt)."""

    @property
    def allocatable_cores(self) -> float:
        """What the kubelet leaves: 6 % of the first core, 1 % of the second, 0.5 % of two more, 0.25 % of the rest
        are kept (github.com/awslabs/amazon-eks-ami, nodeadm), and what every node runs.
        """
        kept = 0.06 + 0.01 + 0.005 * min(2, self.cores - 2) + 0.0025 * max(0, self.cores - 4)
        return self.cores - kept - facts.DAEMONS_CPU.value

    @property
    def allocatable_bytes(self) -> float:
        """255 MiB and 11 MiB a pod are kept (the same), about 3 % are the kernel's, and what every node runs."""
        kept = (255 + 11 * self.max_pods) * facts.MIB + facts.EVICTION.value + facts.DAEMONS_BYTES.value
        return self.gibibytes * facts.GIB * 0.97 - kept


TYPES: Final = (
    InstanceType("m7i.xlarge", 4, 16, 58),
    InstanceType("m7i.2xlarge", 8, 32, 58),
    InstanceType("m7i.4xlarge", 16, 64, 234),
    InstanceType("m7i.8xlarge", 32, 128, 234),
    InstanceType("m7i.16xlarge", 64, 256, 737),
    InstanceType("r7i.xlarge", 4, 32, 58),
    InstanceType("r7i.2xlarge", 8, 64, 58),
    InstanceType("r7i.4xlarge", 16, 128, 234),
    InstanceType("r7i.8xlarge", 32, 256, 234),
    InstanceType("r7i.16xlarge", 64, 512, 737),
)
"""General and memory-heavy machines of one generation; docs.aws.amazon.com/ec2/latest/instancetypes."""
LEFT: Final = {each.name: (each.allocatable_cores, each.allocatable_bytes) for each in TYPES}


class Machine(NamedTuple):
    """A type of the table, as plans count with it."""

    name: str
    price: float
    """Of an hour."""
    cpu: float
    """Cores that are left for pods."""
    memory: float
    """Bytes that are left for pods."""


@dataclass(frozen=True, eq=False, slots=True)
class Machines:
    """Types that have a price. Those of a table are one object, whatever is kept for it."""

    by_price: tuple[tuple[int, Machine], ...]
    """The cheapest first, with their places in the table of types."""


def priced(hours: Mapping[str, float]) -> Machines:
    """Those of the table of types for which there is a price of an hour."""
    found = [Machine(name, hours[name], *left) for name, left in LEFT.items() if name in hours]
    return Machines(tuple(sorted(enumerate(found), key=lambda one: one[1].price)))


_FAMILY: Final = re.compile(r"(?P<ratio>[mr])[5-9][a-z]*\.(?P<size>\w+)")
"""Of general and memory-heavy machines the letter says how much memory a core has, and the size how many cores."""


def known(name: str) -> InstanceType | None:
    """A type of the table, or the one there that has the same letter and size: a later or earlier generation, another
    processor. None for all others.
    """
    family = _FAMILY.fullmatch(name)
    alike = f"{family['ratio']}7i.{family['size']}" if family else name
    return next((each for each in TYPES if each.name == alike), None)
