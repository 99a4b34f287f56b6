"""The pack security: the program's own region passes, and each test breaks one field of it."""

import base64
import json
from typing import Any

import pytest

from policies.checks import tokens
from policies.checks.model import Limits, Resource
from tests.unit.policy_plan import GONE, Stack, Verdict, find, put, region, swapped, verdicts

AWS = ("aws", "us-east")
KUBERNETES = ("kubernetes", "us-east")
NAMESPACE = "somafractalmemory"
POD = "spec.template.spec"
FIRST = f"{POD}.containers.0"
SECURITY = f"{FIRST}.securityContext"
ADDED = "spec.managed.services.additional.0.serviceTemplate"


def judged(stack: Stack, limits: Limits | None = None) -> list[Verdict]:
    return [it for it in verdicts(stack, limits=limits, packs=("security",)) if it.policy != "not-judged"]


def refused(stack: Stack, *policies: str, saying: str) -> None:
    """By just these policies; one message says this."""
    found = judged(stack)
    assert {it.policy for it in found} == set(policies), found
    assert any(saying in it.message for it in found), found


def statement(**fields: Any) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", **fields}]})


FIELDS: list[tuple[str, str, str, str, Any, str]] = [
    ("unprivileged-pods", "Deployment", "", f"{POD}.securityContext.runAsNonRoot", GONE, "may run as root"),
    ("unprivileged-pods", "Deployment", "", f"{SECURITY}.runAsNonRoot", False, "may run as root"),
    ("unprivileged-pods", "Deployment", "", f"{POD}.securityContext.runAsUser", 0, "runs as user 0"),
    ("unprivileged-pods", "Deployment", "", f"{SECURITY}.runAsUser", 0, "runs as user 0"),
    ("unprivileged-pods", "Deployment", "", f"{SECURITY}.privileged", True, "is privileged"),
    ("unprivileged-pods", "Job", "qdrant-collections", f"{SECURITY}.allowPrivilegeEscalation", GONE, "may gain rights"),
    ("unprivileged-pods", "StatefulSet", "", f"{SECURITY}.capabilities.drop", ["NET_RAW"], "drop ALL"),
    ("unprivileged-pods", "StatefulSet", "", f"{SECURITY}.capabilities.add", ["SYS_TIME"], "adds capabilities"),
    ("unprivileged-pods", "Deployment", "", f"{POD}.securityContext.seccompProfile", GONE, "no seccompProfile"),
    ("unprivileged-pods", "Deployment", "", f"{SECURITY}.seccompProfile", {"type": "Unconfined"}, "no seccompProfile"),
    ("unprivileged-pods", "Deployment", "", f"{POD}.initContainers.0.securityContext.privileged", True, "privileged"),
    ("read-only-pods", "StatefulSet", "", f"{SECURITY}.readOnlyRootFilesystem", GONE, "its image's files"),
    ("pods-away-from-host", "Deployment", "", f"{POD}.hostNetwork", True, "hostNetwork is true"),
    ("pods-away-from-host", "Deployment", "", f"{POD}.hostPID", True, "hostPID is true"),
    ("pods-away-from-host", "Deployment", "", f"{POD}.hostIPC", True, "hostIPC is true"),
    ("pods-away-from-host", "Deployment", "", f"{POD}.volumes", [{"name": "n", "hostPath": {}}], "a path of the node"),
    ("pods-away-from-host", "Deployment", "", f"{FIRST}.ports.0.hostPort", 9595, "takes a port of the node"),
    ("service-accounts", "ServiceAccount", "redis-account", "automountServiceAccountToken", True, "is not false"),
    ("tokens", "Deployment", "", f"{POD}.automountServiceAccountToken", GONE, "that no role is bound to"),
    ("tokens", "Job", "qdrant-collections", f"{POD}.automountServiceAccountToken", True, "service account default"),
    ("restricted-namespaces", "Namespace", "platform-namespace", "metadata.labels", {}, "is not restricted"),
    ("pinned-images", "Deployment", "", f"{FIRST}.image", "registry:5000/memory", "has no tag"),
    ("pinned-images", "Deployment", "", f"{FIRST}.image", GONE, "is not stated"),
    ("pinned-images", "Deployment", "", f"{FIRST}.image", "a/b:Latest", "has a tag that moves"),
    ("pinned-images", "Deployment", "", f"{FIRST}.image", "a/b@sha256:abc", "a digest that is none"),
    ("pinned-images", "Cluster", "", "spec.imageName", GONE, "the image of PostgreSQL is not stated"),
    ("pinned-images", "Pooler", "", "spec.pgbouncer.image", "pgbouncer:main", "the image of PgBouncer has a tag"),
    ("pinned-releases", "Release", "cert-manager", "version", GONE, "has no version"),
    ("pinned-releases", "Release", "cert-manager", "repositoryOpts.repo", "http://x.example", "no https:// or oci://"),
    ("no-secrets-in-pods", "Deployment", "", f"{FIRST}.env", [{"name": "APP_SECRET", "value": "x"}], "states a secret"),
    ("no-secrets-in-pods", "Deployment", "", f"{FIRST}.args", ["-d", "redis://u:pw@redis"], "a URL with a password"),
    ("no-secrets-in-pods", "Deployment", "", f"{FIRST}.command", ["AKIAABCDEFGHIJKLMNOP"], "holds a key of AWS"),
    (
        "no-secrets-in-pods",
        "Deployment",
        "",
        f"{FIRST}.env",
        [{"name": "KEY", "value": "-----BEGIN RSA PRIVATE KEY-----"}],
        "KEY holds a private key",
    ),
    (
        "no-secrets-in-pods",
        "Deployment",
        "",
        f"{FIRST}.env",
        [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "redis-auth", "key": "password"}}}],
        "TOKEN has a secret in its environment: mount it as a file",
    ),
    ("no-secrets-in-config-maps", "ConfigMap", "redis-files", "data.password", "x", "is a secret by its name"),
    ("no-secrets-in-config-maps", "ConfigMap", "redis-files", "data", "x", "data is not an object"),
    (
        "no-secrets-in-config-maps",
        "ConfigMap",
        "redis-files",
        "data.a",
        "eyJhbGciOiJI.eyJzdWIiOiIx.s",
        "a signed token",
    ),
    ("network-default-deny", "NetworkPolicy", "default-deny", "spec.podSelector", GONE, "no NetworkPolicy denies all"),
    ("network-default-deny", "NetworkPolicy", "default-deny", "spec.policyTypes", ["Egress"], "denies all pods of"),
    (
        "network-default-deny",
        "NetworkPolicy",
        "default-deny",
        "spec.ingress",
        [{"from": [{"podSelector": {}}], "ports": [{"port": 80}]}],
        "denies all pods of",
    ),
    (
        "network-default-deny",
        "NetworkPolicy",
        "default-deny",
        "spec.egress",
        [{"ports": [{"port": 80}]}],
        "denies all pods of",
    ),
    ("network-ingress", "NetworkPolicy", "redis-network", "spec.ingress.0.from", [], "has no from, which is everybody"),
    (
        "network-ingress",
        "NetworkPolicy",
        "redis-network",
        "spec.ingress.0.from",
        [{"ipBlock": {"cidr": "::/0"}}],
        "is about every address",
    ),
    (
        "network-ingress",
        "NetworkPolicy",
        "redis-network",
        "spec.ingress.0.from",
        [{"namespaceSelector": {}}],
        "is about all pods of all namespaces",
    ),
    ("network-ingress", "NetworkPolicy", "redis-network", "spec.ingress.0.ports", GONE, "opens every port"),
    (
        "network-ingress",
        "NetworkPolicy",
        "postgresql-link-network",
        "spec.ingress.0.ports",
        [{"port": 5432}, {"port": 8000}],
        "has no from",
    ),
    ("network-egress", "NetworkPolicy", "qdrant-network", "spec.egress.0.ports", [], "out to those that it names"),
    ("network-egress", "NetworkPolicy", "qdrant-network", "spec.egress.0", {}, "lets everything out to anybody"),
    (
        "network-policies-enforced",
        "aws.eks.Addon",
        "vpc-cni",
        "configurationValues",
        GONE,
        "NetworkPolicies hold nothing back",
    ),
    ("network-policies-enforced", "aws.eks.Addon", "vpc-cni", "addonName", "cilium", "is not of this stack"),
    ("network-policies-enforced", "aws.eks.Addon", "vpc-cni", "configurationValues", "enable", "is not JSON"),
    ("inner-services", "Service", "redis-service", "spec.type", "NodePort", "open on every node"),
    ("inner-services", "Service", "redis-service", "spec.type", "ExternalName", "whoever has that name answers"),
    ("inner-services", "Service", "redis-service", "spec.externalIPs", ["10.0.0.1"], "has externalIPs"),
    ("inner-postgresql", "Cluster", "", f"{ADDED}.spec.type", "LoadBalancer", "open to the world"),
    ("ingress-tls", "VirtualServer", "memory-example-com", "spec.tls.secret", GONE, "its users speak in clear"),
    ("ingress-tls", "VirtualServer", "memory-example-com", "spec.tls.redirect.enable", False, "answered in clear"),
    ("ingress-tls", "VirtualServer", "entrance", "spec.policies", [], "spec.tls.redirect is not enabled"),
    ("ingress-tls", "Policy", "edge-callers", "spec.ingressMTLS.verifyClient", "optional", "is not enabled"),
    ("postgresql-tls", "Pooler", "", "spec.pgbouncer.parameters.client_tls_sslmode", GONE, "lets clients be spoken to"),
    ("postgresql-tls", "Pooler", "", "spec.pgbouncer.parameters.server_tls_sslmode", "require", "lets servers"),
    ("postgresql-tls", "Cluster", "", "spec.externalClusters.0.connectionParameters.sslmode", "require", "a proof of"),
    ("postgresql-tls", "Cluster", "", "spec.externalClusters.0.connectionParameters.password", "x", "has a password"),
    ("narrow-roles", "Role", "", "rules.0.resources", ["*"], "rules[0].resources has *"),
    ("narrow-roles", "Role", "", "rules.0.apiGroups", ["*"], "rules[0].apiGroups has *"),
    ("narrow-roles", "Role", "", "rules.0.verbs", ["impersonate"], "gives itself more rights"),
    ("narrow-roles", "Role", "", "rules.0.resources", ["pods/exec"], "as good as all rights"),
    ("narrow-roles", "Role", "", "rules.0.resources", ["secrets"], "reads every Secret"),
    ("narrow-roles", "ClusterRole", "", "aggregationRule", {}, "aggregates other roles"),
    ("bound-roles", "RoleBinding", "", "subjects", [{"kind": "ServiceAccount", "name": "default"}], "account default"),
    ("bound-roles", "RoleBinding", "", "subjects", [{"kind": "Group", "name": "all"}], "is no ServiceAccount"),
    ("eks-endpoint", "aws.eks.Cluster", "", "vpcConfig.endpointPrivateAccess", GONE, "through the internet"),
    ("eks-endpoint", "aws.eks.Cluster", "", "vpcConfig.endpointPublicAccess", GONE, "open to the world"),
    ("eks-secrets", "aws.eks.Cluster", "", "encryptionConfig.provider", {}, "names no key for secrets"),
    ("eks-logs", "aws.eks.Cluster", "", "enabledClusterLogTypes", ["api", "audit"], "leaves out authenticator"),
    (
        "eks-access",
        "aws.eks.Cluster",
        "",
        "accessConfig.bootstrapClusterCreatorAdminPermissions",
        GONE,
        "keeps all rights for ever",
    ),
    ("eks-entries", "aws.eks.AccessEntry", "", "kubernetesGroups", ["system:masters"], "has system:masters"),
    ("node-templates", "aws.ec2.LaunchTemplate", "", "metadataOptions.httpPutResponseHopLimit", GONE, "is not 1"),
    ("node-templates", "aws.ec2.LaunchTemplate", "", "blockDeviceMappings", [], "states no disk"),
    (
        "node-templates",
        "aws.ec2.LaunchTemplate",
        "",
        "blockDeviceMappings.0.ebs.encrypted",
        "false",
        "the disk /dev/xvda is not encrypted",
    ),
    ("node-templates", "aws.ec2.LaunchTemplate", "", "keyName", "operators", "not by SSH"),
    (
        "node-templates",
        "aws.ec2.LaunchTemplate",
        "",
        "networkInterfaces",
        [{"associatePublicIpAddress": "true"}],
        "nodes get public addresses",
    ),
    ("node-groups", "aws.eks.NodeGroup", "", "launchTemplate", GONE, "has no launch template of this stack"),
    ("default-security-group", "aws.ec2.DefaultSecurityGroup", "", "egress", [{"protocol": "-1"}], "has rules"),
    ("open-ports", "aws.vpc.SecurityGroupIngressRule", "endpoints-https", "cidrIpv4", "0.0.0.0/0", "no load balancer"),
    (
        "open-ports",
        "aws.vpc.SecurityGroupIngressRule",
        "links-from-us-west-5432",
        "cidrIpv6",
        "::/0",
        "more to the world than the ports 80, 443",
    ),
    ("open-ports", "aws.vpc.SecurityGroupIngressRule", "pods-443", "ipProtocol", "-1", "opens every port"),
    ("open-ports", "aws.vpc.SecurityGroupEgressRule", "users-to-443", "fromPort", 1, "opens a range of ports"),
    ("public-listeners", "aws.lb.LoadBalancer", "links-balancer", "internal", GONE, "opens more to the world"),
    ("iam-policies", "aws.iam.RolePolicy", "", "policy", statement(NotAction="s3:*", Resource="arn:a"), "but what it"),
    ("iam-policies", "aws.iam.RolePolicy", "", "policy", statement(Action="s3:*", Resource="arn:a"), "actions with *"),
    (
        "iam-policies",
        "aws.iam.RolePolicy",
        "",
        "policy",
        statement(Action="s3:GetObject", Resource="*"),
        "all resource",
    ),
    (
        "iam-policies",
        "aws.iam.RolePolicy",
        "",
        "policy",
        statement(Action=["ec2:DescribeVpcs", "ec2:DeleteVpc"], Resource="*"),
        "is about all resources",
    ),
    ("iam-policies", "aws.iam.RolePolicy", "", "policy", "{", "policy is not JSON"),
    ("iam-policies", "aws.iam.RolePolicy", "", "policy", '{"Statement": ["x"]}', "a statement that is not an object"),
    ("iam-policies", "aws.iam.RolePolicy", "", "policy", GONE, "policy is missing"),
    (
        "iam-trust",
        "aws.iam.Role",
        "",
        "assumeRolePolicy",
        statement(Principal={"AWS": "arn:aws:iam::123456789012:root"}, Action="sts:AssumeRole"),
        "lets a whole account assume it",
    ),
    (
        "iam-trust",
        "aws.iam.Role",
        "",
        "assumeRolePolicy",
        statement(Principal={"Service": "pods.eks.amazonaws.com"}, Action="sts:AssumeRole"),
        "lets any pod assume it",
    ),
    (
        "key-policies",
        "aws.kms.Key",
        "",
        "policy",
        statement(Principal={"AWS": "arn:aws:iam::123456789012:role/one"}, Action="kms:*", Resource="*"),
        "nobody could ever change it",
    ),
    (
        "key-policies",
        "aws.kms.Key",
        "",
        "policy",
        json.dumps(
            {
                "Statement": [
                    {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "kms:*", "Resource": "*"},
                    {"Sid": "All", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt"},
                ]
            }
        ),
        "statement All of its policy lets anybody use it",
    ),
    (
        "private-buckets",
        "aws.s3.BucketPublicAccessBlock",
        "",
        "restrictPublicBuckets",
        GONE,
        "restrictPublicBuckets of",
    ),
    ("private-buckets", "aws.s3.BucketOwnershipControls", "", "rule", {}, "takes access lists"),
    (
        "buckets-by-tls",
        "aws.s3.BucketPolicy",
        "bucket-policy",
        "policy",
        json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}]}),
        "its policy lets anybody in",
    ),
    (
        "encrypted-buckets",
        "aws.s3.BucketServerSideEncryptionConfiguration",
        "",
        "rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId",
        GONE,
        "is not encrypted by KMS",
    ),
    ("kept-logs", "aws.cloudwatch.LogGroup", "", "retentionInDays", GONE, "keeps logs for ever"),
    ("kept-logs", "aws.cloudwatch.LogGroup", "", "retentionInDays", 7, "retentionInDays is under 30"),
    ("own-references", "VirtualServer", "memory-example-com", "spec.upstreams.0.service", "x", "names the Service x"),
    ("own-references", "VirtualServer", "memory-example-com", "spec.policies.0.name", "x", "names the Policy x"),
    ("own-references", "Cluster", "", "spec.certificates.serverCASecret", "x", "names the Secret x"),
    ("own-references", "Cluster", "", "spec.bootstrap.initdb.secret.name", "x", "names the Secret x"),
    ("own-references", "StatefulSet", "", "spec.serviceName", "x", "names the Service x"),
    ("own-references", "Deployment", "", f"{POD}.volumes", [{"secret": {"secretName": "x"}}], "names the Secret x"),
    ("own-references", "Deployment", "", f"{POD}.volumes.0.configMap.name", "x", "names the ConfigMap x"),
]


@pytest.mark.parametrize(("policy", "kind", "name", "path", "value", "said"), FIELDS)
def test_one_broken_field_is_refused_by_its_policy_alone(
    policy: str, kind: str, name: str, path: str, value: Any, said: str
) -> None:
    resource = find(region(*AWS), kind, name)
    found = judged(swapped(region(*AWS), resource, put(resource, path, value)))
    assert any(it.policy == policy and said in it.message for it in found), found
    # What a pod does not mount any more, or is not allowed to any more, is said of others: only that may be beside it.
    assert {it.policy for it in found} - {policy} <= {"own-references", "network-selectors", "tokens"}, found


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
    refused(swapped(region(*AWS), policy, nobody), "network-selectors", saying="redis-keeper-network: selects no pods")
    without = tuple(it for it in region(*AWS) if it is not policy)
    refused(without, "network-selectors", saying="redis-healer: no NetworkPolicy of its own")


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
    without = tuple(it for it in region(*KUBERNETES) if it.type != tokens.VIRTUAL_SERVER)
    refused(without, "nothing-missing", saying="no VirtualServer")
    settings["ingress"]["enabled"] = False
    data = {**record.inputs["data"], "settings.json": json.dumps(settings)}
    assert judged(swapped(without, record, put(record, "data", data))) == []
