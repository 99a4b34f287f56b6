"""The summary of tests/conftest.py: a tier that cannot run says so by name and reason, and never passes silently."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rehearsal import binaries
from rehearsal.engine import cli
from rehearsal.real import __main__ as real
from tests.dataplane import servers

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[1] / "conftest.py"
PLACES = ("unit", "rehearsal", "dataplane", "dataplane/cluster", "engine")
OWN = "import pytest\n\n@pytest.mark.own_nodes\ndef test_own():\n    pass\n"
Summary = Callable[..., list[str]]


@pytest.fixture
def summary(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Summary:
    """Runs one test of each tier where nothing is missing, and gives the lines about tiers."""
    monkeypatch.delenv("SOMA_TEST_KUBECONFIG", raising=False)
    monkeypatch.delenv("SOMA_TIERS_BESIDE", raising=False)
    for module in (cli, servers, real):
        monkeypatch.setattr(module, "missing", list)
    monkeypatch.setattr(binaries, "missing", str)
    pytester.makeconftest(CONFTEST.read_text())
    for place in PLACES:
        (pytester.path / place).mkdir(exist_ok=True)
        (pytester.path / place / "test_one.py").write_text("def test_one():\n    pass\n")
    (pytester.path / "dataplane/cluster/test_own.py").write_text(OWN)

    def run(*arguments: str) -> list[str]:
        done = pytester.runpytest_inprocess("--import-mode=importlib", "-p", "no:cacheprovider", *arguments)
        assert done.ret == 0
        lines = done.outlines
        first = next(number for number, line in enumerate(lines) if " tiers " in line)
        return [line for line in lines[first + 1 :] if line and not line.startswith("=")]

    return run


def test_all_of_it(summary: Summary) -> None:
    assert summary() == ["unit: 1 passed", "rehearsal: 1 passed", "data: 3 passed", "engine: 1 passed"]


def test_one_that_was_not_selected(summary: Summary) -> None:
    assert summary("unit")[1:] == [
        f"{tier}: NOT RUN: no test of this tier was selected" for tier in ("rehearsal", "data", "engine")
    ]


@pytest.mark.parametrize(
    ("module", "lacking", "said"),
    [
        (cli, ["pulumi"], ["engine: NOT RUN (1 tests): pulumi is not on PATH"]),
        (binaries, "no Go", ["rehearsal: NOT RUN (1 tests): no Go"]),
        (servers, ["initdb"], ["data: NOT RUN (1 tests): initdb is not here"]),
        (
            real,
            ["not root"],
            ["data on nodes: NOT RUN (1 tests): not root", "data on our own nodes: NOT RUN (1 tests): not root"],
        ),
    ],
)
def test_one_that_cannot_run_here(
    summary: Summary, monkeypatch: pytest.MonkeyPatch, module: object, lacking: object, said: list[str]
) -> None:
    monkeypatch.setattr(module, "missing", lambda: lacking)
    assert [line for line in summary() if "NOT RUN" in line] == said


@pytest.mark.parametrize(
    ("module", "said"),
    [(real, "data on nodes cannot run: not here"), (cli, "engine cannot run: not here is not on PATH")],
)
def test_one_that_cannot_run_here_fails_where_all_are_to_run(
    summary: Summary, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, module: object, said: str
) -> None:
    assert len(summary("--whole")) == 4
    monkeypatch.setattr(module, "missing", lambda: ["not here"])
    done = pytester.runpytest_inprocess("--import-mode=importlib", "-p", "no:cacheprovider", "--whole")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert said in done.stderr.str()


def test_a_cluster_that_was_given_is_not_reached_under_its_nodes(
    summary: Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMA_TEST_KUBECONFIG", "given")
    monkeypatch.setattr(real, "missing", lambda: ["not root"])
    own = "data on our own nodes: NOT RUN (1 tests): the cluster was given by KUBECONFIG"
    assert [line for line in summary() if "NOT RUN" in line] == [own]


def test_a_test_without_a_tier_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST.read_text())
    (pytester.path / "others").mkdir()
    (pytester.path / "others/test_one.py").write_text("def test_one():\n    pass\n")
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert done.ret != 0
    assert "a test belongs into one of tests/{unit,rehearsal,dataplane,engine}" in done.stderr.str() + done.stdout.str()


def test_one_that_is_told_to_end_tears_down_what_it_set_up(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(CONFTEST.parents[1]))
    pytester.makeconftest(CONFTEST.read_text())
    (pytester.path / "unit").mkdir()
    (pytester.path / "unit/test_one.py").write_text(
        "import os, pathlib, signal\n"
        "def teardown_module(): pathlib.Path('ended').touch()\n"
        "def test_one(): os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    done = pytester.runpytest_subprocess("--import-mode=importlib", "-p", "no:cacheprovider")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert (pytester.path / "ended").exists()
