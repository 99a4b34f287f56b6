"""Settings of a region on AWS about its ways in: public names, and an ingress controller of yours."""

from typing import Any

import pytest

from tests.unit.aws_settings import EAST, WEST, Refused, aws, on_aws, regions
from tests.unit.test_settings_faults import faults

NAMED = "Z0123456789ABCDEFGHIJ"
EU = {"name": "eu-west", "aws_region": "eu-west-1"}


def names(**keys: Any) -> dict[str, Any]:
    return aws(dns={"hosted_zone": NAMED} | keys)


NAMES: Refused = {
    "names of nothing": (
        names() | {"ingress": {"enabled": False}},
        [
            "ingress.enabled = false   the health checks of aws.dns.hosted_zone ask over HTTPS: set this to true, or "
            "leave the zone out"
        ],
    ),
    "names without TLS": (
        names() | {"ingress": {"tls": {"enabled": False}}},
        [
            "ingress.tls.enabled = false   the health checks of aws.dns.hosted_zone ask over HTTPS: set this to true, "
            "or leave the zone out"
        ],
    ),
    "more hosts than a certificate has names": (
        names() | {"ingress": {"rules": [{"host": f"{letter}.example.com"} for letter in "abcdef"]}},
        [
            "ingress.rules = [6 items]   a certificate has ten names, two for each host with aws.dns.hosted_zone: "
            "name at most 5"
        ],
    ),
    "public names where there are none": (
        names() | regions(EAST | {"aws_region": "us-gov-west-1"}, WEST),
        [
            f'aws.dns.hosted_zone = "{NAMED}"   Route 53 has no public names in us-gov-west-1: leave it out and name '
            "them yourself"
        ],
    ),
    "geolocation without a place": (
        names(routing="geolocation"),
        ['aws.dns.locations   no place: name those whose users this region answers, such as "NA", or "*"'],
    ),
    "a place without geolocation": (
        names(locations=["EU"]),
        ['aws.dns.locations = [EU]   said of nobody with routing "latency": leave it out'],
    ),
    "a place twice": (
        names(routing="geolocation", locations=["EU", "EU"]),
        ['aws.dns.locations[1] = "EU"   named already at locations[0]: name it once'],
    ),
    "a place that is none": (
        names(routing="geolocation", locations=["Europe"]),
        [
            'aws.dns.locations[0] = "Europe"   not a place that Route 53 knows: a continent such as "EU", a country as '
            '"country:DE", or "*"'
        ],
    ),
    "failover among three": (
        names(routing="failover") | regions(EAST, WEST, EU),
        [
            'aws.dns.routing = "failover"   Route 53 fails over from one region to one other, and there are 3: use '
            '"latency", which leaves out every region that is not healthy'
        ],
    ),
}


OF_YOURS = {"services": {"installed": ["nginx-ingress"]}}


def controller(**keys: Any) -> dict[str, Any]:
    return aws(ingress_controller=keys)


CONTROLLERS: Refused = {
    "an ingress controller of yours beside the program's": (
        controller(service="entrance"),
        [
            "aws.ingress_controller = {…}   without effect on the one that the program installs: add "
            '"nginx-ingress" to services.installed where yours is there already, or remove this'
        ],
    ),
    "an ingress controller for no ingress": (
        OF_YOURS | {"ingress": {"enabled": False}} | controller(service="entrance"),
        ["aws.ingress_controller = {…}   without effect where ingress.enabled is false: remove it"],
    ),
    "one port of an ingress controller for two uses": (
        OF_YOURS | controller(http_port=8080, https_port=8080, health_port=8080),
        [
            f"aws.ingress_controller.{port} = 8080   is http_port too: state the port of the controller's pods for "
            "each of them"
            for port in ("https_port", "health_port")
        ],
    ),
    "no port and no name of an ingress controller": (
        OF_YOURS | controller(service="Entrance", health_port=0),
        [
            'aws.ingress_controller.service = "Entrance"   not a DNS label: use lower-case letters, digits and inner '
            'hyphens, such as "entrance"',
            "aws.ingress_controller.health_port = 0   too low: must be 1 or more",
        ],
    ),
}

ALL = NAMES | CONTROLLERS


@pytest.mark.parametrize(("blocks", "lines"), ALL.values(), ids=list(ALL))
def test_what_cannot_be_made_is_refused_with_place_value_rule_and_remedy(
    blocks: dict[str, Any], lines: list[str]
) -> None:
    assert faults(on_aws(**blocks)) == lines


def test_an_ingress_controller_of_yours_is_described_or_is_as_its_chart_makes_it() -> None:
    assert faults(on_aws(**OF_YOURS)) == []
    assert faults(on_aws(**OF_YOURS, **controller(service="entrance", http_port=8080, https_port=8443))) == []
