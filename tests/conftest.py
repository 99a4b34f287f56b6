"""Marks each test with the tier of its folder and says at the end, by name, which tier ran and which did not."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import parts

TIERS = {"unit": "unit", "rehearsal": "rehearsal", "dataplane": "data", "engine": "engine"}
"""Folder under tests/ and the tier that its tests belong to."""

NODES = "data on nodes"
"""The part of the data tier that runs the program on a cluster of real nodes."""
OWN_NODES = "data on our own nodes"
"""What of it reaches under the nodes, which a cluster that was given does not let it do."""

_collected: Counter[str] = Counter()
_not_run: dict[str, str] = {}
_outcomes: dict[str, Counter[str]] = {}
_figures: list[str] = []


def _tier(item: pytest.Item) -> str:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    if folder not in TIERS:
        raise pytest.UsageError(f"{item.path}: a test belongs into one of tests/{{{','.join(TIERS)}}}")
    return TIERS[folder]


def _part(item: pytest.Item) -> str:
    """The tier of a test, or the part of it that needs more than the rest."""
    if item.get_closest_marker("own_nodes") is not None:
        return OWN_NODES
    return NODES if item.path.parent.name == "cluster" else _tier(item)


def _missing(tier: str) -> str:
    """Why a tier cannot run on this machine; empty where it can."""
    if tier == "engine":
        from rehearsal.engine import cli

        return ", ".join(f"{tool} is not on PATH" for tool in cli.missing())
    if tier == "rehearsal":
        from rehearsal import binaries

        return binaries.missing()
    if tier == "data":
        from tests.dataplane import servers

        return ", ".join(f"{program} is not here" for program in servers.missing())
    given = os.environ.get("SOMA_TEST_KUBECONFIG")
    if tier in (NODES, OWN_NODES) and not given:
        from rehearsal.real.__main__ import missing

        return ", ".join(missing())
    if tier == OWN_NODES:
        return "the cluster was given by KUBECONFIG"
    return ""


@pytest.fixture
def figure() -> Callable[[str], None]:
    """Keeps a line about what was measured for the end of the run."""
    return _figures.append


def pytest_configure() -> None:
    """Told to end, a run ends what it started: its fixtures are torn down, as they are at an interrupt."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="a tier that cannot run on this machine is a failure")
    parser.addoption("--part", metavar="I/N", help="the tests of the I-th of N parts alone (tests/parts.py)")


def _of_part(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the tests of the part that is asked for."""
    asked = config.getoption("--part")
    if asked is None:
        return
    try:
        part, number = parts.of(asked)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    root = Path(__file__).parents[1]
    known = {str(root / file): seconds for file, seconds in parts.known().items()}
    mine = parts.files(Counter(str(item.path) for item in items), part, number, known)
    dropped = [item for item in items if str(item.path) not in mine]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if str(item.path) in mine]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    reasons: dict[str, str] = {}
    _of_part(config, items)
    for item in items:
        item.add_marker(_tier(item))
        tier = _part(item)
        _collected[tier] += 1
        if tier not in reasons:
            reasons[tier] = _missing(tier)
        if reasons[tier]:
            _not_run[tier] = reasons[tier]
        (dropped if reasons[tier] else kept).append(item)
    if _not_run and config.getoption("--whole"):
        raise pytest.UsageError("; ".join(f"{tier} cannot run: {reason}" for tier, reason in _not_run.items()))
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        tier = next((t for t in TIERS.values() if t in report.keywords), "?")
        _outcomes.setdefault(tier, Counter())[report.outcome] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _figures:
        terminalreporter.section("figures")
        for line in _figures:
            terminalreporter.write_line(line)
    terminalreporter.section("tiers")
    for tier in TIERS.values():
        if tier in _not_run:
            line = f"{tier}: NOT RUN ({_collected[tier]} tests): {_not_run[tier]}"
        elif tier in _outcomes:
            line = f"{tier}: " + ", ".join(f"{n} {what}" for what, n in sorted(_outcomes[tier].items()))
        elif tier in os.environ.get("SOMA_TIERS_BESIDE", "").split():
            line = f"{tier}: by itself, beside this run (tests/all.sh)"
        else:
            line = f"{tier}: NOT RUN: no test of this tier was selected"
        terminalreporter.write_line(line)
    for part in (NODES, OWN_NODES):
        if part in _not_run:
            terminalreporter.write_line(f"{part}: NOT RUN ({_collected[part]} tests): {_not_run[part]}")
