"""The pack asked about the program itself: both regions pass, and every way to weaken one of them is noticed."""

import copy
import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from policies.high_availability import RULES
from rehearsal import packs, paths
from rehearsal.engine import choose, evaluate
from rehearsal.engine.model import PlannedResource
from rehearsal.engine.project import Project

PACK = paths.CHECKOUT / "policies" / "high-availability"
VALUES = {"min_replicas": 3, "zones": ["zone-a", "zone-b", "zone-c"]}
REGIONS = ("us-east", "us-west")

Resources = Sequence[PlannedResource]
Weakening = tuple[str, str, Resources]
"""What was done, the policy that must refuse it, and the region that results."""

SPREAD = "topologySpreadConstraints"
TEMPLATES = {"Deployment": "replicas", "StatefulSet": "replicas", "Pooler": "instances"}
"""Kinds whose pods are spread, and the field that counts them."""


@pytest.fixture(scope="module")
def pack() -> Iterator[packs.Pack]:
    with packs.Pack(PACK, "somafractalmemory", REGIONS[0]) as running:
        yield running


@pytest.fixture(scope="module", params=REGIONS)
def region(request: pytest.FixtureRequest) -> Resources:
    """The resources of a region as the program describes it."""
    return choose("in-process", paths.CHECKOUT).preview(request.param).resources


def test_the_region_passes_every_policy(pack: packs.Pack, region: Resources) -> None:
    report = pack.ask(region, "region", values=VALUES)
    assert report.violations == ()
    assert len(report.policies) == len(RULES)


def test_a_larger_region_passes_too(pack: packs.Pack) -> None:
    """Other numbers than the guide's: four zones, more of everything, two namespaces, no autoscaler."""
    zones = ["zone-a", "zone-b", "zone-c", "zone-d"]
    services = ["memory-service", "memory-service-tenant"]
    larger: dict[str, Any] = {
        "memory": {"image": "example.org/memory:1", "replicas": 6, "namespaces": ["default", "tenant"]},
        "qdrant": {"replicas": 6},
        "redis": {"cluster": {"nodes": 5, "replicas": 2}},
        "postgresql": {"pooler": {"instances": 4}},
        "high_availability": {"min_replicas": 3, "zones": zones},
        "ingress": {
            "rules": [
                {"host": f"{name}.example.com", "paths": [{"path": "/", "backend": {"service": name, "port": 80}}]}
                for name in services
            ]
        },
    }
    larger["memory"]["autoscaling"] = {"enabled": False}
    project = Project.load(paths.CHECKOUT)
    stated = {f"{project.name}:{key}": json.dumps(value) for key, value in larger.items()}
    config = {**project.config("us-east"), **stated}
    request = evaluate.ask(project.name, "us-east", config, preview=True, recorded={}, stacks={})
    resources = evaluate.evaluate(paths.CHECKOUT, request).resources
    report = pack.ask(resources, "us-east", values={"min_replicas": 3, "zones": zones})
    assert report.violations == ()
    assert sum(kind(resource) == "Deployment" for resource in resources) == 3


def test_whatever_weakens_the_region_is_refused(pack: packs.Pack, region: Resources) -> None:
    tried = [weakening for weaken in WEAKENINGS for weakening in weaken(region)]
    missed = [
        (done, policy)
        for done, policy, resources in tried
        if policy not in {v.policy for v in pack.ask(resources, "region", only(policy), VALUES).mandatory}
    ]
    assert missed == []
    assert {policy for _, policy, _ in tried} == {policy.name for policy in pack.ask(region, "region").policies} - {
        "enough-replicas-together",  # tried by name below
        "healthy-names",  # of regions on AWS: tests/unit/test_policy_names.py
        *("subnets-in-zones", "nat-per-zone", "nodes-in-zones"),  # and tests/unit/test_policy_zonal.py
        *("links-both-ways", "cluster-support"),
        "right-region",  # tests/unit/test_policy_places.py
        *("qdrant-zone-loss", "qdrant-shards"),  # home states its collections: tests/unit/test_policy_qdrant.py
        "exceptions",  # tests/unit/test_policy_exceptions.py
        # tests/unit/test_policy_workloads.py
        *("node-spread", "stateful-rollouts", "peer-names", "autoscaled-replicas"),
        *("distinct-probes", "probe-ports", "startup-probes", "graceful-stop"),
        *("bounded-scratch", "images-at-hand", "hosts-claimed-once", "referenced-keys"),
        "quick-names",  # tests/unit/test_policy_names.py
        *("control-plane-zones", "balancers-in-zones", "target-health"),  # test_policy_zonal.py, test_policy_ways.py
        "targets-served",  # test_policy_targets.py
        # test_policy_rollouts.py, test_policy_data_safety.py and, by their examples, test_policy_examples.py
        *("members-start-together", "postgresql-updates", "zonal-shift", "node-repair", "endpoints-in-zones"),
        # test_policy_store_nodes.py, test_policy_cluster_addons.py, test_policy_watched.py
        *("nodes-of-stores", "cluster-addons", "watched-pods"),
        # test_policy_network_sides.py and, by their examples, test_policy_examples.py
        *("security-groups-agree", "eks-rights", "private-services", "node-types"),
        *("backup-requests", "qdrant-environment", "time-to-write"),
        "not-judged",  # advice: tests/unit/test_policy_releases.py
    }


def test_an_autoscaled_deployment_that_loses_its_number_and_its_autoscaler_is_refused(
    pack: packs.Pack, region: Resources
) -> None:
    rest = [resource for resource in region if kind(resource) != "HorizontalPodAutoscaler"]
    deployment = next(resource for resource in rest if kind(resource) == "Deployment")

    def forget(inputs: dict[str, Any]) -> None:
        inputs["spec"].pop("replicas", None)

    assert "enough-replicas-together" in pack.ask(changed(rest, deployment, forget), "region").failed


def only(policy: str) -> dict[str, object]:
    """Ask no more than is needed: one policy, and the one that keeps the inputs for those of the whole stack."""
    return {"all": "disabled", "readable": "mandatory", policy: "mandatory"}


def kind(resource: PlannedResource) -> str:
    return resource.type.rpartition(":")[2] if resource.type.startswith("kubernetes:") else ""


def changed(region: Resources, resource: PlannedResource, change: Callable[[dict[str, Any]], None]) -> Resources:
    """The region with one resource changed."""
    inputs = copy.deepcopy(resource.inputs)
    change(inputs)
    altered = dataclasses.replace(resource, inputs=inputs, outputs={})
    return [altered if other is resource else other for other in region]


def pod(inputs: dict[str, Any]) -> dict[str, Any]:
    spec = inputs["spec"]
    return (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]["spec"]


def without_a_replica(region: Resources) -> Iterator[Weakening]:
    def forget(inputs: dict[str, Any]) -> None:
        plan = json.loads(inputs["data"]["plan.json"])
        shards = [shard[:1] for shard in plan["shards"]]
        inputs["data"]["plan.json"] = json.dumps({**plan, "shards": shards})

    for resource in region:
        data = resource.inputs.get("data")
        if kind(resource) == "ConfigMap" and isinstance(data, dict) and '"shards"' in str(data.get("plan.json")):
            yield f"masters alone in {resource.name}", "redis-shards", changed(region, resource, forget)


def without_an_autoscaler(region: Resources) -> Iterator[Weakening]:
    rest = [resource for resource in region if kind(resource) != "HorizontalPodAutoscaler"]
    yield "drop the autoscaler", "every-kind", rest


def without_a_budget(region: Resources) -> Iterator[Weakening]:
    for resource in region:
        if kind(resource) == "PodDisruptionBudget":
            yield f"drop {resource.name}", "disruption-budgets", [other for other in region if other is not resource]


def with_a_generous_budget(region: Resources) -> Iterator[Weakening]:
    def loosen(inputs: dict[str, Any]) -> None:
        inputs["spec"].pop("minAvailable", None)
        inputs["spec"]["maxUnavailable"] = "100%"

    for resource in region:
        if kind(resource) == "PodDisruptionBudget":
            yield f"loosen {resource.name}", "disruption-budgets", changed(region, resource, loosen)


def with_a_lone_pod(region: Resources) -> Iterator[Weakening]:
    for resource in region:
        field = TEMPLATES.get(kind(resource))
        if field is None:
            continue
        pinned = SPREAD not in pod(resource.inputs)
        policy = "zones-together" if pinned else "enough-replicas"
        for pods in (0,) if pinned else (1, 2):

            def shrink(inputs: dict[str, Any], field: str = field, pods: int = pods) -> None:
                inputs["spec"][field] = pods

            yield f"{resource.name}: {pods} pods", policy, changed(region, resource, shrink)


def with_a_soft_or_blind_spread(region: Resources) -> Iterator[Weakening]:
    def soften(spread: dict[str, Any]) -> None:
        spread["whenUnsatisfiable"] = "ScheduleAnyway"

    def blind(spread: dict[str, Any]) -> None:
        spread["labelSelector"] = {"matchLabels": {"app": "other"}}

    def skew(spread: dict[str, Any]) -> None:
        spread["maxSkew"] = 2

    for resource in region:
        if kind(resource) not in TEMPLATES or SPREAD not in pod(resource.inputs):
            continue
        for weaken in (soften, blind, skew):

            def each(inputs: dict[str, Any], weaken: Callable[[dict[str, Any]], None] = weaken) -> None:
                for spread in pod(inputs)[SPREAD]:
                    weaken(spread)

            yield f"{resource.name}: {weaken.__name__}", "zone-spread", changed(region, resource, each)
            if weaken is not skew:  # which may leave a pod of three elsewhere
                yield f"{resource.name}: {weaken.__name__}", "zone-loss", changed(region, resource, each)


def with_a_zone_left_out(region: Resources) -> Iterator[Weakening]:
    pinned = [r for r in region if kind(r) == "StatefulSet" and SPREAD not in pod(r.inputs)]
    for resource in pinned:
        others = [other for other in region if other is not resource]
        yield f"drop {resource.name}", "zones-together", others


def with_a_bare_container(region: Resources) -> Iterator[Weakening]:
    for resource in region:
        if kind(resource) not in (*TEMPLATES, "Job", "CronJob"):
            continue
        for group in ("containers", "initContainers"):
            for index, container in enumerate(pod(resource.inputs).get(group, [])):
                for fields, policy in ((("resources",), "requests-and-limits"), (PROBES, "probes")):
                    if fields == PROBES and not probed(resource, group, container):
                        continue

                    def strip(
                        inputs: dict[str, Any], group: str = group, index: int = index, fields: Any = fields
                    ) -> None:
                        for name in fields:
                            pod(inputs)[group][index].pop(name, None)

                    done = f"{resource.name}: {container['name']} without {fields[0]}"
                    yield done, policy, changed(region, resource, strip)


PROBES = ("livenessProbe", "readinessProbe")


def probed(resource: PlannedResource, group: str, container: dict[str, Any]) -> bool:
    stays = group == "containers" or (container.get("restartPolicy") == "Always" and "ports" in container)
    return stays and kind(resource) in ("Deployment", "StatefulSet")


def with_a_weaker_field(region: Resources) -> Iterator[Weakening]:
    weaker = [
        ("HorizontalPodAutoscaler", "spec.minReplicas", 2, "autoscaler-minimum"),
        ("HorizontalPodAutoscaler", "spec.scaleTargetRef.name", "nobody", "autoscaler-target"),
        ("Cluster", "spec.instances", 2, "postgresql-zones"),
        ("Cluster", "spec.affinity", {}, "postgresql-zones"),
        ("Cluster", "spec.postgresql.synchronous", {}, "postgresql-zones"),
        ("Cluster", "spec.enablePDB", False, "postgresql-zones"),
        ("Pooler", "spec.cluster.name", "nobody", "postgresql-pooler"),
        ("Cluster", "spec.affinity.nodeSelector", {"topology.kubernetes.io/zone": "zone-a"}, "postgresql-zones"),
        ("HorizontalPodAutoscaler", "spec.maxReplicas", 2, "autoscaler-minimum"),
        ("Deployment", "spec.template.spec", None, "readable"),
        ("Deployment", "spec.template.spec.nodeName", "node-1", "zone-spread"),
        ("Deployment", "spec.strategy", {"type": "Recreate"}, "rollouts"),
        ("Pooler", "spec.deploymentStrategy", {"type": "Recreate"}, "rollouts"),
        ("Service", "spec.selector", {"app.kubernetes.io/name": "nobody"}, "services-reach-pods"),
        (
            "VirtualServer",
            "spec.upstreams",
            [{"name": "api", "service": "nobody", "port": 80}],
            "ways-in-lead-to-services",
        ),
    ]
    for wanted, path, value, policy in weaker:
        *parents, last = path.split(".")

        def put(inputs: dict[str, Any], parents: list[str] = parents, last: str = last, value: Any = value) -> None:
            place = inputs
            for key in parents:
                place = place[key]
            place[last] = value

        for resource in region:
            # A standby's service, which serves nobody, is replaced at once as it is.
            weaker_already = (resource.inputs.get("spec") or {}).get(last) == value and len(parents) == 1
            if kind(resource) == wanted and not weaker_already:
                yield f"{resource.name}: {path} = {value}", policy, changed(region, resource, put)


def with_one_copy_of_each_shard(region: Resources) -> Iterator[Weakening]:
    factor = "QDRANT__STORAGE__COLLECTION__REPLICATION_FACTOR"
    for resource in region:
        if kind(resource) != "StatefulSet":
            continue
        for index, entry in enumerate(pod(resource.inputs)["containers"][0].get("env", [])):
            if entry["name"] == factor:

                def one(inputs: dict[str, Any], index: int = index) -> None:
                    pod(inputs)["containers"][0]["env"][index]["value"] = "1"

                yield f"{resource.name}: {factor} = 1", "qdrant-replication", changed(region, resource, one)


def without_a_plan_of_collections(region: Resources) -> Iterator[Weakening]:
    """A standby has none."""
    for resource in region:
        if kind(resource) != "ConfigMap" or "collections.json" not in resource.inputs["data"]:
            continue
        yield "drop the plan", "qdrant-replication", [other for other in region if other is not resource]

        def forget(inputs: dict[str, Any]) -> None:
            inputs["data"]["collections.json"] = json.dumps({"parameters": {}})

        yield "plan without a factor", "qdrant-replication", changed(region, resource, forget)


def with_settings_that_ask_for_more(region: Resources) -> Iterator[Weakening]:
    """What the program records of other settings than those that the pack is told."""
    for resource in region:
        if kind(resource) != "ConfigMap" or "settings.json" not in resource.inputs["data"]:
            continue
        for field, value in (("min_replicas", 5), ("zones", ["zone-a", "zone-b", "zone-x"])):

            def ask(inputs: dict[str, Any], field: str = field, value: object = value) -> None:
                settings = json.loads(inputs["data"]["settings.json"])
                settings["high_availability"][field] = value
                inputs["data"]["settings.json"] = json.dumps(settings)

            yield f"{field} = {value}", "same-minimums", changed(region, resource, ask)


def with_what_cannot_be_judged(region: Resources) -> Iterator[Weakening]:
    for resource in region:
        if kind(resource) == "Deployment":
            for token in ("kubernetes:apps/v1beta2:Deployment", "kubernetes:helm.sh/v3:Release"):
                hidden = dataclasses.replace(resource, type=token)
                yield token, "readable", [hidden if other is resource else other for other in region]


def without_a_kind(region: Resources) -> Iterator[Weakening]:
    for gone in ("Deployment", "StatefulSet", "Pooler", "PodDisruptionBudget", "Cluster", "ConfigMap"):
        yield f"no {gone}", "nothing-missing", [resource for resource in region if kind(resource) != gone]


def without_a_store(region: Resources) -> Iterator[Weakening]:
    """All StatefulSets of a program, which leaves those of another."""
    for gone in ("qdrant", "redis"):
        rest = [r for r in region if kind(r) != "StatefulSet" or program(r) != gone]
        yield f"no {gone}", "nothing-missing", rest


def program(resource: PlannedResource) -> str:
    return resource.inputs["metadata"]["labels"]["app.kubernetes.io/name"]


WEAKENINGS = (
    without_a_replica,
    without_an_autoscaler,
    without_a_budget,
    with_a_generous_budget,
    with_a_lone_pod,
    with_a_soft_or_blind_spread,
    with_a_zone_left_out,
    with_a_bare_container,
    with_a_weaker_field,
    with_one_copy_of_each_shard,
    without_a_plan_of_collections,
    with_settings_that_ask_for_more,
    with_what_cannot_be_judged,
    without_a_kind,
    without_a_store,
)
