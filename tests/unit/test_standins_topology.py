"""Promotion and demotion as the CloudNativePG stand-in plays them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rehearsal.kube import Manifest
from rehearsal.standins.cnpg import names, topology
from tests.unit.standins_cluster import cluster

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LISTED = [{"name": "db"}, {"name": "other"}]


def one(status: dict[str, Any], replica: dict[str, str], listed: list[dict[str, str]] = LISTED) -> Manifest:
    made = cluster(replica={"self": "db", "source": "other", **replica}, externalClusters=listed)
    return {**made, "status": status}


def settled(played: topology.Played, before: dict[str, Any], phase: str = names.PHASE_HEALTHY) -> dict[str, Any]:
    """The status that the stand-in writes."""
    return {"phase": played.phase or phase, "conditions": [topology.condition(played, before, NOW)], **played.fields}


def played(status: dict[str, Any], ready: bool = True, **replica: str) -> tuple[topology.Played, dict[str, Any]]:
    step = topology.play(one(status, replica), ready, NOW)
    return step, settled(step, status)


@pytest.fixture
def primary() -> dict[str, Any]:
    return played({}, primary="db")[1]


@pytest.fixture
def standby() -> dict[str, Any]:
    return played({}, primary="other")[1]


@pytest.fixture
def token(primary: dict[str, Any]) -> str:
    _, stopping = played(primary, primary="other")
    return str(played(stopping, primary="other")[1]["demotionToken"])


def test_a_first_primary_takes_writes_and_a_standby_never_did(primary: dict[str, Any], standby: dict[str, Any]) -> None:
    assert primary["conditions"][0]["status"] == "True"
    assert standby["conditions"][0]["status"] == "False"
    assert "demotionToken" not in standby


def test_a_demoted_primary_stops_first_and_then_leaves_a_token_that_stays(primary: dict[str, Any]) -> None:
    step, stopping = played(primary, primary="other")
    assert not step.writes
    assert step.look_again
    assert stopping["switchReplicaClusterStatus"] == {"inProgress": True}
    assert "demotionToken" not in stopping
    _, stopped = played(stopping, primary="other")
    assert "switchReplicaClusterStatus" not in stopped
    assert played(stopped, primary="other")[1]["demotionToken"] == stopped["demotionToken"]


def test_a_standby_with_the_token_replays_first_and_then_takes_writes(standby: dict[str, Any], token: str) -> None:
    step, waiting = played(standby, primary="db", promotionToken=token)
    assert (step.writes, step.phase) == (False, names.PHASE_PROMOTION)
    step, done = played(waiting, primary="db", promotionToken=token)
    assert step.writes
    assert (done["lastPromotionToken"], done["timelineID"]) == (token, 2)
    assert "lastPromotionToken" not in played(done, primary="db")[1]


def test_without_a_token_it_takes_over_at_once_on_a_timeline_of_its_own(standby: dict[str, Any]) -> None:
    step, done = played(standby, primary="db")
    assert step.writes
    assert done["timelineID"] == 2


@pytest.mark.parametrize("wrong", ["no base64", "e30="])
def test_a_token_that_is_none_never_promotes(standby: dict[str, Any], wrong: str) -> None:
    step, status = played(standby, primary="db", promotionToken=wrong)
    assert (step.writes, step.phase) == (False, names.PHASE_UNRECOVERABLE)
    assert not played(status, primary="db", promotionToken=wrong)[0].writes


def test_nor_does_one_of_another_topology(standby: dict[str, Any], token: str) -> None:
    foreign = one(standby, {"primary": "db", "promotionToken": token}, [*LISTED, {"name": "third"}])
    assert topology.play(foreign, True, NOW).reason.startswith("Promotion token content is not correct")


def test_nor_one_that_is_older_than_what_the_cluster_has(standby: dict[str, Any], token: str) -> None:
    step, _ = played({**standby, "timelineID": 3}, primary="db", promotionToken=token)
    assert step.phase == names.PHASE_UNRECOVERABLE


def test_a_token_that_was_left_there_refuses_a_demotion(primary: dict[str, Any], token: str) -> None:
    step, _ = played(primary, primary="other", promotionToken=token)
    assert (step.writes, step.phase) == (True, names.PHASE_INVALID)
    assert "only allowed for primary clusters" in step.reason


def test_a_primary_that_is_away_for_a_moment_is_still_the_primary(primary: dict[str, Any]) -> None:
    assert played(primary, ready=False, primary="db")[0].writes
