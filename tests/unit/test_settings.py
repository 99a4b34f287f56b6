"""Settings that are sound: the guide's values, the defaults, and what follows from them."""

import json
import pickle
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from settings import Configuration, Fault, Quantity, Settings, SettingsError, load
from settings.model import keys
from tests.unit import guide

CHECKOUT = Path(__file__).parents[2]
GUIDE = CHECKOUT.parent / "shared" / "seed" / "scaling-guide.md"
IMAGE = "ghcr.io/somatechlat/somafractalmemory:9d8f7f1"
IMAGES = {
    f"{store}_gateway": f"ghcr.io/somatechlat/somafractalmemory-{store}-gateway:0.1.0"
    for store in ("postgresql", "redis")
}


def project() -> dict[str, dict[str, Any]]:
    """The keys that Pulumi.yaml declares."""
    return yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text())["config"]


def stack_file(stack: str) -> dict[str, Any]:
    """A stack's configuration as the program gets it: the project's defaults under the stack's own keys."""
    own = yaml.safe_load((CHECKOUT / f"Pulumi.{stack}.yaml").read_text())["config"]
    stated = {key.removeprefix("somafractalmemory:"): value for key, value in own.items()}
    return {key: declared["default"] for key, declared in project().items()} | stated


def region(**blocks: Any) -> dict[str, Any]:
    """The least that a stack us-east must state, and more."""
    regions = [{"name": "us-east", "primary": True}, {"name": "us-west"}]
    return {"memory": {"image": IMAGE}, "images": IMAGES, "multiregion": {"regions": regions}} | blocks


def settings_of_guide() -> Settings:
    """Every block of the guide as it is written there; the two that are no settings stand where they belong."""
    memory: dict[str, Any] = {"image": IMAGE, "resources": {"requests": {}, "limits": {}}}
    raw: dict[str, Any] = {"memory": memory, "images": IMAGES}
    for block in guide.kept():
        if "resources" in block.content:
            for side in ("requests", "limits"):
                memory["resources"][side] |= block.content["resources"][side]
        elif "kind" in block.content:
            memory["replicas"] = block.content["spec"]["replicas"]
        else:
            raw |= block.content
    return load(raw, "us-east")


def values(content: object, found: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Each value of a block of the guide beside what the settings hold there."""
    if isinstance(content, dict):
        for key, value in cast(dict[str, object], content).items():
            if isinstance(found, BaseModel):
                name = next(name for name, known in keys(type(found)).items() if known == key)
                yield from values(value, getattr(found, name), f"{path}.{key}")
            else:
                yield from values(value, cast(Mapping[str, object], found)[key], f"{path}.{key}")
    elif isinstance(content, list):
        listed, items = cast(list[object], content), cast(tuple[object, ...], found)
        assert len(listed) == len(items), path
        for index, item in enumerate(listed):
            yield from values(item, items[index], f"{path}[{index}]")
    else:
        yield path, content, found.text if isinstance(found, Quantity) else found


@pytest.mark.skipif(not GUIDE.exists(), reason="the scaling guide is not beside the checkout")
def test_the_kept_blocks_are_those_of_the_guide() -> None:
    assert guide.kept() == tuple(guide.stated(GUIDE.read_text()))


def test_every_block_of_the_guide_is_accepted_as_written() -> None:
    settings = settings_of_guide()
    checked = 0
    for block in guide.kept():
        content = block.content
        if "kind" in content:
            content = {"memory": {"replicas": content["spec"]["replicas"]}}
        elif "resources" in content:
            content = {"memory": content}
        for path, stated, found in values(content, settings):
            assert found == stated, f"{block.heading}: {path}"
            checked += 1
    assert checked == 40


def test_the_defaults_are_the_values_of_the_guide() -> None:
    by_default = load(stack_file("us-east"), "us-east")
    # What the guide has no word for: what AWS calls its regions.
    regions = tuple(region.model_copy(update={"aws_region": None}) for region in by_default.multiregion.regions)
    multiregion = by_default.multiregion.model_copy(update={"regions": regions})
    told = by_default.model_copy(update={"qdrant": settings_of_guide().qdrant, "multiregion": multiregion})
    assert told == settings_of_guide()
    assert (by_default.shards, settings_of_guide().shards) == (4, 4)


def test_a_stack_file_of_ten_lines_is_a_region() -> None:
    for stack in ("us-east", "us-west"):
        assert len((CHECKOUT / f"Pulumi.{stack}.yaml").read_text().splitlines()) <= 10
        assert load(stack_file(stack), stack).ingress.rules[0].host == "memory.example.com"


@pytest.mark.parametrize(
    ("stack", "requests", "limits"),
    [
        ("us-east", {"cpu": "8", "memory": "16Gi"}, {"cpu": "8", "memory": "16Gi"}),
        ("us-west", {"cpu": "4", "memory": "8Gi"}, {"cpu": "8", "memory": "16Gi"}),
    ],
)
def test_a_region_has_its_own_resources(stack: str, requests: dict[str, str], limits: dict[str, str]) -> None:
    settings = load(stack_file(stack), stack)
    assert settings.memory_resources.as_kubernetes() == {"requests": requests, "limits": limits}
    assert (settings.region.name, settings.home, settings.is_home) == (stack, "us-east", stack == "us-east")


def test_limits_follow_a_region_that_asks_for_more_than_they_are() -> None:
    regions = [{"name": "us-east", "primary": True, "resources": {"requests": {"cpu": 16, "memory": "64Gi"}}}]
    settings = load(region(multiregion={"regions": regions}), "us-east")
    assert settings.memory_resources.as_kubernetes() == {
        "requests": {"cpu": "16", "memory": "64Gi"},
        "limits": {"cpu": "16", "memory": "64Gi"},
    }


def test_a_stated_limit_lowers_the_request_that_is_not_stated() -> None:
    settings = load(region(qdrant={"resources": {"limits": {"cpu": "2"}}}), "us-east")
    assert settings.qdrant.resources.as_kubernetes() == {
        "requests": {"cpu": "2", "memory": "8Gi"},
        "limits": {"cpu": "2", "memory": "16Gi"},
    }


@pytest.mark.parametrize("side", ["requests", "limits"])
def test_postgresql_keeps_requests_and_limits_equal(side: str) -> None:
    settings = load(region(postgresql={"primary": {"resources": {side: {"memory": "4Gi"}}}}), "us-east")
    equal = {"cpu": "4", "memory": "4Gi"}
    assert settings.postgresql.primary.resources.as_kubernetes() == {"requests": equal, "limits": equal}


def test_the_guide_may_state_only_a_part_of_the_resources() -> None:
    redis = load(region(redis={"resources": {"requests": {"memory": "6Gi"}}}), "us-east").redis
    assert redis.resources.as_kubernetes() == {
        "requests": {"cpu": "1", "memory": "6Gi"},
        "limits": {"cpu": "2", "memory": "6Gi"},
    }


def test_blocks_may_come_as_json_text_as_the_engine_hands_them_over() -> None:
    raw = region(qdrant={"replicas": 5}, platform="kubernetes")
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in raw.items()}
    assert load(texts, "us-east") == load(raw, "us-east")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"class": "haproxy"}, "haproxy"),
        ({"annotations": {"kubernetes.io/ingress-class": "traefik"}}, "traefik"),
        ({"annotations": {"example.com/team": "memory"}}, "nginx"),
        ({}, "nginx"),
    ],
)
def test_the_class_is_named_by_its_key_or_by_the_annotation_of_the_guide(block: dict[str, Any], expected: str) -> None:
    assert load(region(ingress=block), "us-east").ingress.class_name == expected


def test_home_is_named_by_home_or_by_primary() -> None:
    named: list[dict[str, Any]] = [
        {"home": "b", "regions": [{"name": "a"}, {"name": "b"}]},
        {"regions": [{"name": "a"}, {"name": "b", "primary": True}]},
        {"home": "b", "regions": [{"name": "a"}, {"name": "b", "primary": True}]},
    ]
    for multiregion in named:
        settings = load(region(multiregion=multiregion), "a")
        assert (settings.home, settings.is_home) == ("b", False)


def test_without_multi_region_a_stack_is_a_region_by_itself() -> None:
    settings = load(region(multiregion={"enabled": False}), "lab")
    assert (settings.region.name, settings.home, settings.is_home) == ("lab", "lab", True)


def test_sharding_off_is_one_shard_in_as_many_copies() -> None:
    settings = load(region(sharding={"enabled": False, "replication_factor": 3}), "us-east")
    assert (settings.shards, settings.sharding.replication_factor) == (1, 3)


def test_shards_may_stand_at_qdrant_alone() -> None:
    assert load(region(qdrant={"shards": 8}), "us-east").shards == 8


def test_high_availability_off_lets_a_small_cluster_pass() -> None:
    small = region(
        high_availability={"enabled": False, "min_replicas": 1, "zones": ["zone-a"]},
        memory={"image": IMAGE, "replicas": 1, "autoscaling": {"enabled": False}},
        qdrant={"replicas": 1},
        sharding={"replication_factor": 1},
        postgresql={"replica": {"replicas": 0}, "pooler": {"instances": 1}},
        redis={"cluster": {"replicas": 0}},
    )
    assert load(small, "us-east").postgresql.instances == 1


def test_names_of_services_follow_the_memory_namespaces() -> None:
    settings = load(stack_file("us-east"), "us-east")
    names = [settings.memory.service_name(namespace) for namespace in ("default", "team-a")]
    assert names == ["memory-service", "memory-service-team-a"]
    assert settings.multiregion.postgres_host("us-west") == "postgresql.us-west.somafractalmemory.internal"
    assert settings.memory.min_replicas == settings.memory.replicas == 3


def test_settings_are_frozen_to_the_bottom() -> None:
    settings = load(stack_file("us-east"), "us-east")

    def frozen(value: object) -> None:
        assert not isinstance(value, list | dict | set), value
        hash(value)
        if isinstance(value, BaseModel):
            for name in type(value).model_fields:
                with pytest.raises(ValidationError):
                    setattr(value, name, None)
                frozen(getattr(value, name))
        for item in cast(tuple[object, ...], value) if isinstance(value, tuple) else ():
            frozen(item)

    frozen(settings)
    with pytest.raises(TypeError):
        settings.ingress.annotations["a"] = "b"  # pyright: ignore[reportIndexIssue]  # what is tested


def test_settings_can_be_copied_and_sent_to_another_process() -> None:
    settings = load(stack_file("us-east"), "us-east")
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert deepcopy(settings) == settings
    assert settings.model_dump(by_alias=True)["memory"]["resources"]["requests"] == {"cpu": "4", "memory": "8Gi"}


def test_the_raw_configuration_is_left_as_it_was() -> None:
    raw = stack_file("us-east")
    before = deepcopy(raw)
    load(raw, "us-east")
    assert raw == before


def test_the_project_declares_every_key_with_type_description_and_default() -> None:
    types = {str: "string", dict: "object"}
    for key, declared in project().items():
        assert set(declared) == {"type", "description", "default"}, key
        assert declared["type"] == types[type(declared["default"])], key
    assert list(project()) == list(Configuration.model_fields)


def test_the_project_describes_its_keys_in_the_words_of_the_models() -> None:
    for key, field in Configuration.model_fields.items():
        assert project()[key]["description"] == field.description, key


def test_every_key_is_described() -> None:
    def described(model: type[BaseModel]) -> Iterator[str]:
        for name, field in model.model_fields.items():
            if not field.description or not field.description.endswith("."):
                yield f"{model.__name__}.{name}"

    def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
        yield model
        for derived in model.__subclasses__():
            if derived.__module__.startswith(
                "settings."
            ):  # programs that use some of the blocks have models of their own
                yield from models(derived)

    from settings.model import Model

    assert [name for model in models(Model) if model is not Settings for name in described(model)] == []


def test_a_fault_and_the_error_can_be_read_by_programs() -> None:
    with pytest.raises(SettingsError) as caught:
        load(region(qdrant={"replicas": 2}), "us-east")
    assert caught.value.faults == (
        Fault("qdrant.replicas", 2, "under high_availability.min_replicas (3): use 3 or more"),
    )
    assert pickle.loads(pickle.dumps(caught.value)).faults == caught.value.faults
