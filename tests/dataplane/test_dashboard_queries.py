"""Prometheus's own parser takes every query of every dashboard, with whatever is chosen."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.dataplane.conftest import tool
from tests.unit.dashboards import NAMES, REGIONS, Board, board, region

CHOSEN = {"$region": "us-east", "$zone": "us-east-1a|us-east-1b", "$component": ".*"}


def check(exprs: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """What promtool says of a file of rules that are these queries."""
    rules = [{"record": f"panel:query:number{number}", "expr": expr} for number, expr in enumerate(exprs)]
    file = folder / "rules.yaml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    return subprocess.run(
        [tool("promtool"), "check", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
    )


def filled(shown: Board) -> list[str]:
    exprs = [asked.expr for asked in shown.asked]
    for variable, value in CHOSEN.items():
        exprs = [expr.replace(variable, value) for expr in exprs]
    return exprs


@pytest.mark.parametrize("where", REGIONS)
def test_every_query_is_understood(where: str, tmp_path: Path) -> None:
    exprs = [expr for name in NAMES for expr in filled(board(name, region(where)))]
    assert not [expr for expr in exprs if "$" in expr]
    said = check(exprs, tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert f"{len(exprs)} rules found" in said.stdout


def test_a_query_that_is_none_is_refused(tmp_path: Path) -> None:
    assert check(["sum by (pod (up)"], tmp_path).returncode != 0


def reckon(
    series: Mapping[str, float], expected: Mapping[str, Mapping[str, float]], folder: Path
) -> "subprocess.CompletedProcess[str]":
    """What promtool says of answers to queries after two hours in which the series stay as they are."""
    cases = [
        {
            "expr": expr.replace("$region", "us-east").replace("$component", ".*"),
            "eval_time": "2h",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in answers.items()],
        }
        for expr, answers in expected.items()
    ]
    given = [{"series": name, "values": f"{value}x150"} for name, value in series.items()]
    tests = [{"interval": "1m", "input_series": given, "promql_expr_test": cases}]
    file = folder / "test.yaml"
    file.write_text(json.dumps({"rule_files": [], "evaluation_interval": "1m", "tests": tests}))
    return subprocess.run(
        [tool("promtool"), "test", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
    )


def test_what_panels_reckon_is_right(tmp_path: Path) -> None:
    """Pods to spare, also of a component of which no pod is left; the busiest over the average; the budget."""
    here = region("us-east")
    overview, shards = board("scaling-overview", here), board("shard-distribution", here)
    spare, left = (overview.panel(title) for title in ("Pods to spare after the loss of a zone", "Error budget left"))
    share = shards.panel("Times its fair share, now")
    needed, pods = "component:needed_pods:count", "component:left_pods:count"
    commands, hits = "redis_node:commands:rate5m", "redis_node:hits:ratio_rate5m"
    series = {
        f'{needed}{{region="us-east", component="qdrant"}}': 2,
        f'{needed}{{region="us-east", component="redis"}}': 3,
        f'{pods}{{region="us-east", component="qdrant"}}': 1,
        f'{needed}{{region="us-west", component="qdrant"}}': 9,
        'service:errors:ratio_rate1h{region="us-east", service="memory-service"}': 0.00025,
        **{
            f'qdrant_node:shards:count{{region="us-east", pod="qdrant-{node}", zone="{node}"}}': copies
            for node, copies in enumerate((6, 3, 0))
        },
        **{
            f'{commands}{{region="us-east", pod="redis-{node}", zone="{node}"}}': count
            for node, count in enumerate((10, 10, 1))
        },
        **{f'{hits}{{region="us-east", pod="redis-{node}", zone="{node}"}}': 1 for node in range(2)},
    }
    shares = {asked.legend: asked.expr for asked in share.asked}
    expected = {
        spare.asked[0].expr: {
            '{component="qdrant", region="us-east"}': -1,
            '{component="redis", region="us-east"}': -3,
        },
        left.asked[0].expr: {'{region="us-east", service="memory-service"}': 0.75},
        shares["shards"]: {'{region="us-east"}': 2},
        shares["commands to Redis masters"]: {'{region="us-east"}': 1},
        shares["points"]: {},
    }
    said = reckon(series, expected, tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
