"""What fires, from Prometheus's own series of alerts."""

from observability.alerts.collection import WATCHDOG
from observability.dashboards.frame import Row
from observability.dashboards.panels import COUNT, Number, Query, Table, of, over, under

_WATCHDOG, _OTHERS = f'alertname="{WATCHDOG}"', 'alertname!~"(Region)?Watchdog"'
_FIRES = 'alertstate="firing"'


def row(question: str) -> Row:
    """How many alerts fire, which, and whether alerting works at all."""
    return Row(
        question,
        (
            (
                _number(
                    "Cannot wait",
                    "critical",
                    "Alerts that wake somebody. Begin with the one on the right that lasts longest: "
                    "ComponentDown, RegionLinkDown and ZoneLossNotSurvived explain others.",
                ),
                _number(
                    "For working hours",
                    "warning",
                    "Alerts that become critical ones if they are left. None that is a day old should stay.",
                ),
                Number(
                    "Alerting",
                    "If it is down, silence means nothing: see whether Prometheus has this region's rules, and runs.",
                    COUNT,
                    (Query(f"count({of('ALERTS', _FIRES, _WATCHDOG)}) or vector(0)", "alerting"),),
                    under(critical=1),
                    alerts=(WATCHDOG,),
                    words={"0": "is down", "1": "works"},
                ),
                _which(),
            ),
        ),
    )


def _number(title: str, severity: str, remedy: str) -> Number:
    fires = of("ALERTS", _FIRES, _OTHERS, f'severity="{severity}"')
    limits = over(critical=1) if severity == "critical" else over(warning=1)
    return Number(title, remedy, COUNT, (Query(f"count({fires}) or vector(0)", title),), limits)


def _which() -> Table:
    return Table(
        "Which alerts",
        "`pending` has not lasted long enough yet. The page of an alert says what it means and what to do first.",
        COUNT,
        (Query(of("ALERTS", _OTHERS), "{{alertname}}"),),
        empty="Nothing fires",
        share=5,
        columns=("severity", "alertname", "alertstate", "region", "component", "service", "pod", "node"),
    )
