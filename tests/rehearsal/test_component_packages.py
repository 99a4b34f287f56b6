"""What decision 22 rests on: what the SDK makes of our components as a package for programs in any language.

Where one of these turns red, the SDK has learned it, and the decision is to be taken anew.
"""

from pathlib import Path

import grpc
import pulumi
import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components import reference
from tests.rehearsal.hosted import PACKAGE, hosted

TAKEN = ("Endpoints", "FlowLogs", "InnerCertificate", "Network", "StateStore", "Transit")
"""Components of which the SDK makes a schema: parts of AWS, whose arguments are texts, numbers, lists and maps."""
NUMBERS = """\
import pulumi
from typing import TypedDict
from pulumi.provider.experimental import component_provider_host

class NodesArgs(TypedDict):
    nodes: int

class Nodes(pulumi.ComponentResource):
    seen: pulumi.Output[str]

    def __init__(self, name: str, args: NodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("soma:index:Nodes", name, {}, opts)
        self.seen = pulumi.Output.from_input(repr(args["nodes"]))

component_provider_host(name="soma", components=[Nodes])
"""
PLAIN = """\
import pulumi
from typing import TypedDict
from pulumi.provider.experimental import component_provider_host
from pulumi_kubernetes import Provider
from components import redis
from components.placement import Placement
from settings import Images, Redis

class RedisClusterArgs(TypedDict):
    namespace: pulumi.Input[str]
    zones: list[str]

class RedisCluster(pulumi.ComponentResource):
    host: pulumi.Output[str]

    def __init__(self, name: str, args: RedisClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("soma:index:RedisCluster", name, {}, opts)
        own, images = pulumi.ResourceOptions(parent=self), Images()
        placement = Placement("alone", args["namespace"], tuple(args["zones"]), Provider(f"{name}-provider", opts=own))
        wanted = redis.RedisArgs(placement, Redis(), images.valkey, images.redis_exporter, images.python)
        self.host = redis.RedisCluster(f"{name}-redis", wanted, own).headless

component_provider_host(name="soma", components=[RedisCluster])
"""
"""What a package would have to add to a component, with a few of its arguments."""


def refusal(kind: type[pulumi.ComponentResource]) -> str:
    """Why the SDK makes no schema of a component; empty where it makes one."""
    try:
        Analyzer(PACKAGE).analyze([kind])
    except Exception as error:  # noqa: BLE001  (the SDK raises whatever it stumbles over)
        return str(error)
    return ""


def kinds() -> dict[str, type[pulumi.ComponentResource]]:
    return {component.name: component.kind for component in reference.catalogue()}


def test_the_sdk_makes_a_schema_of_a_few_parts_of_aws_and_of_no_store() -> None:
    said = {name: refusal(kind) for name, kind in kinds().items()}
    assert tuple(sorted(name for name, why in said.items() if not why)) == TAKEN
    for name, words in {
        "RedisCluster": "Unsupported type 'tuple[str, ...]' for 'Placement.zones'",
        "KubernetesPlatform": "issubclass() arg 1 must be a class",  # a validated text of the settings
        "Region": "requires an argument named 'args'",
        "Bucket": "'Resource.pulumi_type' is not defined",
    }.items():
        assert words in said[name]


def test_what_it_makes_a_schema_of_it_cannot_make(tmp_path: Path) -> None:
    """It hands over a dict, where a component takes an object of its own class."""
    of_a_type = {"string": "a", "integer": 1, "array": ["a"], "object": {"a": "b"}, None: {}}
    with hosted(tmp_path, [kinds()[taken] for taken in TAKEN]) as package:
        resources = package.schema()["resources"]
        assert {token.rpartition(":")[2] for token in resources} == set(TAKEN)
        for token, resource in resources.items():
            inputs = {name: of_a_type[about.get("type")] for name, about in resource["inputProperties"].items()}
            with pytest.raises(grpc.RpcError) as refused:
                package.construct(token, inputs)
            assert "'dict' object has no attribute" in str(refused.value), token


def test_it_knows_a_component_by_no_token_of_ours(tmp_path: Path) -> None:
    """Another token is another URN: a stack that is up would make anew what holds its data."""
    with hosted(tmp_path, [kinds()["InnerCertificate"]]) as package, pytest.raises(grpc.RpcError) as refused:
        package.construct("soma:aws:InnerCertificate", {"hosts": ["a.example.com"]})
    assert "expected index or empty string" in str(refused.value)


def test_a_range_of_addresses_becomes_a_type_without_fields(tmp_path: Path) -> None:
    with hosted(tmp_path, [kinds()["Network"]]) as package:
        schema = package.schema()
    assert schema["resources"]["soma:index:Network"]["inputProperties"]["cidr"]["$ref"].endswith(":IPv4Network")
    assert not schema["types"]["soma:index:IPv4Network"].get("properties")


def test_whole_numbers_arrive_as_others(tmp_path: Path) -> None:
    """Settings take a whole number for whole only where it is one."""
    with hosted(tmp_path, [], NUMBERS) as package:
        assert package.construct("soma:index:Nodes", {"nodes": 3}) == {"seen": "3.0"}


def test_behind_plain_arguments_a_redis_cluster_can_be_made(tmp_path: Path) -> None:
    with hosted(tmp_path, [], PLAIN) as package:
        made = package.construct("soma:index:RedisCluster", {"namespace": "cache", "zones": ["a", "b", "c"]})
    assert made == {"host": "redis-headless.cache.svc.cluster.local"}
