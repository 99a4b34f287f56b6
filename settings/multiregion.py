"""The regions, their order and the one where data lives."""

from ipaddress import IPv4Network
from typing import Final, Literal

from pydantic import Field

from settings import networks
from settings.aws import AwsRegion
from settings.model import Count, Model
from settings.names import DnsName, RegionName
from settings.networks import Address, Cidr, PrivateCidr
from settings.resources import ResourcesOverride

PEERING: Final = "peering"
TRANSIT_GATEWAY: Final = "transit-gateway"
LinkKind = Literal["peering", "transit-gateway"]


class Region(Model):
    """One region, which is one stack."""

    name: RegionName = Field(description="Name of the region and of its stack.")
    primary: bool = Field(default=False, description="The guide's way to name the home region.")
    resources: ResourcesOverride | None = Field(
        default=None,
        description="The region's own resources of service pods; limits are raised to hold the requests.",
    )
    aws_region: AwsRegion | None = Field(
        default=None, description="What AWS calls the region, such as us-east-1; for the platform `aws`."
    )
    address: DnsName | None = Field(
        default=None,
        description="Name under which other regions reach the region's ingress controller, port 443; left out, "
        "`memory.<region>.<internal_domain>`, which the program makes on the platform `aws`.",
    )
    generation: Count = Field(
        default=1,
        description="How often the region's PostgreSQL was made; raise it before it is cloned or restored anew, since "
        "no two may archive to the same place.",
    )
    copy_region: AwsRegion | None = Field(
        default=None,
        description="AWS region of the copies of the region's backups; left out, that of the region before it in the "
        "list, the first one's in the second's.",
    )
    cidr: PrivateCidr | None = Field(
        default=None,
        description="Range of the region's VPC; left out, its block of `vpc_pool` by its place in the list.",
    )
    postgresql_address: Address | None = Field(
        default=None,
        description="Address at which other regions reach the region's PostgreSQL, on the platform `kubernetes`; left "
        "out, what `postgresql.<region>.<internal_domain>` resolves to.",
    )
    ranges: tuple[Cidr, ...] = Field(
        default=(),
        description="Ranges with the addresses at which other regions reach the region's ingress controller and "
        "PostgreSQL, on the platform `kubernetes`: once every other region states its own, pods are let out to these "
        "alone; left out, to any address at those ports.",
    )


class MultiRegion(Model):
    """The guide's multi-region deployment. Regions and home stand once, in Pulumi.yaml."""

    enabled: bool = Field(default=True, description="More regions than the home region.")
    home: RegionName | None = Field(
        default=None, description="Region where data lives; `primary: true` on a region says the same."
    )
    internal_domain: DnsName = Field(
        default="somafractalmemory.internal", description="Private DNS zone under which regions reach each other."
    )
    vpc_pool: PrivateCidr = Field(
        default="10.64.0.0/12", description="Range from which each region's VPC has its own /16, in the list's order."
    )
    link: LinkKind = Field(
        default=PEERING,
        description="What carries packets between regions on AWS: a peering of each two VPCs, or a transit gateway in "
        "each region. It is never chosen by the number of regions, and changes one way only (docs/aws.md).",
    )
    rpo_seconds: int = Field(
        default=300,
        ge=0,
        le=86_400,
        description="Most seconds of writes that a promotion may lose; a standby that is further behind is refused. "
        "Those of `workload.objectives.rpo_seconds` when left out and stated there.",
    )
    regions: tuple[Region, ...] = Field(default=(), description="All regions, the nearest stand-in for home first.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the regions, in their order."""
        return tuple(region.name for region in self.regions)

    def postgres_host(self, region: str) -> str:
        """Name under which other regions reach a region's PostgreSQL."""
        return f"postgresql.{region}.{self.internal_domain}"

    def ingress_host(self, region: str) -> str:
        """Name under which other regions reach a region's ingress controller."""
        stated = next((known.address for known in self.regions if known.name == region), None)
        return stated or self.default_ingress_host(region)

    def default_ingress_host(self, region: str) -> str:
        """The same where nobody states another one."""
        return f"memory.{region}.{self.internal_domain}"

    def service_host(self, region: str, service: str) -> str:
        """What a region's ingress controller calls the Service of a memory namespace towards other regions: said in
        requests and certificates, and not a name of the DNS.
        """
        return f"{service}.{region}.{self.internal_domain}"

    def fence_host(self, region: str) -> str:
        """What a region's ingress controller is asked for by old homes that come back; as little a name of the DNS."""
        return f"home.{region}.{self.internal_domain}"

    @property
    def postgres_addresses(self) -> dict[str, str]:
        """Address of PostgreSQL of each region that states one."""
        return {region.name: region.postgresql_address for region in self.regions if region.postgresql_address}

    def vpc(self, region: str) -> IPv4Network:
        """Range of a region's VPC. Raises ValueError where the pool ends before it."""
        index = self.names.index(region)
        stated = self.regions[index].cidr
        return networks.network(stated) if stated else networks.vpc(networks.network(self.vpc_pool), index)
