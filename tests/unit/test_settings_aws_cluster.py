"""Settings of a region on AWS about its cluster, its tags, and what they have no effect on."""

from typing import Any

import pytest

from tests.unit.aws_settings import (
    ACCOUNT,
    EAST,
    MINE,
    OPERATORS,
    WEST,
    Refused,
    aws,
    cluster,
    existing,
    on_aws,
    regions,
    subnets,
)
from tests.unit.test_settings_faults import faults

BESIDE: Refused = {
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

CLUSTER: Refused = {
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

TAGS: Refused = {
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

PLATFORMS: Refused = {
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

ALL = BESIDE | CLUSTER | TAGS | PLATFORMS


@pytest.mark.parametrize(("blocks", "lines"), ALL.values(), ids=list(ALL))
def test_what_cannot_be_made_is_refused_with_place_value_rule_and_remedy(
    blocks: dict[str, Any], lines: list[str]
) -> None:
    assert faults(on_aws(**blocks)) == lines
