"""The border to the policy SDK: floats, proxies, unknowns, secrets, recorded inputs, type tokens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi_kubernetes as kubernetes
import pytest
import yaml
from pulumi_policy import (
    EnforcementLevel,
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationPolicy,
)
from pulumi_policy.policy import PolicyResource, StackValidationArgs

from policies import data_safety, edge, high_availability, security
from policies.__main__ import main
from policies.checks import read
from policies.checks.model import Limits, Violation
from policies.checks.plain import UNKNOWN, Unreadable
from policies.checks.whole import Whole
from policies.pages import FOLDER, OVERVIEW, pages
from policies.rules import ResourceRule, Severity, WholeRule
from rehearsal.engine import model
from tests.unit.policy_region import OPTIONS, Region, proxied, urn

ROOT = Path(__file__).parents[2]
SPREAD = "spec.template.spec.topologySpreadConstraints"


@pytest.fixture
def region() -> Region:
    return Region()


def test_whole_numbers_arrive_as_int_and_others_as_float() -> None:
    numbers = edge.plain(proxied({"three": 3, "half": 0.5, "list": [1, 2.0]}))
    assert numbers == {"three": 3, "half": 0.5, "list": [1, 2]}
    assert [type(numbers["three"]), type(numbers["list"][0])] == [int, int]
    assert list(range(numbers["three"])) == [0, 1, 2]


def test_proxies_become_dict_and_list_that_compare() -> None:
    properties = {"spec": {"items": ["a", {"b": [True, None, "c"]}]}}
    shown = proxied(properties)
    assert shown["spec"]["items"] != ["a", {"b": [True, None, "c"]}], "the SDK's proxies do not compare"
    assert edge.plain(shown) == properties


def test_unknowns_become_one_mark_and_nothing_raises() -> None:
    shown = proxied({"a": model.UNKNOWN, "b": [1, model.UNKNOWN], "c": {"d": model.UNKNOWN}})
    assert edge.plain(shown) == {"a": UNKNOWN, "b": [1, UNKNOWN], "c": {"d": UNKNOWN}}


def test_every_field_that_a_rule_needs_is_missed_when_it_is_unknown(region: Region) -> None:
    fields = {
        "memory-service": ["spec", "spec.replicas", "spec.template", "spec.template.spec.containers", SPREAD],
        "qdrant": [f"{SPREAD}.0.minDomains", f"{SPREAD}.0.labelSelector.matchLabels", "spec.template.metadata.labels"],
        "redis-zone-a": ["spec.template.spec.affinity", "spec.template.spec.containers.0.resources.limits.cpu"],
        "qdrant-budget": ["spec", "spec.maxUnavailable", "spec.selector"],
        "memory-service-autoscaler": ["spec.minReplicas", "spec.scaleTargetRef.name"],
        "postgresql": ["spec.instances", "spec.affinity.topologyKey", "spec.postgresql.synchronous.number"],
        "pooler": ["spec.instances", "spec.cluster.name", "spec.template"],
    }
    for name, paths in fields.items():
        for path in paths:
            broken = Region()
            broken.set(name, path, model.UNKNOWN)
            refusals = [r for r in broken.refusals() if r.policy == "readable"]
            assert [r.name for r in refusals] == [name], (name, path)
            assert refusals[0].message.endswith("cannot be known yet"), (name, path)


def test_the_outermost_unknown_is_the_one_that_is_named(region: Region) -> None:
    region.set("memory-service", "spec", model.UNKNOWN)
    said = [r.message for r in region.refusals() if r.policy == "readable"]
    assert said == ["memory-service: spec cannot be known yet"]


def test_one_unknown_hides_no_other_violation(region: Region) -> None:
    region.set("memory-service", "spec.replicas", model.UNKNOWN)
    region.set("qdrant-budget", "spec.maxUnavailable", 2)
    said = {(r.policy, r.name) for r in region.refusals()}
    assert {("readable", "memory-service"), ("disruption-budgets", "qdrant-budget")} <= said
    assert ("nothing-missing", "memory-service") in said


def test_unknowns_that_no_rule_looks_at_do_not_matter(region: Region) -> None:
    region.set("memory-service", "spec.template.spec.containers.0.image", model.UNKNOWN)
    region.set("qdrant", "metadata.annotations", {"checksum": model.UNKNOWN})
    region.manifests["qdrant"][1]["spec"]["template"]["spec"]["containers"][0]["env"].append(
        {"name": "OTHER", "value": model.UNKNOWN}
    )
    region.accepted()


@pytest.mark.parametrize("data", [model.UNKNOWN, {"collections.json": model.UNKNOWN}])
def test_files_that_are_not_known_yet_may_be_a_plan_and_are_refused(region: Region, data: object) -> None:
    region.add("other", "kubernetes:core/v1:ConfigMap", {"metadata": {"name": "other"}, "data": data})
    region.refused("readable", "nothing-missing", saying="cannot be known yet")


def test_an_unknown_replication_factor_is_refused(region: Region) -> None:
    environment = region.manifests["qdrant"][1]["spec"]["template"]["spec"]["containers"][0]["env"]
    environment[1]["value"] = model.UNKNOWN
    region.refused("qdrant-replication", saying="cannot be known yet")


def test_a_namespace_that_is_not_known_yet_is_one_namespace(region: Region) -> None:
    for name, (token, manifest) in region.manifests.items():
        if token.startswith("kubernetes:"):
            region.set(name, "metadata.namespace", model.UNKNOWN)
            assert manifest["metadata"]["namespace"] is model.UNKNOWN
    region.accepted()
    region.set("qdrant-budget", "metadata.namespace", "somafractalmemory")
    region.refused("disruption-budgets", saying="no PodDisruptionBudget selects the pods of StatefulSet qdrant")


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("memory-service", "spec.replicas", "spec.replicas is not a whole number"),
        ("memory-service", "spec.template", "spec.template is not an object"),
        ("memory-service", "spec.template.spec.containers", "containers is not a list"),
        ("qdrant-budget", "spec.maxUnavailable", "spec.maxUnavailable is neither a whole number nor a percentage"),
        ("postgresql", "spec.enablePDB", "enablePDB is neither true nor false"),
        ("qdrant", "spec.template.spec.containers.0.resources.limits.cpu", "limits.cpu is not a Kubernetes quantity"),
    ],
)
def test_misshapen_fields_are_refused_without_their_value(region: Region, name: str, path: str, said: str) -> None:
    region.set(name, path, model.Secret("hunter2"))
    refusals = region.refusals()
    assert any(r.policy == "readable" and said in r.message for r in refusals), refusals
    assert "hunter2" not in str(refusals)


@pytest.mark.parametrize(
    ("name", "path", "value", "said"),
    [
        ("memory-service", f"{SPREAD}.0.topologyKey", 3, "topologyKey is not text"),
        ("memory-service", "spec.template.spec.containers.0.name", ["memory"], "name is not text"),
        ("qdrant", "spec.template.metadata.labels.tier", True, "tier is not text"),
        ("qdrant-budget", "spec.selector.matchExpressions", [{"key": "a", "values": [1]}], "else than text"),
    ],
)
def test_what_should_be_text_and_is_not_is_refused(
    region: Region, name: str, path: str, value: object, said: str
) -> None:
    region.set(name, path, value)
    assert any(r.policy == "readable" and said in r.message for r in region.refusals()), region.refusals()


def test_a_missing_part_is_refused(region: Region) -> None:
    region.set("memory-service", "spec.template.spec", None)
    assert ("readable", "memory-service: spec is missing") in {(r.policy, r.message) for r in region.refusals()}


def test_no_message_repeats_a_secret(region: Region) -> None:
    """Secrets reach a policy in clear and unmarked: break everything and look for the word."""
    paths = {
        "memory-service": ["spec.template.spec.containers.0.resources.requests.cpu", f"{SPREAD}.0.maxSkew"],
        "qdrant": ["spec.replicas", "spec.template.spec.containers.0.env.1.value"],
        "qdrant-collections-files": ["data"],
        "qdrant-budget": ["spec.minAvailable"],
        "postgresql": ["spec.instances", "spec.postgresql.synchronous.dataDurability"],
    }
    for name, fields in paths.items():
        for path in fields:
            region = Region()
            region.set(name, path, model.Secret("hunter2"))
            assert "hunter2" not in str(region.refusals()), (name, path)


def test_stack_rules_use_the_inputs_where_outputs_are_empty(region: Region) -> None:
    """In a preview with a cluster that does not exist yet, every output of its objects is an empty object."""
    region.outputs = {name: {} for name in region.manifests}
    region.accepted()
    region.set("qdrant-budget", "spec.maxUnavailable", 2)
    region.refused("disruption-budgets", saying="fall to 1 of 3 pods")


def test_stack_rules_use_the_inputs_where_the_server_adds_defaults(region: Region) -> None:
    region.outputs = {"qdrant-budget": {**region.manifests["qdrant-budget"][1], "spec": {"maxUnavailable": 2}}}
    region.accepted()


def test_a_resource_whose_inputs_were_never_shown_is_judged_by_its_outputs() -> None:
    outputs = PolicyResource(
        "kubernetes:policy/v1:PodDisruptionBudget", proxied({}), urn("b", "x"), "b", OPTIONS, None, None, [], {}
    )
    stack = edge.Recorder().stack(StackValidationArgs([outputs], None))
    assert [(violation.urn, violation.message) for violation in stack.unreadable] == [
        (urn("b", "x"), "spec is missing")
    ]


def test_a_stack_is_read_once_for_all_policies_and_again_when_it_changed(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [r for r in region.planned() if r.type in read.TOKENS]
    read_stack, calls = read.stack, list[int]()
    monkeypatch.setattr(read, "stack", lambda *given: calls.append(1) or read_stack(*given))
    recorder = edge.Recorder()

    def show() -> object:
        resources = [
            PolicyResource(r.type, proxied(r.inputs), r.urn, r.name, OPTIONS, None, None, [], {}) for r in asked
        ]
        return recorder.stack(StackValidationArgs(resources, None))

    assert show() is show()
    assert len(calls) == 1
    asked[0].inputs["spec"]["replicas"] = 2
    show()
    assert len(calls) == 2


def shown(token: str, inputs: dict[str, Any], name: str, origins: dict[str, list[PolicyResource]]) -> PolicyResource:
    """As a stack policy sees a resource: with its outputs, which here are nothing."""
    del inputs
    return PolicyResource(token, proxied({}), urn(name, token), name, OPTIONS, None, None, [], origins)


def test_plain_rules_see_protection_provider_and_where_values_come_from() -> None:
    """The bucket's copy lies in the region of its provider; its name is told by where it comes from."""
    recorder = edge.Recorder()
    provider = PolicyProviderResource("pulumi:providers:aws", proxied({"region": "us-west-2"}), urn("aws", "p"), "aws")
    options = PolicyResourceOptions(True, [], True, [], PolicyCustomTimeouts(0, 0, 0), [])
    bucket = "aws:s3/bucket:Bucket"
    recorded = recorder.record(
        ResourceValidationArgs(bucket, proxied({"bucket": "b"}), urn("b", bucket), "b", options, provider, None)
    )
    assert (recorded.protect, recorded.deleted_first, recorded.region) == (True, True, "us-west-2")
    of_its_own = recorder.record(
        ResourceValidationArgs(bucket, proxied({"region": "eu-west-1"}), urn("e", bucket), "e", options, provider, None)
    )
    assert of_its_own.region == "eu-west-1", "a resource of AWS may state another region than its provider"
    versions = "aws:s3/bucketVersioning:BucketVersioning"
    inputs = {"bucket": model.UNKNOWN}
    recorder.record(ResourceValidationArgs(versions, proxied(inputs), urn("v", versions), "v", OPTIONS, None, None))
    of_bucket = shown(bucket, {}, "b", {})
    args = StackValidationArgs([of_bucket, shown(versions, inputs, "v", {"bucket": [of_bucket]})], None)
    first = recorder.whole(args)
    assert first is recorder.whole(args), "built once for all policies"
    assert [(it.name, it.inputs, it.sources) for it in first.resources] == [
        ("b", {"bucket": "b"}, {}),
        ("v", {"bucket": UNKNOWN}, {"bucket": (urn("b", bucket),)}),
    ]
    recorder.record(
        ResourceValidationArgs(bucket, proxied({"bucket": "c"}), urn("b", bucket), "b", options, None, None)
    )
    assert recorder.whole(args).resources[0].inputs == {"bucket": "c"}


def test_a_rule_over_all_resources_that_cannot_read_one_refuses_the_stack() -> None:
    def unreadable(whole: Whole, limits: Limits) -> Iterator[Violation]:
        yield Violation("", "before")
        raise Unreadable("spec is not an object")

    rule = WholeRule(name="whole", description="d", remedy="r", severity=Severity.HIGH, parameters=(), check=unreadable)
    (policy,) = edge.policies([rule])
    assert isinstance(policy, StackValidationPolicy)
    said: list[str] = []
    policy.validate(StackValidationArgs([], None), lambda message, _urn=None: said.append(message))  # type: ignore[misc]
    assert said == ["before", "cannot be judged as long as spec is not an object"]


def test_resources_that_no_rule_judges_are_not_even_read() -> None:
    policy = edge.policies(high_availability.RULES)[0]
    assert isinstance(policy, ResourceValidationPolicy)
    said: list[str] = []
    args = ResourceValidationArgs("kubernetes:core/v1:Secret", None, "urn", "s", OPTIONS, None, None)  # type: ignore[arg-type]
    policy.validate(args, lambda message, _urn=None: said.append(message))  # type: ignore[misc]
    assert said == []


def test_the_type_tokens_are_those_of_the_kubernetes_sdk() -> None:
    classes = [
        kubernetes.apps.v1.Deployment,
        kubernetes.apps.v1.StatefulSet,
        kubernetes.apps.v1.DaemonSet,
        kubernetes.apps.v1.ReplicaSet,
        kubernetes.core.v1.Pod,
        kubernetes.core.v1.ConfigMap,
        kubernetes.batch.v1.Job,
        kubernetes.batch.v1.CronJob,
        kubernetes.policy.v1.PodDisruptionBudget,
        kubernetes.autoscaling.v1.HorizontalPodAutoscaler,
        kubernetes.autoscaling.v2.HorizontalPodAutoscaler,
        kubernetes.helm.v3.Release,
    ]
    tokens = {getattr(kind, "pulumi_type") for kind in classes}  # noqa: B009
    custom = {token for token in read.TOKENS if ".cnpg.io/" in token}
    assert set(read.TOKENS) == tokens | custom
    assert custom == {f"kubernetes:postgresql.cnpg.io/v1:{kind}" for kind in ("Cluster", "Pooler")}


@pytest.mark.parametrize("pack", [data_safety, high_availability, security])
def test_every_policy_says_what_it_wants_and_is_mandatory_unless_its_rule_only_advises(pack: Any) -> None:
    policies = edge.policies(pack.RULES)
    assert len({policy.name for policy in policies}) == len(policies)
    advising = {
        "any-backups",
        "judged-when-known",
        "kept-logs",
        "node-types",
        "not-judged",
        "private-services",
        "tidied-buckets",
        "time-to-write",
    }
    for policy in policies:
        mandatory = policy.enforcement_level is EnforcementLevel.MANDATORY
        assert mandatory is (policy.name not in advising), policy.name
        assert policy.description, policy.name
        assert policy.remediation_steps, policy.name
        assert policy.severity is not None, policy.name


@pytest.mark.parametrize("pack", [data_safety, high_availability, security])
def test_a_pack_runs_in_the_projects_own_environment_and_only_serves(pack: Any) -> None:
    """The engine joins a relative environment to the folder of the pack; whatever a pack printed would end it."""
    folder = ROOT / "policies" / pack.NAME
    file = yaml.safe_load((folder / "PulumiPolicy.yaml").read_text(encoding="utf-8"))
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
    environment = folder / file["runtime"]["options"]["virtualenv"]
    assert environment.resolve() == (ROOT / project["runtime"]["options"]["virtualenv"]).resolve()
    program = (folder / "__main__.py").read_text(encoding="utf-8")
    module = pack.__name__.rpartition(".")[2]
    assert f"edge.run({module}.NAME, {module}.DESCRIPTION, {module}.RULES)" in program
    assert len(program.splitlines()) == 3
    assert file["description"] == pack.DESCRIPTION


def test_just_one_rule_reports_what_cannot_be_read() -> None:
    rules = [rule for rule in high_availability.RULES if isinstance(rule, ResourceRule) and rule.refuses_unreadable]
    assert [rule.name for rule in rules] == ["readable"]


def test_the_pages_of_policies_are_what_the_rules_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", str(ROOT / "docs")]) == 0
    assert main(["--check", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("run `make docs`") == len(pages())
    assert main(["--write", str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    (tmp_path / FOLDER / "gone.md").write_text("", encoding="utf-8")
    assert main(["--check", str(tmp_path)]) == 1
    assert "gone.md is of no pack: remove it" in capsys.readouterr().err
    assert main([]) == 0
    assert capsys.readouterr().out == pages()[OVERVIEW]
