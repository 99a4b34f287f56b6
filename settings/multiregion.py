"""The regions, their order and the one where data lives."""

from ipaddress import IPv4Network

from pydantic import Field

from settings import networks
from settings.aws import AwsRegion
from settings.model import Model
from settings.names import DnsName, RegionName
from settings.networks import PrivateCidr
from settings.resources import ResourcesOverride


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
    cidr: PrivateCidr | None = Field(
        default=None,
        description="Range of the region's VPC; left out, its block of `vpc_pool` by its place in the list.",
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
    rpo_seconds: int = Field(
        default=300,
        ge=0,
        description="Most seconds of writes that a promotion may lose; a standby that is further behind is refused.",
    )
    regions: tuple[Region, ...] = Field(default=(), description="All regions, the nearest stand-in for home first.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the regions, in their order."""
        return tuple(region.name for region in self.regions)

    def postgres_host(self, region: str) -> str:
        """Name under which other regions reach a region's PostgreSQL."""
        return f"postgresql.{region}.{self.internal_domain}"

    def vpc(self, region: str) -> IPv4Network:
        """Range of a region's VPC. Raises ValueError where the pool ends before it."""
        index = self.names.index(region)
        stated = self.regions[index].cidr
        return networks.network(stated) if stated else networks.vpc(networks.network(self.vpc_pool), index)
