"""`.ci/checks` on a small repository: which checks it runs, and what it tells of each."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPT = Path(".ci") / "checks"
WORKFLOW = Path(".github") / "workflows" / "pull-request.yml"
MAKEFILE = """\
setup lint policies test-unit test-rehearsal:
	@echo "$@ $(PART)" >>told
base-gate:
	@echo "$@ $(BASE)" >>told; test ! -e red
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for file in (SCRIPT, WORKFLOW):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    (tmp_path / "Makefile").write_text(MAKEFILE)
    return tmp_path


def run(checkout: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["bash", str(checkout / SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def jobs() -> list[str]:
    """As GitHub reads them."""
    matrix = yaml.safe_load((ROOT / WORKFLOW).read_text())["jobs"]["check"]["strategy"]["matrix"]
    return [*matrix["target"], *(f"{one['target']} {one['part']}" for one in matrix["include"])]


def told(checkout: Path) -> list[str]:
    return [line.strip() for line in (checkout / "told").read_text().splitlines()]


def test_the_checks_are_those_of_the_workflow(checkout: Path) -> None:
    assert run(checkout, "--list").stdout.splitlines() == jobs()
    assert not (checkout / "told").exists(), "a list runs nothing"


def test_each_is_timed_and_the_longest_is_named(checkout: Path) -> None:
    ended = run(checkout)
    assert ended.returncode == 0, ended.stderr
    *each, longest = (re.sub(r" +\d+ s$", "", line) for line in ended.stdout.splitlines())
    assert each == jobs()
    assert longest.removeprefix("the longest, ") in each
    assert told(checkout) == ["setup", *("base-gate HEAD^1" if job == "base-gate" else job for job in jobs())]


def test_a_target_or_a_part_is_run_alone(checkout: Path) -> None:
    parts = [job for job in jobs() if job.startswith("test-unit ")]
    assert run(checkout, "test-unit").returncode == 0
    assert run(checkout, *parts[1].split()).returncode == 0
    assert told(checkout) == ["setup", *parts, "setup", parts[1]]


def test_one_that_fails_is_told_at_the_end_and_the_others_run(checkout: Path) -> None:
    (checkout / "red").touch()
    ended = run(checkout)
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (1, "failed: base-gate")
    assert told(checkout)[-1] == jobs()[-1]


def test_what_is_no_check_is_told_so(checkout: Path) -> None:
    ended = run(checkout, "test-unit", "9/9")
    assert (ended.returncode, ended.stderr) == (
        2, "no check of a pull request is test-unit 9/9: .ci/checks --list names them\n",
    )  # fmt: skip
