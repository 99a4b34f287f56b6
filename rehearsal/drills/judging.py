"""What a drill has seen against what the proof says: a row for each component, with every difference in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from policies.checks.placement import Ground, placed
from policies.checks.proof import Case, Layout
from rehearsal.drills.parts import Part
from rehearsal.drills.report import Row
from rehearsal.drills.watching import Watch


def kept(parts: Sequence[Part], watch: Watch, where: Mapping[str, Layout], denied: int = 0) -> list[Row]:
    """Of what the budgets guard: never fewer healthy pods than they keep. Layouts by the part's title."""
    rows: list[Row] = []
    for part in parts:
        least, least_kept = watch.down[part.title].least, part.component.kept
        differs = [f"fell to {least} healthy pods, its budgets keep {least_kept}"] if least < least_kept else []
        rows.append(_row(part, where[part.title], watch, differs, denied=denied))
    return rows


def lost(
    part: Part,
    case: Case,
    watch: Watch,
    left: Mapping[str, int],
    allowed: Mapping[str, int],
    back: Mapping[str, Mapping[str, int]],
) -> Row:
    title = part.title
    faulty: list[str] = []
    if left[title] != case.left:
        faulty.append(f"{left[title]} pods went on, the proof says {case.left}")
    if (watch.down[title].least >= part.component.needed) is not case.serves:
        faulty.append(f"fell to {watch.down[title].least} pods, the proof says that it {_words(case.serves)}")
    if allowed[title] not in case.evictable:
        faulty.append(f"{allowed[title]} evictions allowed, the proof says {_or(case.evictable)}")
    for when, tainted in (("tainted", True), ("gone", False)):
        if back[when][title] not in case.back(tainted=tainted):
            expected = _or(case.back(tainted=tainted))
            faulty.append(f"{back[when][title]} pods with the nodes {when}, the proof says {expected}")
    return _row(
        part, case.layout, watch, faulty, left=left[title], evictable=allowed[title],
        back=back["gone"][title] - left[title], lost=case.placed - left[title],
    )  # fmt: skip


def after_eviction(part: Part, case: Case, watch: Watch, left: Mapping[str, int], evicted: Mapping[str, int]) -> Row:
    """Of a zone that was lost while a pod of another one was evicted and not back."""
    title, least = part.title, watch.down[part.title].least
    faulty: list[str] = []
    if evicted[title] != case.evicted:
        faulty.append(f"{evicted[title]} pods evicted before the loss, the proof says {case.evicted}")
    if left[title] != case.left_after_eviction:
        faulty.append(f"{left[title]} pods went on, the proof says {case.left_after_eviction}")
    if (least >= part.component.needed) is not case.serves_after_eviction:
        faulty.append(f"fell to {least} pods, the proof says that it {_words(case.serves_after_eviction)}")
    return _row(
        part, case.layout, watch, faulty, left=left[title], evicted=evicted[title],
        lost=case.placed - evicted[title] - left[title],
    )  # fmt: skip


def scaled(part: Part, before: Layout, high: Layout, most: int, reached: Mapping[str, int], watch: Watch) -> Row:
    """Of what an autoscaler scales: as many as it may have, in the zones where the proof has them."""
    (pods,), (there,), (start,) = part.component.pods, high, before
    ground = Ground(frozenset(range(len(there))))
    faulty: list[str] = []
    if reached[part.title] != most:
        faulty.append(f"{reached[part.title]} pods under load, its autoscaler may have {most}")
    elif there not in placed(replace(pods, number=most), start, ground):
        faulty.append(f"placed as {there} under load, which the proof knows not")
    if watch.down[part.title].least < part.component.needed:
        faulty.append(f"fell to {watch.down[part.title].least} pods")
    return _row(part, high, watch, faulty)


def _row(
    part: Part,
    where: Layout,
    watch: Watch,
    differs: Sequence[str],
    *,
    left: int | None = None,
    lost: int | None = None,
    evictable: int | None = None,
    evicted: int | None = None,
    back: int | None = None,
    denied: int = 0,
) -> Row:
    down = watch.down[part.title]
    return Row(
        component=part.title,
        pods=part.component.number,
        needed=part.component.needed,
        wants=part.component.wants,
        placement="-".join(str(sum(zone)) for zone in zip(*where, strict=True)),
        least=down.least,
        down_seconds=round(down.seconds, 1),
        degraded_seconds=round(down.degraded, 1),
        left=left,
        lost=lost,
        evictable=evictable,
        back=back,
        evicted=evicted,
        lost_pods=down.lost,
        came_back=down.back,
        denied=denied,
        healthy=tuple(down.healthy),
        differs=tuple(differs),
    )


def _words(serves: bool) -> str:
    return "serves" if serves else "stops"


def _or(numbers: Iterable[int]) -> str:
    return " or ".join(map(str, sorted(numbers)))
