"""moto's account, for comparisons with the simulated one."""

import re
from functools import cache
from typing import Any

import boto3

from tests.unit.aws_account import EAST


class Moto:
    """Clients of moto's account, and what the comparisons need to be there."""

    def __init__(self) -> None:
        self.vpc: str = self("ec2").create_vpc(CidrBlock="10.64.0.0/16")["Vpc"]["VpcId"]
        self.subnets: list[str] = [
            self("ec2").create_subnet(
                VpcId=self.vpc, CidrBlock=f"10.64.{index}.0/24", AvailabilityZone=f"{EAST}{letter}"
            )["Subnet"]["SubnetId"]
            for index, letter in enumerate("ab")
        ]

    def __call__(self, service: str, region: str = EAST) -> Any:
        return _client(service, region)


@cache  # to read the description of a service takes longer than all calls to it
def _client(service: str, region: str) -> Any:
    client: Any = boto3.client  # pyright: ignore[reportUnknownMemberType]
    return client(service, region, aws_access_key_id="none", aws_secret_access_key="none")


def form(text: Any) -> str:
    """An id or ARN with its made-up parts blanked."""
    found = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>", str(text))
    found = re.sub(r"(?<=-)[0-9a-f]{17}\b", "<17 hex>", found)
    return re.sub(r"\b(AROA|AIPA|ANPA)[0-9A-Z]{17}\b", r"\1<17>", found)
