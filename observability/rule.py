"""Recording rules and alerts, and how Prometheus takes them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Severity = Literal["critical", "warning", "info", "none"]
"""`critical` wakes somebody, `warning` waits for working hours, `info` is for looking at, `none` for who watches the
alerting itself."""

Unit = Literal["ratio", "seconds", "bytes", "cores", "per second", "count", "operations"]

QUANTILES: Final = ("0.5", "0.95", "0.99")
"""That are recorded of latencies."""

_NAME: Final = re.compile(r"[a-z_0-9]+:[a-z_0-9]+:[a-z_0-9]+")
"""level:metric:operations (prometheus.io/docs/practices/rules)."""


def of_region(expr: str, region: str) -> str:
    """An expression that asks for recorded series of one region alone: a Prometheus may have those of others, too."""

    def asked(found: re.Match[str]) -> str:
        name, selected = found["name"], found["selected"]
        if name is None:
            return found[0]
        return f'{name}{{region="{region}"' + (", " if selected else "}")

    return re.sub(rf'"[^"]*"|(?P<name>{_NAME.pattern})(?P<selected>{{)?', asked, expr)


def share(by: str, part: str, whole: str) -> str:
    """Of two counters' rates, the part of the whole; nothing where nothing is counted."""
    total = f"sum by ({by}) (rate({whole}[5m]))"
    return f"(sum by ({by}) (rate({part}[5m])) or 0 * {total}) / ({total} > 0)"


def page(docs: str, alert: str = "") -> str:
    """Where alerts are explained, or one of them; `docs` is where docs/ can be read."""
    return f"{docs}/alerts.md" + (f"#{alert.lower()}" if alert else "")


@dataclass(frozen=True)
class Recording:
    """An expression whose result is kept under a name of its own."""

    record: str
    expr: str
    unit: Unit
    help: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.record):
            raise ValueError(f"{self.record} is no name of the form level:metric:operations")

    def as_prometheus(self, region: str) -> dict[str, Any]:
        """The rule as it stands in a group."""
        return {
            "record": self.record,
            "expr": of_region(self.expr, region),
            "labels": {"region": region, **self.labels},
        }


@dataclass(frozen=True)
class Alert:
    """A condition that somebody has to know of."""

    name: str
    expr: str
    severity: Severity
    summary: str
    """One line, in which `{{ $labels.pod }}` and `{{ $value }}` are filled in."""
    meaning: str
    """What is the matter, and for whom."""
    action: str
    """What to do, the first step first."""
    lasts: str = ""
    """For how long the condition must hold, as Prometheus writes durations; empty where it fires at once."""

    def as_prometheus(self, region: str, docs: str) -> dict[str, Any]:
        """The rule as it stands in a group; `docs` is where docs/ can be read."""
        return {
            "alert": self.name,
            "expr": of_region(self.expr, region),
            **({"for": self.lasts} if self.lasts else {}),
            "labels": {"severity": self.severity, "region": region},
            "annotations": {
                "summary": self.summary,
                "description": self.meaning,
                "action": self.action,
                "runbook_url": page(docs, self.name),
            },
        }


Rule = Recording | Alert


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated together, one after the other."""

    name: str
    rules: Sequence[Rule]

    def as_prometheus(self, region: str, docs: str) -> dict[str, Any]:
        """The group as it stands in a file of rules and in a PrometheusRule."""
        return {
            "name": f"somafractalmemory-{self.name}",
            "rules": [
                rule.as_prometheus(region, docs) if isinstance(rule, Alert) else rule.as_prometheus(region)
                for rule in self.rules
            ],
        }
