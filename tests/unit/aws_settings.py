"""Stack files of regions on AWS: the least that one must state, and more; and what is said of what is wrong."""

from typing import Any

from tests.unit.test_settings import region

Refused = dict[str, tuple[dict[str, Any], list[str]]]
"""What is wrong with a file, in words, to its blocks and all that is said of them."""

ACCOUNT = {"account": "123456789012"}
OPERATORS = "arn:aws:iam::123456789012:role/operators"
EAST = {"name": "us-east", "primary": True, "aws_region": "us-east-1"}
WEST = {"name": "us-west", "aws_region": "us-west-2"}
MINE = {"name": "mine", "security_group": "sg-0000000a"}
"""A cluster that is there already."""


def on_aws(**blocks: Any) -> dict[str, Any]:
    """The least that a stack us-east on AWS must state, and more."""
    least = {"platform": "aws", "multiregion": {"regions": [EAST, WEST]}, "aws": cluster()}
    return region(**least | blocks)


def cluster(**keys: Any) -> dict[str, Any]:
    """An `aws` block with a cluster that somebody administers."""
    return ACCOUNT | {"cluster": {"admins": [OPERATORS]} | keys}


def aws(**keys: Any) -> dict[str, Any]:
    return {"aws": cluster() | keys}


def regions(*listed: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"multiregion": {**keys, "regions": list(listed)}}


def zones(*names: str, enabled: bool = True) -> dict[str, Any]:
    return {"high_availability": {"enabled": enabled, "zones": list(names)}}


def subnets(number: int, **more: str) -> dict[str, str]:
    """A zone of a VPC that is there already."""
    public = f"subnet-000000a{number}"
    return {"private": f"subnet-0000000{number}", "public": public, "route_table": f"rtb-0000000{number}"} | more


def existing(*listed: dict[str, str]) -> dict[str, Any]:
    return aws(network={"existing": {"vpc": "vpc-0000000a", "zones": list(listed)}})
