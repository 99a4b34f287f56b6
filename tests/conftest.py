"""Marks each test with the tier of its folder and says at the end, by name, which tier ran and which did not."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

TIERS = {"unit": "unit", "rehearsal": "rehearsal", "dataplane": "data", "engine": "engine"}
"""Folder under tests/ and the tier that its tests belong to."""

_collected: Counter[str] = Counter()
_not_run: dict[str, str] = {}
_outcomes: dict[str, Counter[str]] = {}
_figures: list[str] = []


def _tier(item: pytest.Item) -> str:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    if folder not in TIERS:
        raise pytest.UsageError(f"{item.path}: a test belongs into one of tests/{{{','.join(TIERS)}}}")
    return TIERS[folder]


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
    return ""


@pytest.fixture
def figure() -> Callable[[str], None]:
    """Keeps a line about what was measured for the end of the run."""
    return _figures.append


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    reasons: dict[str, str] = {}
    for item in items:
        tier = _tier(item)
        item.add_marker(tier)
        _collected[tier] += 1
        if tier not in reasons:
            reasons[tier] = _missing(tier)
        if reasons[tier]:
            _not_run[tier] = reasons[tier]
        (dropped if reasons[tier] else kept).append(item)
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
        else:
            line = f"{tier}: NOT RUN: no test of this tier was selected"
        terminalreporter.write_line(line)
