"""Which instance is primary and what happens to the others: the decisions of the CloudNativePG stand-in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rehearsal.standins.cnpg import names
from rehearsal.standins.cnpg.decision import POLL, Decision, Held, Instance, Report, Wanted, decide
from rehearsal.standins.cnpg.reports import read

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WANTED = Wanted("db", 3, in_place=False)
HEALTHY = Held("db-1", phase=names.PHASE_HEALTHY)
THREE = tuple(Instance(serial, f"db-{serial}") for serial in (1, 2, 3))


def changed(serial: int, **what: bool) -> tuple[Instance, ...]:
    """Three healthy instances, one of them changed."""
    return tuple(replace(one, **what) if one.serial == serial else one for one in THREE)


def without(serial: int) -> tuple[Instance, ...]:
    """Three instances, the pod of one of them gone."""
    return changed(serial, has_pod=False, gone=True, ready=False)


def step(instances: tuple[Instance, ...], held: Held = HEALTHY, wanted: Wanted = WANTED) -> Decision:
    return decide(wanted, instances, held, NOW)


def test_three_ready_instances_are_a_healthy_cluster() -> None:
    assert step(THREE) == Decision("db-1", names.PHASE_HEALTHY)


def test_the_first_instance_is_made_alone_and_is_the_primary() -> None:
    decision = step((), Held())
    assert (decision.primary, decision.make, decision.phase) == ("db-1", (1,), names.PHASE_FIRST_PRIMARY)


def test_no_other_instance_is_made_before_the_first_is_ready() -> None:
    starting = (replace(THREE[0], ready=False),)
    assert step(starting, Held("db-1", phase=names.PHASE_FIRST_PRIMARY)).make == ()


def test_the_others_follow_once_the_first_is_ready() -> None:
    assert step(THREE[:1], Held("db-1", phase=names.PHASE_FIRST_PRIMARY)).make == (2, 3)


def test_a_creation_that_failed_is_tried_again() -> None:
    assert step((), Held("db-1", phase=names.PHASE_FIRST_PRIMARY)).make == (1,)


def test_a_primary_without_pod_loses_its_role_at_once_and_is_made_again() -> None:
    decision = step(without(1))
    assert (decision.primary, decision.make, decision.phase) == ("db-2", (1,), names.PHASE_FAILOVER)


def test_a_primary_without_room_for_wal_keeps_its_role_until_it_has_some() -> None:
    """The next one would have as little; the real operator waits for somebody to enlarge the volume."""
    full = step(changed(1, ready=False, full=True))
    assert (full.primary, full.phase, full.make, full.replace) == ("db-1", names.PHASE_DISK_FULL, (), ())
    assert full.look_again is not None
    assert "db-1" in full.reason
    assert step(changed(1, ready=False), Held("db-1", phase=names.PHASE_DISK_FULL)).primary == "db-2"


def test_a_primary_that_is_not_ready_loses_its_role_too() -> None:
    assert step(changed(1, ready=False)).primary == "db-2"


def test_the_failover_waits_for_its_delay() -> None:
    patient = replace(WANTED, failover_delay=30)
    first = step(without(1), wanted=patient)
    assert (first.primary, first.look_again, first.failing_since) == ("db-1", 30, NOW)
    later = replace(HEALTHY, failing_since=NOW - timedelta(seconds=31))
    assert step(without(1), later, patient).primary == "db-2"


def test_without_a_ready_heir_the_primary_stays_in_name() -> None:
    lost = tuple(replace(one, ready=False) for one in THREE)
    assert step(lost).primary == "db-1"


def test_an_heir_on_a_cordoned_node_comes_last() -> None:
    lost = (replace(THREE[0], ready=False), replace(THREE[1], leaving=True), THREE[2])
    assert step(lost).primary == "db-3"


def test_a_lost_replica_is_made_again_under_its_number() -> None:
    decision = step(without(2))
    assert (decision.primary, decision.make) == ("db-1", (2,))


def test_scaling_up_takes_free_numbers() -> None:
    assert step((THREE[0], THREE[2]), wanted=replace(WANTED, instances=4)).make == (2, 4)


def test_scaling_down_removes_the_highest_numbers_but_never_the_primary() -> None:
    decision = step(THREE, replace(HEALTHY, primary="db-3"), replace(WANTED, instances=2))
    assert decision.remove == ("db-2",)


def test_the_primary_leaves_a_cordoned_node() -> None:
    decision = step(changed(1, leaving=True))
    assert (decision.primary, decision.phase) == ("db-2", names.PHASE_SWITCHOVER)


def test_the_primary_stays_on_a_cordoned_node_while_a_replica_is_not_ready() -> None:
    cordoned = (replace(THREE[0], leaving=True), replace(THREE[1], ready=False), THREE[2])
    assert step(cordoned).primary == "db-1"


def test_a_changed_spec_reaches_the_replicas_first() -> None:
    old = tuple(replace(one, outdated=True) for one in THREE)
    assert step(old).replace == ("db-3",)


def test_only_one_instance_is_replaced_at_a_time() -> None:
    under_way = (replace(THREE[0], outdated=True), replace(THREE[1], outdated=True), replace(THREE[2], ready=False))
    assert step(under_way).replace == ()


def test_an_instance_that_never_got_ready_is_replaced_by_the_corrected_spec() -> None:
    stuck = (replace(THREE[0], outdated=True), THREE[1], replace(THREE[2], ready=False, outdated=True))
    assert step(stuck).replace == ("db-3",)


def test_the_primary_moves_before_its_pod_is_replaced() -> None:
    decision = step(changed(1, outdated=True))
    assert (decision.primary, decision.replace) == ("db-2", ())


def test_a_restart_in_place_keeps_the_primary() -> None:
    in_place = replace(WANTED, in_place=True)
    decision = step(changed(1, outdated=True), wanted=in_place)
    assert (decision.primary, decision.replace) == ("db-1", ("db-1",))
    again = step(without(1), Held("db-1", phase=decision.phase), in_place)
    assert (again.primary, again.make) == ("db-1", (1,))


def test_a_supervised_update_waits_for_the_user() -> None:
    decision = step(changed(1, outdated=True), wanted=replace(WANTED, supervised=True))
    assert (decision.phase, decision.primary, decision.replace) == (names.PHASE_USER, "db-1", ())


REAL = replace(WANTED, real=True, quorum=1)
RUNNING = (
    replace(THREE[0], report=Report(primary=True, receiving=False, lsn=300)),
    replace(THREE[1], report=Report(primary=False, receiving=True, lsn=290)),
    replace(THREE[2], report=Report(primary=False, receiving=True, lsn=300)),
)


def after_loss(second: Report | None, third: Report | None, **primary: bool) -> tuple[Instance, ...]:
    """Three real instances, the first of which was primary and is not ready."""
    lost = replace(THREE[0], ready=False, **primary)
    return lost, replace(THREE[1], report=second), replace(THREE[2], report=third)


def stopped(lsn: int) -> Report:
    return Report(primary=False, receiving=False, lsn=lsn)


class TestRealServers:
    def test_the_replica_that_received_most_takes_over(self) -> None:
        decision = step(after_loss(stopped(290), stopped(300)), wanted=REAL)
        assert (decision.primary, decision.phase, decision.pending) == ("db-3", names.PHASE_FAILOVER, False)

    def test_of_equals_the_lowest_number(self) -> None:
        assert step(after_loss(stopped(300), stopped(300)), wanted=REAL).primary == "db-2"

    def test_of_equals_the_one_that_has_replayed_most(self) -> None:
        further = replace(stopped(300), replayed=200)
        assert step(after_loss(stopped(300), further), wanted=REAL).primary == "db-3"

    def test_what_was_received_counts_before_what_was_replayed(self) -> None:
        further = replace(stopped(290), replayed=290)
        assert step(after_loss(further, stopped(300)), wanted=REAL).primary == "db-3"

    def test_wal_that_was_replayed_counts_as_received(self) -> None:
        assert read({"receivedLsn": None, "replayLsn": "1/10"}).lsn == (1 << 32) + 16
        assert read({"receivedLsn": "0/20", "replayLsn": "0/10"}).lsn == 32

    def test_the_primary_leaves_a_cordoned_node_only_for_a_replica_that_streams(self) -> None:
        leaving = (replace(RUNNING[0], leaving=True), replace(RUNNING[1], report=stopped(300)), RUNNING[2])
        assert step(leaving, wanted=REAL).primary == "db-3"
        nobody = (*leaving[:2], replace(RUNNING[2], report=stopped(300)))
        assert step(nobody, wanted=REAL).primary == "db-1"

    def test_a_switchover_to_change_the_primary_waits_for_a_replica_that_streams(self) -> None:
        changed = (replace(RUNNING[0], outdated=True), *(replace(one, report=stopped(300)) for one in RUNNING[1:]))
        decision = step(changed, wanted=REAL)
        assert (decision.primary, decision.look_again, decision.replace) == ("db-1", POLL, ())

    def test_nobody_is_primary_while_a_replica_still_receives(self) -> None:
        """The old primary lives, and may acknowledge what the new one would not have."""
        decision = step(after_loss(stopped(290), RUNNING[2].report), wanted=REAL)
        assert (decision.primary, decision.pending, decision.look_again) == ("db-1", True, POLL)
        assert decision.failing_since == NOW

    def test_one_replica_that_answers_of_two_is_too_few_for_a_commit_on_one_standby(self) -> None:
        decision = step(after_loss(stopped(290), None), wanted=REAL)
        assert (decision.primary, decision.pending, decision.phase) == ("db-1", False, names.PHASE_WAITING)
        assert "1 of 2 replicas answer" in decision.reason

    def test_without_the_quorum_one_is_enough(self) -> None:
        assert step(after_loss(stopped(290), None), wanted=replace(REAL, quorum=0)).primary == "db-2"

    def test_without_an_answer_of_any_replica_nothing_is_decided(self) -> None:
        assert step(after_loss(None, None), wanted=replace(REAL, quorum=0)).primary == "db-1"

    def test_the_chosen_one_is_waited_for_until_it_is_the_primary(self) -> None:
        held = Held("db-3", phase=names.PHASE_FAILOVER)
        decision = step(after_loss(stopped(290), stopped(300)), held, REAL)
        assert (decision.primary, decision.phase, decision.look_again) == ("db-3", names.PHASE_FAILOVER, POLL)

    def test_a_primary_that_does_not_answer_once_keeps_its_role(self) -> None:
        decision = step((replace(RUNNING[0], report=None), *RUNNING[1:]), wanted=REAL)
        assert (decision.primary, decision.pending, decision.phase) == ("db-1", False, names.PHASE_WAITING)

    def test_three_that_run_are_a_healthy_cluster(self) -> None:
        assert step(RUNNING, wanted=REAL).phase == names.PHASE_HEALTHY
