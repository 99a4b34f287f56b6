"""The page of a run, looked at in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from report.page import html
from tests.dataplane.observability.browser import Scheme, browser, looked
from tests.unit.report_documents import document
from tests.unit.test_report_page import DOCUMENTS

REACHED = (
    "[...document.querySelectorAll(`a, summary, input:checked, [tabindex='0']`)].filter(each => each.checkVisibility())"
)
SHOWN = "document.activeElement.closest('label') || document.activeElement"
"""What is drawn around that has the focus."""
OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true)"


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Of two regions with everything that may be told."""
    return written(tmp_path, "two")


def written(directory: Path, name: str) -> Path:
    made = directory / "report.html"
    made.write_text(html(DOCUMENTS[name]), "utf-8")
    return made


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1440, 1920])
def test_it_looks_right(opened: Browser, file: Path, width: int, scheme: Scheme) -> None:
    """Nothing overlaps, leaves the page or is hard to read, nothing is fetched, and nothing is complained of."""
    with looked(opened, file, width, scheme) as seen:
        seen.page.evaluate(OPEN_ALL)
        assert seen.faults == []
        assert seen.requests == [file.as_uri()]
        assert seen.told == []
        ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        shot = seen.page.screenshot(full_page=True)
    assert (ground == "rgb(243, 244, 246)") == (scheme == "light"), "its style is let in by the policy"
    assert len(shot) > 20_000


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("width", [320, 1440])
def test_whatever_is_told_fits(opened: Browser, tmp_path: Path, name: str, width: int) -> None:
    """None, one and twelve regions, a plan, what is refused, and texts that mean harm."""
    file = written(tmp_path, name)
    with looked(opened, file, width, "light") as seen:
        seen.page.evaluate(OPEN_ALL)
        assert seen.faults == []
        assert (seen.requests, seen.told) == ([file.as_uri()], [])


def test_what_looks_wrong_is_seen(opened: Browser, file: Path) -> None:
    """Else the tests above would not say much."""
    with looked(opened, file, 320, "light", bypass_csp=True) as seen:
        for style, says in (
            ("main { width: 130vw }", "the page scrolls sideways"),
            (".lead { white-space: nowrap; overflow: hidden }", "text is cut: "),
            (":root { --soft: #aaa }", "contrast of "),
            (".region { margin-top: -12rem }", "panels overlap"),
        ):
            found = seen.spoiled(style)
            assert any(says in fault for fault in found), (style, found[:5])
        assert not seen.faults


def test_without_scripts_it_tells_the_same(opened: Browser, file: Path) -> None:
    told: list[str] = []
    for enabled in (True, False):
        with looked(opened, file, 1440, "light", java_script_enabled=enabled) as seen:
            told.append(seen.page.locator("body").inner_text())
    assert told[0] == told[1]
    assert "2 regions are up" in told[1] and "zone-c-2" in told[1]


def test_keys_lead_through_it_and_what_is_focused_is_seen(opened: Browser, file: Path) -> None:
    """Every link, choice, drill and frame that scrolls, in the order of the page; the way past the contents first."""
    with looked(opened, file, 1440, "light") as seen:
        page = seen.page
        stops = int(page.evaluate(f"{REACHED}.length"))
        assert stops > 20
        for number in range(stops):
            page.keyboard.press("Tab")
            assert page.evaluate(f"{REACHED}.indexOf(document.activeElement)") == number
            assert page.evaluate(f"getComputedStyle({SHOWN}).outlineStyle") == "solid", focused(page)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body")
        page.keyboard.press("Tab")
        assert focused(page) == "To the contents"
        page.keyboard.press("Enter")
        assert page.url.endswith("#main")


def test_a_drill_opens_and_a_component_is_picked_by_keys(opened: Browser, file: Path) -> None:
    with looked(opened, file, 1440, "light") as seen:
        page = seen.page
        second = page.locator("details.drill").nth(1)
        assert not second.locator("table").is_visible()
        second.locator("summary").press("Enter")
        assert second.locator("table").is_visible()
        redis, qdrant = page.locator(".pod", has_text="redis").first, page.locator(".pod", has_text="qdrant").first
        page.locator("#k-all").focus()
        page.keyboard.press("ArrowUp")
        assert page.locator("label", has=page.locator(":checked")).inner_text().strip() == "redis"
        assert redis.is_visible() and not qdrant.is_visible()


def test_who_wants_little_motion_gets_none(opened: Browser, file: Path) -> None:
    for wish, behaves in (("reduce", "auto"), ("no-preference", "smooth")):
        with looked(opened, file, 1440, "light", reduced_motion=wish) as seen:
            assert seen.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == behaves


def test_twelve_regions_each_have_their_place(opened: Browser, tmp_path: Path) -> None:
    with looked(opened, written(tmp_path, "twelve"), 1920, "dark") as seen:
        for number, region in enumerate(document(12).regions, 1):
            card = seen.page.locator(f"#region-{number}")
            assert region.name in card.inner_text()
            assert card.locator(".pod").count() == len(region.pods)
            seen.page.locator(".map").get_by_role("link", name=region.name, exact=True).click()
            assert card.evaluate("card => card.matches(':target')")


def focused(page: Page) -> str:
    """What has the focus, in words."""
    return str(page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"))
