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
from tests.unit import test_settings_aws_cluster as cluster_faults
from tests.unit import test_settings_aws_network as network_faults
from tests.unit.aws_settings import ACCOUNT, EAST, MINE, OPERATORS, WEST, cluster, on_aws, regions, subnets, zones
from tests.unit.test_settings import region
from tests.unit.test_settings_faults import faults


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


def test_faults_of_all_blocks_come_at_once() -> None:
    known = network_faults.ALL | cluster_faults.ALL
    picked = ("two in one", "one zone", "nobody who administers it")
    merged: dict[str, Any] = {}
    for name in picked:
        merged |= known[name][0]
    assert sorted(faults(on_aws(**merged))) == sorted(line for name in picked for line in known[name][1])


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

    @pytest.mark.parametrize("standby", ["aws", "kubernetes"])
    def test_a_standby_on_another_platform_than_home_is_told_that_and_nothing_else(self, standby: str) -> None:
        stacks = {"aws": on_aws(), "kubernetes": region()}
        (other,) = stacks.keys() - {standby}
        own, home = load(stacks[standby], "us-west"), load(stacks[other], "us-east")
        assert differences(shared(own), shared(home), "us-east") == [
            f'platform = "{standby}"   us-east has "{other}": state that here too, or bring us-east to this first '
            "(pulumi up -s us-east)"
        ]

    def test_regions_of_one_checkout_are_compared(self, tmp_path: Path) -> None:
        three = [EAST, WEST, {"name": "eu-west", "aws_region": "eu-west-1"}]
        own: Mapping[str, Any] = {"multiregion": {"regions": [EAST | {"cidr": "10.1.0.0/16"}, *three[1:]]}}
        common = {"multiregion": {"regions": three}, "platform": "aws", "aws": cluster()}
        assert agreement.faults(tmp_path, {"eu-west": dict(own)}, **common) == [
            "Pulumi.eu-west.yaml",
            "  multiregion.regions = [10.1.0.0/16, 10.65.0.0/16, 10.66.0.0/16]   the home region us-east has "
            f"[10.64.0.0/16, 10.65.0.0/16, 10.66.0.0/16]: {agreement.REMEDY}",
        ]

    def test_regions_of_one_checkout_are_on_one_platform(self, tmp_path: Path) -> None:
        three = [EAST, WEST, {"name": "eu-west", "aws_region": "eu-west-1"}]
        own: dict[str, Any] = {"platform": "aws", "aws": cluster()}
        assert agreement.faults(tmp_path, {"eu-west": own}, multiregion={"regions": three}) == [
            "Pulumi.eu-west.yaml",
            '  platform = "aws"   the home region us-east has kubernetes, and regions of different platforms are not '
            f"linked: {agreement.REMEDY}",
        ]
