"""`.ci/newcomer` on a small repository: what it times, and that a failing step is told and leaves nothing behind."""

import os
import re
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "newcomer"
PROJECT = "regions:\n  - name: us-east\n  - name: us-west\n"
MAKEFILE = """\
up:
	@mkdir -p .venv && echo "<p>us-east us-west</p>" >report.html && echo "report: $(CURDIR)/report.html"
down:
	@echo down >>$(TOLD)
test:
	@test ! -e $(TOLD).red && echo "cache: $$XDG_CACHE_HOME" >>$(TOLD)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone's origin, and a browser that prints what it is given."""
    folder = tmp_path / "checkout"
    (folder / ".ci").mkdir(parents=True)
    (folder / ".ci" / "newcomer").write_bytes(SCRIPT.read_bytes())
    (folder / ".ci" / "newcomer").chmod(0o755)
    (folder / "Makefile").write_text(MAKEFILE)
    (folder / "Pulumi.yaml").write_text(PROJECT)
    (folder / ".gitignore").write_text(".venv\nreport.html\n")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "all"]):
        subprocess.run(
            ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.com", *command], check=True
        )
    browser = tmp_path / "bin" / "chromium"
    browser.parent.mkdir()
    browser.write_text('#!/bin/sh\nfor last; do :; done\ncat "${last#file://}"\n')
    browser.chmod(0o755)
    (tmp_path / "temporary").mkdir()
    return folder


def run(checkout: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    beside = checkout.parent
    environment = {
        **os.environ,
        "PATH": f"{beside / 'bin'}:{os.environ['PATH']}",
        "TMPDIR": str(beside / "temporary"),
        "TOLD": str(beside / "told"),
    }
    script = str(checkout / ".ci" / "newcomer")
    return subprocess.run([script, *options], capture_output=True, text=True, env=environment, timeout=60, check=False)


def steps(ended: "subprocess.CompletedProcess[str]") -> list[str]:
    return [re.sub(r" +\d+ s$", "", line) for line in ended.stdout.splitlines() if re.search(r" \d+ s$", line)]


def test_each_step_is_timed_and_nothing_stays(checkout: Path) -> None:
    ended = run(checkout)
    assert ended.returncode == 0, ended.stderr
    assert steps(ended) == ["clone", "make up", "report open", "make up again", "in all"]
    assert (checkout.parent / "told").read_text() == "down\n"
    assert [*(checkout.parent / "temporary").iterdir()] == []


def test_tests_run_when_they_are_asked_for_with_empty_caches(checkout: Path) -> None:
    ended = run(checkout, "--cold", "--test")
    assert ended.returncode == 0, ended.stderr
    assert steps(ended)[4:] == ["make down", "make test", "in all"]
    cache = (checkout.parent / "told").read_text().splitlines()[1].removeprefix("cache: ")
    assert cache.startswith(str(checkout.parent / "temporary"))


def test_tests_that_fail_are_a_failure(checkout: Path) -> None:
    (checkout.parent / "told.red").touch()
    ended = run(checkout, "--test")
    assert ended.returncode != 0
    assert "make test: failed" in ended.stderr
    assert [*(checkout.parent / "temporary").iterdir()] == []


def test_a_report_that_does_not_show_a_region_is_a_failure(checkout: Path) -> None:
    (checkout / "Pulumi.yaml").write_text(PROJECT + "  - name: eu-west\n")
    command = ["git", "-C", str(checkout), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*command, "commit", "--quiet", "-am", "a third"], check=True)
    ended = run(checkout)
    assert ended.returncode != 0
    assert "the report shows nothing of eu-west" in ended.stderr


def test_an_option_that_there_is_not_is_told_how_to_use_it(checkout: Path) -> None:
    ended = run(checkout, "--warm")
    assert (ended.returncode, ended.stderr) == (2, "usage: .ci/newcomer [--cold] [--test]\n")
