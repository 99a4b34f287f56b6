"""Whatever stands in a field: no rule ever raises, what is not known is refused, and no value is repeated."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest

from policies.checks.model import Resource
from policies.checks.plain import UNKNOWN
from tests.unit.policy_plan import GONE, Stack, Verdict, find, put, region, swapped, verdicts

WORD = "hunter2-Hunter2-hunter2"
PACKS = ("data-safety", "security")
SHAPES = (None, UNKNOWN, WORD, 7, [], [None], {"a": None}, GONE)
DEEP = (None, UNKNOWN, WORD)
NAMES = re.compile(r"(name|Name|namespace|service|Secret|id)$")
"""Fields that a message may repeat: what something is called."""


def one_of_each(stack: Stack) -> list[Resource]:
    """The first resource of each type: the others are like it."""
    return list({resource.type: resource for resource in reversed(stack)}.values())


def paths(value: Any, before: str = "") -> Iterator[str]:
    """Every place in a resource's inputs; of a list, its first item."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, inner in items:
        if "." not in str(key):
            path = f"{before}.{key}" if before else str(key)
            yield path
            yield from paths(inner, path)


def said(stack: Stack, old: Resource, new: Resource) -> list[Verdict]:
    return list(verdicts(swapped(stack, old, new), [new], packs=PACKS))


STACK = ("aws", "us-east")


def types() -> list[str]:
    return sorted({r.type for r in region(*STACK) if r.type.startswith(("aws:", "kubernetes:", "pulumi:providers"))})


@pytest.mark.parametrize("token", types())
def test_no_shape_of_any_field_raises_and_no_message_repeats_it(token: str) -> None:
    """A field, an object and a list in turn become everything that they should not be."""
    stack = tuple(one_of_each(region(*STACK)))
    resource = next(it for it in stack if it.type == token)
    for path in paths(resource.inputs):
        for shape in SHAPES if path.count(".") < 2 else DEEP:
            for verdict in said(stack, resource, put(resource, path, shape)):
                assert WORD not in verdict.message or NAMES.search(path), (path, verdict)


@pytest.mark.parametrize("token", types())
def test_nothing_at_all_raises_nothing(token: str) -> None:
    stack = region(*STACK)
    resource = next(it for it in one_of_each(stack) if it.type == token)
    for inputs in ({}, {"spec": None}, {"metadata": None, "spec": {}}, {"spec": UNKNOWN}):
        said(stack, resource, dataclasses.replace(resource, inputs=inputs))


UNKNOWN_FIELDS = {
    "unprivileged-pods": ("Deployment", "spec.template.spec.securityContext.runAsNonRoot"),
    "read-only-pods": ("Deployment", "spec.template.spec.containers.0.securityContext"),
    "pods-away-from-host": ("Deployment", "spec.template.spec.hostNetwork"),
    "pinned-images": ("Deployment", "spec.template.spec.containers.0.image"),
    "storage-classes": ("StorageClass", "reclaimPolicy"),
    "kept-claims": ("StatefulSet", "spec.volumeClaimTemplates"),
    "kept-keys": ("aws.kms.Key", "deletionWindowInDays"),
    "key-policies": ("aws.kms.Key", "policy"),
    "versioned-buckets": ("aws.s3.BucketVersioning", "versioningConfiguration"),
    "unhurried-lifecycles": ("aws.s3.BucketLifecycleConfiguration", "rules"),
    "copied-buckets": ("aws.s3.BucketReplicationConfig", "rules"),
    "private-buckets": ("aws.s3.BucketPublicAccessBlock", "blockPublicAcls"),
    "buckets-by-tls": ("aws.s3.BucketPolicy", "policy"),
    "eks-endpoint": ("aws.eks.Cluster", "vpcConfig.endpointPublicAccess"),
    "node-templates": ("aws.ec2.LaunchTemplate", "metadataOptions.httpTokens"),
    "iam-trust": ("aws.iam.Role", "assumeRolePolicy"),
    "open-ports": ("aws.vpc.SecurityGroupIngressRule", "cidrIpv4"),
    "narrow-roles": ("Role", "rules"),
    "network-ingress": ("NetworkPolicy", "spec.ingress"),
    "network-selectors": ("Deployment", "spec.template.metadata.labels"),
    "inner-services": ("Service", "spec.type"),
    "postgresql-tls": ("Cluster", "spec.postgresql.pg_hba"),
    "postgresql-backups": ("ScheduledBackup", "spec.suspend"),
}


@pytest.mark.parametrize("policy", UNKNOWN_FIELDS)
def test_a_field_that_is_not_known_is_refused_for_its_resource_and_hides_nothing(policy: str) -> None:
    stack = region(*STACK)
    kind, path = UNKNOWN_FIELDS[policy]
    resource = find(stack, kind)
    worse = put(find(stack, "aws.eks.Cluster"), "deletionProtection", False)
    broken = swapped(stack, find(stack, "aws.eks.Cluster"), worse) if kind != "aws.eks.Cluster" else stack
    new = put(resource, path, UNKNOWN)
    broken = swapped(broken, resource, new)
    found = list(verdicts(broken, [new, worse], packs=PACKS))
    messages = [it.message for it in found if it.policy == policy]
    assert any("known" in message or "cannot be judged" in message for message in messages), messages
    assert kind == "aws.eks.Cluster" or "deletion-protection" in {it.policy for it in found}


MADE = re.compile(
    r"\b(?:vpc|subnet|sg|rtb|igw|nat|eni|lt|pcx|eipalloc)-[0-9a-f]{17}\b"
    r"|key/[0-9a-f-]{36}|^[0-9a-f-]{36}$|/[0-9a-f]{16}\b|arn:aws:iam::[0-9]{12}:role/somafractalmemory|^Z[A-Z0-9]{20}$"
)
"""What AWS gives a name to, or what the program learns when it is there."""


def not_made_yet(value: Any) -> Any:
    if isinstance(value, str):
        return UNKNOWN if MADE.search(value) else value
    if isinstance(value, dict):
        return {key: not_made_yet(inner) for key, inner in value.items()}
    return [not_made_yet(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ["us-east", "us-west"])
def test_a_first_preview_passes_though_nothing_is_made_yet(name: str) -> None:
    """What only the update will know are ids of AWS; policies of IAM that hold one are said to be judged then."""
    stack = tuple(dataclasses.replace(it, inputs=not_made_yet(it.inputs)) for it in region("aws", name))
    found = list(verdicts(stack, packs=PACKS))
    assert [it for it in found if it.level == "mandatory"] == []
    assert {it.policy for it in found} == {"not-judged", "judged-when-known"}
    (later,) = (it for it in found if it.policy == "judged-when-known")
    assert "backups-qdrant-role-policy" in later.message
