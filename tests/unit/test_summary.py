"""The tables that a run ends with."""

import io
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from rehearsal.costs import RegionCost
from rehearsal.engine.model import Preview
from rehearsal.packs import Policy, Report, Violation
from rehearsal.pods import ZonePods
from rehearsal.summary import RegionSummary, Standing, Summary, show, show_standing, standing_json
from tests.unit.report_documents import NAMES

SIMULATED = ("nodes: they run nothing", "load balancer: no packet flows", "an operator: " + "long " * 40)


def _shown(summary: Summary, width: int = 80) -> str:
    told = io.StringIO()
    show(summary, Console(file=told, width=width))
    return told.getvalue()


def _summary(kubeconfig: str = "", *, regions: Sequence[str] = ("us-east",), level: str = "advisory") -> Summary:
    violations = tuple(
        Violation("security", f"policy-{number}", level, "urn", "what is wrong, at length, and more of it " * 4)
        for number in range(3)
    )
    policies = tuple(Policy(one.policy, "", level, "high", "", {}) for one in violations)
    report = Report("security", "1", policies, violations, 0.1)
    made = [
        RegionSummary(
            region=name,
            role="home" if name == regions[0] else "standby",
            outcome=Preview(region=name, resources=(), steps=(), outputs={}),
            reports=(report,),
            pods={"zone-a": ZonePods(2, 1, 1), "zone-b": ZonePods(2, 2)},
            endpoint="https://memory.example.com",
            kubeconfig=kubeconfig.replace("REGION", name),
        )
        for name in regions
    ]
    return Summary(
        "in-process", made, [f"Kind{n} (v1)" for n in range(20)], SIMULATED, {"apply " * 9: 1.0, "plan " * 9: 2}
    )


def test_a_path_stands_on_one_line_to_be_copied() -> None:
    path = Path.cwd() / ("deep/" * 20) / "kubeconfig"
    assert f"kubeconfig: {os.path.relpath(path)}\n" in _shown(_summary(str(path)), 40)


def test_what_is_simulated_is_named_where_something_runs() -> None:
    assert "\nsimulated: nodes, load balancer, an operator\n" in _shown(_summary("kubeconfig"))
    assert "simulated" not in _shown(_summary())


def test_held_pods_are_told_apart() -> None:
    assert "3 of 4 ready, 1 held" in _shown(_summary())


@pytest.mark.parametrize("number", [1, 2, 12])
def test_it_fits_a_screen(number: int) -> None:
    lines = _shown(_summary("run/REGION/kubeconfig", regions=NAMES[:number])).splitlines()
    assert len(lines) <= 23, "and a line for the report"
    assert max(map(len, lines)) <= 80
    for name in NAMES[:number]:
        assert any(line.startswith(name) for line in lines)
    assert "advice: policy-0, policy-1, policy-2" in lines


def test_the_paths_of_many_regions_are_told_by_their_pattern() -> None:
    assert "kubeconfig: run/us-west/kubeconfig\n" in _shown(_summary("run/REGION/kubeconfig", regions=NAMES[:4]))
    many = _shown(_summary("run/REGION/kubeconfig", regions=NAMES[:5]))
    assert "kubeconfig: run/<region>/kubeconfig\n" in many and "run/us-west" not in many


def test_a_cost_has_a_line_and_of_many_regions_one_together() -> None:
    cost = RegionCost({"qdrant": 120.0, "nat": 30.0}, "USD", "2026-06-01")
    for names, line in (
        (NAMES[:2], "cost of us-west: 150 USD a month by prices of 2026-06-01: qdrant 120, nat 30"),
        (NAMES[:5], "cost a month by prices of 2026-06-01: us-east 150 USD, us-west 150 USD, eu-west 150 USD, "),
    ):
        made = _summary(regions=names)
        told = _shown(replace(made, regions=[replace(region, cost=cost) for region in made.regions]), 120)
        assert line in told
        assert ("cost of us-east" in told) == (len(names) == 2)


def test_what_is_refused_is_told_in_full_whatever_fits() -> None:
    told = _shown(_summary(regions=NAMES, level="mandatory"))
    assert "0 passed, 3" in told and "refused" in told
    for name in NAMES:
        for number in range(3):
            words = f"{name}: policy-{number}: " + ("what is wrong, at length, and more of it " * 4).strip()
            assert words in " ".join(told.split())


def test_a_region_that_left_the_list_is_told_with_the_way_to_end_it() -> None:
    left = Standing("eu-west", alive=True, kubeconfig="k", pods={}, listed=False)
    told = io.StringIO()
    show_standing([left], Console(file=told, width=120))
    assert "in no list of regions any more: make down ends and removes it" in told.getvalue()
    assert standing_json([left])["regions"]["eu-west"]["listed"] is False
