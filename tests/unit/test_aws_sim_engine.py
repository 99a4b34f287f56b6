"""The simulated account behind the in-process engine: providers, secrets, other regions, updates and replacements."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest
from pulumi import ResourceOptions

from rehearsal import kubeconfig
from rehearsal.aws.world import Endpoint
from rehearsal.certificates import Authority
from rehearsal.engine import evaluate
from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.model import Change, Plan, PlannedResource, Result, Secret
from rehearsal.engine.program import Evaluation, run
from rehearsal.engine.providers.answer import Elsewhere
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from tests.unit.engine_bench import Bench, Describe, config_map, named
from tests.unit.engine_cluster import FakeCluster

REGION = "us-east"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "eks.amazonaws.com"}}],
    }
)


def plan(program: Callable[[], object], **told: Any) -> Plan:
    return run(program, Evaluation("soma", REGION, **told))


def by_name(found: Plan | Result, name: str) -> PlannedResource:
    (resource,) = (one for one in found.resources if one.name == name and "providers" not in one.type)
    return resource


def in_region(region: str = "us-east-1", **inputs: Any) -> ResourceOptions:
    return ResourceOptions(provider=aws.Provider(f"aws-{region}", region=region, **inputs))


def network(opts: ResourceOptions, cidr: str = "10.64.0.0/16", **inputs: Any) -> aws.ec2.Vpc:
    vpc = aws.ec2.Vpc("vpc", cidr_block=cidr, opts=opts, **inputs)
    aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block=cidr.replace("/16", "/24"), opts=opts)
    pulumi.export("vpc", vpc.id)
    return vpc


def test_region_account_and_tags_are_the_providers() -> None:
    def program() -> None:
        opts = in_region(
            "eu-west-1", allowed_account_ids=["111122223333"], default_tags={"tags": {"soma:region": "us-east"}}
        )
        network(opts, tags={"Name": "vpc"})

    outputs = by_name(plan(program), "vpc").outputs
    assert outputs["arn"].startswith("arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-")
    assert outputs["tagsAll"] == {"soma:region": "us-east", "Name": "vpc"}


def test_a_resource_may_name_another_region_and_the_configuration_one_for_all() -> None:
    def program() -> None:
        aws.ec2.Vpc("ambient", cidr_block="10.64.0.0/16")
        aws.ec2.Vpc("own", cidr_block="10.65.0.0/16", region="us-west-2")

    found = plan(program, config={"aws:region": "us-east-2"})
    assert by_name(found, "ambient").outputs["region"] == "us-east-2"
    assert by_name(found, "own").outputs["region"] == "us-west-2"


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no region": (
        lambda: aws.ec2.Vpc("vpc", cidr_block="10.64.0.0/16"),
        r"vpc \(aws:ec2/vpc:Vpc\): no region: state `region` in its aws provider",
    ),
    "a provider of a region that there is not": (
        lambda: aws.Provider("aws", region="us-east-9"),
        r"aws \(pulumi:providers:aws\): there is no region us-east-9",
    ),
    "a provider with a property that there is not": (
        lambda: pulumi.ProviderResource("aws", "aws", {"regoin": "us-east-1"}),
        "there is no property regoin: did you mean region",
    ),
    "what AWS refuses": (
        lambda: network(in_region(), "10.0.0.0/8"),
        "AWS takes ranges from /16 to /28",
    ),
    "what the whole set shows": (
        lambda: _lost_gateway(),
        "nat .*has no route to an internet gateway",
    ),
}


def _lost_gateway() -> None:
    opts = in_region()
    vpc = network(opts)
    internet = aws.ec2.InternetGateway("internet", vpc_id=vpc.id, opts=opts)
    subnet = aws.ec2.Subnet("public", vpc_id=vpc.id, cidr_block="10.64.9.0/24", opts=opts)
    address = aws.ec2.Eip("address", opts=opts)
    aws.ec2.NatGateway(
        "nat",
        subnet_id=subnet.id,
        allocation_id=address.id,
        opts=ResourceOptions.merge(opts, ResourceOptions(depends_on=[internet])),
    )


@pytest.mark.parametrize("what", REFUSED)
def test_is_refused(what: str) -> None:
    program, words = REFUSED[what]
    with pytest.raises(RehearsalError, match=words):
        plan(program)


def test_secrets_stay_secret_and_appear_in_no_refusal() -> None:
    secret = pulumi.Output.secret

    def good() -> None:
        opts = in_region()
        aws.cloudwatch.LogGroup("logs", name=secret("/hidden/name"), opts=opts)
        aws.ec2.SecurityGroup("group", vpc_id=network(opts).id, tags={"a": secret("hidden-tag")}, opts=opts)

    found = plan(good)
    assert by_name(found, "logs").outputs["name"] == Secret("/hidden/name")
    assert "hidden-tag" not in repr(by_name(found, "group").outputs["tags"])

    def bad() -> None:
        aws.cloudwatch.LogGroup("logs", name=secret("hidden name"), opts=in_region())

    with pytest.raises(RehearsalError) as refusal:
        plan(bad)
    assert "hidden" not in str(refusal.value)
    assert "name = [secret]" in str(refusal.value)


def test_a_request_comes_through_the_pipe_as_it_was_asked() -> None:
    elsewhere = (Elsewhere("aws:ec2/vpc:Vpc", "us-west-2", {"id": "vpc-0a", "x": Secret("y")}, {"a": 1}, "urn:x"),)
    endpoint = Endpoint("https://127.0.0.1:6443", "Q0E=")
    asked = json.loads(json.dumps(evaluate.ask("soma", REGION, {}, True, {}, {}, elsewhere, endpoint)))
    assert evaluate.evaluation(asked).elsewhere == elsewhere
    assert evaluate.evaluation(asked).cluster == endpoint
    assert evaluate.evaluation(json.loads(json.dumps(evaluate.ask("soma", REGION, {}, True, {}, {})))).cluster is None


# Updates


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def made(bench: Bench) -> Describe:
    del bench
    return lambda: network(in_region())


def test_a_second_update_changes_nothing(bench: Bench) -> None:
    first = bench.up(made(bench))
    assert first.changes["create"] == 3
    second = bench.up()
    assert second.changes == {"create": 0, "update": 0, "replace": 0, "delete": 0, "same": 3}
    assert second.outputs == first.outputs
    assert bench.engine.preview(REGION).changes["same"] == 3


def test_a_preview_says_what_the_update_makes(bench: Bench) -> None:
    bench.program = made(bench)
    assert bench.engine.preview(REGION).outputs == bench.up().outputs


def test_a_tag_is_an_update_and_a_range_a_replacement_of_all_that_is_in_it(bench: Bench) -> None:
    before = bench.up(made(bench))
    tagged = bench.up(lambda: network(in_region(), tags={"Name": "soma"}))
    assert named(tagged, Change.UPDATE) == ["vpc"]
    assert tagged.outputs == before.outputs
    moved = bench.up(lambda: network(in_region(), "10.70.0.0/16"))
    assert named(moved, Change.REPLACE) == ["vpc", "subnet"]
    assert moved.outputs != before.outputs
    again = bench.up()
    assert again.changes["same"] == 3
    assert again.outputs == moved.outputs


def test_what_is_protected_is_not_replaced(bench: Bench) -> None:
    def program(cidr: str) -> Describe:
        return lambda: aws.ec2.Vpc(
            "vpc", cidr_block=cidr, opts=ResourceOptions.merge(in_region(), ResourceOptions(protect=True))
        )

    bench.up(program("10.64.0.0/16"))
    with pytest.raises(RehearsalError, match=r"would replace what is protected:\n.*::vpc"):
        bench.up(program("10.70.0.0/16"))


def test_a_new_name_keeps_the_id(bench: Bench) -> None:
    def program(name: str, **options: Any) -> Describe:
        def describe() -> None:
            opts = ResourceOptions.merge(in_region(), ResourceOptions(**options))
            pulumi.export("vpc", aws.ec2.Vpc(name, cidr_block="10.64.0.0/16", opts=opts).id)

        return describe

    before = bench.up(program("old"))
    renamed = bench.up(program("new", aliases=[pulumi.Alias(name="old")]))
    assert renamed.changes["same"] == 2
    assert renamed.outputs == before.outputs
    assert bench.up(program("new")).outputs == before.outputs


def test_an_ignored_change_replaces_nothing(bench: Bench) -> None:
    def program(cidr: str) -> Describe:
        opts = ResourceOptions(ignore_changes=["cidrBlock"])
        return lambda: aws.ec2.Vpc("vpc", cidr_block=cidr, opts=ResourceOptions.merge(in_region(), opts))

    bench.up(program("10.64.0.0/16"))
    assert bench.up(program("10.70.0.0/16")).changes["same"] == 2


def test_what_left_the_program_goes(bench: Bench) -> None:
    bench.up(made(bench))
    assert bench.up(lambda: None).changes["delete"] == 3


# Regions


class Regions:
    """Two stacks of one account, each with a program of its own."""

    def __init__(self, directory: Path, there: Sequence[Elsewhere] = ()) -> None:
        (directory / "Pulumi.yaml").write_text("name: soma\nruntime: python\n")
        self.programs: dict[str, Describe] = {}
        self.cluster = FakeCluster()
        self.connected: Callable[[Path], object] = lambda _: None
        """Told of the kubeconfig of each cluster that is reached."""
        self.directory = directory / "run"
        self.engine = InProcessEngine(
            directory,
            self.directory,
            connect=self._connect,
            program=lambda: self.programs[pulumi.get_stack()](),
            there=lambda _: there,
        )

    def _connect(self, path: Path, context: str | None) -> FakeCluster:
        self.connected(path)
        return self.cluster

    def up(self, region: str) -> Result:
        return self.engine.up(region, Progress(io.StringIO()))


def link() -> None:
    """A peering to the first region's network, whose id it reads."""
    home = pulumi.StackReference("organization/soma/us-east").require_output("vpc")
    opts = in_region("us-west-2")
    vpc = network(opts, "10.65.0.0/16")
    peering = aws.ec2.VpcPeeringConnection(
        "peering", vpc_id=vpc.id, peer_vpc_id=home, peer_region="us-east-1", opts=opts
    )
    aws.ec2.VpcPeeringConnectionAccepter(
        "accepter",
        vpc_peering_connection_id=peering.id,
        auto_accept=True,
        opts=ResourceOptions(provider=aws.Provider("aws-home", region="us-east-1")),
    )


def test_a_region_refers_to_what_another_one_made_and_in_a_preview_would_make(tmp_path: Path) -> None:
    regions = Regions(tmp_path)
    regions.programs = {"us-east": lambda: network(in_region()), "us-west": link}
    regions.engine.preview("us-east")
    accepted = by_name(Plan("", regions.engine.preview("us-west").resources), "accepter")
    assert accepted.outputs["acceptStatus"] == "active"
    made = {region: regions.up(region) for region in ("us-east", "us-west")}
    assert by_name(made["us-west"], "accepter").outputs["vpcId"] == made["us-east"].outputs["vpc"]
    assert regions.up("us-east").changes["same"] == 3


def test_ranges_of_two_regions_that_overlap_are_refused_at_their_peering(tmp_path: Path) -> None:
    regions = Regions(tmp_path)
    regions.programs = {"us-east": lambda: network(in_region(), "10.65.0.0/16"), "us-west": link}
    regions.up("us-east")
    with pytest.raises(RehearsalError, match=r"peering .*share addresses: VPCs with a peering have to be apart"):
        regions.up("us-west")


def test_secrets_of_another_region_appear_in_no_refusal(tmp_path: Path) -> None:
    hidden = Elsewhere(
        "aws:ec2/vpc:Vpc", "us-east-1", {"id": "vpc-0123456789abcdef0", "cidrBlock": Secret("10.65.128.0/17")}
    )
    regions = Regions(tmp_path, [hidden])
    regions.programs = {
        "us-west": lambda: aws.ec2.VpcPeeringConnection(
            "peering",
            vpc_id=network(in_region("us-west-2"), "10.65.0.0/16").id,
            peer_vpc_id="vpc-0123456789abcdef0",
            peer_region="us-east-1",
            opts=ResourceOptions(provider=aws.Provider("again", region="us-west-2")),
        )
    }
    with pytest.raises(RehearsalError, match=r"and \[secret\] of vpc-0123456789abcdef0 share addresses"):
        regions.up("us-west")


def test_two_regions_may_not_make_roles_of_one_name(tmp_path: Path) -> None:
    def role() -> None:
        aws.iam.Role("role", name="soma", assume_role_policy=TRUST, opts=in_region())

    regions = Regions(tmp_path)
    regions.programs = {"us-east": role, "us-west": role}
    regions.up("us-east")
    with pytest.raises(RehearsalError, match="name = soma is taken by role"):
        regions.up("us-west")


def test_what_no_program_made_may_be_referred_to_once_it_is_known(tmp_path: Path) -> None:
    def program() -> None:
        aws.ec2.Subnet("subnet", vpc_id="vpc-0123456789abcdef0", cidr_block="10.0.0.0/24", opts=in_region())

    without = Regions(tmp_path)
    without.programs = {"us-east": program}
    with pytest.raises(RehearsalError, match="there is no such VPC in us-east-1 yet"):
        without.up("us-east")
    given = Regions(tmp_path, [Elsewhere("aws:ec2/vpc:Vpc", "us-east-1", {"id": "vpc-0123456789abcdef0"})])
    given.programs = {"us-east": program}
    assert given.up("us-east").changes["create"] == 2


# The cluster behind EKS


def cluster() -> aws.eks.Cluster:
    opts = in_region()
    vpc = aws.ec2.Vpc("vpc", cidr_block="10.64.0.0/16", opts=opts)
    subnets = [
        aws.ec2.Subnet(
            f"subnet-{zone}",
            vpc_id=vpc.id,
            cidr_block=f"10.64.{index}.0/24",
            availability_zone=f"us-east-1{zone}",
            opts=opts,
        ).id
        for index, zone in enumerate("ab")
    ]
    role = aws.iam.Role("role", assume_role_policy=TRUST, opts=opts)
    made = aws.eks.Cluster("cluster", role_arn=role.arn, vpc_config={"subnet_ids": subnets}, opts=opts)
    pulumi.export("endpoint", made.endpoint)
    pulumi.export("ca", made.certificate_authority.data)
    return made


def test_eks_hands_out_the_regions_own_api_server(tmp_path: Path) -> None:
    regions = Regions(tmp_path)
    regions.programs = {"us-east": cluster}
    assert regions.engine.preview("us-east").outputs["endpoint"].endswith(".us-east-1.eks.amazonaws.com")
    path = regions.directory / "us-east" / "kubeconfig"
    path.parent.mkdir(parents=True, exist_ok=True)
    authority = Authority("test").certificate
    kubeconfig.write(path, "us-east", "https://127.0.0.1:6443", authority, "admin", "token")
    outputs = regions.up("us-east").outputs
    assert outputs == {"endpoint": "https://127.0.0.1:6443", "ca": kubeconfig.endpoint(path)[1]}  # type: ignore[index]
    assert regions.engine.preview("us-east").changes["create"] == 0


def test_objects_go_to_the_cluster_whose_kubeconfig_is_made_of_it(tmp_path: Path) -> None:
    def program() -> None:
        made = cluster()
        server = {"server": made.endpoint, "certificate-authority-data": made.certificate_authority.data}
        text = pulumi.Output.json_dumps({"clusters": [{"name": "eks", "cluster": server}]})
        config_map("settings", provider=kubernetes.Provider("eks", kubeconfig=text))

    regions = Regions(tmp_path)
    regions.programs = {"us-east": program}
    given: list[str] = []
    regions.connected = lambda path: given.append(path.read_text())
    regions.up("us-east")
    (text,) = given
    assert json.loads(text)["clusters"][0]["cluster"]["server"].endswith(".us-east-1.eks.amazonaws.com")
    assert regions.cluster.names("apply") == ["settings"]
