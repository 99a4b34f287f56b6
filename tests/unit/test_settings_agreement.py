"""What all regions must say alike: a standby that differs could never take over."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError
from tests.unit.test_settings import CHECKOUT

REGIONS = [{"name": "us-east", "primary": True}, {"name": "us-west"}, {"name": "eu-west"}]
ALL = ("us-east", "us-west", "eu-west")
HOME = "the home region us-east"
REMEDY = "state it once, in Pulumi.yaml, or make it equal"
TEAM = {
    "rules": [
        {"host": "memory.example.com"},
        {"host": "a.example.com", "paths": [{"path": "/", "backend": {"service": "memory-service-a", "port": 80}}]},
    ]
}


def faults(directory: Path, stacks: dict[str, dict[str, Any]], **shared: Any) -> list[str]:
    """The lines with which settings are refused: of us-east, us-west and eu-west as `stacks` and Pulumi.yaml state."""
    keys = {"multiregion": {"regions": REGIONS}} | shared
    declared = {key: {"type": "object", "default": value} for key, value in keys.items() if value is not None}
    (directory / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "soma", "runtime": "python", "config": declared}))
    for stack in (*ALL, *stacks):
        stated = {"memory": {"image": "soma:1"}, "ingress": {"rules": [{"host": "memory.example.com"}]}}
        stated["images"] = {"postgresql_gateway": "gateway:1", "redis_gateway": "gateway:1"}
        stated |= stacks.get(stack, {})
        config = {"config": {f"soma:{key}": value for key, value in stated.items()}}
        (directory / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    try:
        Project.load(directory).settings()
    except RehearsalError as error:
        return str(error).splitlines()
    return []


def test_the_shipped_regions_agree() -> None:
    assert list(Project.load(CHECKOUT).settings()) == ["us-east", "us-west"]


@pytest.mark.parametrize(
    ("stated", "differs"),
    [
        ({"postgresql": {"database": "other"}}, 'postgresql.database = "other"   {} has "somamemory": {}'),
        ({"postgresql": {"owner": "other"}}, 'postgresql.owner = "other"   {} has "soma": {}'),
        ({"postgresql": {"partitions": 16}}, "postgresql.partitions = 16   {} has 8: {}"),
        ({"sharding": {"shards": 6}}, "sharding.shards = 6   {} has 4 shards: {}"),
        ({"qdrant": {"shards": 6}}, "qdrant.shards = 6   {} has 4 shards: {}"),
        ({"sharding": {"replication_factor": 3}}, "sharding.replication_factor = 3   {} has 2: {}"),
        (
            {"memory": {"image": "soma:1", "namespaces": ["default", "a"]}, "ingress": TEAM},
            "memory.namespaces = [a, default]   {} has [default]: {}",
        ),
    ],
)
def test_a_standby_that_differs_from_home_is_refused(tmp_path: Path, stated: dict[str, Any], differs: str) -> None:
    assert faults(tmp_path, {"us-west": stated}) == [
        "Pulumi.us-west.yaml",
        "  " + differs.format("the home region us-east", REMEDY),
    ]


GATEWAYS = {"postgresql_gateway": "gateway:1", "redis_gateway": "gateway:1"}
DIGEST = "@sha256:" + "0" * 64


@pytest.mark.parametrize("image", ["pg:17.6-system-trixie", "pg:17"])
def test_a_standby_with_another_major_version_of_postgresql_is_refused(tmp_path: Path, image: str) -> None:
    assert faults(tmp_path, {"us-west": {"images": {**GATEWAYS, "postgresql": image}}}) == [
        "Pulumi.us-west.yaml",
        f'  images.postgresql = "{image}"   {HOME} has PostgreSQL 18, '
        f"and a standby follows only its own major version: {REMEDY}",
    ]


@pytest.mark.parametrize("image", ["pg:18.1", "pg:18", "registry.example.com:5000/pg:18_x" + DIGEST])
def test_another_minor_version_or_build_of_postgresql_is_fine(tmp_path: Path, image: str) -> None:
    assert faults(tmp_path, {"us-west": {"images": {**GATEWAYS, "postgresql": image}}}) == []


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("pg" + DIGEST, "no tag: CloudNativePG reads the version from it; write both, as in"),
        ("pg:trixie", '"trixie" does not begin with a version of PostgreSQL: use a tag such as "18.4-system-trixie"'),
        ("pg:180", '"180" does not begin with a version of PostgreSQL'),
    ],
)
def test_an_image_that_says_no_version_of_postgresql_is_refused(tmp_path: Path, image: str, reason: str) -> None:
    told = faults(tmp_path, {"us-west": {"images": {**GATEWAYS, "postgresql": image}}})
    assert told[0] == "Pulumi.us-west.yaml"
    assert "images.postgresql = " in told[1]
    assert reason in told[1]
    assert len(told) == 2


def test_all_standbys_are_compared_with_home_and_what_home_states_alone_is_a_default_elsewhere(tmp_path: Path) -> None:
    line = f'  postgresql.owner = "soma" (default)   the home region us-east has "other": {REMEDY}'
    assert faults(tmp_path, {"us-east": {"postgresql": {"owner": "other"}}}) == [
        "Pulumi.eu-west.yaml",
        line,
        "Pulumi.us-west.yaml",
        line,
    ]


def test_one_shard_and_no_sharding_are_the_same(tmp_path: Path) -> None:
    off: dict[str, Any] = {"sharding": {"enabled": False, "replication_factor": 3}}
    one: dict[str, Any] = {"sharding": {"shards": 1, "replication_factor": 3}}
    six: dict[str, Any] = {"sharding": {"shards": 6, "replication_factor": 3}}
    assert faults(tmp_path, {"us-east": off, "us-west": one, "eu-west": one}) == []
    assert faults(tmp_path, {"us-east": six, "us-west": off, "eu-west": six}) == [
        "Pulumi.us-west.yaml",
        f"  sharding.enabled = false   the home region us-east has 6 shards: {REMEDY}",
    ]


def test_what_every_region_states_alike_is_fine(tmp_path: Path) -> None:
    other: dict[str, Any] = {"postgresql": {"database": "other"}}
    assert faults(tmp_path, dict.fromkeys(ALL, other)) == []
    assert faults(tmp_path, {"us-west": {"postgresql": {"database": "other", "storage": "1Ti"}}}, **other) == []


def test_the_order_of_the_namespaces_is_the_region_s_own(tmp_path: Path) -> None:
    stacks: dict[str, dict[str, Any]] = {
        stack: {"memory": {"image": "soma:1", "namespaces": names}, "ingress": TEAM}
        for stack, names in zip(ALL, (["default", "a"], ["a", "default"], ["a", "default"]), strict=True)
    }
    assert faults(tmp_path, stacks) == []


def test_a_region_that_makes_itself_home_is_refused(tmp_path: Path) -> None:
    own = {"multiregion": {"regions": [{"name": "us-east"}, {"name": "us-west", "primary": True}]}}
    assert faults(tmp_path, {"us-west": own}) == [
        "Pulumi.us-west.yaml",
        f'  multiregion.home = "us-west"   the home region us-east has "us-east": {REMEDY}',
        "  multiregion.regions = [us-east, us-west]   the home region us-east has [us-east, us-west, eu-west]: "
        + REMEDY,
    ]


def test_a_home_that_gives_itself_up_alone_is_the_one_that_is_wrong(tmp_path: Path) -> None:
    own = {"multiregion": {"regions": [*REGIONS[1:], {"name": "us-east"}], "home": "us-west"}}
    assert faults(tmp_path, {"us-east": own}) == [
        "Pulumi.us-east.yaml",
        f'  multiregion.home = "us-west"   eu-west has "us-east": {REMEDY}',
        f"  multiregion.regions = [us-west, eu-west, us-east]   eu-west has [us-east, us-west, eu-west]: {REMEDY}",
    ]


def test_regions_in_another_order_and_another_domain_are_refused(tmp_path: Path) -> None:
    own = {"multiregion": {"regions": [REGIONS[0], REGIONS[2], REGIONS[1]], "internal_domain": "soma.example.com"}}
    assert faults(tmp_path, {"eu-west": own}) == [
        "Pulumi.eu-west.yaml",
        f"  multiregion.regions = [us-east, eu-west, us-west]   {HOME} has [us-east, us-west, eu-west]: {REMEDY}",
        f'  multiregion.internal_domain = "soma.example.com"   {HOME} has "somafractalmemory.internal": {REMEDY}',
    ]


def test_stack_files_that_all_state_the_regions_themselves_are_compared_with_the_first_home(tmp_path: Path) -> None:
    east, west = ({"multiregion": {"regions": REGIONS, "home": home}} for home in ("us-east", "us-west"))
    del west["multiregion"]["home"]
    west["multiregion"]["regions"] = [{"name": "us-east"}, {"name": "us-west", "primary": True}, {"name": "eu-west"}]
    told = faults(tmp_path, {"us-east": east, "us-west": west, "eu-west": east}, multiregion=None)
    assert told == [
        "Pulumi.us-west.yaml",
        f'  multiregion.home = "us-west"   the home region us-east has "us-east": {REMEDY}',
    ]


def test_a_region_that_leaves_the_others_is_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, {"us-west": {"multiregion": {"enabled": False}}}) == [
        "Pulumi.us-west.yaml",
        f'  multiregion.home = "us-west"   the home region us-east has "us-east": {REMEDY}',
        "  multiregion.regions = [us-west]   the home region us-east has [us-east, us-west, eu-west]: " + REMEDY,
    ]


def test_stacks_that_stand_alone_need_not_agree(tmp_path: Path) -> None:
    alone = {"multiregion": {"enabled": False}, "postgresql": {"database": "other"}}
    assert faults(tmp_path, {"development": alone}) == []
    assert faults(tmp_path, dict.fromkeys(ALL, alone), multiregion=None) == []


def test_sound_regions_are_compared_even_where_another_one_is_faulty(tmp_path: Path) -> None:
    stacks = {"us-west": {"postgresql": {"partitions": 16}}, "eu-west": {"redis": 5}}
    assert faults(tmp_path, stacks) == [
        "Pulumi.eu-west.yaml",
        "  redis = 5   expected a block of keys",
        "Pulumi.us-west.yaml",
        f"  postgresql.partitions = 16   the home region us-east has 8: {REMEDY}",
    ]


def test_where_home_is_faulty_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    stacks = {"us-west": {"postgresql": {"partitions": 16}}, "us-east": {"redis": 5}}
    assert faults(tmp_path, stacks) == ["Pulumi.us-east.yaml", "  redis = 5   expected a block of keys"]


AWS_REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
ZONE = "Z0123456789ABCDEFGHIJ"


def named(directory: Path, *dns: dict[str, Any]) -> list[str]:
    """The lines with which the public names of us-east, us-west and eu-west are refused."""
    listed = [{**region, "aws_region": place} for region, place in zip(REGIONS, AWS_REGIONS, strict=True)]
    account = {"account": "123456789012", "cluster": {"admins": ["arn:aws:iam::123456789012:role/operators"]}}
    stacks = {
        stack: {"platform": "aws", "aws": {**account, "dns": {"hosted_zone": ZONE, **stated}}}
        for stack, stated in zip(ALL, dns, strict=True)
    }
    return faults(directory, stacks, multiregion={"regions": listed})


def geolocation(*places: str) -> dict[str, Any]:
    return {"routing": "geolocation", "locations": list(places)}


def test_regions_answer_at_one_name_by_one_rule_in_one_zone(tmp_path: Path) -> None:
    assert named(tmp_path, {}, {}, {}) == []
    assert named(tmp_path, {}, {**geolocation("*"), "hosted_zone": "Z1"}, {}) == [
        "Pulumi.us-west.yaml",
        '  aws.dns.hosted_zone = "Z1"   us-east has "Z0123456789ABCDEFGHIJ", and a name has one: make them equal',
        '  aws.dns.routing = "geolocation"   us-east has "latency", and a name has one: make them equal',
    ]


def test_a_place_is_one_regions_and_some_region_answers_all_others(tmp_path: Path) -> None:
    assert named(tmp_path, geolocation("NA"), geolocation("country:US"), geolocation("EU", "*")) == []
    assert named(tmp_path, geolocation("NA"), geolocation("NA", "*"), geolocation("EU")) == [
        "Pulumi.us-west.yaml",
        '  aws.dns.locations[0] = "NA"   us-east answers its users already: a place is one region\'s',
    ]
    assert named(tmp_path, geolocation("NA"), geolocation("SA"), geolocation("EU")) == [
        "Pulumi.eu-west.yaml",
        '  aws.dns.locations   no region answers users of other places: add "*" to one of them',
    ]
