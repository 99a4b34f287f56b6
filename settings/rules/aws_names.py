"""Public names in Route 53: a region is found by its check, and every user by one region at least."""

from collections.abc import Iterator

from settings.draft import Draft, Finding
from settings.faults import ABSENT
from settings.rules.rule import Check, place, repeated, rule

ROUTING, LOCATIONS, ZONE = "aws.dns.routing", "aws.dns.locations", "aws.dns.hosted_zone"
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


RULES: tuple[Check, ...] = (names_need_something_that_answers, places_go_with_geolocation, failover_has_two_regions)
