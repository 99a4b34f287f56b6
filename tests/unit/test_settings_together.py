"""Many faults in one stack file: all at once, in the order of the file, none about a stand-in, none with a secret."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import Configuration, SettingsError, load
from tests.unit import test_settings_faults as stores
from tests.unit import test_settings_faults_traffic as traffic
from tests.unit.test_settings import IMAGE, IMAGES, region
from tests.unit.test_settings_faults import faults

SINGLE = {**stores.SINGLE, **traffic.SINGLE}


def paths(raw: dict[str, Any], stack: str = "us-east") -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(raw, stack)
    return [fault.path for fault in caught.value.faults]


def test_faults_of_types_and_of_rules_are_reported_together() -> None:
    assert faults(
        region(
            sharding={"replication_factor": 5, "shards": "4"},
            qdrant={"storage": "8gb"},
            redis={"cluster": {"nodes": 4, "replicas": 0}},
            memory={"replicas": 2, "image": "ghcr.io/owner/memory"},
        )
    ) == [
        "memory.replicas = 2   under high_availability.min_replicas (3): use 3 or more",
        'memory.image = "ghcr.io/owner/memory"   no tag: pin one, as in "ghcr.io/owner/memory:1.2.3", or a digest',
        "sharding.replication_factor = 5   more copies than Qdrant nodes (3): raise qdrant.replicas or lower this",
        'sharding.shards = "4"   expected a whole number: write 4 without quotes',
        'qdrant.storage = "8gb"   not a Kubernetes quantity: did you mean "8Gi"?',
        "redis.cluster.nodes = 4   a Redis Cluster votes by majority of its masters: use 3, 5, 7, …",
        "redis.cluster.replicas = 0   a master without a replica is lost with its zone: use 1 or more",
    ]


def test_faults_stand_in_the_order_of_the_file() -> None:
    blocks: dict[str, Any] = {
        "redis": {"storage": "0", "cluster": {"replicas": 9, "nodes": 2}},
        "qdrant": {"snapshot_storage": 1, "replicas": 2},
        "memory": {"replicas": 0, "namespaces": ["a", "a"], "image": "x"},
        "images": IMAGES,
        "multiregion": {"regions": [{"primary": True, "name": "us-east"}, {"name": "us-east", "primary": True}]},
    }
    expected = [
        "redis.storage",
        "redis.cluster.replicas",
        "redis.cluster.nodes",
        "qdrant.snapshot_storage",
        "qdrant.replicas",
        "memory.replicas",
        "memory.namespaces[0]",
        "memory.namespaces[1]",
        "memory.image",
        "multiregion.regions[1].name",
        "multiregion.regions[1].primary",
    ]
    assert paths(blocks) == expected
    turned = {key: blocks[key] for key in reversed(blocks)}
    assert paths(turned) == expected[9:] + expected[5:9] + expected[3:5] + expected[:3]


def test_a_missing_key_stands_at_the_head_of_its_block() -> None:
    assert paths(region(memory={"replicas": 2, "resources": 1})) == [
        "memory.image",
        "memory.replicas",
        "memory.resources",
    ]


def test_a_missing_block_stands_after_the_others() -> None:
    raw = region(qdrant={"replicas": 2})
    del raw["memory"]
    assert paths(raw) == ["qdrant.replicas", "memory.image"]


def test_the_order_of_blocks_that_come_as_json_text_is_that_of_the_text() -> None:
    assert paths(region(qdrant=json.dumps({"storage": "0", "replicas": 2}))) == ["qdrant.storage", "qdrant.replicas"]
    assert paths(region(qdrant=json.dumps({"replicas": 2, "storage": "0"}))) == ["qdrant.replicas", "qdrant.storage"]


@pytest.mark.parametrize(
    "blocks",
    [
        {"sharding": {"replication_factor": 5}, "qdrant": {"replicas": "9"}},
        {"sharding": {"replication_factor": 5}, "qdrant": {"replcias": 9}},
        {"sharding": {"replication_factor": 5}, "qdrnat": {"replicas": 9}},
        {"sharding": {"replication_factor": 5}, "qdrant": [9]},
        {"memory": {"image": IMAGE, "replicas": 2}, "high_availability": {"enabled": "false"}},
        {"memory": {"image": IMAGE, "replicas": 2}, "high_availability": {"enabld": False}},
        {
            "memory": {"image": IMAGE, "namespaces": ["default", 7]},
            "ingress": {"rules": [{"host": "a.example.com"}, 1]},
        },
        {"redis": {"cluster": {"replicas": 3}}, "high_availability": {"zones": ["a", "b", "c", "d", 5]}},
        {"kubernetes": {"zones": {"z": "y"}}, "high_availability": {"zones": "z"}},
    ],
)
def test_no_rule_speaks_of_a_default_in_the_place_of_a_faulty_value(blocks: dict[str, Any]) -> None:
    faulty = {
        'qdrant.replicas = "9"',
        "qdrant.replcias",
        "qdrnat",
        "qdrant = [9]",
        'high_availability.enabled = "false"',
        "high_availability.enabld",
        "memory.namespaces[1]",
        "ingress.rules[1]",
        "high_availability.zones[4]",
        "high_availability.zones =",
    }
    assert [line for line in faults(region(**blocks)) if not any(line.startswith(start) for start in faulty)] == []


def test_names_in_a_wrong_format_are_still_compared() -> None:
    regions = [{"name": "US East", "primary": True}, {"name": "us-west", "primary": True}, {"name": "us-west"}]
    assert paths(region(multiregion={"regions": regions}), "us-west") == [
        "multiregion.regions[0].name",
        "multiregion.regions[1].primary",
        "multiregion.regions[2].name",
    ]


def test_a_fault_in_the_size_of_a_region_does_not_hide_those_of_its_name() -> None:
    regions = [
        {"name": "us-east", "primary": True, "resources": {"requests": {"cpu": "8gb"}}},
        {"name": "us-east", "primary": "yes"},
    ]
    assert paths(region(multiregion={"regions": regions})) == [
        "multiregion.regions[0].resources.requests.cpu",
        "multiregion.regions[1].name",
        "multiregion.regions[1].primary",
    ]


def test_what_may_be_a_secret_is_never_shown() -> None:
    secret = "hunter2"
    raw = region(
        memory={"image": f"https://user:{secret}@ghcr.io/x", "api_token": secret, "x": f"postgres://u:{secret}@h/db"},
        kubernetes={"kubeconfig": f"users:\n- token: {secret}"},
        qdrant={"password": {"value": secret}, "api_key": [secret]},
        redis='{"password": "hunter2"',
        passwords=secret,
    )
    printed = "\n".join(faults(raw))
    assert "memory.api_token = [secret]" in printed
    assert secret not in printed
    with pytest.raises(SettingsError) as caught:
        load(raw, "us-east")
    assert secret not in repr(caught.value)


@pytest.mark.parametrize("value", ["x" * 500, 10**400], ids=["text", "number"])
def test_long_values_are_cut(value: object) -> None:
    (line,) = faults(region(ingress={"rate_limit": value}))
    assert len(line) < 200


@pytest.mark.parametrize("nothing", [None, ""], ids=["null", "as the CLI hands null over"])
def test_a_required_block_without_a_value_lacks_its_keys_too(nothing: object) -> None:
    assert paths(region(memory=nothing, qdrant={"replicas": 2})) == ["memory", "memory.image", "qdrant.replicas"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"replicas": ' + "1" * 5000 + "}", "a number of more than 4300 digits"),
        ('{"replicas": 3, "replicas": 4}', '"replicas" is stated twice'),
        ('{"a": ' * 3000 + "1" + "}" * 3000, "nested too deeply"),
        ('{"a": ' * 300 + "1" + "}" * 300, "nested too deeply"),
    ],
    ids=["digits", "a key twice", "endless", "deep"],
)
def test_json_text_that_cannot_be_used_is_told_in_words(text: str, why: str) -> None:
    (line,) = faults(region(qdrant=text))
    assert line.startswith("qdrant = [not shown]   JSON that does not parse (")
    assert why in line
    assert line.endswith("): write it as YAML keys")


def test_all_faults_together_are_as_many_as_one_by_one() -> None:
    """Faults of different blocks do not hide each other."""
    picked = (
        "CPU quantity",
        "no storage",
        "even number of masters",
        "rate without unit",
        "unknown platform",
        "unknown dashboard",
    )
    together: dict[str, Any] = {}
    for name in (*picked, "more copies than nodes", "a region twice", "image that moves", "a namespace of Kubernetes"):
        together |= SINGLE[name][0]
    alone = {SINGLE[name][1] for name in (*picked, "a region twice", "image that moves", "a namespace of Kubernetes")}
    found = faults(region(**together))
    assert alone <= set(found)
    assert SINGLE["more copies than nodes"][1] in found
    assert len(found) == len(alone) + 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.floats() | st.text(max_size=8) | st.just("8Gi"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def known_keys() -> st.SearchStrategy[dict[str, Any]]:
    """Blocks with real keys and any values, so that the fuzz gets past the first refusal."""
    names = [
        "replicas",
        "resources",
        "requests",
        "cpu",
        "shards",
        "zones",
        "regions",
        "name",
        "primary",
        "rules",
        "host",
        "paths",
        "backend",
        "enabled",
        "home",
        "namespaces",
        "cluster",
        "nodes",
        "autoscaling",
        "annotations",
        "class",
    ]
    lists = st.sampled_from([["a", "a"], [{"name": "us-east"}], [{"host": "a.b"}]])
    leaves = json_values | lists | st.sampled_from([1, 3, True, "us-east"])
    blocks = st.recursive(
        st.dictionaries(st.sampled_from(names), leaves, max_size=4),
        lambda inner: st.dictionaries(st.sampled_from(names), inner | leaves | st.lists(inner, max_size=2), max_size=4),
        max_leaves=6,
    )
    return st.dictionaries(st.sampled_from(tuple(Configuration.model_fields)), blocks | json_values, max_size=5)


@given(known_keys())
def test_whatever_stands_in_the_file_there_are_settings_or_faults(raw: dict[str, Any]) -> None:
    for given_raw in (raw, region(**raw)):
        try:
            load(given_raw, "us-east")
        except SettingsError as error:
            assert error.faults
            assert str(error).count("\n") == len(error.faults)


def test_the_minimum_holds_for_every_part() -> None:
    assert paths(region(high_availability={"min_replicas": 5})) == [
        "memory.replicas",
        "qdrant.replicas",
        "postgresql.replica.replicas",
        "postgresql.pooler.instances",
        "redis.cluster.nodes",
    ]
