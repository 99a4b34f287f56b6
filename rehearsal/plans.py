"""What a region with a workload has beside what its plan needs on its last day, as the pack `capacity` judges it."""

from collections.abc import Sequence

from capacity import judge
from capacity.plan import last_load
from policies.checks import capacity
from policies.checks.model import Resource
from policies.checks.plain import Unreadable
from policies.checks.whole import Whole
from report.document import Capacity, Need


def of(resources: Sequence[Resource]) -> Capacity | None:
    """None without a workload."""
    try:
        had = capacity.had(Whole(tuple(resources)))
    except Unreadable as problem:
        return Capacity(days=0, unknown=str(problem))
    if had is None:
        return None
    last = last_load(had.workload)
    needed = judge.needs(had.workload, last, had.layout)
    lacking = {one.name: one.day for one in judge.short(had.workload, had.layout, had.amounts)}
    return Capacity(
        days=last.day,
        needs=tuple(
            Need(name=name, unit=capacity.unit(name), has=had.amounts[name], needs=amount, day=lacking.get(name))
            for name, amount in sorted(needed.items())
            if name in had.amounts
        ),
    )
