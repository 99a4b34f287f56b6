"""The in-process engine against `kubectl apply --server-side` of the same objects."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from rehearsal import binaries
from rehearsal.bench import projects, still
from rehearsal.bench.measure import QUIET, Measure, side_by_side
from rehearsal.controlplane import ControlPlane
from rehearsal.engine.model import Plan
from rehearsal.errors import RehearsalError
from rehearsal.processes import TAIL_LINES
from rehearsal.progress import Progress

ROUNDS = 5


def kubectl(tools: binaries.Binaries) -> Path:
    """The program to compare with. RehearsalError where there is none."""
    if tools.kubectl is None:
        raise RehearsalError(
            "kubectl is needed to compare the apply with, and is neither in the cache nor on PATH in the pinned "
            "version: make bench builds it"
        )
    return tools.kubectl


def measure(
    scratch: Path, plane: ControlPlane, program: Path, progress: Progress, rounds: int = ROUNDS
) -> list[Measure]:
    """The same objects by either, each time into a fresh namespace; nothing is awaited. `program` is kubectl."""
    numbers = range(rounds + 1)  # the last one warms up
    ours = [_ours(scratch, f"ours-{number}", plane) for number in numbers]
    theirs = [_theirs(scratch, f"kubectl-{number}", plane, program) for number in numbers]
    with progress.step("apply against kubectl"):
        ours[rounds]()
        count = theirs[rounds]()
        turns = side_by_side(rounds, lambda number: ours[number](), lambda number: theirs[number]())
    return [
        Measure("in-process apply over kubectl apply --server-side of the same objects", turns.ratio, "ratio", 1.5),
        Measure(f"in-process apply of {count} objects", turns.one, "s"),
        Measure(f"kubectl apply --server-side of {count} objects", turns.other, "s"),
    ]


def _ours(scratch: Path, space: str, plane: ControlPlane) -> Callable[[], object]:
    checkout, plan = _planned(scratch, space)
    engine = still.engine(checkout, scratch / "apply-state", plane)
    return lambda: engine.apply(plan, QUIET)


def _theirs(scratch: Path, space: str, plane: ControlPlane, program: Path) -> Callable[[], int]:
    """kubectl's discovery is cached as a user's is, but not among the user's."""
    _, plan = _planned(scratch, space)
    wanted = projects.objects(plan)
    file = scratch / f"{space}.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted}))
    options = [f"--kubeconfig={plane.kubeconfig}", f"--cache-dir={scratch / 'kubectl'}"]

    def apply() -> int:
        run([str(program), *options, "apply", "--server-side", "-f", str(file)])
        return len(wanted)

    return apply


def _planned(scratch: Path, space: str) -> tuple[Path, Plan]:
    checkout = projects.copies(scratch / "apply" / space, {space: space})
    return checkout, projects.evaluate(checkout, space)


def run(command: list[str]) -> None:
    """Runs a program in silence. RehearsalError, with its last words, when it fails."""
    ended = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ended.returncode != 0:
        said = "".join(f"\n  {line}" for line in ended.stdout.strip().splitlines()[-TAIL_LINES:])
        raise RehearsalError(f"{Path(command[0]).name} failed with exit code {ended.returncode}:{said}")
