"""The pack security: the program's own region passes, and each test breaks one field of it."""

import base64
import json
from typing import Any

import pytest

from policies.checks import tokens
from policies.checks.model import Limits, Resource
from tests.unit.policy_plan import GONE, Stack, Verdict, find, put, region, swapped, verdicts
from tests.unit.policy_security_fields import FIELDS, FIRST, SECURITY, statement

AWS = ("aws", "us-east")
KUBERNETES = ("kubernetes", "us-east")
NAMESPACE = "somafractalmemory"


def judged(stack: Stack, limits: Limits | None = None) -> list[Verdict]:
    return [it for it in verdicts(stack, limits=limits, packs=("security",)) if it.policy != "not-judged"]


def refused(stack: Stack, *policies: str, saying: str) -> None:
    """By just these policies; one message says this."""
    found = judged(stack)
    assert {it.policy for it in found} == set(policies), found
    assert any(saying in it.message for it in found), found


@pytest.mark.parametrize(("policy", "kind", "name", "path", "value", "said"), FIELDS)
def test_one_broken_field_is_refused_by_its_policy_alone(
    policy: str, kind: str, name: str, path: str, value: Any, said: str
) -> None:
    resource = find(region(*AWS), kind, name)
    found = judged(swapped(region(*AWS), resource, put(resource, path, value)))
    assert any(it.policy == policy and said in it.message for it in found), found
    # What a pod does not mount any more, or is not allowed to any more, is said of others, and so is a way whose other
    # end does not have it: only that may be beside it.
    assert {it.policy for it in found} - {policy} <= {
        "own-references",
        "used-objects",
        "network-selectors",
        "network-both-sides",
        "tokens",
    }, found


SOUND: list[tuple[str, str, str, Any]] = [
    ("Deployment", "", f"{FIRST}.image", f"example.org:5000/memory@sha256:{'0' * 64}"),
    ("Deployment", "", f"{SECURITY}.capabilities.add", ["NET_BIND_SERVICE"]),
    ("Deployment", "", f"{SECURITY}.seccompProfile", {"type": "Localhost"}),
    ("Service", "redis-service", "spec", {"type": "LoadBalancer"}),
    ("aws.eks.Cluster", "", "vpcConfig", {"endpointPrivateAccess": True, "publicAccessCidrs": ["192.0.2.0/24"]}),
    ("Role", "", "rules.0", {"verbs": ["get"], "resources": ["secrets"], "resourceNames": ["redis-auth"]}),
    ("aws.iam.RolePolicy", "", "policy", statement(Action="ec2:DescribeVpcs", Resource="*")),
    ("aws.iam.RolePolicy", "", "policy", {"Statement": {"Effect": "Allow", "Action": "a:B", "Resource": "arn:x"}}),
    ("aws.iam.RolePolicyAttachment", "", "policyArn", "arn:aws:iam::123456789012:policy/ours"),
    ("aws.lb.Listener", "", "protocol", "UDP"),
    ("aws.eks.AccessEntry", "", "principalArn", "arn:aws:iam::123456789012:user/somebody"),
    ("ConfigMap", "redis-files", "data.password_file", "/run/password"),
]


@pytest.mark.parametrize(("kind", "name", "path", "value"), SOUND)
def test_what_is_sound_passes(kind: str, name: str, path: str, value: Any) -> None:
    resource = find(region(*AWS), kind, name)
    new = put(resource, path, value)
    if kind == "Service":
        inner = {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"}
        new = put(new, "metadata.annotations", inner)
    assert judged(swapped(region(*AWS), resource, new)) == []


ADDITIONS: list[tuple[str, str, dict[str, Any], str]] = [
    ("ingress-tls", tokens.INGRESS, {"spec": {"rules": [{"host": "a.example"}]}}, "the host a.example has no cert"),
    ("ingress-tls", tokens.INGRESS, {"spec": {"rules": [{}]}}, "that is not named has no certificate"),
    ("no-inline-rules", tokens.SECURITY_GROUP, {"ingress": [{"cidrBlocks": ["0.0.0.0/0"]}]}, "lets the world in"),
    (
        "no-inline-rules",
        tokens.SECURITY_GROUP_RULE,
        {"type": "ingress", "ipv6CidrBlocks": ["::/0"]},
        "lets the world in",
    ),
    (
        "listeners",
        tokens.LISTENER,
        {"protocol": "HTTP", "port": 80, "defaultActions": [{"type": "forward"}]},
        "answers HTTP in clear",
    ),
    ("listeners", tokens.LISTENER, {"protocol": "TLS", "port": 443}, "still takes TLS 1.0"),
    (
        "listeners",
        tokens.LISTENER,
        {"protocol": "HTTPS", "port": 443, "sslPolicy": "ELBSecurityPolicy-2016-08"},
        "still takes TLS 1.0",
    ),
    (
        "eks-entries",
        tokens.ACCESS_POLICY,
        {"principalArn": "arn:aws:iam::123456789012:root", "policyArn": "x"},
        "is the whole account",
    ),
    ("certificates", tokens.CERTIFICATE, {"validationMethod": "EMAIL"}, "has to renew it by hand"),
    ("certificates", tokens.CERTIFICATE, {"privateKey": "x", "keyAlgorithm": "RSA_1024"}, "which is too short"),
    ("known-account", tokens.AWS_PROVIDER, {"region": "us-east-1"}, "allowedAccountIds is not stated"),
    ("restricted-namespaces", tokens.NAMESPACE, {"metadata": {"name": NAMESPACE}}, "is not restricted"),
]
SOUND_ADDITIONS: list[tuple[str, dict[str, Any]]] = [
    (
        tokens.INGRESS,
        {"spec": {"rules": [{"host": "a.example.com"}], "tls": [{"secretName": "t", "hosts": ["*.example.com"]}]}},
    ),
    (tokens.SECURITY_GROUP_RULE, {"type": "egress", "cidrBlocks": ["0.0.0.0/0"]}),
    (tokens.LISTENER, {"protocol": "HTTP", "port": 80, "defaultActions": [{"type": "redirect"}]}),
    (tokens.LISTENER, {"protocol": "TLS", "port": 443, "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"}),
    (tokens.NAMESPACE, {"metadata": {"name": "elsewhere"}}),
    (tokens.CERTIFICATE, {"validationMethod": "DNS", "keyAlgorithm": "RSA_2048"}),
]


@pytest.mark.parametrize(("policy", "token", "inputs", "said"), ADDITIONS)
def test_a_resource_that_the_program_has_not_is_judged_too(
    policy: str, token: str, inputs: dict[str, Any], said: str
) -> None:
    refused((*region(*AWS), Resource(token, "urn:new", "new", inputs, True)), policy, saying=said)


@pytest.mark.parametrize(("token", "inputs"), SOUND_ADDITIONS)
def test_a_sound_one_passes(token: str, inputs: dict[str, Any]) -> None:
    assert judged((*region(*AWS), Resource(token, "urn:new", "new", inputs, True))) == []


def test_postgresqls_port_is_open_only_where_it_refuses_whatever_comes_without_tls() -> None:
    cluster = find(region(*AWS), "Cluster")
    for lines in ([], ["host all all all scram-sha-256", "hostnossl all all all reject"], ["hostssl all all all md5"]):
        stack = swapped(region(*AWS), cluster, put(cluster, "spec.postgresql.pg_hba", lines))
        refused(stack, "postgresql-tls", "network-ingress", saying="clients may connect without TLS")
    sound = ["local all all peer", "hostssl all all all cert", "hostnossl all all all reject"]
    assert judged(swapped(region(*AWS), cluster, put(cluster, "spec.postgresql.pg_hba", sound))) == []


def test_a_policy_that_selects_nobody_and_pods_that_none_selects_are_refused() -> None:
    policy = find(region(*AWS), "NetworkPolicy", "redis-keeper-network")
    nobody = put(policy, "spec.podSelector", {"matchLabels": {"app": "x"}})
    refused(
        swapped(region(*AWS), policy, nobody),
        "network-selectors",
        "network-both-sides",
        saying="redis-keeper-network: selects no pods",
    )
    without = tuple(it for it in region(*AWS) if it is not policy)
    refused(without, "network-selectors", "network-both-sides", saying="redis-healer: no NetworkPolicy of its own")


@pytest.mark.parametrize("field", ["stringData", "data"])
def test_what_a_secret_holds_is_found_wherever_it_is_repeated(field: str) -> None:
    word = "aB3dE5gH7jK9mN1pQ3sT5vX7"
    text = f"key: {word}\n"
    value = text if field == "stringData" else base64.b64encode(text.encode()).decode()
    secret = Resource(tokens.SECRET, "urn:secret", "secret", {field: {"file": value}})
    stack = (*region(*AWS), secret)
    assert judged(stack) == []
    for kind, name, path in (
        ("ConfigMap", "redis-files", "data.conf"),
        ("Deployment", "", f"{FIRST}.args"),
        ("Cluster", "", "spec.description"),
    ):
        resource = find(stack, kind, name)
        new = put(resource, path, [f"--with={word}"] if path.endswith("args") else f"requirepass {word}")
        refused(swapped(stack, resource, new), "secrets-stay-secret", saying="repeats what a Secret holds")
        assert word not in str(judged(swapped(stack, resource, new)))


def test_pods_in_the_namespace_default_are_refused() -> None:
    job = find(region(*AWS), "Job", "qdrant-collections")
    stack = swapped(region(*AWS), job, put(job, "metadata.namespace", GONE))
    assert any(it.policy == "restricted-namespaces" and "namespace default" in it.message for it in judged(stack))


def test_a_vpc_without_a_log_or_with_aws_own_group_is_refused() -> None:
    without = (tokens.FLOW_LOG, tokens.DEFAULT_SECURITY_GROUP)
    stack = tuple(it for it in region(*AWS) if it.type not in without)
    refused(stack, "flow-logs", "default-security-group", "nothing-missing", saying="has no flow log of all traffic")


def test_a_bucket_with_nothing_around_it_is_refused_for_each_thing() -> None:
    around = (tokens.BUCKET_ACCESS, tokens.BUCKET_OWNER, tokens.BUCKET_POLICY, tokens.BUCKET_ENCRYPTION)
    stack = tuple(it for it in region(*AWS) if it.type not in around or it.name.endswith("copies-access"))
    found = {(it.policy, it.message.partition(": ")[2]) for it in judged(stack)}
    assert {policy for policy, _ in found} == {
        "private-buckets", "buckets-by-tls", "encrypted-buckets", "nothing-missing"
    }  # fmt: skip
    assert ("private-buckets", "has no BucketPublicAccessBlock") in found


def test_ports_for_users_can_be_configured() -> None:
    found = judged(region(*AWS), Limits(public_ports=(443,)))
    assert {(it.policy, it.urn.rpartition("::")[2]) for it in found} == {
        ("open-ports", "us-east-reach-users-from-anywhere-80"),
        ("public-listeners", "us-east-reach-users-80"),
    }
    assert {it.policy for it in judged(region(*AWS), Limits(log_days=91))} == {"kept-logs"}


@pytest.mark.parametrize("platform", ["aws", "kubernetes"])
def test_a_stack_that_holds_nothing_is_refused(platform: str) -> None:
    kept = (tokens.RELEASE, tokens.KEY, tokens.SECRET)
    found = {it.policy: it.message for it in judged(tuple(it for it in region(platform, "us-east") if it.type in kept))}
    assert "no Deployment" in found["nothing-missing"]
    assert ("no NodeGroup" in found["nothing-missing"]) is (platform == "aws")


def test_without_an_ingress_no_host_is_missed() -> None:
    record = find(region(*KUBERNETES), "ConfigMap", "record-settings")
    settings = json.loads(record.inputs["data"]["settings.json"])
    led_in = (tokens.VIRTUAL_SERVER, tokens.NGINX_POLICY)
    without = tuple(it for it in region(*KUBERNETES) if it.type not in led_in)
    refused(without, "nothing-missing", saying="no VirtualServer")
    settings["ingress"]["enabled"] = False
    data = {**record.inputs["data"], "settings.json": json.dumps(settings)}
    assert judged(swapped(without, record, put(record, "data", data))) == []


@pytest.mark.parametrize(
    ("kind", "name", "left"),
    [
        ("CronJob", "redis-healer", "the ConfigMap redis-healer"),
        ("RoleBinding", "qdrant-rebalancer-binding", "the Role qdrant-rebalancer"),
        ("Deployment", "exporters-deployment", "the ServiceAccount "),
    ],
)
def test_what_nothing_uses_any_more_tells_of_what_is_missing(kind: str, name: str, left: str) -> None:
    stack = region(*AWS)
    gone = find(stack, kind, name)
    said = [it for it in judged(tuple(it for it in stack if it is not gone)) if it.policy == "used-objects"]
    assert any(f"nothing of this stack names {left}" in it.message for it in said), said
