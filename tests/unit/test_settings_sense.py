"""Values of the right type that make no sense: too small to run, under each other, refused by who would read them."""

from typing import Any

import pytest

from settings import Quantity, load
from settings.resources import ResourcesOverride
from tests.unit.test_settings import IMAGE, region
from tests.unit.test_settings_faults import EAST, GUIDE_CLASS, HOST, WEST, faults, memory, regions, rules, to

HALF_A_CORE = {"requests": {"cpu": "250m"}, "limits": {"cpu": "500m"}}


def store(name: str, **amounts: Any) -> dict[str, Any]:
    """A store whose requests are these."""
    resources = {"resources": {"requests": amounts}}
    return {name: {"primary": resources} if name == "postgresql" else resources}


def test_a_small_region_is_a_region() -> None:
    small = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
    stack = region(
        memory={"image": IMAGE, "resources": small},
        postgresql={
            "primary": {"resources": {"requests": {"cpu": "100m", "memory": "1Gi"}}},
            "storage": "1Gi",
            "wal_storage": "1Gi",
        },
        redis={"resources": small, "storage": "1Gi"},
        qdrant={
            "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
            "storage": "1Gi",
            "snapshot_storage": "1Gi",
        },
    )
    assert faults(stack) == []


TOO_SMALL: dict[str, tuple[dict[str, Any], str]] = {
    "PostgreSQL's memory": (
        store("postgresql", memory="1023Mi"),
        'postgresql.primary.resources.requests.memory = "1023Mi"   less than PostgreSQL needs: use "1Gi" or more',
    ),
    "Redis' memory": (
        store("redis", memory="255Mi"),
        'redis.resources.requests.memory = "255Mi"   less than a Redis node needs: use "256Mi" or more',
    ),
    "Redis' memory by its limit": (
        {"redis": {"resources": {"limits": {"memory": "128Mi"}}}},
        'redis.resources.limits.memory = "128Mi"   less than a Redis node needs: use "256Mi" or more',
    ),
    "Qdrant's memory": (
        store("qdrant", memory="511Mi"),
        'qdrant.resources.requests.memory = "511Mi"   less than a Qdrant node needs: use "512Mi" or more',
    ),
    "the service's memory": (
        memory(resources={"requests": {"memory": "128Mi"}}),
        'memory.resources.requests.memory = "128Mi"   less than the service needs: use "256Mi" or more',
    ),
    "a region's memory": (
        regions(EAST, WEST | {"resources": {"requests": {"memory": "128Mi"}}}),
        'multiregion.regions[1].resources.requests.memory = "128Mi"   less than the service needs: use "256Mi" or more',
    ),
    "PostgreSQL's volume": (
        {"postgresql": {"storage": "500Mi"}},
        'postgresql.storage = "500Mi"   a volume too small to start with: use "1Gi" or more',
    ),
    "the volume for WAL": (
        {"postgresql": {"wal_storage": "1023Mi"}},
        'postgresql.wal_storage = "1023Mi"   a volume too small to start with: use "1Gi" or more',
    ),
    "Redis' volume": (
        {"redis": {"storage": "2Mi"}},
        'redis.storage = "2Mi"   a volume too small to start with: use "1Gi" or more',
    ),
    "Qdrant's volume": (
        {"qdrant": {"storage": "900Mi"}},
        'qdrant.storage = "900Mi"   a volume too small to start with: use "1Gi" or more',
    ),
    "the volume for snapshots": (
        {"qdrant": {"snapshot_storage": "1G"}},
        'qdrant.snapshot_storage = "1G"   a volume too small to start with: use "1Gi" or more',
    ),
}


@pytest.mark.parametrize(("blocks", "expected"), TOO_SMALL.values(), ids=TOO_SMALL.keys())
def test_what_nothing_can_run_on_is_refused_with_the_least(blocks: dict[str, Any], expected: str) -> None:
    assert faults(region(**blocks)) == [expected]


class TestScaling:
    def test_a_target_that_no_pod_can_reach_is_refused(self) -> None:
        limited = memory(resources=HALF_A_CORE, autoscaling={"target_cpu": "500m"})
        assert faults(region(**limited)) == [
            'memory.autoscaling.target_cpu = "500m"   not under the CPU limit of the service\'s pods ("500m"), so that '
            "it is hardly ever reached: lower this or raise the limit"
        ]

    def test_the_default_target_counts_too(self) -> None:
        (line,) = faults(region(**memory(resources=HALF_A_CORE)))
        assert line.startswith("memory.autoscaling.target_cpu = 700m (default)   not under the CPU limit")

    def test_the_limit_is_the_regions_own(self) -> None:
        own = EAST | {"resources": {"limits": {"cpu": "500m"}}}
        assert len(faults(region(**regions(own, WEST)))) == 1
        assert faults(region(**regions(EAST, WEST | {"resources": {"limits": {"cpu": "500m"}}}))) == []

    def test_a_lower_target_and_no_autoscaling_are_accepted(self) -> None:
        assert faults(region(**memory(resources=HALF_A_CORE, autoscaling={"target_cpu": "400m"}))) == []
        assert faults(region(**memory(resources=HALF_A_CORE, autoscaling={"enabled": False}))) == []


class TestResources:
    def test_a_stated_request_is_not_lowered_by_a_regions_limit(self) -> None:
        own = EAST | {"resources": {"limits": {"cpu": "6"}}}
        raw = region(**memory(resources={"requests": {"cpu": 12}}), **regions(own, WEST))
        assert faults(raw) == [
            'multiregion.regions[0].resources.limits.cpu = "6"   under memory.resources.requests.cpu ("12"): '
            "raise this, or state the region's own requests.cpu"
        ]

    def test_the_regions_own_request_answers_it(self) -> None:
        own = EAST | {"resources": {"requests": {"cpu": "5"}, "limits": {"cpu": "6"}}}
        raw = region(**memory(resources={"requests": {"cpu": 12}}), **regions(own, WEST))
        assert faults(raw) == []

    def test_a_request_by_default_is_lowered(self) -> None:
        own = EAST | {"resources": {"limits": {"cpu": "2"}}}
        assert load(region(**regions(own, WEST)), "us-east").memory_resources.requests.cpu == Quantity("2")

    @pytest.mark.parametrize(("key", "example"), [("cpu", 'cpu: "4" or "500m"'), ("memory", '"8Gi"')])
    def test_an_amount_that_is_left_empty_is_refused(self, key: str, example: str) -> None:
        assert faults(region(**memory(resources={"requests": {key: None}}))) == [
            f"memory.resources.requests.{key} = null   expected a Kubernetes quantity such as {example}: "
            "give it a value or leave the key out"
        ]

    def test_an_amount_that_is_left_out_is_no_text(self) -> None:
        dumped = ResourcesOverride.model_validate({"requests": {"cpu": "1"}}).model_dump(mode="json")
        assert dumped == {"requests": {"cpu": "1", "memory": None}, "limits": {"cpu": None, "memory": None}}

    def test_a_word_for_a_number_of_cores_is_answered_in_a_sentence(self) -> None:
        assert faults(region(**memory(resources={"requests": {"cpu": "eight"}}))) == [
            'memory.resources.requests.cpu = "eight"   not a Kubernetes quantity: write it like "4" or "500m"'
        ]


class TestZones:
    @pytest.mark.parametrize("zones", [["zone-a", "zone-a"], ["zone-a", "zone-b"]])
    def test_too_few_zones_are_no_fault_of_the_redis_replicas(self, zones: list[str]) -> None:
        lines = faults(region(high_availability={"zones": zones}, redis={"cluster": {"replicas": 2}}))
        assert lines
        assert all(line.startswith("high_availability.zones") for line in lines)

    def test_without_high_availability_copies_still_need_zones(self) -> None:
        off = {"enabled": False, "zones": ["zone-a"]}
        assert faults(region(high_availability=off)) == [
            "redis.cluster.replicas = 1 (default)   a master and its replicas each need a zone of their own, and there "
            "is 1: use 0"
        ]


class TestNames:
    @pytest.mark.parametrize("tag", ["latest", "main", "master", "edge", "nightly", "stable", "dev", "Main"])
    def test_a_tag_that_moves_is_refused(self, tag: str) -> None:
        assert faults(region(memory={"image": f"ghcr.io/owner/memory:{tag}"})) == [
            f'memory.image = "ghcr.io/owner/memory:{tag}"   "{tag}" moves: pin a tag that says what runs, or a digest'
        ]

    @pytest.mark.parametrize("tag", ["main-9d8f7f1", "stable2", "devel", "1.2.3-dev"])
    def test_a_tag_that_only_looks_like_one_is_accepted(self, tag: str) -> None:
        assert faults(region(memory={"image": f"ghcr.io/owner/memory:{tag}"})) == []

    def test_a_name_of_an_image_is_no_longer_than_registries_take(self) -> None:
        accepted, refused = ("ghcr.io/" + "a" * (length - 8) + ":1" for length in (255, 256))
        assert faults(region(memory={"image": accepted})) == []
        (line,) = faults(region(memory={"image": refused}))
        assert line.endswith("256 characters are too long for a registry: use at most 255, the tag not counted")

    @pytest.mark.parametrize("name", ["postgres", "template0", "template1", "pgbouncer", "pg_memory"])
    def test_a_database_of_the_servers_own_is_refused(self, name: str) -> None:
        (line,) = faults(region(postgresql={"database": name}))
        assert line.startswith(f'postgresql.database = "{name}"   kept for PostgreSQL')

    @pytest.mark.parametrize(
        "name", ["postgres", "streaming_replica", "cnpg_pooler_pgbouncer", "public", "none", "pg_monitor"]
    )
    def test_a_role_of_the_servers_own_is_refused(self, name: str) -> None:
        (line,) = faults(region(postgresql={"owner": name}))
        assert line.startswith(f'postgresql.owner = "{name}"   kept for PostgreSQL')

    def test_names_that_are_like_those_are_accepted(self) -> None:
        assert faults(region(postgresql={"database": "pgmemory", "owner": "public_api"})) == []


class TestPoolers:
    def test_so_many_that_each_has_next_to_no_connections_are_refused(self) -> None:
        assert faults(region(postgresql={"pooler": {"instances": 31}})) == [
            "postgresql.pooler.instances = 31   leaves each pooler under 5 of the 150 connections that PostgreSQL has "
            "for them: use 30 or fewer"
        ]

    def test_a_small_server_has_connections_for_fewer(self) -> None:
        small = {"primary": {"resources": {"requests": {"memory": "1Gi"}}}}
        assert faults(region(postgresql={**small, "pooler": {"instances": 9}})) == []
        assert faults(region(postgresql={**small, "pooler": {"instances": 10}})) == [
            "postgresql.pooler.instances = 10   leaves each pooler under 5 of the 48 connections that PostgreSQL has "
            "for them: use 9 or fewer"
        ]

    def test_no_pooler_is_told_as_any_number_that_is_too_low(self) -> None:
        assert faults(region(postgresql={"pooler": {"instances": 0}})) == [
            "postgresql.pooler.instances = 0   too low: must be 1 or more"
        ]


class TestTraffic:
    def test_a_streaming_path_that_no_host_has_is_refused(self) -> None:
        raw = rules(HOST | {"paths": [to("memory-service", "/memories")]})
        raw["ingress"]["streaming_paths"] = ["/memories/stream", "/events"]
        assert faults(region(**raw)) == [
            'ingress.streaming_paths[1] = "/events"   under no path of ingress.rules (/memories): '
            "add one that leads to it, or remove this"
        ]

    def test_the_streaming_path_by_default_asks_for_none(self) -> None:
        assert faults(region(**rules(HOST | {"paths": [to("memory-service", "/api")]}))) == []

    def test_a_streaming_path_may_be_one_of_a_hosts(self) -> None:
        raw = rules(HOST | {"paths": [to("memory-service"), to("memory-service", "/events")]})
        raw["ingress"]["streaming_paths"] = ["/events"]
        assert faults(region(**raw)) == []

    @pytest.mark.parametrize(
        "key", ["a b", "", "/name", "example.com/", "a/b/c", "-x", "example.com/" + "n" * 64, "ex_ample.com/name"]
    )
    def test_an_annotation_that_kubernetes_would_refuse_is_refused(self, key: str) -> None:
        (line,) = faults(region(ingress={"annotations": {key: "x"}}))
        assert line == (
            f'ingress.annotations["{key}"] = "x"   not a key of a Kubernetes annotation: write a name of at most 63 '
            'letters, digits, hyphens, dots and underscores, or a DNS name, "/" and such a name'
        )

    @pytest.mark.parametrize("key", ["team", "Team_1.a", "example.com/team", "example.com/" + "n" * 63])
    def test_an_annotation_that_kubernetes_takes_is_accepted(self, key: str) -> None:
        assert faults(region(ingress={"annotations": {key: "x"}})) == []

    def test_a_bad_class_is_told_where_it_stands(self) -> None:
        assert faults(region(ingress={"annotations": {GUIDE_CLASS: "My Class"}})) == [
            f'ingress.annotations["{GUIDE_CLASS}"] = "My Class"   not a name of a Kubernetes object: use lower-case '
            "letters, digits, hyphens and dots"
        ]
        assert faults(region(ingress={"annotations": {GUIDE_CLASS: 5}})) == [
            f'ingress.annotations["{GUIDE_CLASS}"] = 5   expected a text: write "5" in quotes'
        ]
        (line,) = faults(region(ingress={"class": "My Class"}))
        assert line.startswith('ingress.class = "My Class"   not a name of a Kubernetes object')
