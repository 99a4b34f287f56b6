"""The frame of a dashboard: its rows on the grid, what can be chosen, and where its links lead."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, VariableOption, VariableRefresh, VariableSort

from observability.dashboards.panels import DATASOURCE, Panel
from observability.rule import page
from observability.scope import Scope

COLUMNS: Final = 24
HEIGHT: Final = 8
"""Of a line of panels, in units of Grafana's grid, which are 30 pixels and a gap of 8."""
TAG: Final = "somafractalmemory"


@dataclass(frozen=True)
class Row:
    """A question, and lines of panels that answer it."""

    question: str
    lines: tuple[tuple[Panel, ...], ...]
    height: int = HEIGHT


@dataclass(frozen=True)
class Plan:
    """What one dashboard shows."""

    title: str
    purpose: str
    rows: Callable[[Scope], Sequence[Row]]
    all_regions: bool = False
    """Shows them side by side, instead of the one it was made for."""
    components: bool = False
    """Lets components be chosen."""


def of_home(scope: Scope, *alerts: str) -> tuple[str, ...]:
    """Alerts that ask how users fare, which the home region alone can tell."""
    return alerts if scope.home else ()


def uid(name: str) -> str:
    """Of a dashboard; it stays, so that links to it do."""
    return f"{TAG}-{name}"


def built(name: str, plan: Plan, scope: Scope) -> dashboard.Dashboard:
    """The dashboard as the SDK has it."""
    made = (
        builders.Dashboard(plan.title)
        .uid(uid(name))
        .description(plan.purpose)
        .tags([TAG])
        .refresh("1m")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .variables(list(_variables(plan, scope)))
        .links(list(_links(name, scope)))
        .build()
    )
    made.panels = list(_placed(plan.rows(scope), scope))
    return made


def _placed(rows: Sequence[Row], scope: Scope) -> Iterator[dashboard.Panel | dashboard.RowPanel]:
    """Rows and their panels, top to bottom and left to right."""
    number, top = 0, 0
    for row in rows:
        number += 1
        yield dashboard.RowPanel(title=row.question, id_val=number, grid_pos=dashboard.GridPos(1, COLUMNS, 0, top))
        top += 1
        for line in row.lines:
            left, shares = 0, sum(panel.share for panel in line)
            for panel in line:
                number += 1
                width = COLUMNS * panel.share // shares
                placed = panel.build()
                placed.id_val = number
                placed.grid_pos = dashboard.GridPos(row.height, width, left, top)
                placed.links = [link.build() for link in _panel_links(panel, scope)]
                left += width
                yield placed
            top += row.height


def _variables(plan: Plan, scope: Scope) -> Iterator[builders.DatasourceVariable | builders.QueryVariable]:
    yield (
        builders.DatasourceVariable("datasource")
        .label("Prometheus")
        .type("prometheus")
        .current(VariableOption(text="Prometheus", value="prometheus"))
    )
    region = _labels("region", "component:needed_pods:count", "region")
    if plan.all_regions:
        # Alerts of others have no region.
        yield _any(region).all_value(".+")
    else:
        yield region.current(VariableOption(text=scope.region, value=scope.region))
    chosen = '{region=~"$region"}'
    yield _any(_labels("zone", f"component:ready_pods:count{chosen}", "zone"))
    if plan.components:
        yield _any(_labels("component", f"component:needed_pods:count{chosen}", "component"))


def _labels(name: str, series: str, label: str) -> builders.QueryVariable:
    query = f"label_values({series}, {label})"
    variable = builders.QueryVariable(name).label(name.capitalize()).datasource(DATASOURCE)
    variable.query(query).definition(query).sort(VariableSort.ALPHABETICAL_ASC)
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)


def _any(variable: builders.QueryVariable) -> builders.QueryVariable:
    """Several at once, all at first: also those of which the label is not known."""
    return (
        variable.multi(True).include_all(True).all_value(".*").current(VariableOption(text=["All"], value=["$__all"]))
    )


def _links(name: str, scope: Scope) -> Iterator[builders.DashboardLink]:
    for other in scope.dashboards:
        if other != name:
            yield _link(other, f"/d/{uid(other)}").include_vars(True).keep_time(True).icon("dashboard")
    if scope.monitoring.docs:
        yield _link("Alerts: what to do", page(scope.monitoring.docs)).target_blank(True).icon("doc")


def _panel_links(panel: Panel, scope: Scope) -> Iterator[builders.DashboardLink]:
    for name in panel.opens:
        if name in scope.dashboards:
            # Of a panel, Grafana takes variables and time from the address only.
            yield _link(f"More: {name}", f"/d/{uid(name)}?${{__url_time_range}}&${{__all_variables}}")
    if scope.monitoring.docs:
        for alert in panel.alerts:
            yield _link(f"What to do: {alert}", page(scope.monitoring.docs, alert)).target_blank(True)


def _link(title: str, url: str) -> builders.DashboardLink:
    # The SDK's own choice of a place is a menu, where nobody looks.
    return builders.DashboardLink(title).type(DashboardLinkType.LINK).url(url).placement("")
