"""The types that the simulated account knows: as the SDK has them, complete, and the same in every run."""

import re
from typing import Any

import pytest

from rehearsal import aws_sdk
from rehearsal.aws import regions, schema, simulation
from rehearsal.aws.catalogue import KINDS
from rehearsal.aws.simulation import RefusedByAwsError
from rehearsal.engine.model import UNKNOWN
from rehearsal.errors import RehearsalError
from tests.unit.aws_account import ACCOUNT, DROP, EAST, WEST, Account
from tests.unit.aws_whole import Refusal, judge, refused, whole

IDS = {
    "vpc": r"vpc-[0-9a-f]{17}",
    "subnet-a": r"subnet-[0-9a-f]{17}",
    "internet": r"igw-[0-9a-f]{17}",
    "public": r"rtb-[0-9a-f]{17}",
    "association-a": r"rtbassoc-[0-9a-f]{17}",
    "out": r"r-rtb-[0-9a-f]{17}1080289494",
    "address": r"eipalloc-[0-9a-f]{17}",
    "nat": r"nat-[0-9a-f]{17}",
    "group": r"sg-[0-9a-f]{17}",
    "in": r"sgr-[0-9a-f]{17}",
    "endpoint": r"vpce-[0-9a-f]{17}",
    "flow-log": r"fl-[0-9a-f]{17}",
    "peering": r"pcx-[0-9a-f]{17}",
    "transit": r"tgw-[0-9a-f]{17}",
    "attachment": r"tgw-attach-[0-9a-f]{17}",
    "transit-table": r"tgw-rtb-[0-9a-f]{17}",
    "template": r"lt-[0-9a-f]{17}",
    "cluster": "soma",
    "nodes": "soma:nodes",
    "addon": "soma:vpc-cni",
    "entry": rf"soma:arn:aws:iam::{ACCOUNT}:role/operators",
    "admin": rf"soma#arn:aws:iam::{ACCOUNT}:role/operators#arn:aws:eks::aws:cluster-access-policy/.*",
    "identity": r"a-[0-9a-z]{17}",
    "node-role": "node-role",
    "inline": "pod-role:inline",
    "managed": rf"arn:aws:iam::{ACCOUNT}:policy/managed",
    "oidc": rf"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/[0-9A-F]{{32}}",
    "key": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "alias": "alias/soma",
    "logs": "/soma/flow",
    "backups": "soma-backups",
    "backups-versions": "soma-backups",
    "zone": r"Z[0-9A-Z]{20}",
    "record": r"Z[0-9A-Z]{20}_memory_A_us-east",
    "association": r"Z[0-9A-Z]{20}:vpc-[0-9a-f]{17}",
    "check": r"[0-9a-f-]{36}",
    "certificate": rf"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/[0-9a-f-]{{36}}",
    "balancer": rf"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:loadbalancer/net/soma/[0-9a-f]{{16}}",
    "targets": rf"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:targetgroup/soma/[0-9a-f]{{16}}",
    "listener": rf"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:listener/net/soma/[0-9a-f]{{16}}/[0-9a-f]{{16}}",
}
"""Name of a resource of the whole account to the form of its id."""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own, of types beside ours
def test_the_table_of_properties_is_the_sdks() -> None:
    written = schema.FILE.read_text()
    assert written == aws_sdk.text(aws_sdk.describe()), "write it anew: python -m rehearsal.aws_sdk"


def test_every_type_is_made_once_and_says_all_that_the_sdk_promises() -> None:
    account = whole()
    simulation.finish(account.world)
    assert {made.type for _, made in account.made.values()} == set(KINDS)
    for name, (asked, made) in account.made.items():
        forms = schema.outputs_of(asked.type)
        promised = {output for output, form in forms.items() if form.endswith("!")}
        lacking = promised - made.outputs.keys() - set(KINDS[asked.type].empty)
        assert not lacking, f"{name} ({asked.type})"
        assert not made.outputs.keys() - forms.keys() - {"id", simulation.SEED}, f"{name} ({asked.type})"


def test_what_takes_a_replacement_is_a_property() -> None:
    for type_, kind in KINDS.items():
        for path in (*kind.forced, *kind.irrevocable):
            assert path.split(".")[0] in schema.inputs_of(type_), f"{type_} {path}"
        assert set(kind.empty) <= schema.outputs_of(type_).keys(), type_
        assert set(kind.defaults) <= schema.outputs_of(type_).keys(), type_


@pytest.mark.parametrize("name", IDS)
def test_ids_look_like_those_of_aws(name: str) -> None:
    _, made = whole().made[name]
    assert re.fullmatch(IDS[name], made.id), made.id


def test_a_second_run_is_the_first() -> None:
    first, second = whole(), whole()
    assert first.made == second.made


def test_ids_differ_by_account_region_and_name() -> None:
    account = whole()
    other = account.another("other-address", "address")
    west = account.another("address-west", "address", WEST)
    assert len({account["address"]["id"], other.id, west.id}) == 3


def test_an_update_keeps_the_id_and_a_replacement_does_not() -> None:
    account = whole()
    before = account["vpc"]
    same = account.change("vpc", tags={"Name": "soma"})
    assert same.outputs["id"] == before["id"]
    assert same.outputs["mainRouteTableId"] == before["mainRouteTableId"]
    replaced = account.make(same.type, "moved", cidrBlock="10.70.0.0/16")
    again = account.change("moved", cidrBlock="10.71.0.0/16")
    assert again.id != replaced.id
    assert account.change("moved", tags={"Name": "soma"}).id == again.id


def test_sets_are_compared_as_sets_and_some_things_cannot_be_taken_back() -> None:
    nodes, cluster = "aws:eks/nodeGroup:NodeGroup", "aws:eks/cluster:Cluster"
    assert not simulation.replaced(nodes, {"subnetIds": ["a", "b"]}, {"subnetIds": ["b", "a"]})
    assert simulation.replaced(nodes, {"instanceTypes": ["a", "b"]}, {"instanceTypes": ["b", "a"]})
    assert simulation.replaced(cluster, {"encryptionConfig": {"resources": ["secrets"]}}, {})
    assert not simulation.replaced(cluster, {}, {"encryptionConfig": {"resources": ["secrets"]}})


def test_tags_of_the_provider_are_under_those_of_the_resource() -> None:
    account = whole()
    asked = simulation.Asked(
        "aws:ec2/eip:Eip", "tagged", "urn:tagged", EAST, {"tags": {"a": "own"}}, {"a": "all", "b": "all"}
    )
    assert account.ask(asked).outputs["tagsAll"] == {"a": "own", "b": "all"}


def test_a_resource_may_be_of_another_region_than_its_provider() -> None:
    account = Account()
    made = account.make("aws:ec2/vpc:Vpc", "vpc", EAST, cidrBlock="10.64.0.0/16", region=WEST)
    assert made.outputs["region"] == WEST
    assert str(made.outputs["arn"]).startswith(f"arn:aws:ec2:{WEST}:")


def test_names_that_nobody_states_are_made_up() -> None:
    account = whole()
    assert re.fullmatch(r"unnamed-[0-9a-f]{7}", account.another("unnamed", "backups", bucket=DROP).id)
    assert re.fullmatch(r"soma-[0-9a-f]{7}", account.another("begun", "backups", bucket=DROP, bucketPrefix="soma-").id)
    assert re.fullmatch(r"alias/key-[0-9a-f]{7}", account.another("key", "alias", name=DROP).id)


RED: dict[str, tuple[Refusal, str]] = {
    "a property that there is not": (
        refused("vpc", cidrBlocks=["10.64.0.0/16"]),
        "there is no property cidrBlocks: did you mean cidrBlock?",
    ),
    "a property unlike any": (refused("internet", zzz=1), "there is no property zzz: it has region, tags, vpcId"),
    "a property within another": (
        refused("nodes", scalingConfig={"minSize": 1, "maxSize": 1, "desired": 1}),
        "there is no property scalingConfig.desired: did you mean scalingConfig.desiredSize?",
    ),
    "a property that is missing": (refused("subnet-a", vpcId=DROP), "vpcId is not stated, and has to be"),
    "a missing property within another": (
        refused("nodes", taints=[{"key": "a"}]),
        r"taints\[0\].effect is not stated, and has to be",
    ),
    "a text for a list": (refused("balancer", subnets="subnet-a"), "subnets is no list"),
    "a text for a map": (refused("vpc", tags="soma"), "tags is no map"),
    "a number for an object": (refused("nodes", scalingConfig=3), "scalingConfig is no object"),
    "a list for a text": (refused("vpc", cidrBlock=["10.64.0.0/16"]), "cidrBlock is no string"),
    "a word for a number": (refused("logs", retentionInDays="long"), "retentionInDays is no integer"),
    "a truth for a number": (refused("logs", retentionInDays=True), "retentionInDays is no integer"),
    "a word for a truth": (refused("vpc", enableDnsSupport="on"), "enableDnsSupport is no boolean"),
    "a region that there is not": (refused("vpc", region="us-east-9"), "there is no region us-east-9: did you mean"),
    "an id of what there is not": (
        lambda account: account.refused("flow-log", eniId="acl-0123456789abcdef0"),
        "eniId names acl-0123456789abcdef0, which is not there",
    ),
    "several faults": (
        refused("subnet-a", cidrBlock="10.70.0.0/24", availabilityZone="nowhere"),
        r"subnet-a \(aws:ec2/subnet:Subnet\): \n  cidrBlock .*\n  availabilityZone",
    ),
}


@pytest.mark.parametrize("what", RED)
def test_is_refused(what: str) -> None:
    judge(*RED[what])


def test_numbers_and_truths_may_be_texts() -> None:
    account = whole()
    account.change("vpc", enableDnsSupport="true")
    account.change("logs", retentionInDays="90")


def test_a_type_that_is_not_imitated_is_refused_by_name() -> None:
    with pytest.raises(RehearsalError, match=r"does not imitate aws:sqs/queue:Queue \(jobs\)"):
        Account().make("aws:sqs/queue:Queue", "jobs")


def unknowns(value: Any) -> list[Any]:
    """The value with every part of it unknown, one after the other."""
    found: list[Any] = [UNKNOWN]
    if isinstance(value, dict):
        found += [{**value, key: part} for key in value for part in unknowns(value[key])]
    if isinstance(value, list):
        found += [[*value[:at], part, *value[at + 1 :]] for at in range(len(value)) for part in unknowns(value[at])]
    return found


@pytest.mark.parametrize("name", whole().made)
def test_what_is_unknown_is_not_judged(name: str) -> None:
    account = whole()
    asked, _ = account.made[name]
    for key, value in asked.inputs.items():
        for part in unknowns(value):
            account.change(name, **{key: part})
        account.change(name, **{key: value})
    account.change(name, **dict.fromkeys(asked.inputs, UNKNOWN))


def test_two_resources_of_which_little_is_known_are_not_taken_for_one() -> None:
    account = whole()
    for name, unknown in (
        ("in", "securityGroupId"),
        ("in", "cidrIpv4"),
        ("record", "setIdentifier"),
        ("addon", "addonName"),
    ):
        for time in ("first", "second"):
            account.another(f"{time}-{name}-{unknown}", name, **{unknown: UNKNOWN})


def test_an_id_of_what_is_unknown_is_unknown() -> None:
    account = whole()
    asked, _ = account.made["backups"]
    id_, outputs = simulation.create(
        account.world, simulation.Asked(asked.type, "unknown", "urn:unknown", EAST, {"bucket": UNKNOWN}, {})
    )
    assert id_ is UNKNOWN
    assert outputs["arn"] is UNKNOWN
    assert "[unknown]" not in str({key: value for key, value in outputs.items() if value is not UNKNOWN})


def test_zones_have_ids() -> None:
    assert [regions.zone_id(zone) for zone in ("us-east-1a", "ap-southeast-2c", "eu-central-1b", "us-gov-west-1a")] == [
        "use1-az1",
        "apse2-az3",
        "euc1-az2",
        "usgw1-az1",
    ]


def test_other_partitions_have_names_of_their_own() -> None:
    account = Account()
    made = account.make("aws:ec2/vpc:Vpc", "vpc", "us-gov-west-1", cidrBlock="10.64.0.0/16")
    assert str(made.outputs["arn"]).startswith("arn:aws-us-gov:ec2:us-gov-west-1:")
    assert regions.partition("cn-north-1") == "aws-cn"
    assert regions.suffix("cn-north-1") == "amazonaws.com.cn"


def test_a_key_may_be_named_by_its_alias() -> None:
    account = whole()
    for name in ("alias/soma", account["alias"]["arn"], account["key"]["keyId"], "alias/aws/s3"):
        by_key = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": name}
        account.change("sealed", rules=[{"applyServerSideEncryptionByDefault": by_key}])


def test_what_is_gone_is_not_found() -> None:
    account = whole()
    (internet,) = account.world.where("aws:ec2/internetGateway:InternetGateway", EAST)
    account.world.remove(internet)
    assert "no internet gateway yet" in account.refused("nat")


def test_a_resource_that_is_refused_is_not_there() -> None:
    account = Account()
    with pytest.raises(RefusedByAwsError):
        account.make("aws:ec2/vpc:Vpc", "vpc", cidrBlock="10.0.0.0/8")
    assert list(account.world.of("aws:ec2/vpc:Vpc")) == []
