"""Settings of regions on AWS: what would fail half-way, or be regretted later, is refused before anything is made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi_aws
import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import differences, load, shared
from settings.aws import is_arm
from settings.aws_regions import LETTERS, nearest
from tests.unit import test_settings_agreement as agreement
from tests.unit.test_settings import region
from tests.unit.test_settings_faults import faults

ACCOUNT = {"account": "123456789012"}
OPERATORS = "arn:aws:iam::123456789012:role/operators"
EAST = {"name": "us-east", "primary": True, "aws_region": "us-east-1"}
WEST = {"name": "us-west", "aws_region": "us-west-2"}
WITHOUT = {"enabled": False}
MINE = {"name": "mine", "security_group": "sg-0000000a"}
"""A cluster that is there already."""


def on_aws(**blocks: Any) -> dict[str, Any]:
    """The least that a stack us-east on AWS must state, and more."""
    least = {"platform": "aws", "multiregion": {"regions": [EAST, WEST]}, "aws": cluster()}
    return region(**least | blocks)


def cluster(**keys: Any) -> dict[str, Any]:
    """An `aws` block with a cluster that somebody administers."""
    return ACCOUNT | {"cluster": {"admins": [OPERATORS]} | keys}


def aws(**keys: Any) -> dict[str, Any]:
    return {"aws": cluster() | keys}


def regions(*listed: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"multiregion": {**keys, "regions": list(listed)}}


def zones(*names: str, enabled: bool = True) -> dict[str, Any]:
    return {"high_availability": {"enabled": enabled, "zones": list(names)}}


def subnets(number: int, **more: str) -> dict[str, str]:
    """A zone of a VPC that is there already."""
    public = f"subnet-000000a{number}"
    return {"private": f"subnet-0000000{number}", "public": public, "route_table": f"rtb-0000000{number}"} | more


def existing(*listed: dict[str, str]) -> dict[str, Any]:
    return aws(network={"existing": {"vpc": "vpc-0000000a", "zones": list(listed)}})


def test_the_least_that_a_region_on_aws_states_is_enough() -> None:
    assert faults(on_aws()) == []


def test_a_region_on_aws_may_state_much_more() -> None:
    raw = on_aws(
        **regions(EAST | {"cidr": "10.0.0.0/18"}, WEST | {"cidr": "100.64.0.0/16"}),
        aws={
            "account": "210987654321",
            "zones": {"zone-a": "d", "zone-c": "a"},
            "network": {"flow_log_days": 365},
            "cluster": {"admins": [OPERATORS], "public_access_cidrs": ["203.0.113.0/24"], "log_days": 7},
            "nodes": {"stateful": {"instance_types": ["r8g.4xlarge", "m7g.4xlarge"]}},
            "tags": {"cost center": "memory/1+1", "Ümlaut": "=@-_.:"},
        },
    )
    assert faults(raw) == []
    assert list(load(raw, "us-east").zone_values.values()) == ["us-east-1d", "us-east-1b", "us-east-1a"]


def test_a_vpc_and_a_cluster_of_yours_need_no_room_of_the_layout_and_no_administrators() -> None:
    names = ("a", "b", "c", "d", "e")
    raw = on_aws(
        **regions(EAST | {"cidr": "10.0.0.0/20"}, WEST),
        **zones(*names),
        aws=ACCOUNT
        | {
            "network": {"existing": {"vpc": "vpc-0000000a", "zones": [subnets(n) for n in range(len(names))]}},
            "cluster": {"existing": MINE},
        },
        kubernetes={"context": "mine", "kubeconfig": "/mine"},
    )
    assert faults(raw) == []


@pytest.mark.parametrize("prefix", [16, 17, 18])
def test_a_vpc_may_have_these_sizes(prefix: int) -> None:
    assert faults(on_aws(**regions(EAST | {"cidr": f"10.0.0.0/{prefix}"}, WEST))) == []


def test_a_cluster_of_yours_may_be_in_one_zone_for_a_trial() -> None:
    raw = on_aws(
        **regions(EAST | {"cidr": "10.0.0.0/20"}, WEST),
        **zones("a", enabled=False),
        redis={"cluster": {"replicas": 0}},
        aws=ACCOUNT
        | {
            "network": {"existing": {"vpc": "vpc-0000000a", "zones": [subnets(1)]}},
            "cluster": {"existing": MINE},
        },
    )
    assert faults(raw) == []


REGIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "regions that are nowhere": (
        regions({"name": "us-east", "primary": True}, WEST, {"name": "eu-west"}),
        [
            'multiregion.regions[0].aws_region   missing: say where us-east is on AWS, as in "us-east-1"',
            'multiregion.regions[2].aws_region   missing: say where eu-west is on AWS, as in "us-east-1"',
        ],
    ),
    "no list": (
        {"multiregion": WITHOUT},
        [
            "multiregion.regions = [] (default)   no region: on aws list even a single one, with its aws_region, or "
            "nobody knows where it is"
        ],
    ),
    "no list where there should be one in any case": (
        {"multiregion": {}},
        [
            "multiregion.regions = [] (default)   no region: list them in Pulumi.yaml, or set multiregion.enabled to "
            "false"
        ],
    ),
    "a region that is spelled wrong": (
        regions(EAST | {"aws_region": "us-esat-1"}, WEST),
        [
            'multiregion.regions[0].aws_region = "us-esat-1"   no region of AWS that this release knows: did you mean '
            '"us-east-1"?'
        ],
    ),
    "a region like no other": (
        regions(EAST, WEST | {"aws_region": "cn-north-1"}),
        [
            'multiregion.regions[1].aws_region = "cn-north-1"   no region of AWS that this release knows: known are '
            + ", ".join(LETTERS)
        ],
    ),
    "no name of a region": (
        regions(EAST, WEST | {"aws_region": "Oregon"}),
        ['multiregion.regions[1].aws_region = "Oregon"   not a region of AWS: write it like "us-east-1"'],
    ),
    "two in one": (
        regions(EAST, WEST | {"aws_region": "us-east-1"}),
        [
            'multiregion.regions[1].aws_region = "us-east-1"   us-east is there already, and one outage would take '
            "both: choose another one"
        ],
    ),
}


RANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no range": (
        regions(EAST | {"cidr": "10.0.0.0"}, WEST),
        ['multiregion.regions[0].cidr = "10.0.0.0"   an address within a range: write the range as "10.0.0.0/32"'],
    ),
    "a way in that the program makes itself": (
        regions(EAST | {"address": "east.example.com"}, WEST),
        [
            'multiregion.regions[0].address = "east.example.com"   without effect on the platform aws, where the '
            "program makes memory.us-east.somafractalmemory.internal: remove it"
        ],
    ),
    "no range of a pool": (
        regions(EAST, WEST, vpc_pool="10.0.0.0/33"),
        ['multiregion.vpc_pool = "10.0.0.0/33"   not an IPv4 range: write it like "10.64.0.0/16"'],
    ),
    "a range that others have": (
        regions(EAST | {"cidr": "8.8.0.0/16"}, WEST),
        [
            'multiregion.regions[0].cidr = "8.8.0.0/16"   not for private use: take one within 10.0.0.0/8, '
            "172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10"
        ],
    ),
    "a VPC that is too small": (
        regions(EAST | {"cidr": "10.0.0.0/19"}, WEST),
        ['multiregion.regions[0].cidr = "10.0.0.0/19"   too small for nodes and pods: use a range between /16 and /18'],
    ),
    "a VPC that is too large": (
        regions(EAST | {"cidr": "10.0.0.0/15"}, WEST),
        ['multiregion.regions[0].cidr = "10.0.0.0/15"   more than AWS gives a VPC: use a range between /16 and /18'],
    ),
    "two stated ranges that overlap": (
        regions(EAST | {"cidr": "10.0.0.0/17"}, WEST | {"cidr": "10.0.0.0/16"}),
        [
            'multiregion.regions[1].cidr = "10.0.0.0/16"   overlaps the VPC of us-east (10.0.0.0/17): regions reach '
            "each other by these addresses, so choose a range that no other one has"
        ],
    ),
    "a stated range in a block before it": (
        regions(EAST, WEST | {"cidr": "10.64.128.0/17"}),
        [
            'multiregion.regions[1].cidr = "10.64.128.0/17"   overlaps the VPC of us-east (10.64.0.0/16, its block of '
            "vpc_pool): regions reach each other by these addresses, so choose a range that no other one has"
        ],
    ),
    "a stated range in a block after it": (
        regions(EAST | {"cidr": "10.65.0.0/18"}, WEST),
        [
            'multiregion.regions[0].cidr = "10.65.0.0/18"   overlaps the VPC of us-west (10.65.0.0/16, its block of '
            "vpc_pool): regions reach each other by these addresses, so choose a range that no other one has"
        ],
    ),
    "a pool that ends too early": (
        regions(EAST, WEST | {"cidr": "10.1.0.0/16"}, {"name": "x", "aws_region": "eu-west-1"}, vpc_pool="10.0.0.0/16"),
        [
            'multiregion.vpc_pool = "10.0.0.0/16"   no /16 of it is left for x, in the order of the list: take a '
            "larger range, or state a cidr there"
        ],
    ),
    "a pool that is smaller than a block": (
        regions(EAST, WEST, vpc_pool="10.0.0.0/17"),
        [
            'multiregion.vpc_pool = "10.0.0.0/17"   no /16 of it is left for us-east, us-west, in the order of the '
            "list: take a larger range, or state a cidr there"
        ],
    ),
    "a stated range where Services are": (
        regions(EAST, WEST | {"cidr": "172.20.128.0/17"}),
        [
            'multiregion.regions[1].cidr = "172.20.128.0/17"   us-west would have 172.20.128.0/17, which meets '
            "172.20.0.0/16, the addresses of Services: choose another range"
        ],
    ),
    "a block where Services are": (
        regions(EAST, WEST, vpc_pool="172.20.0.0/14"),
        [
            'multiregion.vpc_pool = "172.20.0.0/14"   us-east would have 172.20.0.0/16, which meets 172.20.0.0/16, the '
            "addresses of Services: choose another range"
        ],
    ),
}

ZONES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "more zones than the layout has room for": (
        zones("a", "b", "c", "d", "e"),
        ["high_availability.zones = [a, b, c, d, e]   the layout of a VPC has room for 4 zones: name at most so many"],
    ),
    "one zone": (
        zones("a", enabled=False) | {"redis": {"cluster": {"replicas": 0}}},
        ["high_availability.zones = [a]   EKS wants subnets in two zones, even for a trial: name two or more"],
    ),
    "fewer than high availability needs": (
        zones("a"),
        [
            "high_availability.zones = [a]   fewer than three lose their majority with one: name three, or set "
            "high_availability.enabled to false"
        ],
    ),
    "a zone that is none": (
        aws(zones={"zone-d": "d"}),
        ['aws.zones.zone-d = "d"   no zone of high_availability.zones (zone-a, zone-b, zone-c): name one of them'],
    ),
    "letters that the region has not": (
        aws(zones={"zone-a": "g", "zone-b": "us-east-1b", "zone-c": "ab"}),
        [
            'aws.zones.zone-a = "g"   us-east-1 has a, b, c, d, e, f: name the letter of one of them',
            'aws.zones.zone-b = "us-east-1b"   us-east-1 has a, b, c, d, e, f: name the letter of one of them',
            'aws.zones.zone-c = "ab"   us-east-1 has a, b, c, d, e, f: name the letter of one of them',
        ],
    ),
    "letters by default that the region has not": (
        regions(EAST | {"aws_region": "ap-northeast-1"}, WEST),
        ["aws.zones.zone-b   b by its place, and ap-northeast-1 has a, c, d: name the letter of one of them"],
    ),
    "more zones than an account has": (
        regions(EAST | {"aws_region": "us-west-1"}, WEST),
        [
            "high_availability.zones = [zone-a, zone-b, zone-c] (default)   us-west-1 has 2 zones for an account: name "
            "no more, or choose another region"
        ],
    ),
    "a letter twice": (
        aws(zones={"zone-a": "f", "zone-c": "f"}),
        ['aws.zones.zone-c = "f"   zone-a has this letter as well: each zone needs one of its own'],
    ),
    "a letter that another zone has by default": (
        aws(zones={"zone-a": "b"}),
        ['aws.zones.zone-a = "b"   zone-b has this letter as well: each zone needs one of its own'],
    ),
}

YOURS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a VPC without its range": (
        existing(subnets(1), subnets(2), subnets(3)),
        [
            "multiregion.regions[0].cidr   missing: with a VPC of yours state its range, which other regions open "
            "their gates to"
        ],
    ),
    "subnets of too few zones": (
        regions(EAST | {"cidr": "10.0.0.0/20"}, WEST) | existing(subnets(1), subnets(2)),
        [
            "aws.network.existing.zones = [2 items]   subnets of 2, and high_availability.zones names 3: state them "
            "for each, in that order"
        ],
    ),
    "a subnet and a route table twice": (
        regions(EAST | {"cidr": "10.0.0.0/20"}, WEST)
        | existing(subnets(1, public="subnet-00000002"), subnets(2), subnets(3, route_table="rtb-00000001")),
        [
            'aws.network.existing.zones[1].private = "subnet-00000002"   named already at zones[0].public: each zone '
            "has subnets and a route table of its own",
            'aws.network.existing.zones[2].route_table = "rtb-00000001"   named already at zones[0].route_table: each '
            "zone has subnets and a route table of its own",
        ],
    ),
    "a cluster without its VPC": (
        {"aws": ACCOUNT | {"cluster": {"existing": MINE}}},
        [
            "aws.cluster.existing = {…}   its nodes are in a VPC that is there already, and a new one beside it "
            "would stay empty: state that VPC in aws.network.existing"
        ],
    ),
}

BESIDE: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no way in for users": (
        regions(EAST | {"cidr": "10.0.0.0/20"}, WEST)
        | existing(subnets(1), {"private": "subnet-00000002", "route_table": "rtb-00000002"}, subnets(3)),
        [
            "aws.network.existing.zones[1].public   missing: the load balancer for users is in every zone; name a "
            "subnet that the internet reaches, or set ingress.enabled to false"
        ],
    ),
    "what a cluster of yours has already": (
        regions(EAST | {"cidr": "10.0.0.0/20"}, WEST)
        | {
            "aws": ACCOUNT
            | {
                "network": {
                    "existing": {"vpc": "vpc-0000000a", "zones": [subnets(n) for n in range(3)]},
                    "flow_log_days": 30,
                },
                "cluster": {"existing": MINE, "version": "1.35", "admins": [OPERATORS]},
                "nodes": {"stateful": {"per_zone": 3}},
            }
        },
        [
            "aws.network.flow_log_days = 30   without effect beside aws.network.existing, of which nothing is made or "
            "changed: remove it",
            'aws.cluster.version = "1.35"   without effect beside aws.cluster.existing, of which nothing is made or '
            "changed: remove it",
            f"aws.cluster.admins = [{OPERATORS}]   without effect beside aws.cluster.existing, of which nothing is "
            "made or changed: remove it",
            "aws.nodes = {…}   without effect beside aws.cluster.existing, of which nothing is made or changed: remove "
            "it",
        ],
    ),
    "add-ons that are none": (
        {"aws": cluster(addons={"core-dns": "v1", "velero": "v1", "coredns": "v1"})},
        [
            'aws.cluster.addons.core-dns = "v1"   no add-on that this release installs: did you mean "coredns"?',
            'aws.cluster.addons.velero = "v1"   no add-on that this release installs: known are vpc-cni, kube-proxy, '
            "eks-pod-identity-agent, coredns, aws-ebs-csi-driver, metrics-server",
        ],
    ),
    "the id of a zone": (
        aws(zones={"zone-a": "use1-az3"}),
        [
            'aws.zones.zone-a = "use1-az3"   the id of a zone, whose letter differs from account to account: name the '
            "letter that `aws ec2 describe-availability-zones --region us-east-1` shows beside it"
        ],
    ),
}

CLUSTER: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no account": (
        {"aws": {"cluster": {"admins": [OPERATORS]}}},
        ["aws.account   missing: state the account's twelve digits, so that no other one is ever touched"],
    ),
    "no number of an account": (
        aws(account="1234"),
        ['aws.account = "1234"   not an account: twelve digits in quotes, "123456789012"'],
    ),
    "nobody who administers it": (
        {"aws": ACCOUNT},
        [
            "aws.cluster.admins = [] (default)   nobody could administer the cluster, not even who makes it: name "
            "roles or users of IAM, the one that runs this program among them"
        ],
    ),
    "an administrator twice": (
        {"aws": cluster(admins=[OPERATORS, OPERATORS])},
        [f'aws.cluster.admins[1] = "{OPERATORS}"   named already at admins[0]: name each of them once'],
    ),
    "an API server for everybody": (
        {"aws": cluster(public_access_cidrs=["0.0.0.0/0", "8.0.0.0/7", "10.1.0.0/16", "8.0.0.0/8"])},
        [
            'aws.cluster.public_access_cidrs[0] = "0.0.0.0/0"   all of the internet: name the ranges from which the '
            "cluster is administered, or leave this out and reach it from the VPC",
            'aws.cluster.public_access_cidrs[1] = "8.0.0.0/7"   too much of the internet: name the ranges from which '
            "the cluster is administered, or leave this out and reach it from the VPC",
            'aws.cluster.public_access_cidrs[2] = "10.1.0.0/16"   nobody on the internet has these addresses, and from '
            "the VPC they need no entry: remove it",
        ],
    ),
    "no range of those who reach it": (
        {"aws": cluster(public_access_cidrs=["everybody"])},
        ['aws.cluster.public_access_cidrs[0] = "everybody"   not an IPv4 range: write it like "10.64.0.0/16"'],
    ),
    "a command with other words in braces": (
        {"aws": cluster(token_command=["token", "{cluser}", "{{}}", "{"])},
        [
            f"aws.cluster.token_command[{index}] = [not shown]   only {{cluster}} and {{region}} are filled in: write "
            "any other brace twice"
            for index in (1, 3)
        ],
    ),
    "logs for days that CloudWatch does not know": (
        {"aws": cluster(log_days=2) | {"network": {"flow_log_days": 1000}}},
        [
            "aws.cluster.log_days = 2   CloudWatch does not keep logs for just so long: use 1 or 3",
            "aws.network.flow_log_days = 1000   CloudWatch does not keep logs for just so long: use 731",
        ],
    ),
    "machines of two kinds": (
        aws(
            nodes={
                "stateful": {"instance_types": ["m7i.4xlarge", "m7g.4xlarge"]},
                "stateless": {"instance_types": ["c7gn.xlarge", "c8g.xlarge", "c7a.xlarge"]},
            }
        ),
        [
            'aws.nodes.stateful.instance_types[1] = "m7g.4xlarge"   arm64, and m7i.4xlarge is x86_64: an image is '
            "built for one, so name types of one",
            'aws.nodes.stateless.instance_types[2] = "c7a.xlarge"   x86_64, and c7gn.xlarge is arm64: an image is '
            "built for one, so name types of one",
        ],
    ),
}

TAGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no key": (aws(tags={"": "x"}), ['aws.tags[""] = "x"   a tag without a key: give it one']),
    "too long a key or value": (
        aws(tags={"k" * 129: "v", "a": "v" * 257, "k" * 128: "v" * 256}),
        [
            f'aws.tags.{"k" * 129} = "v"   longer than AWS takes: a key has at most 128 characters and a value 256',
            f'aws.tags.a = "{"v" * 59}…"   longer than AWS takes: a key has at most 128 characters and a value 256',
        ],
    ),
    "tags of AWS's own": (
        aws(tags={"aws:x": "y", "x": "AWS:y"}),
        [
            'aws.tags.aws:x = "y"   begins with "aws:", which AWS keeps for itself: choose another one',
            'aws.tags.x = "AWS:y"   begins with "aws:", which AWS keeps for itself: choose another one',
        ],
    ),
    "signs that not every service takes": (
        aws(tags={"a<b": "x", "c": "x\ty"}),
        [
            'aws.tags["a<b"] = "x"   not a tag that every service takes: use letters, digits, spaces and _ . : / = + - '
            "@",
            'aws.tags.c = "x\\ty"   not a tag that every service takes: use letters, digits, spaces and _ . : / = + - '
            "@",
        ],
    ),
    "keys that IAM cannot tell apart": (
        aws(tags={"Owner": "x", "owner": "x"}),
        ['aws.tags.owner = "x"   IAM takes it and "Owner" for the same: keep one'],
    ),
    "more than there is room for": (
        aws(tags={f"k{index}": "" for index in range(41)}),
        ["aws.tags = {…}   41 tags: AWS takes 50 on a resource, some of which are the program's: state at most 40"],
    ),
}

PLATFORMS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "the way to another cluster": (
        {"kubernetes": {"context": "mine", "kubeconfig": "/mine", "zones": {"zone-a": "a"}, "namespace": "soma"}},
        [
            f'kubernetes.{key} = "{value}"   without effect on the platform aws, where the program makes the cluster '
            "and knows the way to it: remove it"
            for key, value in (("context", "mine"), ("kubeconfig", "/mine"))
        ]
        + [
            "kubernetes.zones = {…}   without effect on the platform aws, where aws.zones gives zones their letters: "
            "state that instead"
        ],
    ),
    "the way to a cluster that is not there": (
        {"kubernetes": {"context": "mine"}, "aws": cluster(existing=None)},
        [
            'kubernetes.context = "mine"   without effect on the platform aws, where the program makes the cluster and '
            "knows the way to it: remove it"
        ],
    ),
    "zones of another cluster, with one that is there": (
        regions(EAST | {"cidr": "10.0.0.0/16"}, WEST)
        | {"kubernetes": {"zones": {"zone-a": "a"}}}
        | {
            "aws": ACCOUNT
            | {
                "network": {"existing": {"vpc": "vpc-0000000a", "zones": [subnets(number) for number in range(3)]}},
                "cluster": {"existing": MINE},
            }
        },
        [
            "kubernetes.zones = {…}   without effect on the platform aws, where aws.zones gives zones their letters: "
            "state that instead"
        ],
    ),
    "AWS where it is not": (
        {"platform": "kubernetes"},
        ['aws = {…}   without effect on the platform kubernetes: remove it, or set platform to "aws"'],
    ),
}

NAMED = "Z0123456789ABCDEFGHIJ"
EU = {"name": "eu-west", "aws_region": "eu-west-1"}


def names(**keys: Any) -> dict[str, Any]:
    return aws(dns={"hosted_zone": NAMED} | keys)


NAMES: dict[str, tuple[dict[str, Any], list[str]]] = {
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

ALL = REGIONS | RANGES | ZONES | YOURS | BESIDE | CLUSTER | TAGS | PLATFORMS | NAMES


@pytest.mark.parametrize(("blocks", "lines"), ALL.values(), ids=list(ALL))
def test_what_cannot_be_made_is_refused_with_place_value_rule_and_remedy(
    blocks: dict[str, Any], lines: list[str]
) -> None:
    assert faults(on_aws(**blocks)) == lines


def test_faults_of_all_blocks_come_at_once() -> None:
    picked = ("two in one", "one zone", "nobody who administers it")
    merged: dict[str, Any] = {}
    for name in picked:
        merged |= ALL[name][0]
    assert sorted(faults(on_aws(**merged))) == sorted(line for name in picked for line in ALL[name][1])


def test_another_regions_range_may_be_of_any_size_for_its_vpc_may_be_there_already() -> None:
    raw = on_aws(**regions(EAST, WEST | {"cidr": "10.0.0.0/20"}))
    assert faults(raw) == []
    assert [line.partition(" = ")[0] for line in faults(raw, "us-west")] == ["multiregion.regions[1].cidr"]


WORDS = (
    "10.0.0.0/16",
    "10.64.3.0/20",
    "10.0.0.1/8",
    "0.0.0.0/0",
    "us-east-1",
    "us-west-1",
    "b",
    "zone-a",
    "{",
    "aws:",
    "",
)
ANY = st.sampled_from((*WORDS, None, 5, True)) | st.lists(st.sampled_from((*WORDS, 7)), max_size=3)


def blocks(*keys: str, **within: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A block of these keys with anything in them, each of which may be left out."""
    return st.fixed_dictionaries({}, optional={**dict.fromkeys(keys, ANY), **within}) | ANY


ZONES_OF_YOURS = st.lists(blocks("private", "public", "isolated", "route_table"), max_size=4) | ANY
YOURS_OR_NEW = blocks("flow_log_days", existing=blocks("vpc", zones=ZONES_OF_YOURS))
AWS = blocks(
    "account",
    zones=st.dictionaries(st.sampled_from(("zone-a", "zone-b", "x")), ANY, max_size=3) | ANY,
    network=YOURS_OR_NEW,
    cluster=blocks("version", "admins", "public_access_cidrs", "log_days", "token_command", existing=blocks("name")),
    nodes=blocks(stateful=blocks("instance_types", "per_zone", "disk")),
    tags=st.dictionaries(st.sampled_from(WORDS), ANY, max_size=3) | ANY,
)
LISTED = st.lists(blocks("aws_region", "cidr", name=st.sampled_from(("us-east", "us-west", "x"))), max_size=4)


@given(
    st.fixed_dictionaries(
        {"platform": st.sampled_from(("aws", "kubernetes", "AWS"))},
        optional={
            "aws": AWS,
            "multiregion": blocks("enabled", "vpc_pool", regions=LISTED),
            "high_availability": blocks("enabled", zones=st.lists(st.sampled_from("abcdef"), max_size=6)),
            "kubernetes": blocks("context", "kubeconfig", "zones"),
        },
    )
)
def test_whatever_stands_in_the_file_there_are_settings_or_faults(raw: dict[str, Any]) -> None:
    for faulty in (region(**raw), on_aws(**raw)):
        printed = faults(faulty)
        assert all("   " in line for line in printed)


@pytest.mark.parametrize("nothing", [{}, None, ""], ids=["empty", "null", "as the CLI hands null over"])
def test_a_project_that_declares_aws_without_a_value_is_no_fault_elsewhere(nothing: object) -> None:
    assert [line for line in faults(region(aws=nothing)) if "without effect" in line] == []


def test_where_regions_are_on_aws_may_stand_in_the_list_for_other_platforms_too() -> None:
    assert faults(region(**regions(EAST | {"cidr": "10.0.0.0/28"}, WEST | {"cidr": "10.0.0.0/28"}))) == []


def test_the_table_has_every_region_of_the_sdk_but_those_of_other_partitions() -> None:
    elsewhere = ("cn-", "eusc-", "us-iso", "eu-iso")
    known = {region.value for region in pulumi_aws.Region if not region.value.startswith(elsewhere)}
    assert set(LETTERS) == known
    assert all(letters and list(letters) == sorted(set(letters)) for letters in LETTERS.values())


@pytest.mark.parametrize(
    ("written", "meant"),
    [("us-esat-1", "us-east-1"), ("eu-wset-1", "eu-west-1"), ("us-eastern-1", "us-east-1"), ("mars-north-1", None)],
)
def test_the_nearest_region_is_the_one_that_was_meant(written: str, meant: str | None) -> None:
    assert nearest(written) == meant


@pytest.mark.parametrize(
    ("instance_type", "arm"),
    [
        *((name, True) for name in ("a1.large", "m7g.large", "r8gd.large", "c7gn.large", "t4g.small", "is4gen.large")),
        *(
            (name, False)
            for name in ("m7i.4xlarge", "m7i-flex.large", "g5.xlarge", "gr6.4xlarge", "m7a.large", "u7i-12tb.2xl")
        ),
    ],
)
def test_an_instance_types_name_tells_its_processor(instance_type: str, arm: bool) -> None:
    assert is_arm(instance_type) == arm


class TestWhatRegionsShare:
    def test_regions_on_aws_say_where_all_are(self) -> None:
        said = shared(load(on_aws(**regions(EAST, WEST | {"cidr": "10.1.0.0/16"})), "us-east"))
        assert said["multiregion.aws_regions"] == ["us-east-1", "us-west-2"]
        assert said["multiregion.vpc_ranges"] == ["10.64.0.0/16", "10.1.0.0/16"]

    def test_other_regions_do_not(self) -> None:
        said = shared(load(region(), "us-east"))
        assert not any("aws" in path or "vpc" in path for path in said)

    def test_a_standby_that_lays_its_routes_to_another_range_is_refused(self) -> None:
        own, home = (load(on_aws(**regions(EAST | more, WEST)), "us-west") for more in ({"cidr": "10.1.0.0/16"}, {}))
        assert differences(shared(own), shared(home), "us-east") == [
            'multiregion.vpc_ranges = ["10.1.0.0/16", "10.65.0.0/16"]   us-east has ["10.64.0.0/16", "10.65.0.0/16"]: '
            "state that here too, or bring us-east to this first (pulumi up -s us-east)"
        ]

    def test_a_home_that_is_not_on_aws_says_nothing_of_it(self) -> None:
        own, home = load(on_aws(), "us-west"), load(region(), "us-east")
        assert differences(shared(own), shared(home), "us-east") == []

    def test_regions_of_one_checkout_are_compared(self, tmp_path: Path) -> None:
        three = [EAST, WEST, {"name": "eu-west", "aws_region": "eu-west-1"}]
        own: Mapping[str, Any] = {"multiregion": {"regions": [EAST | {"cidr": "10.1.0.0/16"}, *three[1:]]}}
        common = {"multiregion": {"regions": three}, "platform": "aws", "aws": cluster()}
        assert agreement.faults(tmp_path, {"eu-west": dict(own)}, **common) == [
            "Pulumi.eu-west.yaml",
            "  multiregion.regions = [10.1.0.0/16, 10.65.0.0/16, 10.66.0.0/16]   the home region us-east has "
            f"[10.64.0.0/16, 10.65.0.0/16, 10.66.0.0/16]: {agreement.REMEDY}",
        ]

    def test_regions_of_one_checkout_may_be_on_different_platforms(self, tmp_path: Path) -> None:
        three = [EAST, WEST, {"name": "eu-west", "aws_region": "eu-west-1"}]
        own: dict[str, Any] = {"platform": "aws", "aws": cluster()}
        assert agreement.faults(tmp_path, {"eu-west": own}, multiregion={"regions": three}) == []
