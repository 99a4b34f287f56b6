"""The dashboards of a healthy region as a page: from a real Prometheus by the command, looked at in a real browser."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dashboards.__main__ import main
from dashboards.page import drawn
from dashboards.prometheus import Prometheus
from observability.rules import rules
from observability.scope import scope
from rehearsal.engine.project import Project
from tests.dataplane.conftest import Start
from tests.dataplane.observability import healthy
from tests.dataplane.observability.browser import Scheme, browser, looked
from tests.dataplane.observability.cases import HOUR, MINUTE, Series, Watched, steady
from tests.dataplane.observability.stored import prometheus

ROOT = Path(__file__).parents[2]
END = HOUR + 30 * MINUTE
HOSTILE = "</td><script>alert(1)</script>"
ALERTS = (
    {"alertname": "RegionWatchdog", "severity": "none"},
    {"alertname": "PostgresqlReplicaBehindObjective", "severity": "critical", "pod": "postgresql-us-east-2"},
    {"alertname": "VolumeFilling", "severity": "warning", "pod": HOSTILE},
)
OF_USERS = (
    *("Time to answer", "Time to answer by region", "Slowest requests", "Requests", "Requests by region"),
    *("Share of requests that fail", "Share of requests that fail by region", "Requests by pod of the service"),
    *("Error budget left", "How fast the error budget burns", "Reads that find their key"),
    *("Memories to be stored that fail", "Stores: what fails for the service"),
    *("Nodes that a gateway asks", "Calls that are made again, to another node", "Memories to be stored"),
    "Time to an answer, at the gateways",
)
OF_COLLECTIONS = (
    *("Copies by shard", "Fewest copies of a shard", "Fewest zones of a shard", "Shards by node", "Points by node"),
    *("Searches", "Time that a search takes", "Qdrant: requests that a node fails"),
)
"""Panels that a standby has nothing for."""


@pytest.fixture(scope="module")
def watched() -> Watched:
    """The home region of the checkout, with backups."""
    return Watched(replace(scope(Project.load(ROOT).settings()["us-east"]), backups=True))


@pytest.fixture(scope="module")
def address(watched: Watched, start_module: Start, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of a Prometheus that has its first ninety minutes."""
    own = {"alertstate": "firing", "region": watched.scope.region}
    fire = [Series("ALERTS", {**own, **labels}, steady(1)) for labels in ALERTS]
    told = [*healthy.region(watched), *fire]
    return prometheus(told, [rules(watched.scope)], END, tmp_path_factory.mktemp("prometheus"), start_module)


@pytest.fixture(scope="module")
def file(address: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, as the command writes it."""
    made = tmp_path_factory.mktemp("page") / "dashboards.html"
    where = ["--directory", str(ROOT), "--prometheus", address, "--stack", "us-east", "-o", str(made)]
    assert main([*where, "--end", "1970-01-01T01:30Z", "--minutes", "60"]) == 0
    return made


@pytest.fixture(scope="module")
def full(address: str, watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a region with all that may be shown: backups, and links to what to do."""
    docs = watched.scope.monitoring.model_copy(update={"docs": "https://git.example.com/docs"})
    made = tmp_path_factory.mktemp("full") / "dashboards.html"
    made.write_text(drawn(replace(watched.scope, monitoring=docs), Prometheus(address), END, HOUR).html, "utf-8")
    return made


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 1920])
def test_it_looks_right(opened: Browser, full: Path, width: int, scheme: Scheme) -> None:
    """Nothing overlaps, nothing is cut or hard to read, and nothing is fetched."""
    with looked(opened, full, width, scheme) as page:
        assert page.faults == []
        assert page.requests == [full.as_uri()]
        assert page.told == []
        ground = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(243, 244, 246)") == (scheme == "light")


def test_what_looks_wrong_is_seen(opened: Browser, file: Path) -> None:
    """Else the test above would not say much."""
    with looked(opened, file, 1280, "light") as seen:
        for style, says in (
            (".panel { width: 130% }", "panels overlap: CPU by node"),
            (".grid { grid-template-columns: repeat(24, 60px) }", "the page scrolls sideways"),
            ("h4 { white-space: nowrap; font-size: 2rem }", "text leaves its panel: "),
            (".remedy { overflow: hidden; white-space: nowrap }", "text is cut: "),
            (".times span { font-size: 2rem }", "labels of an axis overlap: CPU by node"),
            (":root { --soft: #aaa }", "contrast of "),
            (":root { --c0: #eee }", "less than 3: a line of "),
        ):
            faults = seen.spoiled(style)
            assert any(says in fault for fault in faults), (style, faults[:5])
        assert not seen.faults


def test_it_shows_what_the_series_say(opened: Browser, file: Path) -> None:
    """Of a region in which all is well, legends and values."""
    with looked(opened, file, 1280, "light") as seen:
        panels = seen.page.locator("article")
        texts = {text.split("\n")[0].strip(): text for text in panels.all_inner_texts()}
    for title, *said in (
        ("Memory by node", "node-of-zone-a (zone-a)", "62.5%"),
        ("Requests", "memory-service", "90 req/s"),
        ("Time to answer", "memory-service 0.95", "60 ms", "orange from 200 ms"),
        ("Points by node", "qdrant-0 (zone-a)", "fair share", "50 K"),
        ("Memory in use of maxmemory", "redis-zone-a-0 (zone-a)", "50%"),
        ("Reads that find their key", "all nodes", "90%", "red below 40%"),
        ("PostgreSQL: connections in use", "postgresql-us-east-1", "15%"),
        ("Latency from region to region", "us-west", "70 ms"),
        ("Certificates: days left", "59.9 d"),
        ("Ready pods by zone", "zone-c", "postgresql-pooler"),
        ("Alerting", "works"),
        ("Cannot wait", "1"),
        ("Which alerts", HOSTILE, "VolumeFilling"),
        ("CPU by pod", "more"),
    ):
        for text in said:
            assert text in texts[title], (title, texts[title])


def test_links_and_keys_lead_through_it(opened: Browser, file: Path) -> None:
    """What is focused is seen, and what is closed opens without a script."""
    with looked(opened, file, 1280, "light") as seen:
        page = seen.page
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        assert page.url.endswith("#somafractalmemory-scaling-overview")
        more = page.locator("article", has_text="CPU by pod").locator("details").first
        more.locator("summary").press("Enter")
        assert more.locator("tr").first.is_visible()


def test_what_has_no_figures_is_listed(address: str, watched: Watched) -> None:
    """All has, but for a window before the first of them."""
    source = Prometheus(address)
    all_told = drawn(watched.scope, source, END, HOUR)
    assert not all_told.empty
    assert {panel.title for panel in all_told.beyond} == {"Cannot wait", "For working hours", "Which alerts"}
    before = drawn(watched.scope, source, -HOUR, HOUR)
    said = {panel.title for panel in before.panels} - {panel.title for panel in before.empty}
    assert said == {"Cannot wait", "For working hours", "Alerting"}, "what counts alerts says none"


def test_the_standbys_page_has_figures_of_all_but_users(start_module: Start, tmp_path: Path) -> None:
    """All is well there, its users are taken home, and it has no collections before a promotion."""
    standby = Watched(replace(scope(Project.load(ROOT).settings()["us-west"]), backups=True))
    watchdog = Series("ALERTS", {"alertstate": "firing", "region": "us-west", **ALERTS[0]}, steady(1))
    told = [*healthy.region(standby), watchdog]
    address = prometheus(told, [rules(standby.scope)], END, tmp_path, start_module)
    page = drawn(standby.scope, Prometheus(address), END, HOUR)
    assert page.beyond == ()
    assert {panel.title for panel in page.empty} == {*OF_USERS, *OF_COLLECTIONS, "Which alerts"}
    shown = {panel.title for panel in page.panels} - {panel.title for panel in page.empty}
    assert {"Edge: pods that reach home", "PostgreSQL: replication lag", "CPU by node", "Ready pods by zone"} <= shown
