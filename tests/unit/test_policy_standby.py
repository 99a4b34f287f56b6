"""Each standby carries its share of home: the program's own regions do, and each test makes one thing smaller."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from policies.checks import standby
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Unreadable
from policies.checks.whole import Whole
from policies.rules import GONE
from rehearsal import judgement, plain
from rehearsal.errors import RehearsalError
from tests.unit.aws_region import Regions
from tests.unit.policy_plan import (
    PLATFORMS,
    REGIONS,
    KubernetesRegions,
    Stack,
    find,
    put,
    region,
    swapped,
    token_is,
)

Stacks = dict[str, Stack]

GUIDE = {
    "us-east": {"resources": {"requests": {"cpu": "8", "memory": "16Gi"}}},
    "us-west": {"resources": {"requests": {"cpu": "4", "memory": "8Gi"}}},
}
"""Of the scaling guide's two regions."""
CPU = "spec.template.spec.containers.0.resources.requests.cpu"
MEMORY = "spec.template.spec.containers.0.resources.requests.memory"


def own(platform: str = "kubernetes") -> Stacks:
    return {name: region(platform, name) for name in REGIONS}


@cache
def guide(platform: str) -> tuple[tuple[str, Stack], ...]:
    made = (KubernetesRegions if platform == "kubernetes" else Regions)(listed=GUIDE)
    for name in REGIONS:
        made.up(name)
    return tuple((name, plain.resources(made.plans[name].resources)) for name in REGIONS)


def said(stacks: Stacks, percent: int | None = None) -> list[Violation]:
    limits = Limits() if percent is None else Limits(standby_percent=percent)
    return list(standby.carries_home({name: Whole(stack) for name, stack in stacks.items()}, limits))


def changed(stacks: Stacks, kind: str, name: str, path: str, value: Any, of: str = "us-west") -> Stacks:
    """A field of all resources of a kind whose name holds this."""
    found = [it for it in stacks[of] if token_is(it.type, kind) and name in it.name]
    assert found
    return {**stacks, of: tuple(put(it, path, value) if it in found else it for it in stacks[of])}


def record(stack: Stack) -> Resource:
    return find(stack, "ConfigMap", "record-settings")


def recorded(stacks: Stacks, of: str, **blocks: Any) -> Stacks:
    """With other blocks in the record of a region's settings."""
    resource = record(stacks[of])
    settings = json.loads(resource.inputs["data"]["settings.json"]) | blocks
    return {**stacks, of: swapped(stacks[of], resource, put(resource, "data", {"settings.json": json.dumps(settings)}))}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_programs_own_regions_pass_whatever_percentage_is_asked_for(platform: str) -> None:
    assert said(own(platform)) == []
    assert said(own(platform), 100) == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_guides_regions_are_half_and_half_is_enough(platform: str) -> None:
    stacks = dict(guide(platform))
    assert said(stacks) == []
    found = said(stacks, 51)
    assert [one.message for one in found] == [
        "memory-service of us-west has 48 cores, 50 % of the 96 cores of us-east; 51 % are required: raise "
        "multiregion.regions[1].resources.requests.cpu or memory.autoscaling.max_replicas",
        "memory-service of us-west has 96Gi of memory, 50 % of the 192Gi of us-east; 51 % are required: raise "
        "multiregion.regions[1].resources.requests.memory or memory.autoscaling.max_replicas",
    ]
    assert {one.urn for one in found} == {
        find(stacks["us-west"], "Deployment", where=lambda it: "memory" in it.name).urn
    }


@pytest.mark.parametrize(
    ("kind", "name", "path", "fails", "passes", "words"),
    [
        ("Deployment", "memory", CPU, "1999m", "2",
         "memory-service of us-west has 23988m cores, 49 % of the 48 cores of us-east; 50 % are required: raise "
         "memory.resources.requests.cpu or memory.autoscaling.max_replicas"),
        ("HorizontalPodAutoscaler", "", "spec.maxReplicas", 5, 6,
         "memory-service of us-west has 20 cores, 41 % of the 48 cores of us-east"),
        ("StatefulSet", "qdrant", CPU, "1", "2", "qdrant of us-west has 3 cores, 25 % of the 12 cores of us-east"),
        ("StatefulSet", "qdrant", MEMORY, "1Gi", "4Gi", "raise qdrant.resources.requests.memory"),
        ("Cluster", "", "spec.resources.requests.cpu", "1", "2", "raise postgresql.primary.resources.requests.cpu"),
        ("Cluster", "", "spec.resources.requests.memory", "1Gi", "4Gi", "postgresql of us-west has 3Gi of memory"),
        ("Cluster", "", "spec.storage.size", "99Gi", "100Gi",
         "postgresql of us-west has 99Gi of storage, 99 % of the 100Gi of us-east; 100 % are required, since it holds "
         "all of home's data: raise postgresql.storage"),
        ("Cluster", "", "spec.walStorage.size", "19Gi", "20Gi", "raise postgresql.wal_storage"),
        ("StatefulSet", "redis", CPU, "250m", "500m", "redis of us-west has 1500m cores, 25 %"),
        ("StatefulSet", "redis", "spec.template.spec.containers.0.resources.limits.memory", "1Gi", "2Gi",
         "redis of us-west has 6Gi of memory, 25 % of the 24Gi of us-east; 50 % are required: raise "
         "redis.resources.limits.memory"),
        ("Pooler", "", "spec.instances", 1, 2,
         "pooler of us-west has 100m cores, 33 % of the 300m cores of us-east; 50 % are required: raise "
         "postgresql.pooler.instances"),
    ],
)  # fmt: skip
def test_less_of_a_component_than_its_share_is_refused(
    kind: str, name: str, path: str, fails: Any, passes: Any, words: str
) -> None:
    found = said(changed(own(), kind, name, path, fails))
    assert words in found[0].message
    assert {one.urn.split("::")[0] for one in found} == {"urn:pulumi:us-west"}
    assert said(changed(own(), kind, name, path, passes)) == []


@pytest.mark.parametrize("component", ["qdrant", "redis"])
def test_volumes_grow_by_the_settings_and_of_those_with_data_all_is_needed(component: str) -> None:
    """What the template says is what the volumes were made with (docs/decisions/0023)."""
    stated = json.loads(record(own()["us-east"]).inputs["data"]["settings.json"])[component]
    found = said(recorded(own(), "us-east", **{component: stated | {"storage": "180Gi"}}))
    told = {
        "qdrant": ["qdrant of us-west has 300Gi of storage, 55 % of the 540Gi of us-east; 100 % are required, since it "
                   "holds all of home's data: raise qdrant.storage"],
        "redis": ["redis of us-west has 120Gi of storage, 11 % of the 1080Gi of us-east; 50 % are required: raise "
                  "redis.storage"],
    }  # fmt: skip
    assert [one.message for one in found] == told[component]


class TestNodes:
    def fewer(self, use: str, number: int) -> Stacks:
        return changed(own("aws"), "aws.eks.NodeGroup", f"nodes-{use}-", "scalingConfig.desiredSize", number)

    @pytest.mark.parametrize("use", ["stateful", "stateless"])
    def test_half_of_the_default_nodes_have_room_for_half_of_home(self, use: str) -> None:
        assert said(self.fewer(use, 1)) == []

    def test_nodes_without_room_for_the_share_are_refused(self) -> None:
        found = said(self.fewer("stateful", 0))
        assert [one.message for one in found] == [
            "nodes stateful of us-west have room for 0 cores, 0 % of the 30 cores that pods of us-east request "
            "there; 50 % are required: raise aws.nodes.stateful.per_zone, or state larger "
            "aws.nodes.stateful.instance_types",
            "nodes stateful of us-west have room for 0Gi of memory, 0 % of the 72Gi that pods of us-east request "
            "there; 50 % are required: raise aws.nodes.stateful.per_zone, or state larger "
            "aws.nodes.stateful.instance_types",
        ]

    def test_smaller_machines_are_refused_and_unknown_ones_not_judged(self) -> None:
        for machine, refuses in (("m7i.xlarge", True), ("c7i.large", False)):
            kind, path = "aws.eks.NodeGroup", "instanceTypes"
            found = said(changed(own("aws"), kind, "nodes-stateless-", path, [machine]), 60)
            assert bool(found) is refuses

    def test_a_machine_that_is_not_known_leaves_the_use_unjudged(self) -> None:
        one_zone = changed(
            self.fewer("stateful", 0), "aws.eks.NodeGroup", "nodes-stateful-zone-a", "instanceTypes", ["x"]
        )
        assert said(one_zone) == []

    def test_room_that_is_not_stated_cannot_be_judged(self) -> None:
        with pytest.raises(Unreadable, match="desiredSize"):
            said(changed(own("aws"), "aws.eks.NodeGroup", "nodes-stateless-", "scalingConfig", GONE))


class TestHome:
    def test_home_may_be_smaller_than_a_standby(self) -> None:
        assert said(changed(own(), "StatefulSet", "qdrant", CPU, "1", of="us-east")) == []

    def test_home_is_what_the_list_says(self) -> None:
        """us-west is: what it has is what us-east has to carry."""
        listed = {"home": "us-west", "regions": [{"name": name} for name in REGIONS]}
        stacks = own()
        for name in REGIONS:
            stacks = recorded(stacks, name, multiregion=listed)
        assert said(changed(stacks, "StatefulSet", "qdrant", CPU, "1")) == []
        (one,) = said(changed(stacks, "StatefulSet", "qdrant", CPU, "1", of="us-east"))
        assert one.message.startswith("qdrant of us-east has 3 cores, 25 % of the 12 cores of us-west")

    @pytest.mark.parametrize("home", ["us-west", "eu-west", ""])
    def test_records_that_name_no_home_of_both_are_refused(self, home: str) -> None:
        stacks = recorded(own(), "us-west", multiregion={"home": home})
        assert ["do not name one of them as home" in one.message for one in said(stacks)] == [True]

    def test_a_region_without_a_record_is_refused(self) -> None:
        stacks = own()
        stacks["us-west"] = tuple(it for it in stacks["us-west"] if it is not record(stacks["us-west"]))
        assert ["do not name one of them as home" in one.message for one in said(stacks)] == [True]

    def test_a_single_region_has_no_standby(self) -> None:
        assert said({"us-east": own()["us-east"]}) == []

    def test_what_a_standby_lacks_is_another_rules(self) -> None:
        stacks = own()
        stacks["us-west"] = tuple(it for it in stacks["us-west"] if not token_is(it.type, "Pooler"))
        assert said(stacks) == []


class TestConfigured:
    def reports(self, config: Mapping[str, object]) -> dict[str, Any]:
        wholes = {name: Whole(stack) for name, stack in guide("kubernetes")}
        return judgement.together(wholes, judgement.configured(config))["us-west"].counted

    def test_the_percentage_and_the_level_are_configured_as_of_other_packs(self) -> None:
        more = {"standby_percent": 60}
        assert self.reports({}) == {"passed": 4, "advise": 0, "failed": 0}
        assert self.reports({"standby-carries-home": more}) == {"passed": 3, "advise": 0, "failed": 1}
        advised = {"standby-carries-home": {**more, "enforcementLevel": "advisory"}}
        assert self.reports(advised) == {"passed": 3, "advise": 1, "failed": 0}
        assert self.reports({"standby-carries-home": "disabled"}) == {"passed": 3, "advise": 0, "failed": 0}

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({"standby-carries-home": {"standby_percent": 0}}, "must be 1 or more"),
            ({"standby-carries-home": {"standby_percent": 101}}, "must be 100 or less"),
            ({"standby-carries-home": {"standby_percent": "half"}}, "must be a whole number"),
            ({"standby-carries-home": {"percent": 50}}, "has no such value"),
            ({"standby-carries": {"standby_percent": 50}}, "regions has no policy standby-carries"),
            ({"standby-carries-home": "loud"}, "the level must be"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, config: dict[str, object], words: str) -> None:
        with pytest.raises(RehearsalError, match=words):
            self.reports(config)

    @pytest.mark.parametrize(("text", "words"), [("[]", "is no object"), ("{", "is no JSON"), (None, "No such file")])
    def test_a_file_that_is_none_is_refused_in_a_sentence(self, tmp_path: Path, text: str | None, words: str) -> None:
        file = tmp_path / "regions.json"
        if text is not None:
            file.write_text(text, encoding="utf-8")
        with pytest.raises(RehearsalError, match=words):
            judgement.configuration(file)

    def test_a_file_is_read(self, tmp_path: Path) -> None:
        file = tmp_path / "regions.json"
        file.write_text('{"standby-carries-home": {"standby_percent": 60}}', encoding="utf-8")
        assert self.reports(judgement.configuration(file))["failed"] == 1
