"""What single panels are drawn as: lines, limits, values, tables, units and axes."""

import math
import re
from typing import Any

import pytest

from dashboards import scales, stat, table, timeseries
from dashboards.answers import Answer, Answers
from dashboards.errors import PanelError
from dashboards.timeseries import Drawing, drawing
from dashboards.units import UNITS, unit
from dashboards.window import Window
from tests.unit.dashboard_page import WINDOW, answers, graph, limited, number, panel

NAN, INF = math.nan, math.inf


def lines(drawn: Drawing) -> dict[str, str]:
    return {line.name: line.path for line in drawn.lines}


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]


class TestLines:
    def test_values_are_as_high_as_the_axis_says(self) -> None:
        drawn = drawing(graph(axisSoftMin=0), answers(load=[0, 50, 100]), WINDOW)
        assert [tick.text for tick in drawn.axis.ticks] == ["0", "25", "50", "75", "100"]
        assert [y for _, y in places(lines(drawn)["load"])] == [1000, 500, 0]

    def test_they_are_as_far_to_the_right_as_they_are_late(self) -> None:
        path = timeseries.path([(0, 1), (1800, 2), (3600, 3)], drawing(graph(), answers(a=[3]), WINDOW).axis, WINDOW)
        assert [x for x, _ in places(path)] == [0, 500, 1000]

    @pytest.mark.parametrize("gap", [NAN, INF, -INF])
    def test_what_is_no_number_breaks_them(self, gap: float) -> None:
        path = lines(drawing(graph(), answers(load=[1, 2, gap, 3, 1]), WINDOW))["load"]
        assert path.count("M") == 2 and "nan" not in path and "inf" not in path
        assert len(places(path)) == 4

    def test_a_moment_without_a_value_breaks_them(self) -> None:
        answer = Answer("load", {}, ((0, 1.0), (15, 2.0), (60, 1.0), (75, 2.0)))
        assert lines(drawing(graph(), Answers((answer,), ()), WINDOW))["load"].count("M") == 2

    def test_a_point_alone_is_a_dot(self) -> None:
        assert lines(drawing(graph(), answers(load=[4]), WINDOW))["load"].endswith("h0")

    def test_level_stretches_are_kept_short(self) -> None:
        path = lines(drawing(graph(), answers(load=[1] * 100 + [2]), WINDOW))["load"]
        assert [y for _, y in places(path)] == [1000, 1000, 0]
        path = lines(drawing(graph(), answers(load=[1, 1, 1, 2, 2, 2, 1]), WINDOW))["load"]
        assert [y for _, y in places(path)] == [1000, 1000, 0, 0, 1000], "with all corners"

    def test_those_beyond_the_colours_are_dashed(self) -> None:
        drawn = drawing(graph(), answers(**{f"pod-{n:02}": [1] for n in range(20)}), WINDOW)
        assert len({(line.colour, line.dash) for line in drawn.lines}) == 20
        assert len(drawn.seen) == timeseries.IN_SIGHT and len(drawn.more) == 12

    def test_the_legend_is_sorted_and_says_the_last_and_the_highest(self) -> None:
        drawn = drawing(graph("s"), answers(low=[0.1, 0.9, 0.2], high=[0.3, NAN], even=[0.2]), WINDOW)
        assert drawn.columns == ("Last", "Max")
        assert [(line.name, *line.values) for line in drawn.lines] == [
            ("high", "300 ms", "300 ms"),
            ("even", "200 ms", "200 ms"),
            ("low", "200 ms", "900 ms"),
        ]
        assert drawn.label == "Load: lines over time. Last values: high 300 ms; even 200 ms; low 200 ms"


class TestLimits:
    def test_they_are_drawn_at_their_height_and_tint_their_side(self) -> None:
        shown = limited(
            graph("percentunit", axisSoftMin=0, axisSoftMax=1), (None, "green"), (0.5, "orange"), (0.9, "red")
        )
        drawn = drawing(shown, answers(load=[0.2]), WINDOW)
        assert [(one.colour, one.text) for one in drawn.limits] == [
            ("orange", "orange from 50%"),
            ("red", "red from 90%"),
        ]
        assert [one.place for one in drawn.limits] == [0.5, 0.9]
        assert [(band.colour, band.y, band.height) for band in drawn.bands] == [
            ("orange", pytest.approx(100), pytest.approx(400)),
            ("red", pytest.approx(0), pytest.approx(100)),
        ]

    def test_where_less_is_worse_they_have_the_colour_below(self) -> None:
        shown = limited(graph(axisSoftMin=0, axisSoftMax=4), (None, "red"), (1, "orange"), (2, "green"))
        drawn = drawing(shown, answers(load=[3]), WINDOW)
        assert [one.text for one in drawn.limits] == ["red below 1", "orange below 2"]
        assert [(band.colour, band.y, band.height) for band in drawn.bands] == [("red", 750, 250), ("orange", 500, 250)]

    def test_what_is_out_of_sight_is_not_drawn(self) -> None:
        drawn = drawing(limited(graph(), (None, "green"), (50, "red")), answers(load=[3]), WINDOW)
        assert not drawn.limits and not drawn.bands

    def test_colours_are_those_of_last_values(self) -> None:
        shown = limited(graph(axisSoftMin=0), (None, "green"), (2, "red"))
        assert drawing(shown, answers(a=[9, 1], b=[1, 2, NAN]), WINDOW).colours == ("red", "green")
        assert drawing(graph(), answers(a=[9]), WINDOW).colours == ()


class TestAxes:
    @pytest.mark.parametrize(
        ("values", "low", "high"),
        [
            ([], 0, 1),
            ([0, 0], 0, 1),
            ([7], 0, 8),
            ([-3], -3, 0),
            ([NAN, INF], 0, 1),
            ([1e300, -1e308], -1e300, 1e300),
            ([5e-324], 0, 5e-324),
        ],
    )
    def test_there_is_one_whatever_the_values_are(self, values: list[float], low: float, high: float) -> None:
        made = scales.axis(values, (None, None), unit("short"))
        assert made.low <= low and high <= made.high
        assert [made.ticks[0].place, made.ticks[-1].place] == [0, 1]
        assert all(math.isfinite(made.place(value)) for value in values if math.isfinite(value))

    def test_labels_of_near_values_differ(self) -> None:
        made = scales.axis([1_000_002, 1_000_004], (None, None), unit("short"))
        assert len({tick.text for tick in made.ticks}) == len(made.ticks) >= 3

    def test_steps_are_round_in_the_unit(self) -> None:
        of_bytes = scales.axis([0, 3 * 2**30], (None, None), unit("bytes"))
        assert [tick.text for tick in of_bytes.ticks] == ["0 B", "1 GiB", "2 GiB", "3 GiB"]
        of_seconds = scales.axis([0, 0.21], (None, None), unit("s"))
        assert [tick.text for tick in of_seconds.ticks] == ["0 s", "100 ms", "200 ms", "300 ms"]

    @pytest.mark.parametrize(
        ("seconds", "texts"),
        [
            (3600, ["00:10", "00:20", "00:30", "00:40", "00:50"]),
            (6 * 3600, ["01:00", "02:00", "03:00", "04:00", "05:00"]),
            (2 * 86400, ["Jan 01 12:00", "Jan 02 00:00", "Jan 02 12:00"]),
            (5 * 86400, ["Jan 02", "Jan 03", "Jan 04", "Jan 05"]),
            (300 * 86400, ["Feb 26", "Apr 23", "Jun 18", "Aug 13"]),
        ],
    )
    def test_moments_are_round(self, seconds: int, texts: list[str]) -> None:
        assert [tick.text for tick in scales.times(Window.until(seconds, seconds))] == texts


class TestUnits:
    @pytest.mark.parametrize(
        ("name", "value", "text"),
        [
            ("short", 0, "0"),
            ("short", 2.6666, "2.67"),
            ("short", 999.9, "1 K"),
            ("short", -50_000, "−50 K"),
            ("short", 1e300, "1e+288 Tri"),
            ("short", 1e-12, "1e−12"),
            ("short", NAN, "–"),
            ("short", -INF, "−∞"),
            ("percentunit", 0.9995, "99.95%"),
            ("percentunit", 1, "100%"),
            ("percentunit", 0, "0%"),
            ("s", 0.0421, "42.1 ms"),
            ("s", 90, "1.5 min"),
            ("s", 72000, "20 h"),
            ("s", 172800, "2 d"),
            ("s", 0, "0 s"),
            ("d", 60, "60 d"),
            ("d", 0.5, "12 h"),
            ("bytes", 1536, "1.5 KiB"),
            ("bytes", -70, "−70 B"),
            ("reqps", 27.24, "27.2 req/s"),
            ("ops", 12_345, "12.3 K ops/s"),
        ],
    )
    def test_values_are_written_as_people_do(self, name: str, value: float, text: str) -> None:
        assert UNITS[name].text(value) == text

    def test_one_that_is_not_known_is_said(self) -> None:
        with pytest.raises(PanelError, match="no unit 'furlongs'"):
            drawing(graph("furlongs"), answers(load=[1]), WINDOW)


class TestValues:
    def test_each_has_its_colour_and_one_alone_no_name(self) -> None:
        shown = limited(number("percentunit"), (None, "green"), (0.5, "red"))
        (tile,) = stat.drawing(shown, answers(load=[0.5])).tiles
        assert (tile.name, tile.text, tile.colour) == ("", "50%", "red")
        tiles = stat.drawing(shown, answers(a=[0.1], b=[0.7])).tiles
        assert [(tile.name, tile.colour) for tile in tiles] == [("a", "green"), ("b", "red")]

    def test_some_are_said_in_words(self) -> None:
        words = [{"type": "value", "options": {"0": {"text": "is down", "color": "red"}}}]
        drawn = stat.drawing(number(mappings=words), answers(a=[0.0], b=[1.0]))
        assert [(tile.text, tile.colour) for tile in drawn.tiles] == [("is down", "red"), ("1", "green")]


def rows(shown: table.Drawing) -> list[list[str]]:
    return [[cell.text for cell in row] for row in shown.rows]


class TestTables:
    OF_LABELS = Answers(
        (
            Answer("", {"__name__": "m", "pod": "b", "zone": "z"}, ((0, 0.25),)),
            Answer("", {"__name__": "m", "pod": "a", "node": "n"}, ((0, 0.75),)),
        ),
        (),
    )

    def test_labels_are_columns_in_the_order_that_is_asked(self) -> None:
        shown = limited(panel("table", "percentunit", {}), (None, "green"), (0.5, "red"))
        options = {
            "excludeByName": {"Time": True, "__name__": True},
            "indexByName": {"zone": 0, "pod": 1},
            "renameByName": {"Value": "Used"},
        }
        shown["transformations"] = [{"id": "organize", "options": options}]
        coloured = [{"id": "custom.cellOptions", "value": {"type": "color-background"}}]
        shown["fieldConfig"]["overrides"] = [{"matcher": {"id": "byName", "options": "Used"}, "properties": coloured}]
        drawn = table.drawing(shown, self.OF_LABELS)
        assert drawn.columns == ("zone", "pod", "node", "Used")
        assert rows(drawn) == [["z", "b", "", "25%"], ["", "a", "n", "75%"]]
        assert drawn.colours == ("green", "red")

    def test_two_labels_make_a_matrix_with_holes(self) -> None:
        shown = panel("table", "short", {})
        options = {"rowField": "pod", "columnField": "zone", "valueField": "Value", "emptyValue": "null"}
        shown["transformations"] = [{"id": "groupingToMatrix", "options": options}]
        told = [("b", "y", 2.0), ("a", "x", 1.0), ("a", "y", 3.0)]
        made = (Answer("", {"pod": pod, "zone": zone}, ((0, value),)) for pod, zone, value in told)
        drawn = table.drawing(shown, Answers(tuple(made), ()))
        assert drawn.columns == ("pod", "x", "y")
        assert rows(drawn) == [["a", "1", "3"], ["b", "", "2"]]


class TestWhatCannotBeDrawn:
    @pytest.mark.parametrize(
        ("custom", "says"),
        [
            ({"fillOpacity": 30}, "fillOpacity = 30"),
            ({"drawStyle": "bars"}, "drawStyle = 'bars'"),
            ({"thresholdsStyle": {"mode": "series"}}, "thresholds in the style 'series'"),
        ],
    )
    def test_other_styles_of_lines(self, custom: dict[str, Any], says: str) -> None:
        with pytest.raises(PanelError, match=says):
            drawing(graph(**custom), answers(load=[1]), WINDOW)

    def test_other_calculations_colours_and_thresholds(self) -> None:
        shown = graph()
        shown["options"]["legend"]["calcs"] = ["stdDev"]
        with pytest.raises(PanelError, match="cannot reckon 'stdDev'"):
            drawing(shown, answers(load=[1]), WINDOW)
        with pytest.raises(PanelError, match="no colour 'mauve'"):
            stat.drawing(limited(number(), (None, "mauve")), answers(load=[1]))
        shown = number()
        shown["fieldConfig"]["defaults"]["thresholds"]["mode"] = "percentage"
        with pytest.raises(PanelError, match="mode 'percentage'"):
            stat.drawing(shown, answers(load=[1]))

    def test_other_values_and_mappings(self) -> None:
        shown = number()
        shown["options"]["graphMode"] = "area"
        with pytest.raises(PanelError, match="'graphMode': 'area'"):
            stat.drawing(shown, answers(load=[1]))
        with pytest.raises(PanelError, match="mapping by 'range'"):
            stat.drawing(number(mappings=[{"type": "range", "options": {}}]), answers(load=[1]))

    def test_other_tables(self) -> None:
        shown = panel("table", "short", {})
        shown["transformations"] = [{"id": "joinByField", "options": {}}]
        with pytest.raises(PanelError, match="transformation 'joinByField'"):
            table.drawing(shown, answers(load=[1]))
        shown = panel("table", "short", {})
        shown["fieldConfig"]["overrides"] = [{"matcher": {"id": "byRegexp", "options": ".*"}, "properties": []}]
        with pytest.raises(PanelError, match="columns byRegexp"):
            table.drawing(shown, answers(load=[1]))
        width = [{"id": "custom.width", "value": 3}]
        shown["fieldConfig"]["overrides"] = [{"matcher": {"id": "byName", "options": "pod"}, "properties": width}]
        with pytest.raises(PanelError, match=r"cells with custom\.width"):
            table.drawing(shown, answers(load=[1]))
        shown["targets"] *= 2
        with pytest.raises(PanelError, match="one query"):
            table.drawing(shown, answers(load=[1]))
