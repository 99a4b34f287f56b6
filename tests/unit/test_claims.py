"""Claims of the stores: what their templates keep, who lets them grow and when, and what is refused."""

import json
import re
from typing import Any

import pulumi
import pytest

from components import made
from components.claims import KEPT
from settings import load
from tests.unit.recorded import Recorded, Resource
from tests.unit.recorder import record_stack, stack_configuration

STORES = ("qdrant", "redis")


def job_of(run: Recorded, store: str) -> Resource:
    (job,) = [job for job in run.of("Job") if re.fullmatch(rf"{store}-volumes-[0-9a-f]{{8}}", job.object_name)]
    return job


def asked(run: Recorded, store: str) -> dict[str, str]:
    """What the Job asks for, by claim."""
    return json.loads(run.one("ConfigMap", job_of(run, store).object_name).inputs["data"]["claims.json"])


def made_by_templates(run: Recorded, store: str) -> dict[str, str]:
    """What Kubernetes makes for the pods of the store's StatefulSets: TEMPLATE-STATEFULSET-ORDINAL."""
    return {
        f"{claim['metadata']['name']}-{one.object_name}-{ordinal}": claim["spec"]["resources"]["requests"]["storage"]
        for one in run.of("StatefulSet")
        if one.object_name.startswith(store)
        for ordinal in range(one.spec["replicas"])
        for claim in one.spec["volumeClaimTemplates"]
    }


@pytest.fixture(scope="module")
def larger() -> Recorded:
    return record_stack("us-east", overrides={"qdrant": {"storage": "150Gi"}, "redis": {"storage": "30Gi"}})


@pytest.mark.parametrize("store", STORES)
def test_every_claim_of_every_pod_is_asked_for(store: str, us_east: Recorded, us_west: Recorded) -> None:
    for run in (us_east, us_west):
        assert asked(run, store) == made_by_templates(run, store)
        assert len(asked(run, store)) == 6


def test_nodes_that_are_added_bring_their_claims() -> None:
    run = record_stack(
        "us-east", overrides={"qdrant": {"replicas": 5}, "redis": {"cluster": {"nodes": 5, "replicas": 2}}}
    )
    for store, claims in (("qdrant", 10), ("redis", 15)):
        assert asked(run, store) == made_by_templates(run, store)
        assert len(asked(run, store)) == claims


def test_a_larger_size_is_asked_for_by_another_job(us_east: Recorded, larger: Recorded) -> None:
    assert {asked(larger, "qdrant")[f"storage-qdrant-{node}"] for node in range(3)} == {"150Gi"}
    assert {asked(larger, "qdrant")[f"snapshots-qdrant-{node}"] for node in range(3)} == {"100Gi"}
    assert set(asked(larger, "redis").values()) == {"30Gi"}
    for store in STORES:
        assert job_of(larger, store).object_name != job_of(us_east, store).object_name


def test_only_the_size_in_a_template_may_differ_from_what_it_was_made_with(us_east: Recorded) -> None:
    sets = us_east.of("StatefulSet")
    assert len(sets) == 4
    assert {one.ignore_changes for one in sets} == {KEPT}
    assert KEPT == ("spec.volumeClaimTemplates[*].spec.resources.requests.storage",)


@pytest.mark.parametrize("store", STORES)
def test_its_account_may_look_at_these_claims_and_change_them_and_nothing_else(store: str, us_east: Recorded) -> None:
    role = us_east.one("Role", f"{store}-volumes")
    rule = {
        "apiGroups": [""],
        "resources": ["persistentvolumeclaims"],
        "resourceNames": sorted(made_by_templates(us_east, store)),
        "verbs": ["get", "patch"],
    }
    assert role.inputs["rules"] == [rule]
    (subject,) = us_east.one("RoleBinding", f"{store}-volumes").inputs["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": f"{store}-volumes", "namespace": "somafractalmemory"}
    for name in (job_of(us_east, store).object_name, f"{store}-volumes"):
        assert us_east.pods_of(name).spec["serviceAccountName"] == subject["name"]


@pytest.mark.parametrize(("store", "mover"), [("qdrant", "qdrant-rebalance-"), ("redis", "redis-bootstrap-")])
def test_data_moves_onto_a_node_once_its_volume_is_large_enough(store: str, mover: str, us_east: Recorded) -> None:
    (moving,) = [job for job in us_east.of("Job") if job.object_name.startswith(mover)]
    assert job_of(us_east, store).urn in moving.depends_on


@pytest.mark.parametrize("store", STORES)
def test_claims_that_come_later_are_looked_after_though_no_pod_is_ready(store: str, us_east: Recorded) -> None:
    later, job = us_east.one("CronJob", f"{store}-volumes"), job_of(us_east, store)
    sets = {one.urn for one in us_east.of("StatefulSet") if one.object_name.startswith(store)}
    assert later.spec["schedule"] == "*/10 * * * *"
    assert sets <= set(job.depends_on)
    assert not sets & set(later.depends_on)
    files = [
        pods.spec["volumes"][0]["configMap"]["name"]
        for pods in map(us_east.pods_of, (later.object_name, job.object_name))
    ]
    assert files == [job.object_name] * 2


@pytest.mark.parametrize("store", STORES)
def test_the_job_ends_before_kubernetes_and_the_engine_give_it_up(store: str, us_east: Recorded) -> None:
    """Else its own words, which name the claim, would be lost."""
    for name, limit in (
        (job_of(us_east, store).object_name, job_of(us_east, store).spec["activeDeadlineSeconds"]),
        (
            f"{store}-volumes",
            us_east.one("CronJob", f"{store}-volumes").spec["jobTemplate"]["spec"]["activeDeadlineSeconds"],
        ),
    ):
        (container,) = us_east.pods_of(name).containers
        environment = {one["name"]: one["value"] for one in container["env"]}
        assert float(environment["WAIT_SECONDS"]) < limit


class TestSmaller:
    """Volumes only grow."""

    @staticmethod
    def after(before: Recorded, **values: Any) -> Recorded:
        return record_stack("us-east", overrides=values, stacks={"us-east": before.outputs})

    @staticmethod
    def has(run: Recorded, path: str) -> str:
        return run.outputs[made.OUTPUT]["values"][path]

    @pytest.mark.parametrize(
        ("block", "key", "had"),
        [
            ("qdrant", "storage", "100Gi"),
            ("qdrant", "snapshot_storage", "100Gi"),
            ("postgresql", "storage", "100Gi"),
            ("postgresql", "wal_storage", "20Gi"),
            ("redis", "storage", "20Gi"),
        ],
    )
    def test_a_size_is_not_lowered(self, block: str, key: str, had: str, us_east: Recorded) -> None:
        with pytest.raises(pulumi.RunError) as caught:
            self.after(us_east, **{block: {key: "19Gi"}})
        assert str(caught.value) == (
            "Pulumi.us-east.yaml or Pulumi.yaml: volumes only grow\n"
            f"  {block}.{key} = 19Gi   {had} is there and holds data: set {block}.{key} to {had} or more"
        )

    def test_all_are_told_at_once_and_sizes_are_compared_by_value(self, us_east: Recorded) -> None:
        with pytest.raises(pulumi.RunError, match=r"qdrant\.storage = 99Gi [^\n]*\n  redis\.storage = 20G "):
            self.after(us_east, qdrant={"storage": "99Gi"}, redis={"storage": "20G"})
        assert self.has(self.after(us_east, qdrant={"storage": "0.1Ti"}), "qdrant.storage") == "0.1Ti"

    def test_what_was_there_counts_and_not_the_default(self, larger: Recorded) -> None:
        with pytest.raises(pulumi.RunError, match=r"qdrant\.storage = 100Gi   150Gi is there"):
            self.after(larger)

    def test_the_same_and_more_are_never_refused(self, us_east: Recorded) -> None:
        self.after(us_east)
        assert self.has(self.after(us_east, redis={"storage": "1Ti"}), "redis.storage") == "1Ti"

    def test_a_stack_of_an_earlier_release_has_said_nothing(self) -> None:
        settings = load({**stack_configuration("us-east"), "redis": {"storage": "1Gi"}}, "us-east")
        assert made.smaller_volumes(settings, {}) == []
