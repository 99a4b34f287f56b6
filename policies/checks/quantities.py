"""Kubernetes quantities as numbers: "500m", "8Gi", "1e3", 4."""

import re
from decimal import Decimal

from policies.checks.plain import Plain, Unreadable

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?")
_SCALE = {
    None: Decimal(1),
    **{unit: Decimal(10) ** power for unit, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)},
    **{f"{unit}i": Decimal(1024) ** (power + 1) for power, unit in enumerate("KMGTPE")},
}


def parse(value: Plain, path: str) -> Decimal:
    """The number that a quantity stands for (k8s.io/apimachinery resource.Quantity). Raises Unreadable.

    `path` names the field in the error; the value itself is not repeated.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Decimal(str(value))
    match = _FORM.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unreadable(f"{path} is not a Kubernetes quantity")
    digits, exponent, unit = match.groups()
    return Decimal(digits + (exponent or "")) * _SCALE[unit]
