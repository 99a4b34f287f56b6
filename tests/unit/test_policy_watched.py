"""Whoever serves is watched, where the settings want that."""

import json

import pytest

from tests.unit.policy_plan import Stack, find, put, region, swapped, verdicts

PLACES = [(platform, name) for platform in ("aws", "kubernetes") for name in ("us-east", "us-west")]


def said(stack: Stack) -> list[str]:
    return [it.message for it in verdicts(stack, packs=("high-availability",)) if it.policy == "watched-pods"]


def without(stack: Stack, *kinds: str, name: str = "") -> Stack:
    return tuple(it for it in stack if not (it.type.rpartition(":")[2] in kinds and it.name.endswith(name)))


@pytest.mark.parametrize("place", PLACES)
def test_the_programs_own_regions_are_watched(place: tuple[str, str]) -> None:
    assert said(region(*place)) == []


def test_a_store_whose_figures_nobody_collects_is_named() -> None:
    found = said(without(region("aws", "us-east"), "PodMonitor", name="podmonitor-redis"))
    assert len(found) == 3
    assert all("redis-zone-" in message and "no PodMonitor collects its figures" in message for message in found)


def test_a_monitor_of_nobody_or_of_a_port_that_is_not_there_is_refused() -> None:
    stack = region("aws", "us-east")
    monitor = find(stack, "PodMonitor", "podmonitor-qdrant")
    nobody = put(monitor, "spec.selector.matchLabels", {"app": "nobody"})
    assert any("collects no figures of this stack" in message for message in said(swapped(stack, monitor, nobody)))
    other = put(monitor, "spec.podMetricsEndpoints.0.port", "other")
    assert any("asks a port that no container of" in message for message in said(swapped(stack, monitor, other)))


def test_figures_of_which_no_rule_tells_are_refused() -> None:
    (message,) = said(without(region("aws", "us-east"), "PrometheusRule"))
    assert "no PrometheusRule" in message


def test_a_region_that_is_not_to_be_watched_is_not_judged() -> None:
    stack = without(region("aws", "us-east"), "PrometheusRule", "PodMonitor")
    record = find(stack, "ConfigMap", "record-settings")
    settings = json.loads(record.inputs["data"]["settings.json"])
    settings["monitoring"]["enabled"] = False
    data = {**record.inputs["data"], "settings.json": json.dumps(settings)}
    assert said(stack) != []
    assert said(swapped(stack, record, put(record, "data", data))) == []
