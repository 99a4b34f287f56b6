"""No right of a region is wider than one thing, but where AWS demands it."""

import json
from functools import cache
from typing import Any

import pytest

from rehearsal.aws.rights import EXCEPTIONS, wide
from tests.unit.aws_region import two
from tests.unit.recorded import Resource
from tests.unit.test_aws_reach import named
from tests.unit.test_state_store import made


def _called(resource: Resource, region: str) -> str:
    """As the table names it: without the region, and an administrator's entry without whose it is."""
    name = resource.name.removeprefix(f"{region}-platform-")
    return "eks-cluster-admin" if name.startswith("eks-cluster-admin-") else name


@cache
def found() -> dict[str, set[str]]:
    """Wide rights of all regions, with and without public names, to the resources that give them."""
    rights: dict[str, set[str]] = {}
    for run in (*two(), *named(), made()):
        for resource in run.resources:
            if resource.type.startswith("aws:"):
                for right in wide(_called(resource, run.stack), resource.inputs):
                    rights.setdefault(right, set()).add(resource.name)
    return rights


def test_every_wide_right_has_a_reason() -> None:
    assert {right: of for right, of in found().items() if right not in EXCEPTIONS} == {}


def test_every_reason_is_of_a_right_that_there_is_and_names_its_source() -> None:
    assert [right for right in EXCEPTIONS if right not in found()] == []
    assert [right for right, why in EXCEPTIONS.items() if "docs.aws.amazon.com/" not in why] == []


def test_documents_are_looked_into_wherever_they_are() -> None:
    """One of each kind: an inline policy, trust, the policy of a key."""
    inputs = [
        (resource.type, key)
        for resource in two()[0].resources
        for key in ("policy", "assumeRolePolicy")
        if isinstance(resource.inputs.get(key), str)
    ]
    assert {*inputs} >= {
        ("aws:iam/rolePolicy:RolePolicy", "policy"),
        ("aws:iam/role:Role", "assumeRolePolicy"),
        ("aws:kms/key:Key", "policy"),
    }


@pytest.mark.parametrize(
    ("statement", "is_wide"),
    [
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::soma/*"}, False),
        ({"Action": ["s3:*"], "Resource": "arn:aws:s3:::soma/*"}, True),
        ({"Action": "s3:GetObject", "Resource": ["arn:aws:s3:::soma/*", "*"]}, True),
        ({"Action": "logs:Get", "Resource": "arn:aws:logs:us-east-1:123456789012:*"}, True),
        ({"NotAction": "s3:GetObject", "Resource": "arn:aws:s3:::soma"}, True),
        ({"Action": "sts:AssumeRole", "Principal": "*"}, True),
        ({"Action": "sts:AssumeRole", "Principal": {"AWS": ["*"]}}, True),
        ({"Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}, False),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, False),
    ],
)
def test_what_is_wide(statement: dict[str, Any], is_wide: bool) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
    assert bool([*wide("role", {"policy": document})]) == is_wide
