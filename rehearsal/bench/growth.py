"""How the time that a resource takes grows with the number of regions."""

from collections.abc import Sequence
from pathlib import Path

from rehearsal import packs, paths
from rehearsal.bench import projects, still
from rehearsal.bench.measure import QUIET, Measure, Turns, side_by_side
from rehearsal.controlplane import ControlPlane
from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.model import PlannedResource
from rehearsal.progress import Progress

ROUNDS = 3
REGIONS = 8


def measure(
    scratch: Path, plane: ControlPlane, progress: Progress, rounds: int = ROUNDS, regions: int = REGIONS
) -> list[Measure]:
    """Evaluation, policies and apply of every region, one after the other, per resource: of many regions and of one.

    Beside each of the many, a region that is alone comes up, so that a machine that slows down weighs on both.
    """
    made = _Projects(scratch / "growth", plane)
    alone = [[made.engine(f"single-{number}-{turn}", 1) for turn in range(regions)] for number in range(rounds)]
    together = [made.engine(f"many-{number}", regions) for number in range(rounds)]
    warm = made.engine("warm", 1)
    with progress.step(f"growth from 1 region to {regions}"), _pack() as pack:
        _up(warm, 0, pack)
        measured = [_round(one, many, pack) for one, many in zip(alone, together, strict=True)]
    turns = Turns(tuple(many for _, many in measured), tuple(one for one, _ in measured))
    return [
        Measure(f"time per resource at {regions} regions over that at 1", turns.ratio, "ratio", 1.1),
        Measure("time per resource at 1 region", turns.other * 1000, "ms"),
    ]


def _round(alone: Sequence[InProcessEngine], together: InProcessEngine, pack: packs.Pack) -> tuple[float, float]:
    """Seconds per resource of the regions that are alone, and of the many."""
    resources = {"one": 0, "many": 0}

    def one(number: int) -> None:
        resources["one"] += _up(alone[number], 0, pack)

    def many(number: int) -> None:
        resources["many"] += _up(together, number, pack)

    turns = side_by_side(len(alone), one, many)
    return sum(turns.ones) / resources["one"], sum(turns.others) / resources["many"]


class _Projects:
    """Projects and their engines, made before the clock starts; each comes up once, in namespaces of its own."""

    def __init__(self, directory: Path, plane: ControlPlane) -> None:
        self._directory = directory
        self._plane = plane

    def engine(self, name: str, regions: int) -> InProcessEngine:
        namespaces = {_region(number): f"{name}-{number}" for number in range(regions)}
        checkout = projects.copies(self._directory / name, namespaces)
        return still.engine(checkout, self._directory / f"{name}-state", self._plane)


def _region(number: int) -> str:
    """The first one is home."""
    return f"region-{number}"


def _pack() -> packs.Pack:
    """Started before the clock: it serves any number of regions."""
    return packs.Pack(packs.directories(paths.CHECKOUT)[0], "bench", projects.HOME)


def _up(engine: InProcessEngine, number: int, pack: packs.Pack) -> int:
    """What `up` does for a region: evaluates it, asks the policies, applies it. Returns the number of resources."""

    def ask(region: str, planned: Sequence[PlannedResource]) -> None:
        pack.ask(planned, region)

    return len(engine.up(_region(number), QUIET, ask).resources)
