"""Panels: the question's answer in figures, from where on it is bad, and what to do then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common, dashboard, units
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SHARE, SECONDS, DAYS, BYTES = units.PercentUnit, units.Seconds, units.Days, units.BytesIEC
REQUESTS, OPERATIONS, COUNT = units.RequestsPerSecond, units.OpsPerSecond, units.Short
"""Units of Grafana."""

DATASOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
REGION, ZONE, COMPONENT = 'region=~"$region"', 'zone=~"$zone"', 'component=~"$component"'
"""Matchers of what was chosen."""
NAMED = 'component!=""'
"""Matcher that leaves out pods of Jobs and exporters, which are no component's."""

_COLOURED: Final = dashboard.DynamicConfigValue("custom.cellOptions", {"type": "color-background"})

IDLE = "No requests"
"""Said where nobody asks."""
GOOD, BAD, WORST = "green", "orange", "red"

Limits = tuple[tuple[float | None, str], ...]
"""Values from which a colour holds; the first has none, and holds below all others."""


def of(record: str, *matchers: str) -> str:
    """Selector of a recorded series of the regions that were chosen."""
    return f"{record}{{{', '.join((REGION, *matchers))}}}"


def over(warning: float | None = None, critical: float | None = None) -> Limits:
    """Bad from a value upwards."""
    return ((None, GOOD), *((value, colour) for value, colour in ((warning, BAD), (critical, WORST)) if value))


def under(warning: float | None = None, critical: float | None = None) -> Limits:
    """Bad below a value."""
    if warning is None or critical is None:
        least, colour = (critical, WORST) if warning is None else (warning, BAD)
        return ((None, colour), (least, GOOD))
    return ((None, WORST), (critical, BAD), (warning, GOOD))


@dataclass(frozen=True)
class Query:
    """What is asked of Prometheus, and what an answer is called."""

    expr: str
    legend: str

    def target(self, name: str) -> prometheus.Dataquery:
        """The query as a panel has it."""
        asked = prometheus.Dataquery().expr(self.expr).legend_format(self.legend)
        return asked.ref_id(name).datasource(DATASOURCE)


@dataclass(frozen=True)
class Panel:
    """Common to all panels."""

    title: str
    remedy: str
    """What it shows, where the title does not say it, and what to do when it is bad."""
    unit: str
    queries: tuple[Query, ...]
    limits: Limits = ()
    alerts: tuple[str, ...] = ()
    """Alerts that watch it, whose pages say more."""
    opens: tuple[str, ...] = ()
    """Dashboards that say more."""
    empty: str = "No data"
    """Said where there is nothing."""
    share: int = 1
    """Of its line's width."""

    def build(self) -> dashboard.Panel:
        """The panel without a place."""
        raise NotImplementedError

    @property
    def targets(self) -> list[prometheus.Dataquery]:
        """The queries, named A, B, and so on."""
        return [query.target(chr(ord("A") + place)) for place, query in enumerate(self.queries)]

    @property
    def steps(self) -> builders.ThresholdsConfig:
        """The limits, as Grafana has them."""
        steps = [dashboard.Threshold(value, colour) for value, colour in self.limits or ((None, GOOD),)]
        return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


@dataclass(frozen=True)
class Graph(Panel):
    """Values over time, with their limits as lines."""

    def build(self) -> dashboard.Panel:
        mode = common.GraphThresholdsStyleMode
        style = mode.DASHED_AND_AREA if self.limits else mode.OFF
        panel = (
            timeseries.Panel()
            .title(self.title)
            .description(self.remedy)
            .datasource(DATASOURCE)
            .unit(self.unit)
            .no_value(self.empty)
            .thresholds(self.steps)
            .thresholds_style(common_builders.GraphThresholdsStyleConfig().mode(style))
            .axis_soft_min(0)
            .line_width(2)
            .fill_opacity(0)
            .show_points(common.VisibilityMode.NEVER)
            .legend(_legend())
            .tooltip(_tooltip())
        )
        for target in self.targets:
            panel.with_target(target.range())
        if self.limits:
            # The furthest line stays in sight, however good the values are.
            panel.axis_soft_max(max(value for value, _ in self.limits if value is not None))
        return panel.build()


@dataclass(frozen=True)
class Number(Panel):
    """Values now, in the colour of their limits."""

    words: Mapping[str, str] = field(default_factory=dict[str, str])
    """Values that are said in words."""

    def build(self) -> dashboard.Panel:
        panel = (
            stat.Panel()
            .title(self.title)
            .description(self.remedy)
            .datasource(DATASOURCE)
            .unit(self.unit)
            .no_value(self.empty)
            .thresholds(self.steps)
            .color_mode(common.BigValueColorMode.BACKGROUND_SOLID if self.limits else common.BigValueColorMode.NONE)
            .graph_mode(common.BigValueGraphMode.NONE)
            .text_mode(common.BigValueTextMode.AUTO)
            .orientation(common.VizOrientation.AUTO)
            .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        )
        if self.words:
            words = {value: dashboard.ValueMappingResult(text=word) for value, word in self.words.items()}
            panel.mappings([dashboard.ValueMap(options=words)])
        for target in self.targets:
            panel.with_target(target.instant())
        return panel.build()


@dataclass(frozen=True)
class Table(Panel):
    """Values now, one a row, with their labels as columns."""

    columns: tuple[str, ...] = ()
    """Labels, in their order; others follow."""
    value: str = ""
    """Title of the values; without one, they are left out."""

    def build(self) -> dashboard.Panel:
        panel = _table(self)
        hidden = {"Time": True, "__name__": True, **({} if self.value else {"Value": True})}
        options = {
            "excludeByName": hidden,
            "indexByName": {name: place for place, name in enumerate(self.columns)},
            "renameByName": {"Value": self.value} if self.value else {},
        }
        panel.with_transformation(dashboard.DataTransformerConfig("organize", options=options))
        colours = {"critical": WORST, "warning": BAD, "info": "blue"}
        if "severity" in self.columns:
            shown = {name: dashboard.ValueMappingResult(color=colour) for name, colour in colours.items()}
            panel.override_by_name(
                "severity",
                [
                    dashboard.DynamicConfigValue("mappings", [dashboard.ValueMap(options=shown)]),
                    _COLOURED,
                ],
            )
        elif self.limits:
            panel.override_by_name(self.value, [_COLOURED])
        return panel.build()


@dataclass(frozen=True)
class Matrix(Panel):
    """Values now, by two labels."""

    row: str = ""
    column: str = ""

    def build(self) -> dashboard.Panel:
        panel = _table(self)
        options = {"rowField": self.row, "columnField": self.column, "valueField": "Value", "emptyValue": "null"}
        panel.with_transformation(dashboard.DataTransformerConfig("groupingToMatrix", options=options))
        if self.limits:
            # The names of the rows are no numbers, and keep the colour of text.
            panel.override_by_field_type("number", [_COLOURED])
        return panel.build()


def _table(shown: Panel) -> table.Panel:
    panel = (
        table.Panel()
        .title(shown.title)
        .description(shown.remedy)
        .datasource(DATASOURCE)
        .unit(shown.unit)
        .no_value(shown.empty)
        .thresholds(shown.steps)
    )
    for target in shown.targets:
        panel.with_target(target.instant().format(PromQueryFormat.TABLE))
    return panel


def _legend() -> common_builders.VizLegendOptions:
    legend = common_builders.VizLegendOptions().display_mode(common.LegendDisplayMode.TABLE)
    legend.placement(common.LegendPlacement.BOTTOM).show_legend(True)
    return legend.calcs(["lastNotNull", "max"]).sort_by("Last *").sort_desc(True)


def _tooltip() -> common_builders.VizTooltipOptions:
    return common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
