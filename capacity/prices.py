"""What a plan costs in a month, by a table of prices that has a date and that others may replace."""

import json
import math
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Field, ValidationError

from capacity.facts import FREE_IOPS, FREE_THROUGHPUT, GIB, MIB, MONTH_DAYS
from capacity.instances import TYPES, Machines, priced
from settings.explain import explain
from settings.faults import ABSENT, Fault, told, written
from settings.model import Model, checked
from settings.workload import calendar_day

FILE: Final = Path(__file__).with_name("prices.json")
HOURS: Final = MONTH_DAYS * 24
_GB: Final = 10**9

Price = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class Prices(Model):
    """A table of prices."""

    date: Annotated[str, checked(calendar_day)] = Field(description="Day of the prices.")
    what: str = Field(description="Whose prices these are.")
    currency: str = Field(description="Their currency.")
    cluster_hour: Price = Field(description="A control plane.")
    instance_hour: dict[str, Price] = Field(description="A machine, by its type.")
    volume_gib_month: Price = Field(description="A GiB of a volume.")
    volume_iops_month: Price = Field(description="An operation a second beyond 3000.")
    volume_mib_second_month: Price = Field(description="A MiB a second beyond 125.")
    zone_gb: Price = Field(description="A GB from one zone to another, both directions' prices together.")
    region_gb: Price = Field(description="A GB from one region to another.")
    internet_gb: Price = Field(description="A GB to users.")
    nat_hour: Price = Field(description="A NAT gateway.")
    address_hour: Price = Field(description="A public address.")
    endpoint_hour: Price = Field(description="An interface of an endpoint, in a zone.")
    balancer_hour: Price = Field(description="A network load balancer.")
    balancer_unit_hour: Price = Field(description="A unit of what it carries: a GB an hour.")
    bucket_gib_month: Price = Field(description="A GiB in a bucket.")
    bucket_thousand_writes: Price = Field(description="A thousand requests that write to a bucket.")

    @cached_property
    def machines(self) -> Machines:
        """Those that a plan may count with."""
        return priced(self.instance_hour)


class PriceError(Exception):
    """The table cannot be used; all faults at once."""


class Cost(NamedTuple):
    """What a part of a region costs in a month."""

    region: str
    component: str
    amount: float | None
    """None where it is not known: no machine of the table takes the pods of these nodes."""


def read(path: Path = FILE) -> Prices:
    """The table in a file. Raises PriceError."""
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"no JSON: {error}"
        raise PriceError(f"{path}: {reason}: write a table like {FILE.name} of capacity/") from None
    try:
        prices = Prices.model_validate(raw)
    except ValidationError as error:
        raise PriceError(told(str(path), [_fault(line) for line in error.errors()])) from None
    lacking = [kind.name for kind in TYPES if kind.name not in prices.instance_hour]
    if lacking:
        raise PriceError(told(str(path), [f"instance_hour   has no price of {', '.join(lacking)}: add them"]))
    return prices


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two prices of one thing, the file's reader would take the last one without a word."""
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice} is stated twice")
    return dict(pairs)


@cache
def own() -> Prices:
    """The table of this project."""
    return read()


def _fault(line: Any) -> Fault:
    message, _ = explain(line, Prices)
    value = line["input"]
    shown = value if isinstance(value, str | int | float | bool) and line["type"] != "missing" else ABSENT
    if isinstance(value, float) and not math.isfinite(value):
        message = "not a number: write a price"
    return Fault(written(line["loc"]), shown, message)


def volume(prices: Prices, size: float, iops: float = 0, throughput: float = 0) -> float:
    """A volume of so many bytes, operations a second and bytes a second."""
    return (
        size / GIB * prices.volume_gib_month
        + max(0.0, iops - FREE_IOPS.value) * prices.volume_iops_month
        + max(0.0, throughput - FREE_THROUGHPUT.value) / MIB * prices.volume_mib_second_month
    )


def transfer(rate: float, price: float) -> float:
    """Bytes a second, all month."""
    return rate * MONTH_DAYS * 86_400 / _GB * price


def machines(prices: Prices, instance_type: str, number: int) -> float:
    """So many machines."""
    return prices.instance_hour[instance_type] * HOURS * number
