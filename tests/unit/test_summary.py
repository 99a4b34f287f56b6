"""The tables that a run ends with."""

import io
import os
from pathlib import Path

from rich.console import Console

from rehearsal.engine.model import Preview
from rehearsal.pods import ZonePods
from rehearsal.summary import RegionSummary, Standing, Summary, show, show_standing, standing_json


def _shown(summary: Summary) -> str:
    told = io.StringIO()
    show(summary, Console(file=told, width=80))
    return told.getvalue()


def _summary(kubeconfig: str = "") -> Summary:
    region = RegionSummary(
        region="us-east",
        role="home",
        outcome=Preview(region="us-east", resources=(), steps=(), outputs={}),
        reports=(),
        pods={"zone-a": ZonePods(2, 1, 1)},
        kubeconfig=kubeconfig,
    )
    return Summary("in-process", [region], simulated=("nodes: they run nothing", "load balancer: no packet flows"))


def test_a_path_stands_on_one_line_to_be_copied() -> None:
    path = Path.cwd() / ("deep/" * 8) / "kubeconfig"
    assert f" {os.path.relpath(path)} " in _shown(_summary(str(path)))


def test_what_is_simulated_is_listed_where_something_runs() -> None:
    assert "\n  - load balancer: no packet flows\n" in _shown(_summary("kubeconfig"))
    assert "simulated" not in _shown(_summary())


def test_held_pods_are_told_apart() -> None:
    assert "1 of 2 ready, 1 held until promotion" in _shown(_summary())


def test_a_region_that_left_the_list_is_told_with_the_way_to_end_it() -> None:
    left = Standing("eu-west", alive=True, kubeconfig="k", pods={}, listed=False)
    told = io.StringIO()
    show_standing([left], Console(file=told, width=120))
    assert "in no list of regions any more: make down ends and removes it" in told.getvalue()
    assert standing_json([left])["regions"]["eu-west"]["listed"] is False
