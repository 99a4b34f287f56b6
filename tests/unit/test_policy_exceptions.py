"""policies/exceptions.yaml: what an entry lets pass, when it ends, and which entries are refused."""

import datetime
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies import data_safety, edge, exceptions, high_availability, security
from policies.exceptions import ExceptionsError, Exemption
from policies.rules import EXCEPTIONS
from tests.unit.policy_region import Refusal, Region, verdict

TODAY = datetime.date(2026, 11, 29)
BUDGET = Exemption(
    pack="high-availability",
    policy="disruption-budgets",
    urn="urn:pulumi:us-east::somafractalmemory::*PodDisruptionBudget::qdrant-*",
    reason="Until the nodes are drained by hand no longer.",
    owner="storage operations",
    expires=datetime.date(2027, 1, 31),
)
ENTRY: dict[str, Any] = {
    "pack": BUDGET.pack,
    "policy": BUDGET.policy,
    "urn": BUDGET.urn,
    "reason": BUDGET.reason,
    "owner": BUDGET.owner,
    "expires": BUDGET.expires,
}


def refusals(region: Region, *exemptions: Exemption, today: datetime.date = TODAY) -> list[Refusal]:
    return verdict(edge.policies(high_availability.RULES, exemptions, lambda: today), region)


@pytest.fixture
def region() -> Region:
    broken = Region()
    broken.set("qdrant-budget", "spec.maxUnavailable", 2)
    return broken


def test_an_exception_lets_its_violation_pass_and_no_other(region: Region) -> None:
    assert [it.policy for it in refusals(region)] == ["disruption-budgets"]
    assert refusals(region, BUDGET) == []
    region.set("redis-budget", "spec.maxUnavailable", "100%")
    region.set("memory-service", "spec.replicas", 2)
    assert {(it.policy, it.name) for it in refusals(region, BUDGET)} == {
        ("disruption-budgets", "redis-budget"),
        ("enough-replicas", "memory-service"),
    }


def test_it_lets_a_resource_that_cannot_be_read_pass_too() -> None:
    unreadable = Region()
    unreadable.set("memory-service-autoscaler", "spec.minReplicas", "three")
    of = replace(BUDGET, policy="readable", urn="urn:pulumi:us-east::somafractalmemory::*::memory-service-autoscaler")
    assert [it.policy for it in refusals(unreadable, of)] == ["nothing-missing"]


def test_one_that_has_expired_lets_nothing_pass_and_is_refused(region: Region) -> None:
    assert refusals(region, BUDGET, today=BUDGET.expires) == []
    found = refusals(region, BUDGET, today=BUDGET.expires + datetime.timedelta(days=1))
    assert [it.policy for it in found] == ["disruption-budgets", "exceptions"]
    assert "storage operations, expired on 2027-01-31: mend the resource" in found[1].message


def test_one_that_nothing_needs_is_refused() -> None:
    (found,) = refusals(Region(), BUDGET)
    assert found.policy == "exceptions"
    assert "is not needed any more: take the entry out" in found.message


@pytest.mark.parametrize(
    "elsewhere",
    [replace(BUDGET, urn=BUDGET.urn.replace("us-east", "us-west")), replace(BUDGET, platform="aws")],
    ids=["another stack", "another platform"],
)
def test_one_for_another_stack_or_platform_is_not_missed_here(elsewhere: Exemption) -> None:
    assert refusals(Region(), elsewhere) == []


def test_one_that_is_not_needed_any_more_is_noticed_in_the_same_process(region: Region) -> None:
    policies = edge.policies(high_availability.RULES, [BUDGET], lambda: TODAY)
    assert verdict(policies, region) == []
    assert [it.policy for it in verdict(policies, Region())] == ["exceptions"]
    assert verdict(policies, region) == []


def load(tmp_path: Path, content: object) -> tuple[Exemption, ...]:
    file = tmp_path / "exceptions.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return exceptions.load(file, TODAY)


def test_a_file_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, {"exceptions": [ENTRY]}) == (BUDGET,)
    assert load(tmp_path, {"exceptions": []}) == ()
    assert exceptions.load(tmp_path / "none.yaml", TODAY) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": None}, "exceptions[0] reason is not text"),
        ({"owner": " "}, "exceptions[0] owner is not text"),
        ({"urn": "us-east-qdrant-budget"}, "exceptions[0] urn is no pattern of URNs"),
        ({"urn": "urn:pulumi:::somafractalmemory::x::y"}, "exceptions[0] urn is no pattern of URNs"),
        ({"expires": "soon"}, "exceptions[0] expires is not a date"),
        ({"expires": datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)}, "exceptions[0] expires is not a date"),
        ({"expires": datetime.date(2028, 1, 1)}, "exceptions[0] expires in more than a year"),
        ({"until": "never"}, "exceptions[0] says until, which means nothing here"),
        ({"pack": "securty"}, "exceptions[0] pack is none: use capacity, data-safety, high-availability, security, "),
        ({"platform": "azure"}, "exceptions[0] platform is none: use kubernetes or aws"),
    ],
)
def test_a_misstated_entry_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ExceptionsError) as caught:
        load(tmp_path, {"exceptions": [{**ENTRY, **change}]})
    assert said in str(caught.value)


@pytest.mark.parametrize("left_out", [*ENTRY])
def test_an_entry_says_everything(tmp_path: Path, left_out: str) -> None:
    with pytest.raises(ExceptionsError, match=f"does not say {left_out}"):
        load(tmp_path, {"exceptions": [{key: value for key, value in ENTRY.items() if key != left_out}]})


@pytest.mark.parametrize("content", ["- a", "exceptions: {}", "exemptions: []", "exceptions: [1]", "a: ["])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ExceptionsError, match=r"exceptions\.yaml: "):
        load(tmp_path, content)


@pytest.mark.parametrize("spoil", [lambda file: file.write_bytes(b"\xff"), lambda file: file.mkdir()])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    spoil(tmp_path / "exceptions.yaml")
    with pytest.raises(ExceptionsError, match=r"exceptions\.yaml: cannot be read as YAML"):
        exceptions.load(tmp_path / "exceptions.yaml", TODAY)


def test_an_entry_for_a_policy_that_there_is_not_is_refused() -> None:
    names = [rule.name for rule in high_availability.RULES]
    typing_error = replace(BUDGET, policy="disruption-budget")
    assert list(exceptions.unknown_policies([BUDGET, typing_error], "security", names)) == []
    assert list(exceptions.unknown_policies([BUDGET, typing_error], "high-availability", names)) == [
        "exceptions.yaml: the pack high-availability has no policy disruption-budget: correct the name"
    ]


def test_the_checkouts_own_file_is_sound() -> None:
    packs = {pack.NAME: [rule.name for rule in pack.RULES] for pack in (data_safety, high_availability, security)}
    own = exceptions.load(exceptions.FILE, datetime.datetime.now(datetime.UTC).date())
    assert {it.pack for it in own} <= {*packs, exceptions.GATE}
    assert [fault for pack, names in packs.items() for fault in exceptions.unknown_policies(own, pack, names)] == []


def test_every_pack_asks_for_its_exceptions_last() -> None:
    for pack in (data_safety, high_availability, security):
        assert pack.RULES[-1] is EXCEPTIONS
