"""What the program makes of a promotion that is recorded: who holds, follows and takes over, and with which secrets."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components import home_moves, kept
from rehearsal.engine.model import Secret, revealed
from settings import SettingsError, load
from tests.unit.recorded import Recorded
from tests.unit.recorder import record_stack, stack_configuration

MOVE = {"home": "us-west", "former": "us-east"}


def with_step(step: str, token: str | None = None) -> dict[str, Any]:
    return {"promotion": {**MOVE, "step": step, **({} if token is None else {"token": token})}}


@pytest.fixture
def held(us_east: Recorded) -> Recorded:
    return record_stack("us-east", overrides=with_step("hold"), stacks={"us-east": us_east.outputs})


@pytest.fixture
def demoted(us_east: Recorded, us_west: Recorded) -> Recorded:
    stacks = {"us-east": us_east.outputs, "us-west": us_west.outputs}
    return record_stack("us-east", overrides=with_step("demote"), stacks=stacks)


@pytest.fixture
def promoted(us_west: Recorded) -> Recorded:
    return record_stack("us-west", overrides=with_step("promote", "bG9uZw=="), stacks={"us-west": us_west.outputs})


def replica(run: Recorded) -> Mapping[str, Any]:
    return run.one("Cluster", f"postgresql-{run.stack}").spec["replica"]


def strategy(run: Recorded) -> str:
    return run.one("Deployment", "memory-service").spec["strategy"]["type"]


def secret(run: Recorded, name: str, key: str) -> str:
    return str(revealed(run.one("Secret", name).inputs["stringData"])[key])


class TestSteps:
    def test_hold_ends_every_pod_of_the_service_and_leaves_the_stores(self, held: Recorded) -> None:
        assert replica(held)["primary"] == "postgresql-us-east"
        assert strategy(held) == "Recreate"
        pods = held.pods_of("memory-service")
        (waits,) = [one for one in pods.spec["initContainers"] if one["name"] == "await-primary"]
        assert {"name": "HELD", "value": "1"} in waits["env"]
        assert pods.labels["soma.io/region-role"] == "standby"
        assert held.outputs["home"] == "us-east"
        assert held.outputs["promotion"] == "hold"

    def test_demote_follows_a_region_that_is_not_home_yet(self, demoted: Recorded, us_west: Recorded) -> None:
        assert replica(demoted)["primary"] == replica(demoted)["source"] == "postgresql-us-west"
        copied = revealed(demoted.one("Secret", "postgresql-us-west-replication").inputs["stringData"])
        assert copied["tls.key"] == revealed(us_west.outputs["postgresql_replication"])["client_key"]
        assert demoted.outputs["role"] == "standby"
        assert not [job for job in demoted.of("Job") if job.object_name.startswith("postgresql-schema")]

    def test_promote_hands_the_token_over_and_makes_what_home_has(self, promoted: Recorded) -> None:
        assert replica(promoted)["primary"] == "postgresql-us-west"
        assert replica(promoted)["promotionToken"] == "bG9uZw=="
        assert strategy(promoted) == "RollingUpdate"
        assert [job for job in promoted.of("Job") if job.object_name.startswith("postgresql-schema")]
        assert promoted.outputs["role"] == "home"

    def test_no_token_stands_there_at_any_other_time(self, us_east: Recorded, us_west: Recorded) -> None:
        for run in (us_east, us_west):
            assert "promotionToken" not in replica(run)

    def test_a_fenced_region_makes_nothing(self, us_east: Recorded) -> None:
        with pytest.raises(pulumi.RunError, match="python -m promotion us-west clones it again"):
            record_stack(
                "us-east", overrides=with_step("fence"), stacks={"us-east": us_east.outputs, "us-west": us_east.outputs}
            )


class TestSecrets:
    def test_a_promoted_region_keeps_what_clients_and_roles_go_by(self, us_east: Recorded, promoted: Recorded) -> None:
        for name, key in (("memory-service-token", "token"), ("postgresql-app", "password")):
            assert secret(promoted, name, key) == secret(us_east, name, key)

    def test_it_keeps_it_as_home_too(self, us_east: Recorded, promoted: Recorded) -> None:
        again = record_stack(
            "us-west",
            overrides={"multiregion": {"home": "us-west", "regions": regions()}},
            stacks={"us-west": promoted.outputs},
        )
        assert secret(again, "memory-service-token", "token") == secret(us_east, "memory-service-token", "token")

    def test_until_another_one_is_generated(self) -> None:
        before = {"role": "home", kept.OUTPUT: {"a": "first"}, "had": "of the home before"}
        assert kept.chosen(before, "a", "first", lambda known: known["had"]) == "of the home before"
        assert kept.chosen(before, "a", "second", lambda known: known["had"]) == "second"
        assert kept.chosen({}, "a", "first", lambda known: known.get("had")) == "first"

    def test_a_standby_of_an_earlier_release_is_not_promoted(self) -> None:
        with pytest.raises(pulumi.RunError, match="bring it up once more as a standby"):
            kept.chosen({"role": "standby"}, "postgresql", "new", lambda _: None)

    def test_what_was_generated_is_no_plain_output(self, us_east: Recorded) -> None:
        assert isinstance(us_east.outputs[kept.OUTPUT], Secret)


def regions() -> list[dict[str, Any]]:
    return [{"name": "us-east"}, {"name": "us-west"}]


class TestHomeMoves:
    def settings(self, stack: str, home: str, **more: Any) -> Any:
        own = stack_configuration(stack)
        return load({**own, "multiregion": {"home": home, "regions": regions()}, **more}, stack)

    @pytest.mark.parametrize("before", [{"home": "us-east"}, {"role": "home"}])
    def test_a_home_that_is_renamed_by_hand_is_told_to_move_its_data(self, before: dict[str, str]) -> None:
        said = home_moves.fault(self.settings("us-east", "us-west"), before)
        assert said is not None
        assert "us-east is home and has the data: move it first (python -m promotion us-west)" in said

    def test_an_old_checkout_does_not_make_a_fenced_region_home_again(self) -> None:
        said = home_moves.fault(self.settings("us-east", "us-east"), {"home": "us-west", "promotion": "fence"})
        assert said is not None
        assert "home of this stack is us-west" in said

    def test_a_standby_follows_wherever_home_went(self) -> None:
        own = stack_configuration("us-west")
        listed = [*regions(), {"name": "eu-west"}]
        third = load({**own, "multiregion": {"home": "us-west", "regions": listed}}, "eu-west")
        assert home_moves.fault(third, {"home": "us-east", "role": "standby"}) is None

    def test_the_first_update_is_free(self) -> None:
        assert home_moves.fault(self.settings("us-east", "us-east"), {}) is None

    @pytest.mark.parametrize(
        ("stack", "step", "home"),
        [("us-east", "hold", "us-east"), ("us-east", "demote", "us-west"), ("us-west", "promote", "us-west")],
    )
    def test_a_record_moves_it(self, stack: str, step: str, home: str) -> None:
        found = self.settings(stack, "us-east", promotion={**MOVE, "step": step})
        assert found.home == home
        assert home_moves.fault(found, {"home": "us-east", "role": "home"}) is None


class TestRecords:
    @pytest.mark.parametrize(
        ("stack", "record", "words"),
        [
            ("us-east", {"home": "us-west"}, "promotion.former   missing beside promotion.home"),
            (
                "us-east",
                {**MOVE, "former": "eu", "step": "hold"},
                'promotion.former = "eu"   not in the list of regions',
            ),
            ("us-west", {**MOVE, "step": "demote"}, "is for the stack us-east, not for this one"),
            ("us-east", {**MOVE, "step": "promote"}, "is for the stack us-west, not for this one"),
            ("us-east", {**MOVE, "former": "us-west", "step": "hold"}, "a promotion has two regions"),
            ("us-east", {**MOVE, "step": "hold", "token": "x"}, "only the region that is promoted has one"),
        ],
    )
    def test_a_broken_one_is_told(self, stack: str, record: dict[str, str], words: str) -> None:
        with pytest.raises(SettingsError) as caught:
            load({**stack_configuration(stack), "promotion": record}, stack)
        assert words in str(caught.value)
