"""Prometheus's own engine: what it makes of rules and series (promtool test rules, v2.42)."""

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.dataplane.conftest import tool
from tests.dataplane.observability.cases import EVERY, Case, Series, seconds

Rules = Mapping[str, Any]
"""As a file of rules has them."""
_RECORDED = re.compile(r"[a-z_0-9]+:[a-z_0-9]+:[a-z_0-9]+")


def alerts(rules: Rules) -> dict[str, dict[str, Any]]:
    """Alert rules by name."""
    return {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule}


def records(rules: Rules) -> set[str]:
    """Names that recording rules give."""
    return {rule["record"] for group in rules["groups"] for rule in group["rules"] if "record" in rule}


@dataclass(frozen=True)
class Expected:
    """Labels with which an alert fires at a moment; nothing where it stays quiet."""

    alert: str
    at: int
    labels: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Run:
    """Series, and what they are expected to do."""

    name: str
    series: tuple[Series, ...]
    expected: tuple[Expected, ...]
    every: int = EVERY
    recorded: tuple[str, ...] = ()
    """Names of recording rules that have a figure in the end."""


def run_of(case: Case, rules: Rules) -> Run:
    """What fires does so once it has lasted, not one evaluation sooner, and with the rule's own labels."""
    rule = alerts(rules)[case.alert]
    name = f"{case.alert}: {case.says}"
    if not case.fires:
        return Run(name, case.series, (Expected(case.alert, case.quiet_at),), case.every)
    at = case.begins + seconds(rule.get("for", "0m"))
    fired = Expected(case.alert, at, tuple({**rule["labels"], **labels} for labels in case.fires))
    before = [Expected(case.alert, at - case.every)] if at else []
    return Run(name, case.series, (*before, fired), case.every)


def reckon(rules: Rules, runs: Iterable[Run], folder: Path) -> "subprocess.CompletedProcess[str]":
    """All runs at once. A file for those of the same alerts, with the rules that they need: every rule is reckoned at
    every moment of every run.
    """
    apart: dict[tuple[frozenset[str], int], list[Run]] = defaultdict(list)
    for run in runs:
        names = frozenset(expected.alert for expected in run.expected)
        apart[names.union(run.recorded), run.every].append(run)
    files: list[str] = []
    for number, ((names, every), these) in enumerate(apart.items()):
        needed = needed_by(names, rules)
        rule_file, file = folder / f"rules-{number}.json", folder / f"tests-{number}.json"
        rule_file.write_text(json.dumps(needed))
        file.write_text(json.dumps(_file(rule_file, needed, every, these)))
        files.append(str(file))
    return subprocess.run(
        [tool("promtool"), "test", "rules", *files], capture_output=True, text=True, timeout=280, check=False
    )


def needed_by(names: Iterable[str], rules: Rules) -> Rules:
    """Alerts, and the recording rules that lead to them, in their groups."""
    read = set(names)
    while True:
        exprs = (rule["expr"] for group in rules["groups"] for rule in group["rules"] if _name(rule) in read)
        more = {name for expr in exprs for name in _RECORDED.findall(expr)} - read
        if not more:
            break
        read |= more
    kept = ({**group, "rules": [rule for rule in group["rules"] if _name(rule) in read]} for group in rules["groups"])
    return {"groups": [group for group in kept if group["rules"]]}


def _name(rule: Mapping[str, Any]) -> str:
    return rule.get("alert") or rule["record"]


def _file(rule_file: Path, rules: Rules, every: int, runs: Iterable[Run]) -> dict[str, Any]:
    return {
        "rule_files": [rule_file.name],
        "evaluation_interval": f"{every}s",
        # Recording rules first, as they stand; else they come in any order.
        "group_eval_order": [group["name"] for group in rules["groups"]],
        "tests": [
            {
                "name": run.name,
                "interval": f"{every}s",
                "input_series": [series.as_promtool() for series in run.series],
                "alert_rule_test": [
                    {
                        "alertname": expected.alert,
                        "eval_time": f"{expected.at}s",
                        "exp_alerts": [{"exp_labels": dict(labels)} for labels in expected.labels],
                    }
                    for expected in run.expected
                ],
                "promql_expr_test": [
                    {
                        "expr": f"count({name}) > bool 0",
                        "eval_time": f"{max(expected.at for expected in run.expected)}s",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    }
                    for name in run.recorded
                ],
            }
            for run in runs
        ],
    }


def without_annotations(rules: Rules) -> Rules:
    """What fires is compared by its labels: texts may change."""
    groups = [
        {
            **group,
            "rules": [{key: value for key, value in rule.items() if key != "annotations"} for rule in group["rules"]],
        }
        for group in rules["groups"]
    ]
    return {"groups": groups}


def annotations(said: str) -> list[str]:
    """Of alerts that fired where none was expected, as promtool prints them."""
    return re.findall(r"Annotations:(\{.*\})", said)
