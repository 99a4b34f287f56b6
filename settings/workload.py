"""What is asked of the memory: how much, how often, from where, how well, and for how long."""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from settings.faults import Fault
from settings.model import Model, checked
from settings.names import RegionName

MOST_MEMORIES: Final = 1_000_000_000
_SUM: Final = 1e-6


def _text(value: object) -> object:
    """YAML knows dates."""
    return value.isoformat() if isinstance(value, datetime.date) else value


def calendar_day(text: str) -> str:
    """A day as people write it. Raises ValueError where the calendar has no such one."""
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:  # other forms of ISO 8601 are read, too
        raise ValueError('not a date: write it like "2026-01-31"')
    if not 2000 <= day.year < 2200:  # a plan adds years to it
        raise ValueError("no date of this century or the next")
    return text


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class RegionShare(Model):
    """Where requests come from."""

    name: RegionName = Field(description="Name of the region.")
    share: Share = Field(description="Part of all requests that enters there; all parts together are 1.")


class Objectives(Model):
    """How well it has to work."""

    latency_ms: Annotated[Positive, Field(le=600_000)] = Field(
        default=500.0, description="Milliseconds in which 95 of 100 requests are answered, stores among them."
    )
    rpo_seconds: int = Field(
        default=300,
        ge=0,
        le=86_400,
        description="Most seconds of writes to PostgreSQL that the loss of the home region may cost. A stack's are "
        "`multiregion.rpo_seconds` when left out, which else are these.",
    )
    zones_lost: int = Field(default=1, ge=0, le=12, description="Zones that may be lost at peak.")


class Workload(Model):
    """The load on the day on which it starts, and how it grows."""

    memories_per_day: Annotated[Positive, Field(le=MOST_MEMORIES)] = Field(description="New memories in a day.")
    memories: int = Field(default=0, ge=0, le=MOST_MEMORIES, description="Memories that are there already.")
    retention_days: Annotated[Positive, Field(ge=1, le=36_500)] | None = Field(
        default=None, description="Days after which clients delete a memory; left out, never. The service deletes none."
    )
    vector_dimensions: int = Field(default=768, ge=1, le=65_536, description="Numbers of a vector.")
    payload_bytes: int = Field(default=1024, ge=64, le=5 * 2**20, description="Bytes of a memory's JSON as it is sent.")
    relations_per_memory: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)] = Field(
        default=0.0, description="Links that a memory keeps to others."
    )
    concurrent_users: Annotated[Positive, Field(le=10_000_000)] = Field(description="Users at the same time.")
    requests_per_user_per_minute: Annotated[Positive, Field(le=6_000)] = Field(
        default=2.0, description="Requests of each of them in a minute."
    )
    peak_factor: Annotated[Positive, Field(ge=1, le=100)] = Field(
        default=3.0, description="How many times the mean the busiest minute has."
    )
    write_read_ratio: Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)] = Field(
        default=0.1, description="Stores for each read or search; those beyond `memories_per_day` overwrite."
    )
    search_share: Share = Field(default=0.5, description="Part of what is not a store that searches.")
    regions: tuple[RegionShare, ...] = Field(
        default=(RegionShare(name="us-east", share=1.0),),
        min_length=1,
        max_length=26,
        description="Home first. A stack's are those that there are, with all requests at home.",
    )
    growth_per_month: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        default=0.05, description="By how much users and new memories grow in a month: 0.05 is five percent."
    )
    namespaces: int = Field(
        default=1,
        ge=1,
        le=1_000,
        description="Memory namespaces that share all this evenly. A stack's are `memory.namespaces`.",
    )
    max_memories: int = Field(
        default=100_000, ge=1, description="`memory.max_memories`: beyond it the service deletes."
    )
    zones: int = Field(
        default=3, ge=3, le=26, description="Zones of each region. A stack's are `high_availability.zones`."
    )
    round_trip_ms: Annotated[Positive, Field(le=100)] = Field(
        default=0.5, description="Milliseconds from the service to a store and back: `redis-cli --latency` tells them."
    )
    region_link_mbit: Annotated[Positive, Field(le=1_000_000)] | None = Field(
        default=None,
        description="Mbit/s that the network from home to each standby carries; left out, a plan only says how many it "
        "has to.",
    )
    start: Annotated[str, BeforeValidator(_text), checked(calendar_day)] | None = Field(
        default=None, description="Day on which this load is reached; today when left out, which a stack may not."
    )
    horizon_months: int = Field(default=12, ge=1, le=120, description="Months that the plan has to last.")
    objectives: Objectives = Field(default=Objectives(), description="How well it has to work.")

    @property
    def home(self) -> str:
        """The region where data lives."""
        return self.regions[0].name


@dataclass(frozen=True)
class Rule:
    """A rule over several fields, left out where one of them is faulty. Paths of its faults begin at the workload."""

    reads: tuple[str, ...]
    check: Callable[[Workload], Iterator[Fault]]


def _shares(workload: Workload) -> Iterator[Fault]:
    total = sum(region.share for region in workload.regions)
    if abs(total - 1) > _SUM:
        yield Fault("regions", round(total, 6), "shares of all regions together: make them add up to 1")
    names = [region.name for region in workload.regions]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault("regions", name, "named twice: name each region once")


def _recovery(workload: Workload) -> Iterator[Fault]:
    if workload.objectives.rpo_seconds == 0 and len(workload.regions) > 1:
        yield Fault(
            "objectives.rpo_seconds",
            0,
            "cannot be kept between regions, which are replicated asynchronously: state 1 or more, or one region",
        )


def _zones(workload: Workload) -> Iterator[Fault]:
    most = (workload.zones - 1) // 2
    if workload.objectives.zones_lost > most:
        yield Fault(
            "objectives.zones_lost",
            workload.objectives.zones_lost,
            f"leaves no majority of {workload.zones} zones: state {most} or fewer, or more zones",
        )


RULES: Final = (
    Rule(("regions",), _shares),
    Rule(("regions", "objectives"), _recovery),
    Rule(("zones", "objectives"), _zones),
)
