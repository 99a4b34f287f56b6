"""Public names in Route 53: a region is found by its check, and every user by one region at least."""

from collections.abc import Iterator

from settings.draft import Draft, Finding
from settings.faults import ABSENT
from settings.rules.rule import Check, place, repeated, rule

ROUTING, LOCATIONS, ZONE = "aws.dns.routing", "aws.dns.locations", "aws.dns.hosted_zone"
MOST_HOSTS = 5
"""ACM gives a certificate ten names unless an account asks for more
(docs.aws.amazon.com/acm/latest/userguide/acm-limits.html).
"""
FAILOVER_REGIONS = 2
"""A failover record set has one PRIMARY and one SECONDARY."""


@rule(ZONE, "ingress.enabled", "ingress.tls.enabled")
def names_need_something_that_answers(draft: Draft) -> Iterator[Finding]:
    ingress = draft.settings.ingress
    if draft.settings.aws.dns.hosted_zone is None:
        return
    for path, enabled in (("ingress.enabled", ingress.enabled), ("ingress.tls.enabled", ingress.tls.enabled)):
        if not enabled:
            yield draft.finding(
                place(path),
                "the health checks of aws.dns.hosted_zone ask over HTTPS: set this to true, or leave the zone out",
            )


@rule(ZONE, "ingress.rules")
def a_certificate_has_room_for_the_hosts(draft: Draft) -> Iterator[Finding]:
    hosts = len(draft.settings.ingress.rules)
    if draft.settings.aws.dns.hosted_zone is not None and hosts > MOST_HOSTS:
        yield draft.finding(
            place("ingress.rules"),
            f"a certificate has ten names, two for each host with aws.dns.hosted_zone: name at most {MOST_HOSTS}",
        )


@rule(ZONE, "multiregion.regions[*].aws_region")
def a_part_of_aws_without_public_names_has_none(draft: Draft) -> Iterator[Finding]:
    region = draft.settings.region.aws_region or ""
    if draft.settings.aws.dns.hosted_zone is not None and region.startswith("us-gov-"):
        yield draft.finding(
            place(ZONE), f"Route 53 has no public names in {region}: leave it out and name them yourself"
        )


@rule(LOCATIONS, ROUTING)
def places_go_with_geolocation(draft: Draft) -> Iterator[Finding]:
    dns = draft.settings.aws.dns
    if dns.routing == "geolocation" and not dns.locations:
        yield Finding(
            place(LOCATIONS), ABSENT, 'no place: name those whose users this region answers, such as "NA", or "*"'
        )
    if dns.routing != "geolocation" and dns.locations:
        yield draft.finding(place(LOCATIONS), f'said of nobody with routing "{dns.routing}": leave it out')
    for index, first in repeated(dns.locations):
        yield draft.finding(place(f"{LOCATIONS}[{index}]"), f"named already at locations[{first}]: name it once")


@rule(ROUTING, "multiregion.regions[*].name", "multiregion.enabled")
def failover_has_two_regions(draft: Draft) -> Iterator[Finding]:
    regions = len(draft.settings.regions)
    if draft.settings.aws.dns.routing == "failover" and regions > FAILOVER_REGIONS:
        yield draft.finding(
            place(ROUTING),
            f"Route 53 fails over from one region to one other, and there are {regions}: "
            'use "latency", which leaves out every region that is not healthy',
        )


RULES: tuple[Check, ...] = (
    names_need_something_that_answers,
    a_certificate_has_room_for_the_hosts,
    a_part_of_aws_without_public_names_has_none,
    places_go_with_geolocation,
    failover_has_two_regions,
)
