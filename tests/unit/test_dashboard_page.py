"""The page: every panel of every dashboard on its place, escaped, with its links, and what it lacks."""

import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from dashboards import page as pages
from dashboards import paper, units
from dashboards.errors import DashboardError, PanelError
from dashboards.page import Page, drawn
from dashboards.prometheus import Series
from dashboards.variables import Chosen, chosen, filled
from dashboards.window import Window, seconds_shown
from observability.scope import Scope
from settings.monitoring import RemoteWrite
from tests.unit.dashboard_page import LABELS, WINDOW, Canned
from tests.unit.dashboards import DOCS, NAMES, REGIONS, board, region
from tests.unit.html_read import Read

HOSTILE = '</style><script>alert("1")</script>&amp;\'><img src=x onerror=alert(1)>'


def of(where: Scope, source: Canned | None = None) -> Page:
    return drawn(where, source or Canned(), 3600.0, 3600.0, "http://prometheus")


ALONE = replace(region("us-east"), regions=("us-east",))
SEEN = region("us-east").monitoring.model_copy(update={"remote_write": RemoteWrite.model_construct()})
ALL = [region("us-east"), region("us-west"), ALONE, replace(region("us-west"), monitoring=SEEN)]


@pytest.mark.parametrize("where", ALL, ids=["home", "standby", "alone", "all regions in one place"])
def test_every_panel_of_every_dashboard_is_drawn_on_its_place(where: Scope) -> None:
    page = of(where)
    read = Read(page.html)
    assert not read.open, "every element is closed"
    shown = {panel["id"]: panel for panel in read.all("article")}
    for name in NAMES:
        one = board(name, where)
        tops: list[int] = []
        for panel in one.every:
            left, top, width, height = panel.place
            if panel.row:
                tops.append(top + height)
                continue
            place = f"grid-column: {left + 1} / span {width}; grid-row: {top - tops[-1] + 1} / span {height}"
            assert shown.pop(f"{one.raw['uid']}-{panel.raw['id']}")["style"] == place, panel.title
            assert panel.title in read.text
    assert not shown
    assert not page.empty and 'class="empty"' not in page.html


def test_headings_are_in_order_and_rows_are_questions() -> None:
    read = Read(of(region("us-east")).html)
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert levels.count(3) == sum(panel.row for name in NAMES for panel in board(name, region("us-east")).every)


def test_figures_say_their_title_and_last_values() -> None:
    read = Read(of(region("us-east")).html)
    labels = [figure["aria-label"] for figure in read.all("figure")]
    assert all(figure["role"] == "img" for figure in read.all("figure"))
    assert "CPU by node: lines over time. Last values: node-1 (zone-1) 50%" in labels
    assert len(labels) == sum(
        panel.raw["type"] == "timeseries" for name in NAMES for panel in board(name, region("us-east")).panels
    )


def test_links_lead_to_places_on_the_page_and_to_what_to_do() -> None:
    read = Read(of(region("us-east")).html)
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert max(Counter(ids).values()) == 1
    targets = {link["href"] for link in read.all("a")}
    assert {target[1:] for target in targets if target[0] == "#"} <= set(ids)
    outside = {target for target in targets if target[0] != "#"}
    assert outside == {url for name in NAMES for url in all_links(name) if url.startswith(DOCS)}


def all_links(name: str) -> set[str]:
    one = board(next(known for known in NAMES if known == name), region("us-east"))
    return {url for panel in one.panels for url in panel.links} | {link["url"] for link in one.raw["links"]}


def test_it_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    read = Read(of(region("us-east")).html)
    names = {tag for tag, _ in read.tags}
    assert not names & {"script", "img", "iframe", "object", "form"}
    assert [link["href"] for link in read.all("link")] == ["data:,"]
    policy = next(meta["content"] for meta in read.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    for name in ("base.css", "page.css"):
        style = paper.environment().get_template(name).render()
        assert "url(" not in style and "@import" not in style


def test_what_labels_say_is_text() -> None:
    hostile = Series({**dict.fromkeys([*LABELS, "region", "severity"], HOSTILE)}, ((3600.0, 0.5),))
    values = {"zone": [HOSTILE], "component": [HOSTILE]}
    read = Read(of(region("us-east"), Canned([hostile], values)).html)
    assert not read.open
    assert not read.all("script") and not read.all("img")
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on")]
    assert HOSTILE in read.text


def test_panels_without_answers_say_so_and_are_counted() -> None:
    source = Canned(silent="service")
    page = of(region("us-east"), source)
    titles = {panel.title for panel in page.empty}
    assert {"Time to answer", "Requests", "Error budget left"} <= titles
    assert "CPU by node" not in titles
    assert page.html.count('<p class="empty">') == len(page.empty)
    assert f"Nothing to draw: {len(page.empty)} of {len(page.panels)} panels" in Read(page.html).text
    assert '<p class="empty">No requests</p>' in page.html
    # Half of its queries have an answer.
    half = next(panel for panel in page.panels if panel.title == "Times its fair share")
    assert half not in page.empty
    assert len(half.unanswered) == 1 and "service_pod:requests" in half.unanswered[0]


def test_a_series_of_nothing_but_nan_is_no_answer() -> None:
    page = of(region("us-east"), Canned([Series({}, ((3600.0, float("nan")),))]))
    assert page.empty == page.panels


def test_what_is_beyond_its_limits_stands_first() -> None:
    page = of(region("us-east"))
    colours = [panel.worst for panel in page.beyond]
    assert colours == sorted(colours, reverse=True) and set(colours) == {"red", "orange"}
    titles = [panel.title for panel in page.beyond]
    assert len(set(titles)) == len(titles)
    assert {"Time to answer", "Which alerts"} <= set(titles), "0.5 s, and a critical one"
    assert "CPU by pod" not in titles, "it has no limits"
    well = of(region("us-east"), Canned(series=()))
    assert not well.beyond and "Nothing is beyond its limits" in Read(well.html).text


class TestVariables:
    def test_values_are_asked_as_grafana_does_and_stand_in_queries(self) -> None:
        values = {"region": ["us-east", "us-west"], "zone": ["a", "b"], "component": ["redis"]}
        source = Canned(values=values)
        page = of(region("us-east"), source)
        assert "region of component:needed_pods:count" in source.asked
        assert 'zone of component:ready_pods:count{region=~"us-east"}' in source.asked
        assert not [expr for expr in source.asked if "$" in expr]
        assert 'component:left_pods:count{region=~"us-east", component=~".*", component!=""}' in source.asked
        assert [(one.label, one.text) for one in page.boards[0].variables] == [
            ("Region", "us-east"),
            ("Zone", "All (a, b)"),
            ("Component", "All (redis)"),
        ]

    def test_a_region_that_prometheus_does_not_have_is_refused(self) -> None:
        with pytest.raises(DashboardError, match="no region us-east, but us-west: name the STACK of one that it has"):
            of(region("us-east"), Canned(values={"region": ["us-west"]}))

    def test_several_are_a_regular_expression(self) -> None:
        variable = {"name": "pod", "type": "query", "query": "label_values(pod)", "current": {"value": ["$__all"]}}
        source = Canned(values={"pod": ["a.b", "c|d", "e"]})
        every = chosen({"templating": {"list": [variable]}}, source, WINDOW)
        assert filled('up{pod=~"$pod"}', every) == r'up{pod=~"(a\\.b|c\\|d|e)"}'
        variable["current"] = {"value": ["e", "a.b"]}
        assert chosen({"templating": {"list": [variable]}}, source, WINDOW)["pod"].value == r"(e|a\\.b)"

    def test_other_kinds_are_said(self) -> None:
        for kind, query in (("custom", "a,b"), ("query", "query_result(up)")):
            variable = {"name": "pod", "type": kind, "query": query, "current": {"value": "a"}}
            with pytest.raises(DashboardError, match="values of the variable pod: only label_values"):
                chosen({"templating": {"list": [variable]}}, Canned(), WINDOW)

    def test_one_that_nobody_knows_is_said(self) -> None:
        values = {"zone": Chosen("Zone", "a", "a")}
        assert filled('x{zone=~"$zone"} + y{zone="${zone}"} # $1 a$', values) == 'x{zone=~"a"} + y{zone="a"} # $1 a$'
        for text in ("x[$__interval]", "x{a='${zone:csv}'}"):
            with pytest.raises(PanelError, match="knows no variable"):
                filled(text, values)


class TestFaults:
    def test_all_panels_that_cannot_be_drawn_are_named_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(units.UNITS, "bytes")
        monkeypatch.setattr(pages, "_DRAWINGS", {k: v for k, v in pages._DRAWINGS.items() if k != "table"})
        with pytest.raises(DashboardError) as fault:
            of(region("us-east"))
        said = str(fault.value).splitlines()
        assert "scaling-overview: Memory by pod: the page knows no unit 'bytes': add it to dashboards/units.py" in said
        assert (
            "shard-distribution: Which alerts: the page cannot draw the type 'table': it draws timeseries, stat" in said
        )

    def test_queries_that_are_refused_are_named(self) -> None:
        class Refusing(Canned):
            def query(self, expr: str, at: float) -> list[Series]:
                if "qdrant:dead" in expr:
                    raise PanelError(f"Prometheus refuses `{expr}`: too many")
                return super().query(expr, at)

        with pytest.raises(DashboardError, match=r"^shard-distribution: Dead replicas: .* refuses .*: too many$"):
            of(region("us-east"), Refusing())


class TestTime:
    def test_a_dashboard_says_how_long_it_shows(self) -> None:
        for where in REGIONS:
            page = drawn(region(where), Canned(), 86400.0)
            assert {board.window for board in page.boards} == {Window(86400.0 - 6 * 3600, 86400.0, 90)}

    @pytest.mark.parametrize(("seconds", "step"), [(60, 15), (3600, 15), (6 * 3600, 90), (7 * 86400, 2520)])
    def test_there_are_as_many_points_as_are_seen(self, seconds: int, step: int) -> None:
        assert Window.until(9e9, seconds).step == step

    def test_another_form_of_it_is_said(self) -> None:
        assert seconds_shown({"from": "now-2d", "to": "now"}) == 172800
        with pytest.raises(DashboardError, match="--minutes"):
            seconds_shown({"from": "now/d", "to": "now"})
