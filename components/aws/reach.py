"""How a region is reached: by users at its public names, by other regions at its private ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.aws import names
from components.aws.inner_certificate import InnerCertificate
from components.aws.links import Link, Side
from components.aws.load_balancer import ANYWHERE, Health, LoadBalancer, LoadBalancerArgs, Port
from components.aws.load_balancer_controller import Use, balancer_name
from components.aws.network import NetworkFacts
from components.aws.peers import Peer
from components.aws.providers import aws_region, provider_in
from components.aws.public_names import Certificate, PublicNames, PublicNamesArgs
from components.aws.transit import Gateway, Transit, TransitArgs
from components.placement import Placement
from components.postgres_cluster import POSTGRES_PORT, link_service_name
from settings import Settings, networks
from settings.multiregion import TRANSIT_GATEWAY

INGRESS_HEALTH: Final = "/nginx-ready"
HTTP, HTTPS = 80, 443


@dataclass(frozen=True)
class ReachArgs:
    """What is reached, and from where."""

    settings: Settings
    cluster_name: str
    account: str
    network: NetworkFacts
    pods: Input[str]
    """Security group of the nodes and their pods."""
    placement: Placement
    provider: aws.Provider
    """AWS provider of the region."""
    tags: Mapping[str, str]
    peers: Mapping[str, Peer]
    """By name, the regions that this one links to."""
    inner: InnerCertificate | None = None
    """Of the ingress controller, where users' TLS ends at the load balancer."""
    after: Sequence[pulumi.Resource] = ()
    """Platform services, which bring the kinds that put pods behind load balancers."""


class Reach(pulumi.ComponentResource):
    """Load balancers, names and links of one region."""

    output: Mapping[str, Any]
    """Value of the stack output links.OUTPUT, which the owners of links to this region read."""

    def __init__(self, name: str, args: ReachArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Reach", name, {}, opts)
        self._name, self._args, self._own = name, args, ResourceOptions(parent=self)
        settings = self._settings = args.settings
        if settings.ingress.enabled:
            self._users()
        zone = names.private_zone(
            f"{name}-names",
            f"{settings.region.name}.{settings.multiregion.internal_domain}",
            args.network.vpc_id,
            self._own,
        )
        if self._others:
            self._stores(zone.zone_id)
        own = self._side(zone.zone_id)
        self.output = own.output()
        for region, peer in args.peers.items():
            self._link(own, region, peer)
        self.register_outputs({})

    @property
    def _others(self) -> Mapping[str, str]:
        """Every other region and the range of its network, as all stacks plan it."""
        multiregion, here = self._settings.multiregion, self._settings.region.name
        return {region: str(multiregion.vpc(region)) for region in self._settings.regions if region != here}

    def _users(self) -> None:
        """The way in from the internet, and the names that lead there."""
        settings, dns = self._settings, self._settings.aws.dns
        public = None
        if dns.hosted_zone is not None:
            public = PublicNamesArgs(
                region=settings.region.name,
                aws_region=aws_region(settings.region),
                hosted_zone=dns.hosted_zone,
                hosts={rule.host: settings.regional_host(rule.host) for rule in settings.ingress.rules},
                routing=dns.routing,
                locations=dns.locations,
                first=self._settings.regions[0] == settings.region.name,
            )
        certificate = None if public is None else Certificate(f"{self._name}-certificate", public, self._own).arn
        balancer = self._balancer(
            "users", self._public_subnets(), {"anywhere": ANYWHERE}, self._user_ports(certificate)
        )
        if public is not None:
            if self._args.inner is not None and settings.ingress.tls.cluster_issuer is None:
                secret = settings.ingress.tls.secret_name
                self._args.inner.secret(f"{self._name}-inner-secret", secret, self._args.placement, self)
            PublicNames(f"{self._name}-public", public, balancer.target, self._own)

    def _user_ports(self, certificate: Output[str] | None) -> list[Port]:
        """The ingress controller's two ports; without a certificate here, TLS goes through to the pods'."""
        return [self._ingress_port(HTTP), self._ingress_port(HTTPS, certificate)]

    def _ingress_port(
        self, number: int, certificate: Output[str] | None = None, keeps_client_address: bool = True
    ) -> Port:
        controller = self._settings.aws.ingress_controller
        return Port(
            number=number,
            target={HTTP: controller.http_port, HTTPS: controller.https_port}[number],
            namespace=self._settings.kubernetes.ingress_namespace,
            service=controller.service,
            service_port=number,
            health=Health(controller.health_port, INGRESS_HEALTH),
            keeps_client_address=keeps_client_address,
            certificate=certificate,
        )

    def _stores(self, zone_id: Input[str]) -> None:
        """PostgreSQL and the service for the other regions: home's are what they need, and each may be home."""
        settings, region = self._settings, self._settings.region.name
        port = Port(
            number=POSTGRES_PORT,
            target=POSTGRES_PORT,
            namespace=self._args.placement.namespace,
            service=link_service_name(region),
            service_port=POSTGRES_PORT,
            health=Health(POSTGRES_PORT),
            keeps_client_address=False,
        )
        # Edges bring TLS of their own (components/edge_entrance.py): it goes through to the ingress controller.
        edges = self._ingress_port(HTTPS, keeps_client_address=False)
        ports = [port, edges] if settings.ingress.enabled else [port]
        balancer = self._balancer("links", self._private_subnets(), self._others, ports, internal=True)
        hosts = {"postgresql": settings.multiregion.postgres_host(region)}
        if settings.ingress.enabled:
            hosts["ingress"] = settings.multiregion.ingress_host(region)
        for name, host in hosts.items():
            names.alias(f"{self._name}-{name}", host, zone_id, balancer.target, self._own)

    def _balancer(
        self,
        use: Use,
        subnets: Sequence[Input[str]],
        sources: Mapping[str, str],
        ports: Sequence[Port],
        internal: bool = False,
    ) -> LoadBalancer:
        args = LoadBalancerArgs(
            name=balancer_name(self._args.cluster_name, use),
            vpc_id=self._args.network.vpc_id,
            subnets=subnets,
            sources=sources,
            pods=self._args.pods,
            ports=ports,
            provider=self._args.placement.provider,
            internal=internal,
            after=self._args.after,
        )
        return LoadBalancer(f"{self._name}-{use}", args, self._own)

    def _public_subnets(self) -> list[Output[str]]:
        """A VPC of yours has to have them where users are let in."""
        return [subnets.public for subnets in self._args.network.subnets.values() if subnets.public is not None]

    def _private_subnets(self) -> list[Output[str]]:
        return [subnets.private for subnets in self._args.network.subnets.values()]

    def _gateway(self) -> Gateway | None:
        """With transit gateways each region has its own, and brings it up before later regions link to it."""
        if self._settings.multiregion.link != TRANSIT_GATEWAY:
            return None
        network = self._args.network
        args = TransitArgs(
            region=self._settings.region.name,
            asn=networks.asn(network.cidr),
            cidr=str(network.cidr),
            vpc_id=network.vpc_id,
            subnets=[subnets.isolated for subnets in network.subnets.values()],
        )
        return Transit(f"{self._name}-transit", args, self._own).gateway

    def _side(self, zone_id: Input[str]) -> Side:
        network, region = self._args.network, self._settings.region
        return Side(
            region=region.name,
            aws_region=aws_region(region),
            cidr=str(network.cidr),
            vpc_id=network.vpc_id,
            route_tables=network.private_route_tables,
            zone_id=zone_id,
            provider=self._args.provider,
            gateway=self._gateway(),
        )

    def _link(self, own: Side, region: str, peer: Peer) -> None:
        there = next(one for one in self._settings.multiregion.regions if one.name == region)
        provider = provider_in(
            f"{self._name}-{region}",
            aws_region(there),
            self._args.account,
            self._args.tags,
            ResourceOptions(parent=self),
            asks_in=aws_region(self._settings.region),
        )
        Link(f"{self._name}-to-{region}", own, peer.side(provider), self._own)
