"""The benchmarks of `make bench`."""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from rehearsal import binaries, kube, packs, paths, schemas
from rehearsal.bench.measure import Measure, seconds, side_by_side
from rehearsal.controlplane import ControlPlane
from rehearsal.engine import evaluate
from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.model import Plan, revealed
from rehearsal.engine.project import Project
from rehearsal.progress import Progress

ROUNDS = 3
REGIONS = 8
HOME = "us-east"
PLANE = "bench"
QUIET = Progress(io.StringIO())


def run(progress: Progress) -> list[Measure]:
    """All benchmarks, one after the other. Nothing of a rehearsal that is up is touched."""
    tools = binaries.ensure(progress)
    with tempfile.TemporaryDirectory() as scratch, _run_directory(Path(scratch) / "run"):
        measured = _evaluation(Path(scratch), progress)
        plane = ControlPlane(PLANE)
        try:
            with progress.step("start a control plane"):
                plane.start(tools, progress)
            measured += _apply(Path(scratch), plane, tools, progress)
            measured += _growth(Path(scratch), plane, progress)
        finally:
            plane.stop()
        return measured + _up(progress)


def _evaluation(scratch: Path, progress: Progress) -> list[Measure]:
    plan = _evaluate(paths.CHECKOUT, HOME)
    bare = _bare_program(scratch / "bare", plan)
    with progress.step("program overhead"):
        ours, theirs = side_by_side(ROUNDS, lambda _: _evaluate(paths.CHECKOUT, HOME), lambda _: _evaluate(bare, HOME))
    directory = packs.directories(paths.CHECKOUT)[0]
    started = seconds(lambda: packs.Pack(directory, "bench", HOME).close())
    with packs.Pack(directory, "bench", HOME) as pack:
        asked = seconds(lambda: pack.ask(plan.resources, HOME))
    return [
        Measure("evaluate us-east over a bare program of the same resources", ours / theirs, "ratio", 1.25),
        Measure("evaluate us-east", ours, "s"),
        Measure("start the policy pack", started, "s"),
        Measure(f"ask the policies about {len(plan.resources)} resources", asked, "s"),
    ]


def _apply(scratch: Path, plane: ControlPlane, tools: binaries.Binaries, progress: Progress) -> list[Measure]:
    """The same objects by our engine and by kubectl, each time into a fresh namespace, in turns; nothing is awaited."""
    spaces = [f"{who}-{number}" for who in ("ours", "kubectl") for number in range(ROUNDS)]
    checkout = _checkout(scratch / "apply", {space: space for space in spaces})
    engine = _engine(checkout, scratch / "apply-state", plane)
    plans = {space: _evaluate(checkout, space) for space in spaces}
    schemas.ensure_kinds(plane.admin(), _kinds(plans[spaces[0]]))
    files = {space: _manifests(scratch, space, plans[space]) for space in spaces if space.startswith("kubectl")}
    with progress.step("apply against kubectl"):
        mine, theirs = side_by_side(
            ROUNDS,
            lambda number: engine.apply(plans[f"ours-{number}"], QUIET),
            lambda number: _kubectl(tools, plane, files[f"kubectl-{number}"]),
        )
    count = len(_objects(plans[spaces[0]]))
    return [
        Measure("in-process apply over kubectl apply --server-side of the same objects", mine / theirs, "ratio", 1.5),
        Measure(f"in-process apply of {count} objects", mine, "s"),
        Measure(f"kubectl apply --server-side of {count} objects", theirs, "s"),
    ]


def _growth(scratch: Path, plane: ControlPlane, progress: Progress) -> list[Measure]:
    """Preview, policies and apply of every region, one after the other, per resource: of 8 regions and of 1."""
    regions = [f"region-{number}" for number in range(REGIONS)]
    with progress.step(f"growth from 1 region to {REGIONS}"):
        one = _per_resource(_checkout(scratch / "one", {"single": "single"}), ["single"], scratch / "one-state", plane)
        many = _per_resource(
            _checkout(scratch / "many", {region: region for region in regions}), regions, scratch / "many-state", plane
        )
    return [
        Measure(f"time per resource at {REGIONS} regions over that at 1", many / one, "ratio", 1.1),
        Measure("time per resource at 1 region", one * 1000, "ms"),
    ]


def _per_resource(checkout: Path, regions: Sequence[str], state: Path, plane: ControlPlane) -> float:
    engine = _engine(checkout, state, plane)
    resources = 0
    started = time.perf_counter()
    with packs.Pack(packs.directories(paths.CHECKOUT)[0], "bench", regions[0]) as pack:
        for region in regions:
            pack.ask(engine.preview(region).resources, region)
            resources += len(engine.up(region, QUIET).resources)
    return (time.perf_counter() - started) / resources


def _up(progress: Progress) -> list[Measure]:
    """`make up` as a user runs it, in a run directory of its own."""
    command = [sys.executable, "-m", "rehearsal"]
    with progress.step("make up, warm"):
        took = seconds(lambda: subprocess.run([*command, "up"], cwd=paths.CHECKOUT, check=True, stdout=sys.stderr))
        again = seconds(lambda: subprocess.run([*command, "up"], cwd=paths.CHECKOUT, check=True, stdout=sys.stderr))
        subprocess.run([*command, "down"], cwd=paths.CHECKOUT, check=True, stdout=sys.stderr)
    return [Measure("make up, warm, both regions to every pod ready", took, "s", 60.0), Measure("again", again, "s")]


class Unwaiting(kube.Client):
    """A client that awaits nothing, so that applying is all that is measured."""

    def wait(self, obj: kube.Manifest, *_: object, **__: object) -> kube.Manifest | None:
        return obj


def _engine(checkout: Path, state: Path, plane: ControlPlane) -> InProcessEngine:
    return InProcessEngine(checkout, state, lambda _: plane.kubeconfig, Unwaiting.from_kubeconfig)


def _evaluate(checkout: Path, region: str) -> Plan:
    project = Project.load(checkout)
    return evaluate.evaluate(checkout, evaluate.ask(project.name, region, project.config(region), True, {}, {}))


def _checkout(directory: Path, namespaces: Mapping[str, str]) -> Path:
    """A project whose regions are copies of us-east, each in a namespace of its own; the first one is home."""
    directory.mkdir()
    (directory / "__main__.py").symlink_to(paths.CHECKOUT / "__main__.py")
    project = yaml.safe_load((paths.CHECKOUT / "Pulumi.yaml").read_text())
    regions = [{"name": region, "primary": number == 0} for number, region in enumerate(namespaces)]
    project["config"]["multiregion"]["default"] = {"enabled": True, "regions": regions}
    (directory / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    stack = yaml.safe_load((paths.CHECKOUT / f"Pulumi.{HOME}.yaml").read_text())
    for region, namespace in namespaces.items():
        stack["config"]["somafractalmemory:kubernetes"] = {"namespace": namespace}
        (directory / f"Pulumi.{region}.yaml").write_text(yaml.safe_dump(stack))
    return directory


def _bare_program(directory: Path, plan: Plan) -> Path:
    directory.mkdir(mode=0o700)
    shutil.copy(Path(__file__).parent / "bare.py", directory / "__main__.py")
    (directory / "Pulumi.yaml").write_text("name: bare\nruntime: python\n")
    entries = [
        {
            "type": resource.type,
            "name": resource.name,
            "urn": resource.urn,
            "parent": resource.parent,
            "provider": resource.provider,
            "custom": resource.custom,
            "inputs": revealed(resource.inputs),
        }
        for resource in plan.resources
    ]
    (directory / "resources.json").write_text(json.dumps(entries))
    return directory


def _objects(plan: Plan) -> list[kube.Manifest]:
    return [revealed(one.inputs) for one in plan.resources if one.custom and one.type.startswith("kubernetes:")]


def _kinds(plan: Plan) -> list[tuple[str, str]]:
    return sorted({(obj["apiVersion"], obj["kind"]) for obj in _objects(plan)})


def _manifests(scratch: Path, space: str, plan: Plan) -> Path:
    file = scratch / f"{space}.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": _objects(plan)}))
    return file


def _kubectl(tools: binaries.Binaries, plane: ControlPlane, file: Path) -> None:
    command = [str(tools.kubectl), "--kubeconfig", str(plane.kubeconfig), "apply", "--server-side", "-f", str(file)]
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def _run_directory(directory: Path) -> Generator[None]:
    """Everything that runs in here keeps its files in a directory of its own."""
    before = os.environ.get("SOMA_REHEARSAL_HOME")
    os.environ["SOMA_REHEARSAL_HOME"] = str(directory)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SOMA_REHEARSAL_HOME"]
        else:
            os.environ["SOMA_REHEARSAL_HOME"] = before
