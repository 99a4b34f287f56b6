"""Dashboards ask for what is recorded, draw the settings' limits, fit on the grid and lead to what exists."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from observability import alerts
from observability.dashboards import PLANS, as_json, dashboard
from observability.dashboards.panels import over, under
from observability.rule import Alert
from observability.scope import Scope
from settings.grafana import Dashboard
from settings.monitoring import Latency, RemoteWrite, TwoLimits
from tests.unit.dashboards import DOCS, NAMES, REGIONS, Board, board, kept, pairs, recorded, region

UNITS = {
    "ratio": {"percentunit"},
    "seconds": {"s"},
    "bytes": {"bytes"},
    "cores": {"short"},
    "per second": {"reqps", "ops"},
    "count": {"short"},
    "operations": {"short"},
}
"""Of recordings, and what Grafana calls them."""
WORDS = {"max", "min", "avg", "sum", "count", "topk", "avg_over_time", "vector", "or", "and"}
"""What a query may hold beside series."""

WATCHED_ONLY = {"service:errors:ratio_rate30m", "service:errors:ratio_rate2h", "component:least_pods:count"}
"""The short windows of alerts, which say that it still goes on; and what a table of ready pods is held against."""


@pytest.fixture(params=REGIONS)
def where(request: pytest.FixtureRequest) -> Scope:
    return region(request.param)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> Dashboard:
    return request.param


@pytest.fixture
def shown(name: Dashboard, where: Scope) -> Board:
    return board(name, where)


def all_boards(where: Scope) -> list[Board]:
    return [board(name, where) for name in NAMES]


def alerts_of(where: Scope) -> list[Alert]:
    return [rule for group in alerts.groups(where) for rule in group.rules if isinstance(rule, Alert)]


class TestTheJson:
    def test_dashboards_are_those_that_the_settings_know(self) -> None:
        assert tuple(PLANS) == NAMES

    def test_it_fits_into_a_config_map_and_is_the_same_every_time(self, name: Dashboard, where: Scope) -> None:
        text = as_json(name, where)
        assert len(text.encode()) < 2**20
        assert text == as_json(name, where)
        assert text == json.dumps(json.loads(text), sort_keys=True, indent=2, ensure_ascii=False) + "\n"
        assert json.loads(text) == dashboard(name, where)

    def test_an_unknown_name_is_refused(self) -> None:
        unknown: Any = "scaling-overvieuw"
        with pytest.raises(KeyError, match=unknown):
            dashboard(unknown, region("us-east"))

    def test_uids_and_titles_are_their_own_and_stay(self, where: Scope) -> None:
        boards = all_boards(where)
        assert [one.raw["uid"] for one in boards] == [f"somafractalmemory-{name}" for name in NAMES]
        assert all(len(one.raw["uid"]) <= 40 for one in boards), "Grafana takes no longer ones"
        assert len({one.raw["title"] for one in boards}) == len(boards)

    def test_it_refreshes_each_minute_and_shows_six_hours(self, shown: Board) -> None:
        assert shown.raw["refresh"] == "1m"
        assert shown.raw["time"] == {"from": "now-6h", "to": "now"}
        assert shown.raw["tags"] == ["somafractalmemory"]
        assert {"schemaVersion", "templating", "panels"} <= shown.raw.keys(), "Grafana's older JSON"


class TestPanels:
    def test_each_says_what_it_shows_in_which_unit_and_what_to_do(self, shown: Board) -> None:
        for panel in shown.panels:
            assert panel.title
            assert panel.unit, panel.title
            assert len(panel.raw["description"]) > 60, panel.title
            assert panel.asked, panel.title
            assert all(asked.expr and asked.legend for asked in panel.asked), panel.title

    def test_titles_and_numbers_are_their_own(self, shown: Board) -> None:
        assert len({panel.title for panel in shown.every}) == len(shown.every)
        assert len({panel.raw["id"] for panel in shown.every}) == len(shown.every)

    def test_rows_are_questions_and_each_is_answered(self, shown: Board) -> None:
        every = shown.every
        assert every[0].row
        for panel, following in zip(every, [*every[1:], None], strict=True):
            if panel.row:
                assert panel.title.endswith("?")
                assert following is not None and not following.row, panel.title

    def test_lines_fill_the_grid_and_nothing_overlaps(self, shown: Board) -> None:
        widths: dict[int, int] = {}
        for panel in shown.every:
            left, top, width, height = panel.place
            assert left >= 0 and width >= 3 and height >= 1, panel.title
            assert left + width <= 24, panel.title
            widths[top] = widths.get(top, 0) + width
        assert set(widths.values()) == {24}
        for one, other in pairs(shown.every):
            assert apart(one.place, other.place), (one.title, other.title)

    def test_what_overlaps_is_seen(self) -> None:
        assert apart((0, 0, 12, 8), (12, 0, 12, 8)) and apart((0, 0, 12, 8), (0, 8, 12, 8))
        assert not apart((0, 0, 12, 8), (11, 7, 12, 8))


def apart(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    (x, y, w, h), (left, top, width, height) = one, other
    return x + w <= left or left + width <= x or y + h <= top or top + height <= y


class TestQueries:
    @pytest.mark.parametrize("backups", [True, False])
    def test_only_recorded_series_are_read_and_those_of_the_chosen_region(
        self, name: Dashboard, where: Scope, backups: bool
    ) -> None:
        with_or_without = replace(where, backups=backups)
        known = {*recorded(with_or_without), "ALERTS"}
        for asked in board(name, with_or_without).asked:
            assert asked.series <= known, asked.expr
            assert asked.series, asked.expr
            assert all('region=~"$region"' in matchers for _, matchers in asked.selectors), asked.expr
            assert set(re.findall(r"[a-zA-Z_:]+", asked.rest)) <= WORDS, asked.expr

    @pytest.mark.parametrize("alone", [{"regions": ("us-east",)}, {"hosts": ()}, {"edge": False, "hosts": ()}])
    def test_what_a_region_lacks_it_does_not_show(self, name: Dashboard, where: Scope, alone: dict[str, Any]) -> None:
        lacking = replace(where, **alone)
        known = {*recorded(lacking), "ALERTS"}
        for asked in board(name, lacking).asked:
            assert asked.series <= known, asked.expr

    def test_where_one_place_shows_all_regions_so_does_each_dashboard(self) -> None:
        """Those of home show the edges of others, and those of a standby the snapshots of home."""
        both = [region(where) for where in REGIONS]
        known = {series for where in both for series in recorded(where)} | {"ALERTS"}
        written = RemoteWrite.model_construct()
        for where in both:
            all_seen = replace(where, monitoring=where.monitoring.model_copy(update={"remote_write": written}))
            asked = {series for asked in board("regional-performance", all_seen).asked for series in asked.series}
            assert {"edge:responses:rate5m", "edge:home_up:ratio", "qdrant:snapshot_age:seconds"} <= asked <= known

    def test_every_recorded_series_is_shown_and_the_few_that_are_not_are_watched(self) -> None:
        series: set[str] = set()
        shown: set[str] = set()
        watched = ""
        for where in map(region, REGIONS):
            series |= set(recorded(where))
            shown |= {name for one in all_boards(where) for asked in one.asked for name in asked.series}
            watched += " ".join(alert.expr for alert in alerts_of(where))
        assert series - shown == WATCHED_ONLY
        assert not [name for name in WATCHED_ONLY if name not in watched]

    @pytest.mark.parametrize("where", REGIONS)
    @pytest.mark.parametrize(
        "record",
        [
            *("node:cpu_used:ratio_rate5m", "component:memory_used:bytes", "region_link:connect:seconds"),
            *("service:latency_seconds:quantile_rate5m", "redis_node:hits:ratio_rate5m"),
            *("postgresql:replication_lag:seconds", "redis:replication_lag:bytes"),
            *("qdrant_node:commit_lag:operations", "qdrant:search_latency_seconds:quantile_rate5m"),
            *("qdrant_node:shards:count", "qdrant_node:points:count"),
        ],
    )
    def test_every_metric_of_the_guide_is_on_a_dashboard(self, where: str, record: str) -> None:
        assert record in recorded(region(where))
        assert any(record in asked.series for one in all_boards(region(where)) for asked in one.asked)

    def test_units_are_those_of_what_is_recorded(self, shown: Board, where: Scope) -> None:
        known = recorded(where)
        for panel in shown.panels:
            for asked in panel.asked:
                plain = re.fullmatch(r"(?:\w+ by \([^)]*\) \()?([\w:]+)\{[^}]*\}\)?", asked.expr)
                if plain and plain[1] != "ALERTS":
                    assert panel.unit in UNITS[known[plain[1]].unit], (panel.title, asked.expr)

    def test_chosen_zones_and_components_are_asked_of_series_that_have_them(self, shown: Board, where: Scope) -> None:
        known = recorded(where)
        for asked in shown.asked:
            for series, matchers in asked.selectors:
                for label in ("zone", "component"):
                    if f'{label}=~"${label}"' in matchers:
                        assert label in kept(known[series]), (asked.expr, label)
            if "zone" in asked.named:
                assert 'zone=~"$zone"' in asked.expr, asked.expr

    def test_legends_name_labels_that_the_answer_has(self, shown: Board, where: Scope) -> None:
        known = recorded(where)
        for asked in shown.asked:
            if "ALERTS" in asked.series or not asked.named:
                continue
            there = asked.grouped
            if there is None:
                there = set[str]().union(*(kept(known[series]) for series in asked.series))
            assert asked.named <= there, (asked.expr, asked.legend)

    def test_tables_have_columns_that_the_answer_has(self, shown: Board, where: Scope) -> None:
        known = recorded(where)
        for panel in shown.panels:
            for change in panel.raw.get("transformations", []):
                (asked,) = panel.asked
                if "ALERTS" in asked.series:
                    continue
                options = change["options"]
                columns = set(options.get("indexByName", ())) or {options["rowField"], options["columnField"]}
                assert len(asked.series) == 1 or " and on " in asked.expr, "labels are those of the left side"
                series = asked.selectors[0][0]
                there = asked.grouped if asked.grouped is not None else kept(known[series])
                assert columns <= there, panel.title

    def test_coordinates_are_in_no_legend(self, shown: Board) -> None:
        """The path of a request may hold one: paths are only shown as a table of a few."""
        for panel in shown.panels:
            for asked in panel.asked:
                if "endpoint" in (asked.grouped or set()) | asked.named:
                    assert asked.expr.startswith("topk(10, "), asked.expr
                    assert panel.raw["type"] == "table", panel.title
                for series, _ in asked.selectors:
                    if series in {"service:requests:rate5m", "service:latency_seconds:quantile_rate5m"}:
                        assert asked.grouped is not None, asked.expr


class TestChoices:
    def test_every_variable_is_defined_and_every_one_is_used(self, shown: Board) -> None:
        assert shown.used <= set(shown.variables)
        assert {"datasource", "region", "zone"} <= shown.used
        assert set(shown.variables) == shown.used

    def test_the_overview_lets_components_be_chosen(self, where: Scope) -> None:
        assert "component" in board("scaling-overview", where).variables

    def test_a_dashboard_opens_with_its_own_region_and_the_regional_one_with_all(self, where: Scope) -> None:
        for name in NAMES:
            variable = board(name, where).variables["region"]
            if name == "regional-performance":
                assert variable["includeAll"] and variable["current"]["value"] == ["$__all"]
                assert variable["allValue"] == ".+", "series without a region are others'"
            else:
                assert variable["current"]["value"] == where.region

    def test_all_zones_are_chosen_at_first_even_pods_of_which_none_is_known(self, shown: Board) -> None:
        zone = shown.variables["zone"]
        assert zone["multi"] and zone["includeAll"] and zone["allValue"] == ".*"

    def test_everything_is_asked_of_the_chosen_prometheus(self, shown: Board) -> None:
        chosen = {"type": "prometheus", "uid": "${datasource}"}
        assert shown.variables["datasource"]["query"] == "prometheus"
        for panel in shown.panels:
            assert panel.raw["datasource"] == chosen, panel.title
            assert all(target["datasource"] == chosen for target in panel.raw["targets"])
        queries = [variable for variable in shown.variables.values() if variable["type"] == "query"]
        assert all(variable["datasource"] == chosen for variable in queries)


Change = dict[str, Any]
MOVED: list[tuple[Change, Dashboard, str, list[float]]] = [
    ({"latency": Latency(warning_ms=120, critical_ms=450)}, "scaling-overview", "Time to answer", [0.12, 0.45]),
    ({"latency": Latency(warning_ms=120, critical_ms=450)}, "scaling-overview", "Slowest requests", [0.12, 0.45]),
    (
        {"latency": Latency(warning_ms=120, critical_ms=450)},
        "regional-performance",
        "Time to answer by region",
        [0.12, 0.45],
    ),
    ({"latency": Latency(warning_ms=120, critical_ms=450)}, "shard-distribution", "Time that a search takes", [0.12]),
    (
        {"latency": Latency(warning_ms=120, critical_ms=450)},
        "shard-distribution",
        "Time to an answer, at the gateways",
        [0.12],
    ),
    (
        {"errors": TwoLimits(warning=0.02, critical=0.07)},
        "scaling-overview",
        "Share of requests that fail",
        [0.02, 0.07],
    ),
    (
        {"errors": TwoLimits(warning=0.02, critical=0.07)},
        "regional-performance",
        "Share of requests that fail by region",
        [0.02, 0.07],
    ),
    *(
        ({"errors": TwoLimits(warning=0.02, critical=0.07)}, "scaling-overview", title, [0.02])
        for title in (
            "Memories to be stored that fail",
            "Stores: what fails for the service",
            "Qdrant: requests that a node fails",
        )
    ),
    (
        {"errors": TwoLimits(warning=0.02, critical=0.07)},
        "regional-performance",
        "Ingress: requests that fail",
        [0.02, 0.07],
    ),
    (
        {"latency": Latency(warning_ms=120, critical_ms=450)},
        "regional-performance",
        "Ingress: time to answer",
        [0.45],
    ),
    (
        {"cache_hits": TwoLimits(warning=0.7, critical=0.3)},
        "scaling-overview",
        "Reads that find their key",
        [0.3, 0.7],
    ),
    (
        {"storage_free": 0.33, "storage_free_critical": 0.07},
        "scaling-overview",
        "Volumes: share that is free",
        [0.07, 0.33],
    ),
    ({"cpu": TwoLimits(warning=0.6, critical=0.7)}, "scaling-overview", "CPU by node", [0.6, 0.7]),
    ({"cpu": TwoLimits(warning=0.6, critical=0.7)}, "scaling-overview", "CPU of limit by pod", [0.6, 0.7]),
    ({"memory": TwoLimits(warning=0.6, critical=0.7)}, "scaling-overview", "Memory by node", [0.6, 0.7]),
    ({"memory": TwoLimits(warning=0.6, critical=0.7)}, "scaling-overview", "Memory of limit by pod", [0.6]),
    (
        {"postgresql_cache_hits": TwoLimits(warning=0.7, critical=0.6)},
        "scaling-overview",
        "PostgreSQL: blocks that are found in its memory",
        [0.6, 0.7],
    ),
    (
        {"connections": TwoLimits(warning=0.6, critical=0.7)},
        "scaling-overview",
        "PostgreSQL: connections in use",
        [0.6, 0.7],
    ),
    ({"fair_share": 1.8}, "shard-distribution", "Times its fair share", [1.8]),
    ({"fair_share": 1.8}, "shard-distribution", "Times its fair share, now", [1.8]),
]


class TestLimits:
    @pytest.mark.parametrize(("change", "name", "title", "lines"), MOVED)
    def test_lines_follow_the_settings(
        self, where: Scope, change: Change, name: Dashboard, title: str, lines: list[float]
    ) -> None:
        thresholds = where.monitoring.thresholds.model_copy(update=change)
        moved = replace(where, monitoring=where.monitoring.model_copy(update={"thresholds": thresholds}))
        before, after = board(name, where).panel(title).lines, board(name, moved).panel(title).lines
        assert [value for value, _ in after] == lines
        assert before != after
        assert [colour for _, colour in before] == [colour for _, colour in after]

    def test_the_defaults_are_those_of_the_product(self, where: Scope) -> None:
        overview, shares = board("scaling-overview", where), board("shard-distribution", where)
        assert overview.panel("Time to answer").lines == [(0.2, "orange"), (0.5, "red")]
        assert overview.panel("Share of requests that fail").lines == [(0.01, "orange"), (0.05, "red")]
        assert overview.panel("Reads that find their key").lines == [(0.4, "orange"), (0.6, "green")]
        assert overview.panel("Volumes: share that is free").lines == [(0.1, "orange"), (0.2, "green")]
        assert overview.panel("CPU by node").lines == [(0.75, "orange"), (0.85, "red")]
        assert overview.panel("Memory by node").lines == [(0.8, "orange"), (0.9, "red")]
        assert overview.panel("PostgreSQL: connections in use").lines == [(0.8, "orange"), (0.9, "red")]
        assert shares.panel("Times its fair share").lines == [(1.5, "orange")]

    def test_lag_is_held_against_what_a_promotion_may_lose(self, where: Scope) -> None:
        lag = board("regional-performance", replace(where, rpo_seconds=120)).panel("PostgreSQL: replication lag")
        assert lag.lines == [(12, "orange"), (120, "red")]
        assert "120 s" in lag.raw["description"]

    def test_copies_are_held_against_the_replication_factor(self, where: Scope) -> None:
        shards = board("shard-distribution", replace(where, replication_factor=3))
        assert shards.panel("Copies by shard").lines == [(3, "green")]
        assert shards.panel("Fewest copies of a shard").lines == [(3, "green")]

    def test_the_budget_is_that_of_the_objective(self, where: Scope) -> None:
        monitoring = where.monitoring.model_copy(update={"availability": 0.995})
        overview = board("scaling-overview", replace(where, monitoring=monitoring))
        assert all(asked.expr.endswith("/ 0.005") for asked in overview.panel("How fast the error budget burns").asked)
        left = overview.panel("Error budget left").asked[0].expr
        assert "[30d:1h]) or " in left
        assert left.endswith(") / 0.005")
        assert "0.995" in overview.panel("Error budget left").raw["description"]

    def test_graphs_with_limits_draw_them_as_lines(self, shown: Board) -> None:
        for panel in shown.panels:
            if panel.raw["type"] == "timeseries":
                style = panel.raw["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"]
                assert style == ("dashed+area" if panel.lines else "off"), panel.title

    def test_steps_go_upwards_and_begin_below_all(self, shown: Board) -> None:
        for panel in shown.panels:
            steps = panel.raw["fieldConfig"]["defaults"]["thresholds"]["steps"]
            assert steps[0]["value"] is None, panel.title
            values = [value for value, _ in panel.lines]
            assert values == sorted(values), panel.title

    def test_colours_are_worse_on_the_bad_side(self) -> None:
        assert over(1, 2) == ((None, "green"), (1, "orange"), (2, "red"))
        assert under(2, 1) == ((None, "red"), (1, "orange"), (2, "green"))
        assert over(critical=1) == ((None, "green"), (1, "red"))
        assert under(critical=1) == ((None, "red"), (1, "green"))
        assert under(warning=1) == ((None, "orange"), (1, "green"))


class TestLinks:
    def test_dashboards_lead_to_each_other_with_what_was_chosen(self, name: Dashboard, where: Scope) -> None:
        links = [link for link in dashboard(name, where)["links"] if link["url"].startswith("/")]
        uids = {board(other, where).raw["uid"] for other in NAMES if other != name}
        assert {link["url"].removeprefix("/d/") for link in links} == uids
        assert all(link["includeVars"] and link["keepTime"] for link in links)

    def test_panels_lead_to_dashboards_that_exist(self, where: Scope) -> None:
        uids = {one.raw["uid"] for one in all_boards(where)}
        for one in all_boards(where):
            targets = {
                url.split("?")[0].removeprefix("/d/") for panel in one.panels for url in panel.links if url[0] == "/"
            }
            assert targets, one.raw["title"]
            assert targets <= uids - {one.raw["uid"]}

    def test_a_dashboard_that_was_not_chosen_is_not_linked_to(self, name: Dashboard, where: Scope) -> None:
        alone = board(name, replace(where, dashboards=(name,)))
        links = [url for panel in alone.panels for url in panel.links]
        links += [link["url"] for link in alone.raw["links"]]
        assert links
        assert not [url for url in links if url.startswith("/")]

    @pytest.mark.parametrize("lacks", [{}, {"redis_replicas": 0}, {"instances": 1}])
    def test_panels_lead_to_what_to_do_about_alerts_that_exist(
        self, name: Dashboard, where: Scope, lacks: dict[str, Any]
    ) -> None:
        lacking = replace(where, **lacks)
        pages = {alert.as_prometheus("", DOCS)["annotations"]["runbook_url"] for alert in alerts_of(lacking)}
        linked = {url for panel in board(name, lacking).panels for url in panel.links if url[0] != "/"}
        assert linked
        assert linked <= pages

    def test_without_a_place_for_docs_nothing_leads_there(self, name: Dashboard, where: Scope) -> None:
        nowhere = replace(where, monitoring=where.monitoring.model_copy(update={"docs": None}))
        assert "alerts.md" not in as_json(name, nowhere)
        assert f"{DOCS}/alerts.md" in [link["url"] for link in dashboard(name, where)["links"]]
