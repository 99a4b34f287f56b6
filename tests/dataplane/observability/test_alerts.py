"""Every alert fires on series that say so, and stays quiet on their twins; on a healthy region none fires."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from observability.alerts.collection import WATCHDOG
from observability.rules import rules
from observability.scope import scope
from rehearsal.engine.project import Project
from tests.dataplane.observability import (
    cases_failures,
    cases_redis,
    cases_region,
    cases_replication,
    cases_service,
    cases_stores,
    healthy,
)
from tests.dataplane.observability.cases import MINUTE, ZONES, Case, Watched
from tests.dataplane.observability.promtool import (
    Expected,
    Rules,
    Run,
    alerts,
    annotations,
    reckon,
    records,
    run_of,
    without_annotations,
)

ROOT = Path(__file__).parents[3]
ALWAYS = WATCHDOG
"""It has no twin: nothing keeps it quiet."""
DOWN = ("ComponentDown", "ComponentGone", "TargetMissing", "PostgresqlNotSynchronous", "RedisSlotsMissing")
"""What nobody should be told of a region that serves."""
OF_HOME = ("service", "qdrant", "qdrant_shard", "redis", "redis_node")
"""Levels of recording rules that have figures where there are users, and collections."""


@pytest.fixture(scope="module", params=["us-east", "us-west"])
def watched(request: pytest.FixtureRequest) -> Watched:
    """A region of the checkout, with backups, and with an ingress controller of the program's."""
    made = scope(Project.load(ROOT).settings()[request.param])
    return Watched(replace(made, backups=True, ingress_installed=True))


@pytest.fixture(scope="module")
def said(watched: Watched) -> Rules:
    """Its rules."""
    return rules(watched.scope)


@pytest.fixture(scope="module")
def cases(watched: Watched) -> list[Case]:
    rooms = (cases_service, cases_failures, cases_region, cases_stores, cases_replication, cases_redis)
    return [case for room in rooms for case in room.cases(watched)]


def test_every_alert_has_a_case_that_fires_and_one_that_is_quiet(cases: list[Case], said: Rules) -> None:
    names = alerts(said).keys()
    assert {case.alert for case in cases if case.fires} == names
    assert {case.alert for case in cases if not case.fires} == names - {ALWAYS}


def test_alerts_fire_when_they_should_and_only_then(cases: list[Case], said: Rules, tmp_path: Path) -> None:
    done = reckon(without_annotations(said), [run_of(case, said) for case in cases], tmp_path)
    assert done.returncode == 0, done.stderr


def test_texts_are_filled_in(cases: list[Case], said: Rules, tmp_path: Path) -> None:
    """From labels that there are, and without an error: promtool shows what fires and was not expected."""
    known = alerts(said)
    firing = [run_of(case, said) for case in cases if case.fires]
    for case in cases:
        used = set(re.findall(r"\$labels\.(\w+)", " ".join(known[case.alert]["annotations"].values())))
        for labels in case.fires:
            assert used <= labels.keys(), f"{case.alert}: {case.says}"
    unexpected = [replace(run, expected=tuple(replace(one, labels=()) for one in run.expected)) for run in firing]
    done = reckon(said, unexpected, tmp_path)
    texts = annotations(done.stdout + done.stderr)
    assert len(texts) == sum(len(case.fires) for case in cases)
    assert not [text for text in texts if "error expanding template" in text or "<no value>" in text or "NaN" in text]


@pytest.mark.parametrize("minutes", [10, 80])
def test_nothing_fires_where_all_is_well(watched: Watched, said: Rules, minutes: int, tmp_path: Path) -> None:
    """Soon, and after more than anything has to last. And there are figures of all that is recorded."""
    known, at = alerts(said), minutes * MINUTE
    always = Expected(ALWAYS, at, (known[ALWAYS]["labels"],))
    expected = (always, *(Expected(alert, at) for alert in known if alert != ALWAYS))
    recorded = {name for name in records(said) if watched.scope.home or not name.startswith(OF_HOME)}
    well = Run("all is well", tuple(healthy.region(watched)), expected, recorded=tuple(sorted(recorded)))
    done = reckon(without_annotations(said), [well], tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("zone", ZONES)
def test_a_region_that_has_lost_a_zone_is_not_down(watched: Watched, said: Rules, zone: str, tmp_path: Path) -> None:
    known = alerts(said)
    expected = tuple(Expected(alert, 80 * MINUTE) for alert in DOWN if alert in known)
    done = reckon(
        without_annotations(said), [Run(zone, tuple(healthy.without_zone(watched, zone)), expected)], tmp_path
    )
    assert done.returncode == 0, done.stderr


def test_however_much_is_fair_a_node_with_every_shard_is_over_it(watched: Watched, tmp_path: Path) -> None:
    """It has no more than half as much again of two copies on three nodes."""
    monitoring = watched.scope.monitoring
    generous = monitoring.thresholds.model_copy(update={"fair_share": 2.5})
    monitoring = monitoring.model_copy(update={"thresholds": generous})
    lenient = replace(watched, scope=replace(watched.scope, monitoring=monitoring))
    told = rules(lenient.scope)
    runs = [run_of(case, told) for case in cases_stores.shards(lenient)]
    done = reckon(without_annotations(told), runs, tmp_path)
    assert done.returncode == 0, done.stderr


def test_nodes_that_are_drained_make_no_alarm(watched: Watched, tmp_path: Path) -> None:
    """Those that stay may count all peers or themselves; what the drained ones say is not asked."""
    draining = replace(watched, scope=replace(watched.scope, qdrant_all=watched.scope.qdrant_nodes + 2))
    told = rules(draining.scope)
    done = reckon(without_annotations(told), [run_of(case, told) for case in cases_stores.drains(draining)], tmp_path)
    assert done.returncode == 0, done.stderr
