"""A workload that a plan can be made for: it says when it starts, and does not gainsay the rest of the stack."""

from collections.abc import Iterator

from settings import workload
from settings.draft import Draft, Finding
from settings.faults import ABSENT
from settings.rules.rule import Check, place, rule

_LEAST_ZONES = 3
_ELSEWHERE = {
    "zones": "high_availability.zones",
    "namespaces": "memory.namespaces",
    "max_memories": "memory.max_memories",
}
"""Keys of a workload that the stack says elsewhere."""
_RPO = place("workload.objectives.rpo_seconds")


@rule("workload")
def has_a_start(draft: Draft) -> Iterator[Finding]:
    """Sizes would change from day to day."""
    if draft.settings.workload is not None and draft.settings.workload.start is None:
        yield draft.finding(
            place("workload.start"),
            'not stated, so that sizes would follow the calendar: state the day of this load, like "2026-01-31"',
        )


@rule("workload", *_ELSEWHERE.values())
def says_nothing_twice(draft: Draft) -> Iterator[Finding]:
    planned = draft.settings.planned_workload
    for key, path in _ELSEWHERE.items() if planned is not None else ():
        at = place(f"workload.{key}")
        if draft.stated(at) not in (ABSENT, getattr(planned, key)):
            yield draft.finding(at, f"{path} says {getattr(planned, key)}: leave this out here, or change that")


@rule("workload", "multiregion")
def regions_are_there(draft: Draft) -> Iterator[Finding]:
    settings = draft.settings
    for index, region in enumerate(settings.workload.regions if settings.workload is not None else ()):
        at = place(f"workload.regions[{index}].name")
        if draft.stated(at) is not ABSENT and region.name not in settings.regions:
            yield draft.finding(at, f"no region of multiregion.regions: name one of {', '.join(settings.regions)}")


@rule("workload", "high_availability.zones")
def zones_are_enough(draft: Draft) -> Iterator[Finding]:
    planned = draft.settings.planned_workload
    if planned is not None and planned.zones < _LEAST_ZONES:
        yield draft.finding(
            place("high_availability.zones"),
            "a workload is planned for three zones or more: name three, or leave it out",
        )


@rule("workload", "multiregion.rpo_seconds")
def promotions_lose_no_more(draft: Draft) -> Iterator[Finding]:
    """A promotion that loses more than the workload allows would not be refused, and no alert would say so."""
    allowed = draft.stated(_RPO)
    at = place("multiregion.rpo_seconds")
    if draft.settings.workload is None or allowed is ABSENT or draft.stated(at) is ABSENT:
        return
    rpo = draft.settings.workload.objectives.rpo_seconds
    if draft.settings.multiregion.rpo_seconds > rpo:
        yield draft.finding(at, f"more than workload.objectives.rpo_seconds allows ({rpo}): lower it, or leave it out")


@rule("workload", "memory", "high_availability.zones", "multiregion")
def can_be_kept(draft: Draft) -> Iterator[Finding]:
    """What holds of every workload, with what the stack says elsewhere."""
    planned = draft.settings.planned_workload
    if planned is None or planned.zones < _LEAST_ZONES:
        return
    for each in workload.RULES:
        for fault in each.check(planned):
            if fault.path == "objectives.rpo_seconds" and draft.stated(_RPO) is ABSENT:
                continue  # It is multiregion.rpo_seconds, which has a rule of its own.
            yield Finding(place(f"workload.{fault.path}"), fault.value, fault.message)


RULES: tuple[Check, ...] = (
    has_a_start,
    says_nothing_twice,
    regions_are_there,
    zones_are_enough,
    promotions_lose_no_more,
    can_be_kept,
)
