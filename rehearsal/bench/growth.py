"""How the time that a resource takes grows with the number of regions."""

from collections.abc import Sequence
from pathlib import Path

from rehearsal import packs, paths
from rehearsal.bench import projects, still
from rehearsal.bench.measure import QUIET, Measure, side_by_side
from rehearsal.controlplane import ControlPlane
from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.model import PlannedResource
from rehearsal.progress import Progress

ROUNDS = 3
REGIONS = 8
SINGLES = 3
"""Single regions in a round: its clock then runs seconds too, and a pause of the machine weighs on both sides."""

_Run = tuple[InProcessEngine, tuple[str, ...]]
"""An engine and the regions of its project, home first."""


def measure(
    scratch: Path, plane: ControlPlane, progress: Progress, rounds: int = ROUNDS, regions: int = REGIONS
) -> list[Measure]:
    """Evaluation, policies and apply of every region, one after the other, per resource: of many regions and of one."""
    runs = _Runs(scratch / "growth", plane, rounds, regions)
    resources: dict[str, int] = {}
    with progress.step(f"growth from 1 region to {regions}"), _pack() as pack:

        def of_one(number: int) -> None:
            resources["one"] = sum(_up(run, pack) for run in runs.single[number])

        def of_many(number: int) -> None:
            resources["many"] = _up(runs.many[number], pack)

        _up(runs.warm, pack)
        one, many = side_by_side(rounds, of_one, of_many)
    single, grown = one / resources["one"], many / resources["many"]
    return [
        Measure(f"time per resource at {regions} regions over that at 1", grown / single, "ratio", 1.1),
        Measure("time per resource at 1 region", single * 1000, "ms"),
    ]


class _Runs:
    """Projects and engines, made before the clock starts; each runs once, into namespaces of its own."""

    def __init__(self, directory: Path, plane: ControlPlane, rounds: int, regions: int) -> None:
        self._directory = directory
        self._plane = plane
        self.warm = self._made("warm", 1)
        self.single = [
            [self._made(f"single-{number}-{turn}", 1) for turn in range(SINGLES)] for number in range(rounds)
        ]
        self.many = [self._made(f"many-{number}", regions) for number in range(rounds)]

    def _made(self, name: str, regions: int) -> _Run:
        namespaces = {f"region-{number}": f"{name}-{number}" for number in range(regions)}
        checkout = projects.copies(self._directory / name, namespaces)
        return still.engine(checkout, self._directory / f"{name}-state", self._plane), tuple(namespaces)


def _pack() -> packs.Pack:
    """Started before the clock: it serves any number of regions."""
    return packs.Pack(packs.directories(paths.CHECKOUT)[0], "bench", projects.HOME)


def _up(run: _Run, pack: packs.Pack) -> int:
    """What `up` does: evaluates each region, asks the policies, applies it. Returns the number of resources."""

    def ask(region: str, planned: Sequence[PlannedResource]) -> None:
        pack.ask(planned, region)

    engine, regions = run
    return sum(len(engine.up(region, QUIET, ask).resources) for region in regions)
