"""The pack judges by the minimums that the region itself was set up with."""

from typing import Any

import pytest

from tests.unit.policy_region import ZONES, Region, settings

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
WHAT_TO_PASS = "pass --policy-pack-config FILE, which `python -m rehearsal pack-config REGION` writes"
FOUR = (*ZONES, "zone-d")


@pytest.fixture
def region() -> Region:
    return Region()


def record(region: Region, **changed: Any) -> None:
    region.add("settings", CONFIG_MAP, settings(**changed))


def test_a_region_that_asks_for_more_pods_than_the_pack_is_refused(region: Region) -> None:
    record(region, min_replicas=5)
    said = f"region-settings asks for 5 pods of everything, this pack for 3 only: {WHAT_TO_PASS}"
    region.refused("same-minimums", saying=said)


def test_a_pack_may_ask_for_more_than_the_region(region: Region) -> None:
    record(region, min_replicas=2)
    region.accepted()


def test_the_packs_own_minimum_is_what_counts(region: Region) -> None:
    record(region, min_replicas=5)
    assert "same-minimums" not in {refusal.policy for refusal in region.refusals({"min_replicas": 5.0})}


def test_a_region_in_another_number_of_zones_than_a_pack_without_names_expects_is_refused(region: Region) -> None:
    record(region, zones=FOUR)
    region.refused("same-minimums", saying=f"has 4 zones, this pack expects 3: {WHAT_TO_PASS}")


def test_three_zones_of_any_name_are_what_a_pack_without_names_expects(region: Region) -> None:
    record(region, zones=("x", "y", "z"))
    region.accepted()


def test_a_region_in_other_zones_than_the_packs_is_refused(region: Region) -> None:
    record(region, zones=(*ZONES[:2], "zone-x"))
    said = f"has other zones than those that this pack was given: {WHAT_TO_PASS}"
    region.refused("same-minimums", saying=said, config={"zones": list(ZONES)})


def test_zones_that_differ_are_told_once(region: Region) -> None:
    record(region, zones=FOUR)
    assert len([r for r in region.refusals({"zones": list(ZONES)}) if r.policy == "same-minimums"]) == 1


def test_high_availability_is_on_unless_the_record_says_otherwise(region: Region) -> None:
    said = '{"high_availability": {"min_replicas": 5, "zones": ["a", "b", "c"]}}'
    region.set("settings", "data", {"settings.json": said})
    region.refused("same-minimums", saying="asks for 5 pods")


def test_the_order_of_zones_does_not_matter(region: Region) -> None:
    region.accepted({"zones": list(reversed(ZONES))})


def test_zones_are_compared_by_the_clusters_own_names(region: Region) -> None:
    record(region, zones=("a", "b", "zone-c"), own_names={"a": "zone-a", "b": "zone-b", "unused": "zone-d"})
    region.accepted({"zones": list(ZONES)})


@pytest.mark.parametrize("config", [None, {"zones": list(ZONES)}])
def test_a_region_that_switched_high_availability_off_is_not_compared(
    region: Region, config: dict[str, Any] | None
) -> None:
    record(region, enabled=False, min_replicas=9, zones=FOUR)
    region.accepted(config)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("data", {}, "data.settings.json is missing"),
        ("data", None, "data.settings.json is missing"),
        ("data", {"settings.json": "{"}, "data.settings.json is not JSON"),
        ("data", {"settings.json": "[]"}, "the resource is not an object"),
        ("data", {"settings.json": "{}"}, "high_availability is missing"),
        ("data", {"settings.json": '{"high_availability": {}}'}, "high_availability.min_replicas is missing"),
        ("data", {"settings.json": '{"high_availability": {"min_replicas": 3}}'}, "high_availability.zones is missing"),
    ],
)
def test_a_record_that_does_not_say_is_refused_and_breaks_nothing(
    region: Region, path: str, value: Any, said: str
) -> None:
    region.set("settings", path, value)
    region.refused("readable", "nothing-missing", saying=f"settings: {said}")


def test_a_stack_without_a_record_is_refused_as_incomplete(region: Region) -> None:
    region.drop("settings")
    region.refused("nothing-missing", saying="the stack holds no ConfigMap region-settings")
