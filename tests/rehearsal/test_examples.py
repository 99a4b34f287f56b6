"""The programs under examples/, as their pages say: brought up on control planes, from an installed package as well."""

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal import binaries, paths, pods, processes, run
from rehearsal.controlplane import SERVER, ControlPlane
from rehearsal.engine.model import Change, Result
from rehearsal.progress import Progress
from rehearsal.standins import launch
from tests.rehearsal.conftest import MakePlane, exists
from tests.rehearsal.played_cli import PlayedCli
from tests.rehearsal.stand import NAMESPACE

pytestmark = pytest.mark.timeout(900)
"""Three regions come up, beside whatever else the machine does."""

REGIONS = ("us-east", "us-west", "eu-west")
CLUSTER, CACHE = "my-cluster", "cache"
"""What the page of redis-alone calls the context, and its stack file the namespace."""

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def block(page: Path) -> str:
    """The one block of commands of a page."""
    (found,) = _BLOCK.findall(page.read_text())
    return found


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout that may be written to."""
    copy = tmp_path_factory.mktemp("examples") / "checkout"
    project = tomllib.loads((paths.CHECKOUT / "pyproject.toml").read_text())
    rooms = [room.rstrip("*") for room in project["tool"]["setuptools"]["packages"]["find"]["include"]]
    for room in (*rooms, "examples"):
        shutil.copytree(paths.CHECKOUT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(paths.CHECKOUT / file, copy)
    (copy / ".venv").symlink_to(paths.CHECKOUT / ".venv")
    return copy


# A Redis Cluster alone


@pytest.fixture(scope="module")
def cluster(tools: binaries.Binaries, make_plane: MakePlane) -> Iterator[ControlPlane]:
    """A cluster of somebody who runs no region."""
    plane, progress = make_plane(CLUSTER), Progress(io.StringIO())
    plane.start(tools, progress)
    directory = plane.kubeconfig.parent
    launch.start(plane.kubeconfig, directory, progress)
    yield plane
    launch.stop(directory)
    plane.stop()


@pytest.fixture(scope="module")
def alone(checkout: Path, cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> PlayedCli:
    """After what its page says was done."""
    cli = PlayedCli(checkout, tmp_path_factory.mktemp("state"), cluster.kubeconfig)
    cli.run(block(checkout / "examples" / "redis-alone" / "README.md"))
    return cli


def test_the_page_of_the_cache_brings_it_up(alone: PlayedCli, cluster: ControlPlane) -> None:
    last = alone.done[-1]
    assert isinstance(last, Result)
    assert {step.change for step in last.steps} == {Change.CREATE}
    _await_pods(cluster)
    for zone, counted in pods.live(cluster.admin(), CACHE).items():
        assert counted.as_json() == {"ready": 2, "held": 0, "wanted": 2}, zone
    sets = {found["metadata"]["name"] for found in cluster.admin().list("apps/v1", "StatefulSet", CACHE)}
    assert sets == {"redis-zone-a", "redis-zone-b", "redis-zone-c"}


def test_the_cache_gives_out_what_a_client_needs(alone: PlayedCli, cluster: ControlPlane) -> None:
    outputs = alone.done[-1].outputs
    service, namespace, *_ = outputs["host"].split(".")
    assert cluster.admin().get("v1", "Service", service, namespace)["spec"]["clusterIP"] == "None"
    assert cluster.admin().get("v1", "Secret", outputs["secret"], CACHE)["data"]["password"]


def test_a_second_up_of_the_cache_changes_nothing(alone: PlayedCli) -> None:
    """The last line of the page once more, from where the others led."""
    *_, last = block(alone.folder / "README.md").splitlines()
    alone.run(last)
    again = alone.done[-1]
    assert isinstance(again, Result)
    assert {step.change for step in again.steps} == {Change.SAME}


def test_nothing_that_the_packages_read_is_missing_once_they_are_installed(checkout: Path, tmp_path: Path) -> None:
    """An install by path or from git copies the packages: scripts and templates have to come along."""
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=checkout, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    rooms = {name.partition("/")[0] for name in packed if ".dist-info" not in name}
    assert {"components", "settings", "observability", "policies"} <= rooms
    there = {path.relative_to(checkout).as_posix() for room in rooms for path in (checkout / room).rglob("*.*")}
    assert {name for name in there - packed if "__pycache__" not in name} == set()


# Three regions


class Walk:
    """The commands of the page of the three regions, one after the other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.lines = block(paths.CHECKOUT / "examples" / "three-regions" / "README.md").splitlines()

    def run(self, name: str, *more: str) -> str:
        """What the command of this name prints."""
        (line,) = (line for line in self.lines if shlex.split(line)[3] == name)
        done = subprocess.run(
            [*shlex.split(line), *more],
            cwd=paths.CHECKOUT,
            env={**os.environ, paths.HOME: str(self.directory), "PYTHONPATH": str(paths.CHECKOUT)},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    directory = tmp_path_factory.mktemp("three") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(paths.HOME, str(directory))
        yield Walk(directory)
        run.down(Progress(io.StringIO()))


def test_the_page_of_the_three_regions_has_no_other_commands(walk: Walk) -> None:
    assert [shlex.split(line)[3] for line in walk.lines] == ["preview", "up", "status", "down"]


@pytest.fixture(scope="module")
def up(walk: Walk) -> dict[str, dict[str, object]]:
    """The regions of what `up` prints, by name."""
    document = json.loads(walk.run("up", "--engine", "in-process", "--json"))
    return {region["region"]: region for region in document["regions"]}


def test_a_preview_says_what_three_regions_would_create(walk: Walk) -> None:
    said = walk.run("preview", "--engine", "in-process")
    for words in ("us-east (home)", "us-west (standby)", "eu-west (standby)", "0 failed"):
        assert words in said


def test_three_regions_come_up_home_first(up: dict[str, dict[str, object]]) -> None:
    assert {name: region["role"] for name, region in up.items()} == {
        "us-east": "home", "us-west": "standby", "eu-west": "standby",
    }  # fmt: skip
    for region in up.values():
        assert region["changes"] == {"create": region["resources"]}


@pytest.mark.parametrize("region", REGIONS[1:])
def test_each_standby_follows_home(up: dict[str, dict[str, object]], walk: Walk, region: str) -> None:
    """PostgreSQL's list of clusters names every region, and its source is home's."""
    del up, walk
    (database,) = ControlPlane(region).admin().list("postgresql.cnpg.io/v1", "Cluster", NAMESPACE)
    assert database["spec"]["replica"]["primary"] == "us-east"
    assert {one["name"] for one in database["spec"]["externalClusters"]} >= set(REGIONS)


def test_status_and_down_know_the_regions(up: dict[str, dict[str, object]], walk: Walk) -> None:
    del up
    pids = [processes.Process(ControlPlane(region).directory, SERVER).pid() for region in REGIONS]
    assert {one["region"] for one in json.loads(walk.run("status", "--json"))} == set(REGIONS)
    ended = walk.run("down")
    assert all(region in ended for region in REGIONS)
    assert not any(pid is not None and exists(pid) for pid in pids)


def _await_pods(plane: ControlPlane) -> None:
    deadline = time.monotonic() + run.READY_SECONDS
    while not all(zone.settled for zone in pods.live(plane.admin(), CACHE).values()):
        assert time.monotonic() < deadline, pods.lagging(plane.admin(), CACHE)
        time.sleep(run.POLL_SECONDS)
