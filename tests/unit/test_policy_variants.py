"""What the settings offer passes the packs: a policy that refuses a documented setting would be configured away."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest

from rehearsal import plain
from tests.unit.aws_region import ACCOUNT, OPERATORS, THREE, Regions, brought_up
from tests.unit.policy_plan import KubernetesRegions, Stack, Verdict, verdicts
from tests.unit.test_aws_eks import existing
from tests.unit.test_postgres_backups import S3

AWS: Mapping[str, Any] = {"account": ACCOUNT, "cluster": {"admins": [OPERATORS]}}
HOST = "memory.example.com"


def on_aws(aws: Mapping[str, Any] | None = None, **more: Any) -> Regions:
    return Regions(aws={**AWS, **(aws or {})}, more=more)


VARIANTS: dict[str, Callable[[], Regions]] = {
    "public names by latency": lambda: on_aws({"dns": {"hosted_zone": "Z0123456789ABCDEFGHIJ"}}),
    "public names by failover": lambda: on_aws(
        {"dns": {"hosted_zone": "Z0123456789ABCDEFGHIJ", "routing": "failover"}}
    ),
    "a transit gateway": lambda: brought_up(link="transit-gateway"),
    "three regions": lambda: brought_up(THREE),
    "a single region": lambda: Regions(("us-east",)),
    "an API server for listed networks": lambda: on_aws(
        {"cluster": {"admins": [OPERATORS], "public_access_cidrs": ["203.0.113.0/24"]}}
    ),
    "a user of IAM as administrator": lambda: on_aws({"cluster": {"admins": [f"arn:aws:iam::{ACCOUNT}:user/one"]}}),
    "a network and a cluster of one's own": lambda: Regions(
        aws=existing(), more={"kubernetes": {"context": "mine"}}, listed={"us-east": {"cidr": "10.0.0.0/16"}}
    ),
    "short logs": lambda: on_aws({"network": {"flow_log_days": 7}, "cluster": {"admins": [OPERATORS], "log_days": 7}}),
    "short backups": lambda: on_aws(backups={"retention_days": 2}),
    "no backups on AWS": lambda: on_aws(backups={"enabled": False}),
    "no ingress": lambda: on_aws(ingress={"enabled": False}),
    "TLS that ends before the ingress": lambda: on_aws(ingress={"tls": {"enabled": False}, "rules": [{"host": HOST}]}),
    "certificates by cert-manager": lambda: on_aws(
        ingress={"tls": {"cluster_issuer": "letsencrypt"}, "rules": [{"host": HOST}]}
    ),
    "an object store of one's own": lambda: KubernetesRegions(more={"backups": {"s3": S3}}),
    "no backups on purpose": lambda: KubernetesRegions(more={"backups": {"enabled": False}}),
    "services that are installed": lambda: KubernetesRegions(more={"services": {"installed": ["cloudnative-pg"]}}),
    "a StorageClass that is named": lambda: KubernetesRegions(more={"kubernetes": {"storage_class": "fast"}}),
    "shards that are moved": lambda: KubernetesRegions(more={"qdrant": {"rebalance": {"moves": True}}}),
}


@cache
def _regions(variant: str) -> Regions:
    return VARIANTS[variant]()


@cache
def made(variant: str, number: int = 0) -> Stack:
    """A region of a variant by its place among them, brought up after those before it: each once a session."""
    regions = _regions(variant)
    for name in regions.names[len(regions.plans) : number + 1]:
        regions.up(name)
    return plain.resources(regions.plans[regions.names[number]].resources)


def every(variant: str) -> dict[str, Stack]:
    """All regions of a variant by their names."""
    return {name: made(variant, number) for number, name in enumerate(_regions(variant).names)}


def said(variant: str) -> list[Verdict]:
    """Of the first region, by the packs that refuse."""
    return list(verdicts(made(variant), packs=("data-safety", "security")))


ADVICE = {
    "short logs": {"kept-logs"},
    "services that are installed": {"any-backups"},
    "a StorageClass that is named": {"any-backups"},
    "shards that are moved": {"any-backups"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_documented_setting_is_not_refused(variant: str) -> None:
    found = said(variant)
    assert [it for it in found if it.level == "mandatory"] == []
    assert {it.policy for it in found} - {"not-judged"} == ADVICE.get(variant, set())


def test_tls_that_ends_before_the_ingress_is_named_and_other_regions_still_come_by_it() -> None:
    messages = [it.message for it in said("TLS that ends before the ingress") if it.policy == "not-judged"]
    assert any("what ends users' TLS before the ingress" in message for message in messages)
