"""Private names of a region: the zone under which other regions find its stores and its service."""

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_aws import route53


def private_zone(name: str, domain: str, vpc_id: Input[str], opts: ResourceOptions) -> route53.Zone:
    """The zone, known in its own VPC. Owners of links add theirs (ZoneAssociation), which must not be taken back."""
    return route53.Zone(
        name,
        name=domain,
        comment="Names by which regions of SomaFractalMemory reach this one",
        vpcs=[{"vpc_id": vpc_id}],
        opts=ResourceOptions.merge(opts, ResourceOptions(ignore_changes=["vpcs"], protect=True)),
    )


def alias(
    name: str, host: str, zone_id: Input[str], target: tuple[Input[str], Input[str]], opts: ResourceOptions
) -> pulumi.Resource:
    """A name for a load balancer (its name, and the hosted zone of that): while nothing healthy is behind, Route 53
    answers with another record of the name, if there is one."""
    dns_name, target_zone = target
    return route53.Record(
        name,
        zone_id=zone_id,
        name=host,
        type="A",
        aliases=[{"name": dns_name, "zone_id": target_zone, "evaluate_target_health": True}],
        opts=opts,
    )
