"""examples/three-regions, as its page says: a home and two standbys come up from another project's folder."""

import io
import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.postgres_cluster import cluster_name
from rehearsal import paths, processes, run
from rehearsal.controlplane import SERVER, ControlPlane
from rehearsal.progress import Progress
from tests.rehearsal.conftest import exists
from tests.rehearsal.example_pages import block
from tests.rehearsal.stand import NAMESPACE

pytestmark = pytest.mark.timeout(900)
"""The first test waits for three regions, beside whatever else the machine does."""

EXAMPLE = "three-regions"
REGIONS = ("us-east", "us-west", "eu-west")
Regions = dict[str, dict[str, Any]]


class Walk:
    """The commands of the page of the three regions, one after the other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.lines = block(EXAMPLE).splitlines()

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
def up(walk: Walk) -> Regions:
    """The regions of what `up` prints, by name."""
    return json.loads(walk.run("up", "--engine", "in-process", "--json"))["regions"]


def test_a_preview_says_what_three_regions_would_create(walk: Walk) -> None:
    said = walk.run("preview", "--engine", "in-process")
    for words in ("us-east (home)", "us-west (standby)", "eu-west (standby)", "passed"):
        assert words in said
    assert "refused" not in said


def test_three_regions_come_up_home_first(up: Regions) -> None:
    assert {name: region["role"] for name, region in up.items()} == {
        "us-east": "home", "us-west": "standby", "eu-west": "standby",
    }  # fmt: skip
    for region in up.values():
        assert {change: number for change, number in region["changes"].items() if number} == {
            "create": len(region["resources"])
        }
        assert all(zone["ready"] + zone["held"] == zone["wanted"] > 0 for zone in region["pods"].values())


@pytest.mark.parametrize("region", REGIONS[1:])
def test_each_standby_follows_home(up: Regions, walk: Walk, region: str) -> None:
    """PostgreSQL's list of clusters names every region, and its source is home's."""
    del up, walk
    (database,) = ControlPlane(region).admin().list("postgresql.cnpg.io/v1", "Cluster", NAMESPACE)
    assert database["spec"]["replica"]["primary"] == cluster_name("us-east")
    assert {one["name"] for one in database["spec"]["externalClusters"]} == set(map(cluster_name, REGIONS))


def test_status_and_down_know_the_regions(up: Regions, walk: Walk) -> None:
    del up
    pids = [processes.Process(ControlPlane(region).directory, SERVER).pid() for region in REGIONS]
    assert None not in pids
    assert set(json.loads(walk.run("status", "--json"))["regions"]) == set(REGIONS)
    ended = walk.run("down")
    assert all(region in ended for region in REGIONS)
    assert not any(pid is not None and exists(pid) for pid in pids)
