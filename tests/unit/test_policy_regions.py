"""What only all regions together tell: the program's own pass, and each test breaks one of them in one field."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from policies.checks.model import Limits, Resource
from policies.checks.plain import UNKNOWN
from policies.checks.whole import Whole
from policies.regions import RULES
from rehearsal import judgement, plain
from rehearsal.engine.model import PlannedResource
from tests.unit.policy_plan import GONE, PLATFORMS, REGIONS, Stack, find, planned, put, region, swapped
from tests.unit.test_policy_variants import every

Stacks = dict[str, Stack]


def own(platform: str = "aws") -> Stacks:
    return {name: region(platform, name) for name in REGIONS}


def said(stacks: Stacks) -> list[tuple[str, str]]:
    wholes = {name: Whole(stack) for name, stack in stacks.items()}
    return [(rule.name, one.message) for rule in RULES for one in rule.check(wholes, Limits())]


def broken(stacks: Stacks, name: str, resource: Resource, path: str, value: Any) -> Stacks:
    return {**stacks, name: swapped(stacks[name], resource, put(resource, path, value))}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_programs_own_regions_pass(platform: str) -> None:
    assert said(own(platform)) == []


@pytest.mark.parametrize(
    "name",
    ["public names by latency", "public names by failover", "three regions", "a single region", "a transit gateway"],
)
def test_what_the_settings_offer_passes(name: str) -> None:
    assert said(every(name)) == []


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "words"),
    [
        ("StatefulSet", "qdrant-statefulset", "spec.replicas", 2, "us-west has 2 of StatefulSet qdrant, us-east has 3"),
        ("StatefulSet", "redis-zone-b", "spec.replicas", 1, "us-west has 1 of StatefulSet redis-zone-b, us-east has 2"),
        ("Cluster", "", "spec.instances", 2, "us-west has 2 of PostgreSQL postgresql-us-west, us-east has 3"),
        ("Pooler", "", "spec.instances", 2, "us-west has 2 of Pooler postgresql-pooler, us-east has 3"),
        ("HorizontalPodAutoscaler", "", "spec.minReplicas", 2, "us-west has 2 of Deployment memory-service"),
    ],
)
def test_a_standby_that_would_carry_less_is_refused(kind: str, name: str, path: str, value: int, words: str) -> None:
    stacks = own()
    resource = find(stacks["us-west"], kind, name)
    (message,) = (it for policy, it in said(broken(stacks, "us-west", resource, path, value)) if policy == "same-size")
    assert message.startswith(words)


def test_home_may_not_be_the_smaller_one_either() -> None:
    stacks = own()
    qdrant = find(stacks["us-east"], "StatefulSet", "qdrant-statefulset")
    ((_, message),) = said(broken(stacks, "us-east", qdrant, "spec.replicas", 2))
    assert message.startswith("us-east has 2 of StatefulSet qdrant, us-west has 3")


def test_a_store_that_a_region_lacks_is_refused_and_a_deployment_is_not() -> None:
    stacks = own()
    for kind, name, refuses in (("StatefulSet", "qdrant-statefulset", True), ("Deployment", "", False)):
        gone = find(stacks["us-west"], kind, name)
        fewer = {**stacks, "us-west": tuple(it for it in stacks["us-west"] if it is not gone)}
        expected = [("same-size", "us-west has no StatefulSet qdrant, which us-east has: it could not be home")]
        assert said(fewer) == (expected if refuses else [])


def test_another_image_of_postgresql_is_refused_of_both() -> None:
    stacks = own()
    cluster = find(stacks["us-west"], "Cluster")
    found = said(broken(stacks, "us-west", cluster, "spec.imageName", "example.org/postgresql:16"))
    assert found == [
        ("same-postgresql", "us-east runs another image of PostgreSQL than us-west"),
        ("same-postgresql", "us-west runs another image of PostgreSQL than us-east"),
    ]


class TestRecords:
    def named(self, routing: str) -> tuple[Stacks, Resource]:
        """The regions, and us-west's record of the public name."""
        stacks = every(f"public names by {routing}")
        return stacks, find(stacks["us-west"], "aws.route53.Record", f"-{routing}")

    def messages(self, stacks: Stacks) -> list[str]:
        found = said(stacks)
        assert {policy for policy, _ in found} <= {"records-of-a-name"}
        return [message for _, message in found]

    @pytest.mark.parametrize("routing", ["latency", "failover"])
    def test_a_name_without_a_regions_record_is_refused(self, routing: str) -> None:
        stacks, record = self.named(routing)
        fewer = {**stacks, "us-west": tuple(it for it in stacks["us-west"] if it is not record)}
        assert any(message.endswith("has no record of us-west") for message in self.messages(fewer))

    @pytest.mark.parametrize(
        ("kind", "words"),
        [
            ("PRIMARY", "has 2 records for failover that are PRIMARY, one is required"),
            ("PRIMARY", "has no record for failover that is SECONDARY"),
        ],
    )
    def test_two_first_regions_are_refused(self, kind: str, words: str) -> None:
        stacks, record = self.named("failover")
        found = self.messages(broken(stacks, "us-west", record, "failoverRoutingPolicies", [{"type": kind}]))
        assert any(words in message for message in found)

    def test_no_first_region_is_refused(self) -> None:
        stacks, _ = self.named("failover")
        record = find(stacks["us-east"], "aws.route53.Record", "-failover")
        found = self.messages(broken(stacks, "us-east", record, "failoverRoutingPolicies", [{"type": "SECONDARY"}]))
        assert any("has 0 records for failover that are PRIMARY" in message for message in found)

    def test_two_policies_of_a_name_are_refused(self) -> None:
        stacks, record = self.named("latency")
        other = put(put(record, "latencyRoutingPolicies", GONE), "weightedRoutingPolicies", [{"weight": 1}])
        mixed = {**stacks, "us-west": swapped(stacks["us-west"], record, other)}
        assert any("latencyRoutingPolicies and weightedRoutingPolicies" in message for message in self.messages(mixed))

    def test_two_records_of_an_identifier_are_refused(self) -> None:
        stacks, record = self.named("latency")
        found = self.messages(broken(stacks, "us-west", record, "setIdentifier", "us-east-latency"))
        assert any("two records of the identifier us-east-latency" in message for message in found)

    @pytest.mark.parametrize(("country", "answered"), [("US", False), ("*", True)])
    def test_a_name_by_place_answers_whoever_asks(self, country: str, answered: bool) -> None:
        stacks, _ = self.named("latency")
        for name in REGIONS:
            record = find(stacks[name], "aws.route53.Record", "-latency")
            placed = put(record, "latencyRoutingPolicies", GONE)
            place = {"country": country} if name == "us-east" else {"continent": "EU"}
            stacks[name] = swapped(stacks[name], record, put(placed, "geolocationRoutingPolicies", [place]))
        found = self.messages(stacks)
        assert any("answers nobody from where no record is for" in message for message in found) is not answered


class TestJudgement:
    def test_each_region_is_told_of_its_own_resources(self) -> None:
        plans: dict[str, Sequence[PlannedResource]] = {name: list(planned("aws")[name]) for name in REGIONS}
        for resource in plans["us-west"]:
            if resource.type.endswith(":StatefulSet") and resource.name.endswith("qdrant-statefulset"):
                changed = {**resource.inputs, "spec": {**resource.inputs["spec"], "replicas": 2}}
                plans["us-west"] = [_with(it, changed) if it is resource else it for it in plans["us-west"]]
        reports = judgement.together({name: Whole(plain.resources(plan)) for name, plan in plans.items()})
        assert [len(reports[name].violations) for name in REGIONS] == [0, 3]
        assert reports["us-west"].counted == {"passed": 2, "advise": 0, "failed": 2}
        assert reports["us-west"].mandatory

    def test_what_cannot_be_read_is_told_of_every_region(self) -> None:
        plans: dict[str, Sequence[PlannedResource]] = {name: list(planned("aws")[name]) for name in REGIONS}
        for resource in list(plans["us-west"]):
            if resource.type == "kubernetes:postgresql.cnpg.io/v1:Cluster":
                changed = {**resource.inputs, "spec": {**resource.inputs["spec"], "imageName": UNKNOWN}}
                plans["us-west"] = [_with(it, changed) if it is resource else it for it in plans["us-west"]]
        reports = judgement.together({name: Whole(plain.resources(plan)) for name, plan in plans.items()})
        for name in REGIONS:
            assert any("cannot be judged" in one.message for one in reports[name].violations)


def _with(resource: PlannedResource, inputs: Any) -> PlannedResource:
    return dataclasses.replace(resource, inputs=inputs)
