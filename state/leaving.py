"""What it takes to give a region up: what stands in the way on purpose, and in which order it is taken away.

It only tells. Whoever destroys what holds data does each step himself, in sight of what is lost by it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from settings import Settings

HOLDS: Final = {
    "kubernetes:postgresql.cnpg.io/v1:Cluster": "PostgreSQL: its volumes go with it",
    "kubernetes:apps/v1:StatefulSet": "pods of a store: their volumes stay until they are deleted by hand",
    "kubernetes:core/v1:Namespace": "everything in it goes with it, claims of volumes included",
    "aws:s3/bucket:Bucket": "a bucket: AWS deletes only an empty one, old versions counted",
    "aws:kms/key:Key": "a key: what it closed is lost 30 days after",
    "aws:kms/replicaKey:ReplicaKey": "a key's copy: it opens here what the key closed",
    "aws:eks/cluster:Cluster": "the cluster, with every pod on it",
    "aws:ec2/vpc:Vpc": "the network: links of other regions lead here",
    "aws:ec2transitgateway/transitGateway:TransitGateway": "the hub of the links: those of other regions lead here",
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": "the network's way to that hub",
    "aws:lb/loadBalancer:LoadBalancer": "where users arrive: public names lead here",
    "aws:route53/zone:Zone": "the internal names of all regions",
}
"""Type of a protected resource to what is lost, or stays, when it goes."""


def protected(resources: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """URN and what it holds, of all that `protect` stands on."""
    return [
        (str(one["urn"]), HOLDS.get(str(one["type"]), "its loss is felt beyond this stack"))
        for one in resources
        if one.get("protect")
    ]


def guide(region: str, settings: Settings | None, resources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The steps for one region, line by line; without settings where it is out of the list already."""
    on_aws = any(str(one["type"]).startswith("aws:") for one in resources)
    before = [] if settings is None else _before(settings, region, on_aws)
    steps = [*before, *_away(region, protected(resources), on_aws), *_after(region, on_aws)]
    yield f"Nothing is destroyed by this command. To give {region} up:"
    for number, (step, *details) in enumerate(steps, 1):
        yield f"{number}. {step}"
        yield from (f"   {line}" for line in details)


def _before(settings: Settings, region: str, on_aws: bool) -> Iterator[list[str]]:
    others = [name for name in settings.regions if name != region]
    if settings.is_home and others:
        yield [f"{region} is home: make another region home first, with `make promote TO={others[0]}`."]
    elif settings.is_home:
        yield [f"{region} is the only region: with it goes the service. Is its last backup where you can read it?"]
    if others:
        yield [
            f"Take {region} out of multiregion.regions in Pulumi.yaml, then run `pulumi up` in {' and '.join(others)}:",
            "their links to it, and what they read of it, go first.",
            *(["Those after it in the list have to state the `cidr` that they had (docs/aws.md)."] if on_aws else []),
        ]


def _away(region: str, kept: Sequence[tuple[str, str]], on_aws: bool) -> Iterator[list[str]]:
    if kept:
        lines = (
            line for urn, holds in kept for line in (f"# {holds}", f"pulumi state unprotect --stack {region} '{urn}'")
        )
        yield [f"Lift the protection from each of these {len(kept)} that you mean to lose:", *lines]
    else:
        yield [f"Nothing is protected in the state of {region}."]
    if on_aws:
        yield [
            "AWS protects cluster and load balancers as well. For each:",
            "aws eks update-cluster-config --name … --no-deletion-protection",
            "aws elbv2 modify-load-balancer-attributes --load-balancer-arn … --attributes "
            "Key=deletion_protection.enabled,Value=false",
        ]
    yield [f"`pulumi destroy --stack {region}`: first with --preview-only, to read what goes."]


def _after(region: str, on_aws: bool) -> Iterator[list[str]]:
    yield [
        "Volumes have stayed (their class retains them): delete those that you need no more, in the cluster or cloud."
    ]
    if on_aws:
        yield [
            "Buckets with backups refuse to go while something is in them, their copies in another region, too.",
            "Keep them for as long as you may want to restore; `pulumi state delete` makes the stack forget them.",
        ]
    yield [f"`pulumi stack rm {region}` once nothing is left in it."]
