"""Writes docs/alerts.md from the rules: `python -m observability [--write FILE | --check FILE]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from observability import alerts, recording
from observability.metrics import SOURCES
from observability.rule import Alert, Group, Recording
from observability.scope import EDGE, MEMORY, POOLER, POSTGRESQL, QDRANT, REDIS, Scope
from settings.monitoring import Monitoring
from settings.pages import delivered

_COMPONENTS = {MEMORY: 3, QDRANT: 3, REDIS: 6, POSTGRESQL: 3, POOLER: 3, EDGE: 3}
EVERYTHING = Scope(
    region="us-east",
    namespace="somafractalmemory",
    ingress_namespace="nginx-ingress",
    ingress_installed=True,
    home=True,
    regions=("us-east", "us-west"),
    services=("memory-service",),
    monitoring=Monitoring(),
    rpo_seconds=300,
    qdrant_nodes=3,
    qdrant_all=3,
    replication_factor=2,
    redis_replicas=1,
    instances=3,
    pods=_COMPONENTS,
    needed=dict.fromkeys(_COMPONENTS, 1),
    zones=("zone-a", "zone-b", "zone-c"),
    least={name: pods // 3 for name, pods in _COMPONENTS.items()},
    backups=True,
    edge=True,
    hosts=("memory.example.com",),
    dashboards=(),
)
"""A region with all that may be watched; no region is home and edge at once."""

_INTRODUCTION = """# Alerts

What each alert means and what to do, first things first. Thresholds are those of the settings' defaults
(`monitoring.thresholds`, [configuration](configuration.md)); a region's own rules have its own. `critical` wakes
somebody, `warning` waits for working hours, `info` is for looking at. [How a region is watched](monitoring.md).
"Commands" leads to the runbook: what finds the cause, and what mends it.

This page is written by `make docs` from the rules themselves. Tests fire each alert on series that should fire it, and
keep it quiet on their twins just below.
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [_INTRODUCTION]
    for group in alerts.groups(EVERYTHING):
        parts += [_section(rule, runbook(group, rule)) for rule in group.rules if isinstance(rule, Alert)]
    return "\n".join([*parts, _recordings(), _sources()])


def runbook(group: Group, alert: Alert) -> str:
    """Page and section of docs/ with the commands that find and mend what an alert tells of: a page a group."""
    return f"runbooks/alerts/{group.name.removeprefix('alerts-')}.md#{alert.name.lower()}"


def _section(alert: Alert, commands: str) -> str:
    lasts = f", for {alert.lasts}" if alert.lasts else ""
    return (
        f"## {alert.name}\n\n**{alert.severity}**{lasts}: {alert.meaning}\n\n{alert.action}\n\n"
        f"[Commands]({commands})\n\n"
        f"```promql\n{alert.expr}\n```\n"
    )


def _recordings() -> str:
    lines = [
        "# Recorded series",
        "",
        "Every one carries `region`.",
        "",
        "| series | unit | what it is |",
        "|---|---|---|",
    ]
    seen: dict[str, Recording] = {}
    for group in recording.groups(EVERYTHING):
        seen |= {rule.record: rule for rule in group.rules if isinstance(rule, Recording)}
    lines += [f"| `{rule.record}` | {rule.unit} | {rule.help} |" for rule in seen.values()]
    return "\n".join([*lines, ""])


def _sources() -> str:
    lines = ["# Where figures come from", "", "| who tells them | where upstream says so | metrics |", "|---|---|---|"]
    lines += [f"| {it.name} | {it.where} | {', '.join(f'`{name}`' for name in it.metrics)} |" for it in SOURCES]
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m observability", description="The alerts as a Markdown page.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page")
    parser.add_argument("--check", type=Path, metavar="FILE", help="fail when the file is not the page")
    options = parser.parse_args(arguments)
    return delivered(page, options.write, options.check, "the rules say")


if __name__ == "__main__":
    sys.exit(main())
