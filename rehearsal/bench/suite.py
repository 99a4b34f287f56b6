"""The benchmarks of `make bench`, one after the other, and the end of all that they start."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rehearsal import binaries, paths
from rehearsal.bench import (
    applying,
    aws_growth,
    evaluation,
    growth,
    make_up,
    plans,
    policies,
    postgres,
    projects,
    qdrant_gateway,
    redis_gateway,
    rules,
    still,
)
from rehearsal.bench.environment import environment
from rehearsal.bench.measure import Measure
from rehearsal.bench.projects import HOME, evaluate
from rehearsal.progress import Progress
from rehearsal.run import down

ENDED = "all that the benchmarks started was ended"


def run(progress: Progress) -> list[Measure]:
    """All benchmarks. Nothing of a rehearsal that is up is touched; nothing is left running, however it ends."""
    tools = binaries.ensure(progress, (*binaries.REQUIRED, "kubectl"))
    kubectl = applying.kubectl(tools)
    with _run_directory(progress) as scratch:
        plan = evaluate(paths.CHECKOUT, HOME)
        measured = evaluation.measure(scratch, plan, progress)
        on_aws = evaluate(projects.on_aws(scratch / "aws", aws_growth.PLACES[:2]), "region-0")
        measured += policies.measure(scratch, plan, on_aws, progress)
        measured += plans.measure(progress)
        with still.plane(tools, plan, progress) as plane:
            measured += applying.measure(scratch, plane, kubectl, progress)
            measured += growth.measure(scratch, plane, progress)
        measured += aws_growth.measure(scratch, progress)
        measured += redis_gateway.measure(progress)
        measured += qdrant_gateway.measure(progress)
        measured += postgres.measure(progress, plan)
        measured += rules.measure(progress)
        return measured + make_up.measure(progress)


@contextmanager
def _run_directory(progress: Progress) -> Generator[Path]:
    """A scratch directory; everything that runs in here has its run directory there, and is ended at the end."""
    scratch = Path(tempfile.mkdtemp(prefix="soma-bench-"))
    with environment({paths.HOME: str(scratch / "run")}):
        try:
            yield scratch
        except KeyboardInterrupt:
            raise KeyboardInterrupt(ENDED) from None
        finally:
            _end(scratch, progress)


def _end(scratch: Path, progress: Progress) -> None:
    """Its files go when its processes are gone: without their records nothing would find them again."""
    try:
        down(progress)
    except BaseException:
        progress.note(f"not everything has ended: {paths.HOME}={paths.home()} make down ends the rest")
        raise
    shutil.rmtree(scratch)
