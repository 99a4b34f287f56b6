"""A control plane and an engine on which applying is all that happens."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rehearsal import binaries, kube, schemas
from rehearsal.bench.projects import objects
from rehearsal.controlplane import FOLLOWERS, ControlPlane
from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.model import Plan
from rehearsal.processes import Process, stop_all
from rehearsal.progress import Progress

NAME = "bench"


@contextmanager
def plane(tools: binaries.Binaries, plan: Plan, progress: Progress) -> Generator[ControlPlane]:
    """A control plane that serves the kinds of a plan and does nothing by itself.

    Controllers, scheduler and nodes are ended again: what they make of the objects would run while the next ones are
    applied, and so be charged to whoever comes later.
    """
    made = ControlPlane(NAME)
    try:
        with progress.step("start a control plane"):
            made.start(tools, progress)
            stop_all([Process(made.directory, name) for name in FOLLOWERS])
            schemas.ensure_kinds(made.admin(), sorted({(obj["apiVersion"], obj["kind"]) for obj in objects(plan)}))
        yield made
    finally:
        made.stop()


class Unwaiting(kube.Client):
    """A client that awaits nothing, so that applying is all that is measured."""

    def wait(self, obj: kube.Manifest, *_: object, **__: object) -> kube.Manifest | None:
        return obj


def engine(checkout: Path, state: Path, made: ControlPlane) -> InProcessEngine:
    """The in-process engine of a project, for any region of it on that control plane."""
    return InProcessEngine(checkout, state, lambda _: made.kubeconfig, Unwaiting.from_kubeconfig)
