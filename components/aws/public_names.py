"""The public names of a region: one name for all regions, a certificate for it, and a check that looks at the body.

Nothing here changes when a region is lost or promoted: Route 53 leaves a region out by its check, and every region
answers every user, from its own stores or from home's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import acm, route53
from pulumi_aws.acm.outputs import CertificateDomainValidationOption

HEALTH_PATH: Final = "/healthz"
HEALTHY: Final = '"kv_store":true,"vector_store":true'
"""What the body of a healthy service has in it: the status is 200 even when its stores are gone."""
CHECK_SECONDS: Final = 10
FAILURES: Final = 3
VALIDATION_TTL: Final = 300

Routing = Literal["latency", "geolocation", "failover"]


@dataclass(frozen=True)
class PublicNamesArgs:
    """A region's part of the public names."""

    region: str
    aws_region: str
    hosted_zone: str
    """Name of the public hosted zone in Route 53 that holds the names."""
    hosts: Mapping[str, str]
    """Public name to the region's own name beside it, which its health check asks."""
    routing: Routing
    """By what users are led to one of the regions."""
    locations: Sequence[str]
    """With `geolocation`: continents, `country:XX`, or `*`."""
    first: bool
    """With `failover`: whether users are sent here while it is healthy."""


class Certificate(pulumi.ComponentResource):
    """A certificate of ACM for every public name that the region answers to, proven by records in the hosted zone."""

    arn: Output[str]
    """Known once the certificate is issued."""

    def __init__(self, name: str, args: PublicNamesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Certificate", name, {}, opts)
        own = ResourceOptions(parent=self)
        domains = [name for names in args.hosts.items() for name in names]
        certificate = acm.Certificate(
            f"{name}-request",
            domain_name=domains[0],
            subject_alternative_names=domains[1:],
            validation_method="DNS",
            # Every checker of Route 53 understands it.
            key_algorithm="RSA_2048",
            opts=own,
        )
        records = [
            _proof(f"{name}-{domain}", certificate.domain_validation_options, domain, args.hosted_zone, own)
            for domain in domains
        ]
        issued = acm.CertificateValidation(
            f"{name}-validation",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn for record in records],
            opts=own,
        )
        self.arn = issued.certificate_arn
        self.register_outputs({"arn": self.arn})


def _proof(
    name: str,
    options: Output[Sequence[CertificateDomainValidationOption]],
    domain: str,
    hosted_zone: str,
    opts: ResourceOptions,
) -> route53.Record:
    """The record that proves a domain. ACM asks for the same one in every region of the account, so regions write it
    over each other, and the one that goes leaves it to the others.
    """

    def option(attribute: str) -> Output[str]:
        return options.apply(
            lambda known: str(next(getattr(one, attribute) for one in known if one.domain_name == domain))
        )

    return route53.Record(
        name,
        zone_id=hosted_zone,
        name=option("resource_record_name"),
        type=option("resource_record_type"),
        records=[option("resource_record_value")],
        ttl=VALIDATION_TTL,
        allow_overwrite=True,
        opts=ResourceOptions.merge(opts, ResourceOptions(retain_on_delete=True)),
    )


class PublicNames(pulumi.ComponentResource):
    """The region's record set of each host, with its health check, and the region's own name beside it."""

    def __init__(
        self,
        name: str,
        args: PublicNamesArgs,
        target: tuple[Input[str], Input[str]],
        opts: ResourceOptions | None = None,
    ) -> None:
        """`target`: name of the region's load balancer, and the hosted zone of that name."""
        super().__init__("soma:aws:PublicNames", name, {}, opts)
        self._own = ResourceOptions(parent=self)
        dns_name, target_zone = target
        alias = route53.RecordAliasArgs(name=dns_name, zone_id=target_zone, evaluate_target_health=True)
        for host, own in args.hosts.items():
            route53.Record(
                f"{name}-{own}", zone_id=args.hosted_zone, name=own, type="A", aliases=[alias], opts=self._own
            )
            check = self._check(f"{name}-{host}", own, args.region)
            for identifier, policy in policies(args).items():
                route53.Record(
                    f"{name}-{host}-{identifier}",
                    zone_id=args.hosted_zone,
                    name=host,
                    type="A",
                    aliases=[alias],
                    set_identifier=f"{args.region}-{identifier}",
                    health_check_id=check.id,
                    opts=self._own,
                    **policy,
                )
        self.register_outputs({})

    def _check(self, name: str, host: str, region: str) -> route53.HealthCheck:
        return route53.HealthCheck(
            name,
            type="HTTPS_STR_MATCH",
            fqdn=host,
            port=443,
            resource_path=HEALTH_PATH,
            search_string=HEALTHY,
            request_interval=CHECK_SECONDS,
            failure_threshold=FAILURES,
            enable_sni=True,
            measure_latency=True,
            tags={"Name": f"{region} {host}"},
            opts=self._own,
        )


def policies(args: PublicNamesArgs) -> dict[str, dict[str, Any]]:
    """Name of each record of a host to its routing policy: one, or one for each place."""
    match args.routing:
        case "latency":
            return {"latency": {"latency_routing_policies": [{"region": args.aws_region}]}}
        case "failover":
            kind = "PRIMARY" if args.first else "SECONDARY"
            return {"failover": {"failover_routing_policies": [{"type": kind}]}}
        case "geolocation":
            return {_identifier(place): {"geolocation_routing_policies": [_place(place)]} for place in args.locations}


def _identifier(place: str) -> str:
    return "anywhere" if place == "*" else place.removeprefix("country:").lower()


def _place(place: str) -> dict[str, str]:
    if place == "*" or place.startswith("country:"):
        return {"country": place.removeprefix("country:")}
    return {"continent": place}
