"""Panels as Grafana's JSON has them, and answers to their queries that need no Prometheus."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboards.answers import Answer, Answers
from dashboards.prometheus import Series
from dashboards.window import Window

WINDOW = Window.until(3600, 3600)
"""The first hour of 1970: 240 steps of 15 seconds."""
LABELS = {
    label: f"{label}-1"
    for label in (
        *("alertname", "alertstate", "code", "collection", "component", "endpoint", "instance", "method", "node"),
        *("persistentvolumeclaim", "pod", "quantile", "service", "shard", "slave_ip", "source_region", "target_region"),
        "zone",
    )
}


@dataclass
class Canned:
    """Answers every query with the same series, and keeps what was asked."""

    series: Sequence[Series] = (Series({**LABELS, "region": "us-east", "severity": "critical"}, ((3600.0, 0.5),)),)
    values: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    silent: str | None = None
    """Part of queries that return nothing."""
    asked: list[str] = field(default_factory=list[str])

    def query(self, expr: str, at: float) -> list[Series]:
        self.asked.append(expr)
        return [] if self.silent is not None and self.silent in expr else list(self.series)

    def query_range(self, expr: str, window: Window) -> list[Series]:
        return self.query(expr, window.end)

    def label_values(self, label: str, match: str | None, window: Window) -> list[str]:
        self.asked.append(f"{label} of {match}")
        return self.values.get(label, [])


def answers(**values: Sequence[float]) -> Answers:
    """Series by name, each with values at the window's first steps; of the last one, if there is one only."""
    made: list[Answer] = []
    for name, told in values.items():
        start = WINDOW.end if len(told) == 1 else WINDOW.start
        points = tuple((start + number * WINDOW.step, value) for number, value in enumerate(told))
        made.append(Answer(name, {"__name__": "m", "pod": name}, points))
    return Answers(tuple(made), ())


def graph(unit: str = "short", **custom: Any) -> dict[str, Any]:
    """Lines over time."""
    legend = {"calcs": ["lastNotNull", "max"], "sortBy": "Last *", "sortDesc": True}
    return panel("timeseries", unit, {"legend": legend}, custom={"lineWidth": 2, **custom})


def number(unit: str = "short", **defaults: Any) -> dict[str, Any]:
    """Values now."""
    shown = {"colorMode": "background_solid", "graphMode": "none", "reduceOptions": {"calcs": ["lastNotNull"]}}
    return panel("stat", unit, shown, **defaults)


def panel(kind: str, unit: str, options: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    limits = {"mode": "absolute", "steps": steps((None, "green"))}
    return {
        "id": 7,
        "type": kind,
        "title": "Load",
        "description": "See `top`.",
        "gridPos": {"x": 8, "y": 1, "w": 8, "h": 8},
        "links": [],
        "fieldConfig": {
            "defaults": {"unit": unit, "noValue": "No load", "thresholds": limits, **defaults},
            "overrides": [],
        },
        "options": options,
        "targets": [{"expr": "load", "legendFormat": "{{pod}}", "range": True, "refId": "A"}],
    }


def steps(*limits: tuple[float | None, str]) -> list[dict[str, Any]]:
    return [{"value": value, "color": colour} for value, colour in limits]


def limited(shown: dict[str, Any], *limits: tuple[float | None, str]) -> dict[str, Any]:
    """The panel with thresholds, drawn in every way."""
    defaults = shown["fieldConfig"]["defaults"]
    defaults["thresholds"]["steps"] = steps(*limits)
    if "custom" in defaults:
        defaults["custom"]["thresholdsStyle"] = {"mode": "dashed+area"}
    return shown
