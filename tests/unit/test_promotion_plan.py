"""The order of a promotion, over imagined regions: whatever fails and whenever it is run again, never two primaries."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promotion import checks, plan
from promotion.errors import PromotionError
from promotion.losses import Lag, Received
from promotion.plan import Kind
from promotion.world import NO_RECORD, Database, Region, World, database
from settings import Promotion

SECRETS = {"memory_tokens": "[secret]", "postgresql_replication": "[secret]", "promotion": ""}
REGIONS = ("us-east", "us-west", "eu-west")


def region(name: str, home: str = "us-east") -> Region:
    outputs = {**SECRETS, "home": home, "role": "home" if name == home else "standby"}
    return Region(name, outputs=outputs, database=Database(home, ready=3), serving=3 * (name == home))


def world(*names: str) -> World:
    return World("us-east", {name: region(name) for name in names or REGIONS[:2]})


def lost(known: World, name: str) -> World:
    """A region that does not answer: nobody says how its cluster is."""
    return known.with_region(replace(known[name], answers=False, database=None, serving=0))


def order(known: World, target: str) -> list[tuple[Kind, str]]:
    return [(action.kind, action.region) for action in plan.unrolled(known, target)]


def carried_out(known: World, target: str) -> World:
    while (action := plan.next_action(known, target)) is not None:
        known = plan.imagined(known, action, target)
    return known


class TestTheOrder:
    def test_an_old_home_that_lives_stops_before_the_new_one_begins(self) -> None:
        assert order(world(), "us-west") == [
            (Kind.RECORD, "us-east"),
            (Kind.UP, "us-east"),
            (Kind.AWAIT, "us-east"),
            (Kind.RECORD, "us-east"),
            (Kind.UP, "us-east"),
            (Kind.AWAIT, "us-east"),
            (Kind.RECORD, "us-west"),
            (Kind.UP, "us-west"),
            (Kind.MOVE_HOME, "us-west"),
            (Kind.RECORD, "us-west"),
            (Kind.UP, "us-west"),
            (Kind.RECORD, "us-east"),
            (Kind.UP, "us-east"),
        ]

    def test_one_that_does_not_answer_is_fenced_first(self) -> None:
        assert order(lost(world(), "us-east"), "us-west") == [
            (Kind.RECORD, "us-east"),
            (Kind.FENCE, "us-east"),
            (Kind.RECORD, "us-west"),
            (Kind.UP, "us-west"),
            (Kind.RAISE, "us-east"),
            (Kind.MOVE_HOME, "us-west"),
            (Kind.RECORD, "us-west"),
            (Kind.UP, "us-west"),
        ]

    def test_one_that_was_fenced_is_cloned_again_when_it_answers(self) -> None:
        known = carried_out(lost(world(), "us-east"), "us-west")
        back = replace(known["us-east"], answers=True, database=Database("us-east", ready=3), serving=3)
        assert order(known.with_region(back), "us-west") == [
            (Kind.DELETE_CLUSTER, "us-east"),
            (Kind.RECORD, "us-east"),
            (Kind.UP, "us-east"),
        ]

    def test_one_is_given_up_as_soon_as_there_is_no_way_back_and_the_new_home_says_so(self) -> None:
        """Its pods ask for a generation higher than theirs when they come back (components/fence.py)."""
        known = lost(world(), "us-east")
        while (action := plan.next_action(known, "us-west")) is not None:
            assert (known.generation("us-east") == 2) <= (known["us-west"].is_primary)
            known = plan.imagined(known, action, "us-west")
        assert known["us-west"].generation("us-east") == 2 > known["us-east"].generation("us-east")

    def test_each_time_that_one_is_cloned_again_it_archives_elsewhere(self) -> None:
        """Its archive of before has what never came to the new home: nothing may be written over it."""
        known = world(*REGIONS)
        for number, (old, new) in enumerate((("us-east", "us-west"), ("us-west", "us-east"), ("us-east", "us-west"))):
            known = carried_out(lost(known, old), new)
            back = replace(known[old], answers=True, database=Database(old, ready=3))
            known = carried_out(known.with_region(back), new)
            assert known.generation(old) == 2 + (number == 2)
            assert all(known.knows(region) for region in known.regions.values())

    def test_a_generation_that_was_raised_by_hand_is_not_raised_again(self) -> None:
        known = carried_out(lost(world(), "us-east"), "us-west")
        back = known.with_region(replace(known["us-east"], answers=True, database=Database("us-east", ready=3)))
        assert order(replace(back, generations={"us-east": 3}), "us-west") == [
            (Kind.DELETE_CLUSTER, "us-east"),
            (Kind.UP, "us-west"),
            (Kind.RECORD, "us-east"),
            (Kind.UP, "us-east"),
        ]

    def test_every_other_standby_follows_at_the_end(self) -> None:
        assert order(world(*REGIONS), "us-west")[-1] == (Kind.UP, "eu-west")

    def test_the_new_home_is_given_what_the_old_one_left_behind(self) -> None:
        known = world()
        tokens = {
            action.region: action.record.token
            for action in plan.unrolled(known, "us-west")
            if action.record.step == "promote"
        }
        assert tokens == {"us-west": "token"}

    def test_a_token_that_is_recorded_outlives_the_old_home(self) -> None:
        known = world()
        while (action := plan.next_action(known, "us-west")) is not None and known["us-west"].record == NO_RECORD:
            known = plan.imagined(known, action, "us-west")
        rest = [*plan.unrolled(lost(known, "us-east"), "us-west")]
        assert rest[0].kind is Kind.UP
        assert rest[0].region == "us-west"
        assert not [action for action in rest if action.kind is Kind.FENCE]

    def test_an_old_home_that_returns_before_the_new_one_is_declared_loses_nothing(self) -> None:
        known = lost(world(), "us-east")
        for _ in range(3):  # fenced, and the new home recorded without a token
            action = plan.next_action(known, "us-west")
            assert action is not None
            known = plan.imagined(known, action, "us-west")
        assert known["us-west"].record.step == "promote"
        back = known.with_region(replace(known["us-east"], answers=True, database=Database("us-east", ready=3)))
        actions = [*plan.unrolled(back, "us-west")]
        assert actions[0].record.step == "hold"
        assert [action.record.token for action in actions if action.record.step == "promote"] == ["token"]
        assert not [action for action in actions if action.kind is Kind.DELETE_CLUSTER]

    def test_a_promotion_is_taken_back_by_the_same_command(self) -> None:
        """us-west dies after us-east has been demoted."""
        known = world()
        while (action := plan.next_action(known, "us-west")) is not None and known["us-east"].step != "demote":
            known = plan.imagined(known, action, "us-west")
        done = carried_out(lost(known, "us-west"), "us-east")
        assert done["us-east"].is_primary
        assert done["us-east"].record == NO_RECORD
        assert done.listed_home == "us-east"

    @pytest.mark.parametrize("steps", [1, 2, 3])
    def test_a_failover_is_taken_back_while_the_new_home_is_not_declared(self, steps: int) -> None:
        """us-east is fenced and comes back: recorded, in the outputs of its stack, or with us-west's record as well."""
        known = lost(world(), "us-east")
        for _ in range(steps):
            action = plan.next_action(known, "us-west")
            assert action is not None
            known = plan.imagined(known, action, "us-west")
        known = known.with_region(replace(known["us-east"], answers=True, database=Database("us-east", ready=3)))
        checks.refuse(known, "us-east")
        actions = [*plan.unrolled(known, "us-east")]
        assert not [action for action in actions if action.kind in (Kind.DELETE_CLUSTER, Kind.RAISE)]
        done = carried_out(known, "us-east")
        assert {region.home for region in done.regions.values()} == {"us-east"}
        assert all(region.record == NO_RECORD for region in done.regions.values())


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(REGIONS), st.sampled_from([None, None, *REGIONS]), st.booleans()),
        min_size=4,
        max_size=80,
    )
)
def test_whatever_is_interrupted_or_lost_there_is_never_a_second_primary_of_our_making(
    events: list[tuple[str, str | None, bool]],
) -> None:
    """Each event: the target asked for, who does not answer at that moment, whether the update ends half-way.

    An update that ends half-way has declared PostgreSQL and has not changed the stack's outputs. What a lost region
    declares stays what it was; the one primary that we cannot prevent is such a one, and it is fenced.
    """
    known = world(*REGIONS)
    truth = {name: found.database for name, found in known.regions.items()}
    for target, away, torn in events:
        seen = known
        for name in REGIONS:
            seen = seen.with_region(replace(seen[name], answers=True, database=truth[name], serving=0))
        if away is not None:
            seen = lost(seen, away)
        try:
            checks.refuse(seen, target)
        except PromotionError:
            known = seen
            continue
        (action, *_) = [*plan.unrolled(seen, target)] or [None]  # which fails where it never ends
        if action is None:
            known = seen
            continue
        after = plan.imagined(seen, action, target)
        if action.kind is Kind.UP and torn:
            after = after.with_region(replace(after[action.region], outputs=seen[action.region].outputs))
        for name, found in after.regions.items():
            if found.answers:
                truth[name] = found.database
        writing = [name for name, held in truth.items() if held is not None and held.follows == name]
        fenced = [name for name, found in after.regions.items() if found.record.step == "fence"]
        assert len([name for name in writing if name not in fenced]) <= 1, (action, writing)
        known = after


class TestRefusals:
    def refused(self, known: World, target: str) -> str:
        with pytest.raises(PromotionError) as caught:
            checks.refuse(known, target)
        return str(caught.value)

    def test_an_old_home_that_was_left_half_way(self) -> None:
        """us-east was to follow us-west, its update ended half-way, and only its record was taken back."""
        known = world(*REGIONS)
        known = known.with_region(replace(known["us-east"], database=Database("us-west", ready=3)))
        for target in ("us-west", "eu-west"):
            assert "us-east   an update of it ended half-way" in self.refused(known, target)
        checks.refuse(known, "us-east")
        recorded = Promotion(home="us-west", former="us-east", step="demote")
        checks.refuse(known.with_region(replace(known["us-east"], record=recorded)), "us-west")

    def test_a_region_that_there_is_not(self) -> None:
        assert self.refused(world(), "us-wets").splitlines() == [
            "us-wets is not promoted, nothing was changed",
            "  us-wets   no region of Pulumi.yaml: name one of us-east, us-west",
        ]

    def test_two_regions_that_both_believe_to_be_home(self) -> None:
        known = world()
        both = known.with_region(replace(known["us-west"], database=Database("us-west", ready=3)))
        assert "us-east and us-west both believe to be home" in self.refused(both, "us-west")
        assert "--fence" in self.refused(both, "us-west")

    def test_a_fenced_one_does_not_count(self) -> None:
        known = carried_out(lost(world(), "us-east"), "us-west")
        back = replace(known["us-east"], answers=True, database=Database("us-east", ready=3))
        checks.refuse(known.with_region(back), "us-west")

    def test_another_one_before_the_one_under_way_has_ended(self) -> None:
        known = world(*REGIONS)
        action = plan.next_action(known, "us-west")
        assert action is not None
        begun = plan.imagined(known, action, "us-west")
        said = self.refused(begun, "eu-west")
        assert "go on with python -m promotion us-west, or take it back with python -m promotion us-east" in said
        checks.refuse(begun, "us-east")

    def test_a_fenced_region_before_it_was_cloned_again(self) -> None:
        known = carried_out(lost(world(), "us-east"), "us-west")
        back = replace(known["us-east"], answers=True, database=Database("us-east", ready=3))
        said = self.refused(known.with_region(back), "us-east")
        assert "is fenced and has to be cloned again: python -m promotion us-west comes first" in said

    def test_a_clone_that_did_not_come_to_its_end(self) -> None:
        """The record of the fence has gone, and the update that clones has not gone through."""
        known = carried_out(lost(world(), "us-east"), "us-west")
        known = known.with_region(replace(known["us-east"], answers=True, database=Database("us-east", ready=3)))
        while (action := plan.next_action(known, "us-west")) is not None and known["us-east"].record.step == "fence":
            known = plan.imagined(known, action, "us-west")
        assert action is not None
        assert (action.kind, action.region) == (Kind.UP, "us-east")
        torn = plan.imagined(known, action, "us-west")
        torn = torn.with_region(replace(torn["us-east"], outputs=known["us-east"].outputs))
        said = self.refused(torn, "us-east")
        assert "was not cloned to the end: python -m promotion us-west comes first" in said
        checks.refuse(torn, "us-west")
        checks.refuse(plan.imagined(torn, action, "us-west"), "us-east")

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"answers": False}, "does not answer"),
            ({"outputs": {}}, "has not been brought up"),
            ({"outputs": {"role": "standby"}}, "updated by an earlier release"),
            ({"database": None}, "has no PostgreSQL cluster"),
            ({"database": Database("us-east", ready=0)}, "no instance of its PostgreSQL is ready"),
            ({"database": Database("us-east", ready=3, fault="broken: so")}, "PostgreSQL: broken: so"),
        ],
    )
    def test_a_standby_that_cannot_take_over(self, changed: dict[str, object], words: str) -> None:
        known = world()
        assert words in self.refused(known.with_region(replace(known["us-west"], **changed)), "us-west")  # pyright: ignore[reportArgumentType]

    @pytest.mark.parametrize("seconds", [301.0, None])
    def test_a_standby_that_is_too_far_behind(self, seconds: float | None) -> None:
        with pytest.raises(PromotionError, match=r"multiregion\.rpo_seconds allows 300.*--accept-loss"):
            checks.refuse_loss(world(), "us-west", Lag(None, seconds), 300)

    def test_one_within_the_limit_is_not(self) -> None:
        checks.refuse_loss(world(), "us-west", Lag(4096, 300.0), 300)

    def test_once_the_old_home_is_demoted_nothing_can_be_lost(self) -> None:
        known = world()
        while (action := plan.next_action(known, "us-west")) is not None and known["us-east"].step != "demote":
            known = plan.imagined(known, action, "us-west")
        checks.refuse_loss(known, "us-west", Lag(None, None), 300)


class TestSplits:
    def test_a_standby_that_still_streams_says_that_home_lives(self) -> None:
        received = {"us-west": Received(4096, streams=True)}
        with pytest.raises(PromotionError, match=r"still streams from home.*--though-streaming"):
            checks.refuse_split("us-west", received, though_streaming=False)
        checks.refuse_split("us-west", received, though_streaming=True)
        checks.refuse_split("us-west", {"us-west": Received(4096)}, though_streaming=False)

    def test_another_standby_that_is_ahead_is_named(self) -> None:
        received = {"us-west": Received(4096), "eu-west": Received(5120)}
        with pytest.raises(PromotionError, match=r"eu-west   has 1,024 bytes.*promote eu-west instead"):
            checks.refuse_split("us-west", received, though_streaming=True)
        checks.refuse_split("eu-west", received, though_streaming=False)

    @pytest.mark.parametrize("other", [Received(4096), Received(None), Received(5120)])
    def test_one_that_is_not_known_to_be_ahead_is_no_reason(self, other: Received) -> None:
        own = Received(None if other.bytes == 5120 else 4096)
        checks.refuse_split("us-west", {"us-west": own, "eu-west": other}, though_streaming=False)


class TestWhatIsKnown:
    def test_a_region_knows_once_every_generation_it_has_is_the_listed_one(self) -> None:
        known = replace(world(), generations={"us-east": 2})
        told = {**known["us-west"].outputs, "shared": {"multiregion.generations": ["us-east 2"]}}
        heard = replace(known["us-west"], outputs=told)
        assert not known.knows(known["us-west"])
        assert known.knows(heard)
        assert not world().knows(heard)
        assert not replace(known, generations={"us-east": 2, "us-west": 2}).knows(heard)

    def test_home_moves_from_where_a_record_says_before_what_is_listed(self) -> None:
        known = world(*REGIONS)
        assert known.former("us-west") == "us-east"
        assert known.former("us-east") is None
        recorded = Promotion(home="us-west", former="eu-west", step="hold")
        assert known.with_region(replace(known["eu-west"], record=recorded)).former("us-west") == "eu-west"

    @pytest.mark.parametrize("step", ["hold", "demote", "fence"])
    def test_what_is_taken_back_moves_from_where_it_was_to_go(self, step: str) -> None:
        record = Promotion.model_validate({"home": "us-west", "former": "us-east", "step": step})
        known = world()
        assert known.with_region(replace(known["us-east"], record=record)).former("us-east") == "us-west"


class TestACluster:
    SPEC = {"replica": {"self": "postgresql-us-west", "primary": "postgresql-us-east"}}  # noqa: RUF012

    def test_is_read_as_the_operator_writes_it(self) -> None:
        status = {"demotionToken": "abc", "readyInstances": 3, "phase": "Cluster in healthy state"}
        assert database({"spec": self.SPEC, "status": status}, REGIONS) == Database(
            "us-east", left_behind="abc", ready=3
        )

    def test_a_promotion_ends_when_the_token_was_used(self) -> None:
        spec = {"replica": {"primary": "postgresql-us-west", "promotionToken": "abc"}}
        assert not database({"spec": spec, "status": {}}, REGIONS).promoted
        assert database({"spec": spec, "status": {"lastPromotionToken": "abc"}}, REGIONS).promoted

    def test_without_a_word_of_replicas_it_takes_writes_itself(self) -> None:
        alone = {"metadata": {"name": "postgresql-us-west"}, "spec": {}}
        assert database(alone, REGIONS) == Database("us-west")

    def test_one_of_no_known_region_keeps_its_name(self) -> None:
        spec = {"replica": {"primary": "postgresql-elsewhere"}}
        assert database({"spec": spec}, REGIONS).follows == "postgresql-elsewhere"

    @pytest.mark.parametrize(
        "status",
        [{"phase": "Promoting to primary cluster"}, {"switchReplicaClusterStatus": {"inProgress": True}}],
    )
    def test_one_that_still_moves_is_not_promoted(self, status: dict[str, object]) -> None:
        assert not database({"spec": self.SPEC, "status": status}, REGIONS).promoted

    def test_a_definition_that_the_operator_refuses_is_a_fault(self) -> None:
        status = {"phase": "Invalid cluster definition", "phaseReason": "so"}
        assert database({"spec": self.SPEC, "status": status}, REGIONS).fault == "Invalid cluster definition: so"

    def test_one_that_the_operator_has_given_up_says_why(self) -> None:
        status = {"phase": "Cluster is unrecoverable and needs manual intervention", "phaseReason": "token"}
        assert database({"spec": self.SPEC, "status": status}, REGIONS).fault.endswith("token")


def test_a_record_is_about_two_regions() -> None:
    assert Promotion(home="us-west", former="us-east", step="hold").held
    assert not NO_RECORD.under_way
