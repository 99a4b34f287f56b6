"""PostgreSQL and Qdrant outlive a zone; a stack that lacks a kind is not judged sound."""

import json
from typing import Any

import pytest

import components.memory_service
import components.objects
import components.qdrant
import components.qdrant_collections
import components.record
import components.redis
from policies.checks import config_maps, presence, qdrant
from tests.unit.policy_region import Region, labels, metadata, spread

SYNCHRONOUS = "spec.postgresql.synchronous"
ENVIRONMENT = "spec.template.spec.containers.0.env"
PLAN = "qdrant-collections-files"


@pytest.fixture
def region() -> Region:
    return Region()


def test_two_instances_of_postgresql_are_refused(region: Region) -> None:
    region.set("postgresql", "spec.instances", 2)
    region.refused("postgresql-zones", saying="PostgreSQL postgresql-us-east has 2 instances, at least 3 are required")


def test_unstated_instances_are_one_and_refused(region: Region) -> None:
    region.set("postgresql", "spec.instances", None)
    region.refused("postgresql-zones", saying="has 1 instances")


def test_more_instances_than_zones_cannot_be_placed(region: Region) -> None:
    region.set("postgresql", "spec.instances", 4)
    region.refused("postgresql-zones", saying="has 4 instances for 3 zones")


def test_instances_kept_apart_by_host_only_are_refused(region: Region) -> None:
    region.set("postgresql", "spec.affinity.topologyKey", "kubernetes.io/hostname")
    region.refused("postgresql-zones", saying="does not keep its instances apart by topology.kubernetes.io/zone")


def test_the_operators_default_affinity_is_refused(region: Region) -> None:
    region.set("postgresql", "spec.affinity", None)
    region.refused("postgresql-zones", saying="does not keep its instances apart")


def test_anti_affinity_switched_off_is_refused(region: Region) -> None:
    region.set("postgresql", "spec.affinity.enablePodAntiAffinity", False)
    region.refused("postgresql-zones", saying="does not keep its instances apart")


@pytest.mark.parametrize("kind", ["preferred", None])
def test_zones_that_are_only_preferred_are_refused(region: Region, kind: str | None) -> None:
    region.set("postgresql", "spec.affinity.podAntiAffinityType", kind)
    region.refused("postgresql-zones", saying="only prefers to keep its instances in different zones")


def test_commits_without_a_standby_are_refused(region: Region) -> None:
    region.set("postgresql", "spec.postgresql", None)
    region.refused("postgresql-zones", saying="confirms commits that no standby has")


def test_writes_that_stop_with_a_zone_are_refused(region: Region) -> None:
    region.set("postgresql", f"{SYNCHRONOUS}.number", 2)
    region.refused("postgresql-zones", saying="waits for 2 standbys: losing a zone stops all writes")


def five_instances(region: Region, **broken: Any) -> None:
    """Five instances over three zones by a spread: two of them share a zone."""
    region.set("postgresql", "spec.instances", 5)
    region.set("postgresql", "spec.affinity.topologyKey", "kubernetes.io/hostname")
    pods = {"labelSelector": {"matchLabels": {"cnpg.io/cluster": "postgresql-us-east", "cnpg.io/podRole": "instance"}}}
    constraints = spread("", **{**pods, "minDomains": 3, **broken})
    region.set("postgresql", "spec.topologySpreadConstraints", constraints)
    region.set("postgresql", f"{SYNCHRONOUS}.number", 2)


def test_more_instances_than_zones_are_accepted_with_a_spread_and_more_standbys(region: Region) -> None:
    five_instances(region)
    region.accepted()


def test_a_commit_that_one_zone_alone_may_have_is_refused(region: Region) -> None:
    five_instances(region)
    region.set("postgresql", f"{SYNCHRONOUS}.number", 1)
    region.refused("postgresql-zones", saying="one zone alone may have: 2 synchronous standbys are required")


def test_four_instances_lose_either_writes_or_commits_with_a_zone(region: Region) -> None:
    five_instances(region)
    region.set("postgresql", "spec.instances", 4)
    region.refused("postgresql-zones", saying="losing a zone stops all writes")


@pytest.mark.parametrize(
    "broken",
    [
        {"whenUnsatisfiable": "ScheduleAnyway"},
        {"minDomains": 2},
        {"maxSkew": 2},
        {"topologyKey": "kubernetes.io/hostname"},
        {"labelSelector": {"matchLabels": {"cnpg.io/cluster": "postgresql-us-west"}}},
        {"matchLabelKeys": ["cnpg.io/instanceName"]},
    ],
)
def test_a_spread_of_instances_that_does_not_hold_is_refused(region: Region, broken: dict[str, Any]) -> None:
    five_instances(region, **broken)
    region.refused("postgresql-zones", saying="does not keep its instances apart")


def test_durability_that_gives_way_is_refused(region: Region) -> None:
    region.set("postgresql", f"{SYNCHRONOUS}.dataDurability", "preferred")
    region.refused("postgresql-zones", saying="confirms commits without a standby while none is there")


def test_durability_is_required_by_default(region: Region) -> None:
    region.set("postgresql", f"{SYNCHRONOUS}.dataDurability", None)
    region.accepted()


def test_budgets_of_the_operator_switched_off_are_refused(region: Region) -> None:
    region.set("postgresql", "spec.enablePDB", False)
    region.refused("postgresql-zones", saying="has its disruption budgets switched off")


def test_a_pooler_before_another_database_is_refused(region: Region) -> None:
    region.set("pooler", "spec.cluster.name", "postgresql-us-west")
    region.refused("postgresql-pooler", saying="Pooler postgresql-pooler stands before no PostgreSQL of this stack")


def set_environment(region: Region, name: str, value: str | None) -> None:
    """Set a variable of Qdrant's container, or remove it."""
    pod = region.manifests["qdrant"][1]["spec"]["template"]["spec"]
    kept = [entry for entry in pod["containers"][0]["env"] if entry["name"] != name]
    pod["containers"][0]["env"] = kept if value is None else [*kept, {"name": name, "value": value}]


FACTOR = "QDRANT__STORAGE__COLLECTION__REPLICATION_FACTOR"


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        ("1", "is 1, at least 2 copies of a shard are required"),
        ("4", "is 4, more than there are nodes (3)"),
        ("two", "is not a whole number"),
        (None, "is not set: a collection made without a factor has one copy"),
    ],
)
def test_a_replication_factor_of_qdrant_that_does_not_fit_is_refused(
    region: Region, factor: str | None, said: str
) -> None:
    set_environment(region, FACTOR, factor)
    region.refused("qdrant-replication", saying=f"StatefulSet qdrant: {FACTOR} {said}")


@pytest.mark.parametrize("factor", ["2", "3"])
def test_a_replication_factor_of_qdrant_that_fits_is_accepted(region: Region, factor: str) -> None:
    set_environment(region, FACTOR, factor)
    region.accepted()


@pytest.mark.parametrize("value", ["false", None])
def test_qdrant_nodes_that_form_no_cluster_are_refused(region: Region, value: str | None) -> None:
    set_environment(region, "QDRANT__CLUSTER__ENABLED", value)
    region.refused("qdrant-replication", saying="does not set QDRANT__CLUSTER__ENABLED")


def plan(region: Region, content: Any) -> None:
    region.set(PLAN, "data", {"collections.json": json.dumps(content)})


def as_standby(region: Region) -> None:
    region.set("memory-service", "spec.template.metadata.labels", {
        **region.manifests["memory-service"][1]["spec"]["template"]["metadata"]["labels"],
        "soma.io/region-role": "standby",
    })  # fmt: skip


@pytest.mark.parametrize(("factor", "said"), [(1, "is 1, at least 2 copies"), (4, "is 4, more than there are nodes")])
def test_collections_planned_with_a_factor_that_does_not_fit_are_refused(
    region: Region, factor: int, said: str
) -> None:
    plan(region, {"parameters": {"replication_factor": factor}})
    region.refused("qdrant-replication", saying=f"the collections of qdrant-collections: replication_factor {said}")


def test_other_config_maps_are_left_alone(region: Region) -> None:
    for number, content in enumerate(("not json at all", "[]", '{"parameters": {}}', '{"replication_factor": 2}')):
        manifest = {"metadata": metadata("other"), "data": {"plan.json": content}}
        region.add(f"other-{number}", "kubernetes:core/v1:ConfigMap", manifest)
    region.accepted()


def test_a_plan_by_another_name_is_judged_too(region: Region) -> None:
    manifest = {"metadata": metadata("more"), "data": {"more.json": '{"parameters": {"replication_factor": 1}}'}}
    region.add("more", "kubernetes:core/v1:ConfigMap", manifest)
    region.refused("qdrant-replication", saying="the collections of more: replication_factor is 1")


@pytest.mark.parametrize("file", ["collections.json", "plan.json"])
def test_a_plan_that_is_not_json_is_refused(region: Region, file: str) -> None:
    region.set(PLAN, "data", {file: '{"replication_factor": 2'})
    refusals = region.refusals()
    assert {"readable", "nothing-missing"} <= {refusal.policy for refusal in refusals}
    assert any("is not JSON" in refusal.message for refusal in refusals)


@pytest.mark.parametrize("content", [{"parameters": {}}, {"parameters": {"shard_number": 4}}, {}])
def test_a_plan_without_a_replication_factor_is_refused(region: Region, content: Any) -> None:
    plan(region, content)
    region.refused("qdrant-replication", saying="replication_factor is not stated: Qdrant's default is one copy")


def test_a_plan_is_known_by_its_file_where_its_labels_say_nothing(region: Region) -> None:
    region.set(PLAN, "metadata.labels", None)
    plan(region, {"parameters": {}})
    region.refused("qdrant-replication", saying="replication_factor is not stated")


def test_the_lowest_factor_of_a_plans_files_is_the_one_that_counts(region: Region) -> None:
    files = {f"{factor}.json": json.dumps({"parameters": {"replication_factor": factor}}) for factor in (2, 1, 3)}
    region.set(PLAN, "data", files)
    region.refused("qdrant-replication", saying="replication_factor is 1")


@pytest.mark.parametrize("data", [{}, {"collection.py": "print()"}, None])
def test_a_plan_that_lost_its_file_is_refused(region: Region, data: Any) -> None:
    region.set(PLAN, "data", data)
    region.refused("qdrant-replication", saying="replication_factor is not stated")


def test_a_factor_of_a_plan_that_is_no_number_is_refused(region: Region) -> None:
    plan(region, {"parameters": {"replication_factor": "2"}})
    said = "parameters.replication_factor is not a whole number"
    region.refused("readable", "nothing-missing", "qdrant-replication", saying=said)


@pytest.mark.parametrize("role", ["home", None])
def test_a_home_region_without_a_plan_is_refused(region: Region, role: str | None) -> None:
    region.drop(PLAN)
    if role is None:
        del region.manifests["memory-service"][1]["spec"]["template"]["metadata"]["labels"]["soma.io/region-role"]
    region.refused("qdrant-replication", saying="StatefulSet qdrant: no ConfigMap plans the collections of this region")


def test_a_plan_in_another_namespace_is_not_this_regions(region: Region) -> None:
    region.set(PLAN, "metadata.namespace", "elsewhere")
    region.refused("qdrant-replication", saying="no ConfigMap plans the collections")


def test_a_standby_needs_no_plan_for_its_collections_come_by_snapshots(region: Region) -> None:
    as_standby(region)
    region.drop(PLAN, "qdrant-collections")
    region.accepted()


def test_a_plan_of_a_standby_is_judged_all_the_same(region: Region) -> None:
    as_standby(region)
    plan(region, {"parameters": {"replication_factor": 1}})
    region.refused("qdrant-replication", saying="is 1, at least 2 copies")


def test_a_stack_without_qdrant_is_refused(region: Region) -> None:
    region.drop("qdrant", "qdrant-budget")
    region.refused(
        "qdrant-replication", "nothing-missing", saying="the stack holds no StatefulSet with Qdrant's settings"
    )


def test_a_stack_in_which_nothing_was_seen_is_refused() -> None:
    nothing = Region()
    nothing.drop(*list(nothing.manifests))
    nothing.add("settings", "kubernetes:core/v1:ConfigMap", {"metadata": metadata("settings")})
    said = "no Deployment memory-service, no StatefulSet qdrant, no StatefulSet redis, no Pooler postgresql, no Pod"
    nothing.refused("nothing-missing", "qdrant-replication", saying=said)


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("Deployment memory-service", ["memory-service", "memory-service-budget", "memory-service-autoscaler"]),
        ("StatefulSet qdrant", ["qdrant", "qdrant-budget"]),
        ("StatefulSet redis", ["redis-zone-a", "redis-zone-b", "redis-zone-c", "redis-budget"]),
        ("PodDisruptionBudget", ["memory-service-budget", "qdrant-budget", "redis-budget", "pooler-budget"]),
        ("PostgreSQL Cluster", ["postgresql"]),
        ("Pooler postgresql", ["pooler", "pooler-budget"]),
        ("ConfigMap region-settings", ["settings"]),
    ],
)
def test_a_part_that_is_missing_altogether_is_refused(region: Region, part: str, names: list[str]) -> None:
    region.drop(*names)
    said = [r.message for r in region.refusals() if r.policy == "nothing-missing"]
    assert said == [f"the stack holds no {part}: the other policies judged nothing of the kind"]


def test_a_part_is_known_by_the_program_that_its_pods_run(region: Region) -> None:
    """Another StatefulSet is no Redis, whatever it is called."""
    for zone in ("zone-a", "zone-b", "zone-c"):
        region.set(f"redis-{zone}", "spec.template.metadata.labels", labels("cache", "cache", f"redis-{zone}"))
    region.set("redis-budget", "spec.selector.matchLabels", {"app.kubernetes.io/name": "cache"})
    region.refused("nothing-missing", saying="the stack holds no StatefulSet redis")


def test_the_names_are_those_of_the_program() -> None:
    assert {presence.MEMORY_SERVICE, presence.QDRANT, presence.REDIS} == {
        components.memory_service.NAME,
        components.qdrant.NAME,
        components.redis.NAME,
    }
    assert config_maps.PLAN == components.qdrant_collections.NAME
    assert config_maps.RECORD == components.record.NAME
    assert qdrant.ROLE == components.objects.REGION_ROLE
