"""Workloads as people give them: read, with all faults at once. What a workload is stands in settings."""

import datetime
import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from settings.explain import explain
from settings.faults import ABSENT, Fault, Place, bare, harmless, told, written
from settings.workload import RULES, Objectives, RegionShare, Workload

__all__ = ["Objectives", "RegionShare", "Workload", "WorkloadError", "read"]


class WorkloadError(Exception):
    """The workload cannot be planned for; all faults at once."""

    def __init__(self, place: str, faults: tuple[Fault, ...]) -> None:
        self.place, self.faults = place, faults
        super().__init__(place, faults)

    def __str__(self) -> str:
        return told(self.place, self.faults)


def read(raw: Mapping[str, object], place: str = "workload") -> Workload:
    """The workload that keys and values state. Raises WorkloadError with every fault, in the file `place`."""
    faults: list[Fault] = []
    try:
        workload = Workload.model_validate(_frozen(raw))
    except ValidationError as error:
        faults = [_fault(line) for line in error.errors() if line["type"] != "too_short" or not line["input"]]
        bad = {fault.key for fault in faults}
        kept = {key: value for key, value in raw.items() if key in Workload.model_fields and key not in bad}
        stand_ins: dict[str, object] = {"memories_per_day": 1.0, "concurrent_users": 1.0}
        workload = Workload.model_validate(_frozen({**stand_ins, **kept}))
    named = {fault.key for fault in faults}
    for rule in RULES:
        if not named.intersection(rule.reads):
            faults += rule.check(workload)
    if faults:
        raise WorkloadError(place, tuple(faults))
    return workload


def _frozen(value: Any) -> Any:
    """Lists as tuples."""
    if isinstance(value, Mapping):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def _fault(line: Any) -> Fault:
    message, _ = explain(line, Workload)
    place: Place = line["loc"]
    value = ABSENT if line["type"] == "missing" else line["input"]
    if isinstance(value, float) and not math.isfinite(value):
        message = "not a number that can be planned with: write one"
    if isinstance(value, datetime.date):  # YAML's, written without quotes
        value = bare(value.isoformat())
    return Fault(written(place), harmless(place, value), message, key=str(place[0]))
