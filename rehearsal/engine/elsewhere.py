"""What is on AWS beside a region's own resources: what other regions made, and what the settings say is there already.

The simulated account refuses references to what it does not know, so it is told.
"""

from collections.abc import Iterable, Iterator

from rehearsal.aws.tokens import CLUSTER, ROUTE_TABLE, SECURITY_GROUP, SUBNET, VPC, ZONE
from rehearsal.engine.model import PlannedResource, Value
from rehearsal.engine.providers import AWS
from rehearsal.engine.providers.answer import Elsewhere
from settings import Settings
from settings.aws import ExistingNetwork


def made(resources: Iterable[PlannedResource]) -> list[Elsewhere]:
    """The resources of another region, as its state or its preview has them."""
    return [
        Elsewhere(one.type, str(one.outputs.get("region") or ""), one.outputs, one.inputs, one.urn)
        for one in resources
        if one.type.startswith(f"{AWS}:") and isinstance(one.outputs.get("id"), str)
    ]


def stated(settings: Settings) -> list[Elsewhere]:
    """What a region's settings name and the program does not make. What they do not say of it is not judged."""
    region = settings.region.aws_region
    if settings.platform != "aws" or region is None:
        return []
    found: list[Elsewhere] = []
    network, cluster, zone = settings.aws.network.existing, settings.aws.cluster.existing, settings.aws.dns.hosted_zone
    if network is not None:
        zones = settings.zone_values.values()
        found += [Elsewhere(type_, region, outputs) for type_, outputs in _network(network, zones)]
    if cluster is not None:
        found.append(Elsewhere(CLUSTER, region, {"id": cluster.name, "name": cluster.name}))
        found.append(Elsewhere(SECURITY_GROUP, region, {"id": cluster.security_group}))
    if zone is not None:
        found.append(Elsewhere(ZONE, "", {"id": zone, "zoneId": zone}))
    return found


def _network(network: ExistingNetwork, zones: Iterable[str]) -> Iterator[tuple[str, dict[str, Value]]]:
    within = {"vpcId": network.vpc}
    yield VPC, {"id": network.vpc}
    for zone, one in zip(zones, network.zones, strict=False):
        for subnet in dict.fromkeys((one.private, one.public, one.isolated)):
            if subnet is not None:
                yield SUBNET, {"id": subnet, "availabilityZone": zone, **within}
        yield ROUTE_TABLE, {"id": one.route_table, **within}
