"""The benchmarks run: what they answer has the promised shape. How fast anything was is not asked here."""

import io
import os
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rehearsal import binaries, paths, run
from rehearsal.bench import applying, aws_growth, evaluation, growth, make_up, policies, projects, still
from rehearsal.bench.measure import Measure
from rehearsal.controlplane import FOLLOWERS, SERVER, STORE, ControlPlane
from rehearsal.engine.model import Plan, shown_to_packs
from rehearsal.errors import RehearsalError
from rehearsal.processes import Process, recorded
from rehearsal.progress import Progress
from tests.rehearsal.conftest import exists
from tests.rehearsal.stand import REGIONS

QUIET = Progress(io.StringIO())
OWN_PART = "its own part of these resources, without those calls"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return projects.evaluate(paths.CHECKOUT, projects.HOME)


@pytest.fixture(scope="module")
def plane(tools: binaries.Binaries, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with _run_directory(tmp_path_factory.mktemp("bench")), still.plane(tools, plan, QUIET) as plane:
        yield plane


@contextmanager
def _run_directory(directory: Path) -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOMA_REHEARSAL_HOME", str(directory / "run"))
        yield


def _shape(measured: list[Measure]) -> list[tuple[str, str, float | None]]:
    for entry in measured:
        assert entry.value is not None
        # A difference of two runs: on a machine that does much else it may be under zero.
        assert entry.value > 0 or entry.name == OWN_PART
    return [(entry.name, entry.unit, entry.goal) for entry in measured]


def test_the_overhead_of_the_program_is_measured(plan: Plan, tmp_path: Path) -> None:
    assert _shape(evaluation.measure(tmp_path, plan, QUIET, rounds=1)) == [
        ("evaluate us-east over a bare program of the same resources", "ratio", 1.25),
        ("evaluate us-east", "s", None),
    ]


def test_the_cost_of_the_packs_is_measured(plan: Plan, tmp_path: Path) -> None:
    shown = len(shown_to_packs(plan.resources))
    assert _shape(policies.measure(tmp_path, plan, plan, QUIET, rounds=1)) == [
        about
        for pack in ("capacity", "data-safety", "high-availability", "security")
        for about in (
            (f"start the policy pack {pack}", "s", None),
            (f"ask it about {shown} resources", "s", 0.15),
            ("the same over as many policies of the SDK that look at nothing", "ratio", None),
            ("the same for 10 times as many resources", "ratio", 12.0),
            (f"as many calls as {shown} resources on AWS take, which ask nothing", "s", None),
            (OWN_PART, "s", 0.15),
        )
    ]


def test_a_region_many_times_has_no_resource_twice_and_refers_to_its_own(plan: Plan) -> None:
    made = list(policies.enlarged(plan.resources, 3))
    assert made[: len(plan.resources)] == list(plan.resources)
    assert len({one.urn for one in made}) == len(made) == 3 * len(plan.resources)
    third = made[2 * len(plan.resources) :]
    own = {one.urn for one in third}
    for one in third:
        sources = {urn for origins in one.property_dependencies.values() for urn in origins}
        assert {one.parent or "", one.provider or "", *one.depends_on, *sources} - {""} <= own | {
            plan.resources[0].parent
        }
    namespaces = {one.inputs["metadata"]["namespace"] for one in third if one.type.endswith(":StatefulSet")}
    assert namespaces == {
        f"{one.inputs['metadata']['namespace']}-2" for one in plan.resources if one.type.endswith(":StatefulSet")
    }


def test_our_modules_are_as_warm_as_the_sdks_where_no_bytecode_may_be_written(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "scratch").mkdir()
    evaluation.measure(tmp_path / "scratch", plan, QUIET, rounds=1)
    kept = {Path(*file.parts[-2:]) for file in (tmp_path / "cache").rglob("*.pyc")}
    for module in ("components/region", "settings/settings"):
        assert Path(f"{module}.{sys.implementation.cache_tag}.pyc") in kept
    assert os.environ["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_bare_program_registers_the_same_resources(plan: Plan, tmp_path: Path) -> None:
    same = projects.evaluate(projects.bare(tmp_path / "bare", plan), projects.HOME)
    ours = sorted((one.type, one.name) for one in plan.resources)
    assert sorted((one.type, one.name) for one in same.resources) == ours


def test_the_apply_is_measured_against_kubectl(
    plane: ControlPlane, plan: Plan, tools: binaries.Binaries, tmp_path: Path
) -> None:
    if tools.kubectl is None:
        pytest.skip("no kubectl: make bench builds it")
    measured = applying.measure(tmp_path, plane, tools.kubectl, QUIET, rounds=1)
    assert [(unit, goal) for _, unit, goal in _shape(measured)] == [("ratio", 1.5), ("s", None), ("s", None)]
    ours, theirs = (_held(plane, plan, f"{who}-0") for who in ("ours", "kubectl"))
    assert ours == theirs
    assert ours.total() > 40


def test_the_growth_is_measured(plane: ControlPlane, plan: Plan, tmp_path: Path) -> None:
    assert _shape(growth.measure(tmp_path, plane, QUIET, rounds=1, regions=2)) == [
        ("time per resource at 2 regions over that at 1", "ratio", 1.1),
        ("time per resource at 1 region", "ms", None),
    ]
    for namespace in ("warm-0", "single-0-0-0", "single-0-1-0", "many-0-0", "many-0-1"):
        assert _held(plane, plan, namespace).total() > 40, namespace


def test_the_growth_on_aws_is_measured(tmp_path: Path) -> None:
    whole, added, alone = aws_growth.measure(tmp_path, QUIET, rounds=1, regions=(3,))
    assert _shape([whole, added]) == [
        (f"{aws_growth.WHAT}, at 3 regions over 1", "ratio", None),
        ("the same, growth for each region added up to 3", "ratio", 1.1),
    ]
    assert whole.value is not None
    assert added.value is not None
    assert whole.value - 1 == pytest.approx(2 * (added.value - 1))
    assert int(alone.name.rpartition(" ")[2]) > 250


def test_nothing_but_applying_happens_on_the_benchmarks_control_plane(plane: ControlPlane) -> None:
    assert not any(Process(plane.directory, name).alive() for name in FOLLOWERS)
    assert all(Process(plane.directory, name).alive() for name in (STORE, SERVER))


def _held(plane: ControlPlane, plan: Plan, namespace: str) -> Counter[str]:
    """How many objects of each of the plan's kinds a namespace holds."""
    kinds = {(one["apiVersion"], one["kind"]) for one in projects.objects(plan)} - {("v1", "Namespace")}
    return Counter({kind: len(plane.admin().list(version, kind, namespace)) for version, kind in kinds})


# When it fails


def test_a_failing_command_is_told_with_its_last_words() -> None:
    with pytest.raises(RehearsalError, match=r"make up --engine=none failed with exit code 2") as told:
        make_up.command(["up", "--engine=none"], QUIET)
    assert "invalid choice: 'none'" in str(told.value)


def test_a_failing_kubectl_is_told_with_its_last_words() -> None:
    with pytest.raises(RehearsalError, match=r"failed with exit code 3:\n  no such host"):
        applying.run([sys.executable, "-c", "import sys; sys.stderr.write('no such host'); sys.exit(3)"])


class Interrupting(Progress):
    """Ctrl-C as soon as a line holds the words."""

    def __init__(self, words: str) -> None:
        super().__init__(io.StringIO())
        self._words = words

    def note(self, text: str) -> None:
        if self._words in text:
            raise KeyboardInterrupt


def test_an_interrupted_up_has_ended_and_left_nothing_that_down_does_not_find(tmp_path: Path) -> None:
    with _run_directory(tmp_path):
        with pytest.raises(KeyboardInterrupt):
            make_up.command(["up", "--engine=in-process"], Interrupting("created StatefulSet"))
        started = [process.pid() for region in REGIONS for process in recorded(ControlPlane(region).directory)]
        assert len(started) == len(REGIONS) * len((STORE, SERVER, *FOLLOWERS))
        assert run.down(QUIET) == REGIONS
        assert not any(pid is not None and exists(pid) for pid in started)


def test_an_interrupt_while_the_benchmarks_control_plane_is_in_use_ends_it(
    tools: binaries.Binaries, plan: Plan, tmp_path: Path
) -> None:
    started: list[int | None] = []
    with _run_directory(tmp_path), pytest.raises(KeyboardInterrupt), still.plane(tools, plan, QUIET) as plane:
        started += [Process(plane.directory, name).pid() for name in (STORE, SERVER)]
        raise KeyboardInterrupt
    assert len(started) == 2
    assert not any(pid is None or exists(pid) for pid in started)
