"""examples/redis-alone, as its page says, on a control plane; and what it needs of an installed package."""

import io
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal import binaries, paths, pods, run
from rehearsal.controlplane import ControlPlane
from rehearsal.engine.model import Change, Result
from rehearsal.progress import Progress
from rehearsal.standins import launch
from tests.rehearsal.conftest import MakePlane
from tests.rehearsal.example_pages import block
from tests.rehearsal.played_cli import PlayedCli

EXAMPLE = "redis-alone"
CLUSTER, CACHE = "my-cluster", "cache"
"""What its page calls the context, and its stack file the namespace."""


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
    cli.run(block(EXAMPLE))
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
    *_, last = block(EXAMPLE).splitlines()
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


def _await_pods(plane: ControlPlane) -> None:
    deadline = time.monotonic() + run.READY_SECONDS
    while not all(zone.settled for zone in pods.live(plane.admin(), CACHE).values()):
        assert time.monotonic() < deadline, pods.lagging(plane.admin(), CACHE)
        time.sleep(run.POLL_SECONDS)
