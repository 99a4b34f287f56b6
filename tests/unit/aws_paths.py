"""Which way packets take over the networks that plans declare: route tables, peerings, gateways, security groups."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from rehearsal.engine.model import Plan, PlannedResource

INTERNET = IPv4Address("8.8.8.8")
SOMEWHERE = (INTERNET, IPv4Address("203.0.113.9"))
"""In both halves of the internet."""
ROUTE = "ec2/route:Route"
LOCAL = "local"
_TARGETS = ("gatewayId", "natGatewayId", "vpcPeeringConnectionId", "transitGatewayId")


@cache
def _range(text: str) -> IPv4Network:
    return IPv4Network(text)


@dataclass(frozen=True)
class Subnet:
    id: str
    name: str
    vpc: str
    network: IPv4Network
    zone: str

    @property
    def address(self) -> IPv4Address:
        """Some machine in it."""
        return self.network[10]


@dataclass
class Networks:
    """All that the regions declare. Tests take single resources away from it."""

    resources: list[PlannedResource] = field(default_factory=list)

    @classmethod
    def of(cls, plans: Iterable[Plan]) -> "Networks":
        return cls([one for plan in plans for one in plan.resources if one.type.startswith("aws:")])

    def without(self, name: str) -> "Networks":
        """The same, had one resource not been declared."""
        assert [one for one in self.resources if one.name == name], name
        return Networks([one for one in self.resources if one.name != name])

    def lost(self, zone: str) -> "Networks":
        """The same, with all that stands in a zone of AWS gone."""
        gone = {subnet.id for subnet in self.subnets if subnet.zone == zone}
        return Networks(
            [one for one in self.resources if one.inputs.get("subnetId") not in gone and _id(one) not in gone]
        )

    def changed(self, name: str, **inputs: Any) -> "Networks":
        """The same, had one resource been declared with other inputs."""
        assert [one for one in self.resources if one.name == name], name
        return Networks(
            [replace(one, inputs={**one.inputs, **inputs}) if one.name == name else one for one in self.resources]
        )

    def routed(self, subnet: Subnet, to: str, gateway: str) -> "Networks":
        """The same, with one more route to a range, from a subnet to an internet gateway."""
        like = self.all(ROUTE)[0]
        more = [
            replace(like, inputs={"routeTableId": table, "destinationCidrBlock": to, "gatewayId": gateway})
            for table in self.tables(subnet)
        ]
        assert more, subnet.name
        return Networks([*self.resources, *more])

    def all(self, type_: str) -> list[PlannedResource]:
        return self._by_type.get(f"aws:{type_}", [])

    @cached_property
    def _by_type(self) -> dict[str, list[PlannedResource]]:
        found: dict[str, list[PlannedResource]] = {}
        for one in self.resources:
            found.setdefault(one.type, []).append(one)
        return found

    @cached_property
    def subnets(self) -> list[Subnet]:
        return [
            Subnet(
                _id(one),
                one.name,
                one.inputs["vpcId"],
                _range(one.inputs["cidrBlock"]),
                one.inputs["availabilityZone"],
            )
            for one in self.all("ec2/subnet:Subnet")
        ]

    def subnets_of(self, region: str, kind: str) -> list[Subnet]:
        return [subnet for subnet in self.subnets if subnet.name.startswith(f"{region}-platform-network-{kind}-")]

    def way(self, subnet: Subnet, to: IPv4Address) -> str | None:
        """What a packet from a subnet is handed to: LOCAL, an id, or None where it is dropped."""
        if to in self._ranges[subnet.vpc]:
            return LOCAL
        matching = [route for route in self._routes(subnet) if to in _range(route["destinationCidrBlock"])]
        if not matching:
            return None
        best = max(matching, key=lambda route: _range(route["destinationCidrBlock"]).prefixlen)
        return next(best[key] for key in _TARGETS if key in best)

    def tables(self, subnet: Subnet) -> list[str]:
        """Ids of the route tables that a subnet states; without one it has the VPC's main table, which is closed."""
        return self._tables.get(subnet.id, [])

    @cached_property
    def _tables(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one in self.all("ec2/routeTableAssociation:RouteTableAssociation"):
            found.setdefault(one.inputs["subnetId"], []).append(one.inputs["routeTableId"])
        return found

    def _routes(self, subnet: Subnet) -> list[Mapping[str, Any]]:
        return [route for table in self.tables(subnet) for route in self._by_table.get(table, [])]

    @cached_property
    def _by_table(self) -> dict[str, list[Mapping[str, Any]]]:
        found: dict[str, list[Mapping[str, Any]]] = {}
        for one in self.all(ROUTE):
            found.setdefault(one.inputs["routeTableId"], []).append(one.inputs)
        return found

    def reaches(self, one: Subnet, other: Subnet) -> bool:
        """Whether packets go there, and answers come back."""
        return self._goes(one, other) and self._goes(other, one)

    def egress(self, subnet: Subnet) -> bool:
        """Whether a machine without a public address gets out, by a NAT gateway that gets out itself."""
        return all(self.way(subnet, address) in self._outside for address in SOMEWHERE)

    @cached_property
    def _outside(self) -> set[str]:
        """NAT gateways that are in a public subnet."""
        public = {one.id for one in self.subnets if self.is_public(one)}
        return {_id(one) for one in self.all("ec2/natGateway:NatGateway") if one.inputs["subnetId"] in public}

    def is_public(self, subnet: Subnet) -> bool:
        """Whether all the internet reaches machines there that have a public address."""
        return all(self.way(subnet, address) in self._internet for address in SOMEWHERE)

    def exposed(self, subnet: Subnet) -> bool:
        """Whether any part of the internet does."""
        return any(route.get("gatewayId") in self._internet for route in self._routes(subnet))

    @cached_property
    def _internet(self) -> set[str]:
        return {_id(one) for one in self.all("ec2/internetGateway:InternetGateway")}

    def lets_in(self, group: str, port: int, source: IPv4Address | str) -> bool:
        """Whether a security group takes a port from an address, or from another group."""
        return any(self._matches(one.inputs, group, port, source) for one in self._rules("Ingress"))

    def lets_out(self, group: str, port: int, to: str) -> bool:
        """Whether a security group lets a port out to another group."""
        return any(self._matches(one.inputs, group, port, to) for one in self._rules("Egress"))

    def id(self, name: str) -> str:
        """Id of the resource of a name that only one has."""
        (found,) = {_id(one) for one in self.resources if one.name == name}
        return found

    @cached_property
    def _ranges(self) -> Mapping[str, IPv4Network]:
        return {_id(one): _range(one.inputs["cidrBlock"]) for one in self.all("ec2/vpc:Vpc")}

    def _rules(self, direction: str) -> list[PlannedResource]:
        return self.all(f"vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule")

    def _matches(self, rule: Mapping[str, Any], group: str, port: int, peer: IPv4Address | str) -> bool:
        if rule["securityGroupId"] != group or not rule["fromPort"] <= port <= rule["toPort"]:
            return False
        if isinstance(peer, str):
            return rule.get("referencedSecurityGroupId") == peer
        return "cidrIpv4" in rule and peer in _range(rule["cidrIpv4"])

    def _goes(self, one: Subnet, other: Subnet) -> bool:
        way = self.way(one, other.address)
        if way == LOCAL:
            return one.vpc == other.vpc
        return self._by_peering(way, one, other) or self._by_gateways(way, one, other)

    def _by_gateways(self, gateway: str | None, one: Subnet, other: Subnet) -> bool:
        """Through the VPC's attachment into its gateway, from table to table, and out of an attachment."""
        attachment = next((_id(it) for it in self._attached(one) if it.inputs["transitGatewayId"] == gateway), None)
        arrivals = {_id(it) for it in self._attached(other)}
        region = self._region(one)
        for _ in range(3):  # gateways that a packet crosses, with one more than it should
            attachment = self._next(attachment, region, other.address)
            if attachment in arrivals:
                return True
            region = self._far_end(attachment, region)
        return False

    def _attached(self, subnet: Subnet) -> list[PlannedResource]:
        """The attachments by which a subnet's packets get into a gateway: of its VPC, with an interface in its zone."""
        zones = {one.id: one.zone for one in self.subnets}
        return [
            one
            for one in self.all("ec2transitgateway/vpcAttachment:VpcAttachment")
            if one.inputs["vpcId"] == subnet.vpc
            and subnet.zone in [zones.get(within) for within in one.inputs["subnetIds"]]
        ]

    def _next(self, attachment: str | None, region: str, to: IPv4Address) -> str | None:
        """The attachment by which a packet leaves a gateway that it came into by another one."""
        kind = "ec2transitgateway/routeTableAssociation:RouteTableAssociation"
        tables = [
            one.inputs["transitGatewayRouteTableId"]
            for one in self.all(kind)
            if one.outputs["region"] == region and one.inputs["transitGatewayAttachmentId"] == attachment
        ]
        return next(
            (
                one.inputs["transitGatewayAttachmentId"]
                for one in self.all("ec2transitgateway/route:Route")
                if one.inputs["transitGatewayRouteTableId"] in tables
                and to in _range(one.inputs["destinationCidrBlock"])
            ),
            None,
        )

    def _far_end(self, attachment: str | None, region: str) -> str:
        """The region on the other side of an accepted peering of gateways."""
        kind = "ec2transitgateway/peeringAttachmentAccepter:PeeringAttachmentAccepter"
        accepted = {one.inputs["transitGatewayAttachmentId"] for one in self.all(kind)}
        for one in self.all("ec2transitgateway/peeringAttachment:PeeringAttachment"):
            if _id(one) == attachment and attachment in accepted:
                ends = (str(one.outputs["region"]), str(one.inputs["peerRegion"]))
                return ends[ends[0] == region]
        return ""

    def _region(self, subnet: Subnet) -> str:
        return next(str(one.outputs["region"]) for one in self.all("ec2/subnet:Subnet") if _id(one) == subnet.id)

    def _by_peering(self, way: str | None, one: Subnet, other: Subnet) -> bool:
        accepted = {
            request["vpcPeeringConnectionId"]
            for request in (
                one.inputs for one in self.all("ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter")
            )
            if request.get("autoAccept")
        }
        peerings = [one for one in self.all("ec2/vpcPeeringConnection:VpcPeeringConnection") if _id(one) in accepted]
        return any(
            way == _id(peering) and {peering.inputs["vpcId"], peering.inputs["peerVpcId"]} == {one.vpc, other.vpc}
            for peering in peerings
        )


def _id(resource: PlannedResource) -> str:
    return str(resource.outputs.get("id"))
