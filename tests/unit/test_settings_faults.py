"""Stack files that are not sound: each fault with its place, the value seen, the rule and a remedy."""

from typing import Any

import pytest

from settings import SettingsError, load
from tests.unit.test_settings import IMAGE, IMAGES, region

EAST = {"name": "us-east", "primary": True}
WEST = {"name": "us-west"}
HOST = {"host": "memory.example.com"}
GUIDE_CLASS = "kubernetes.io/ingress-class"


def faults(raw: dict[str, Any], stack: str = "us-east") -> list[str]:
    """The printed faults; none for a sound file."""
    try:
        load(raw, stack)
    except SettingsError as error:
        first, *rest = str(error).splitlines()
        assert first == f"Pulumi.{stack}.yaml or Pulumi.yaml"
        assert all(line.startswith("  ") for line in rest)
        return [line[2:] for line in rest]
    return []


def memory(**keys: Any) -> dict[str, Any]:
    return {"memory": {"image": IMAGE, **keys}, "images": IMAGES}


def regions(*listed: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"multiregion": {**keys, "regions": list(listed)}}


def rules(*listed: dict[str, Any]) -> dict[str, Any]:
    return {"ingress": {"rules": list(listed)}}


def to(service: str, path: str = "/", port: int = 80) -> dict[str, Any]:
    return {"path": path, "backend": {"service": service, "port": port}}


SINGLE: dict[str, tuple[dict[str, Any], str]] = {
    "unknown block": ({"qdrnat": {}}, 'qdrnat = {}   unknown key: did you mean "qdrant"?'),
    "unknown key": ({"redis": {"cluster": {"node": 5}}}, 'redis.cluster.node = 5   unknown key: did you mean "nodes"?'),
    "unknown key like no other": (
        {"sharding": {"zzz": 1}},
        "sharding.zzz = 1   unknown key: known here are enabled, shards, replication_factor",
    ),
    "unknown key in a list": (
        regions(EAST | {"ressources": {}}),
        'multiregion.regions[0].ressources = {}   unknown key: did you mean "resources"?',
    ),
    "a field's Python name is no key": (
        {"ingress": {"class_name": "nginx"}},
        'ingress.class_name = "nginx"   unknown key: did you mean "class"?',
    ),
    "number in quotes": (
        memory(replicas="3"),
        'memory.replicas = "3"   expected a whole number: write 3 without quotes',
    ),
    "fraction": ({"sharding": {"shards": 4.5}}, "sharding.shards = 4.5   expected a whole number"),
    "true is no number": (memory(replicas=True), "memory.replicas = true   expected a whole number"),
    "truth in quotes": (
        {"sharding": {"enabled": "True"}},
        'sharding.enabled = "True"   expected true or false: write true without quotes',
    ),
    "number for a text": (
        {"kubernetes": {"context": 5}},
        'kubernetes.context = 5   expected a text: write "5" in quotes',
    ),
    "text for a list": (
        memory(namespaces="default"),
        'memory.namespaces = "default"   expected a list: write [default]',
    ),
    "empty list": (memory(namespaces=[]), "memory.namespaces = []   expected at least one entry"),
    "list for a block": ({"qdrant": []}, "qdrant = []   expected a block of keys"),
    "nothing for a block": (
        {"qdrant": None},
        "qdrant = null   expected a block of keys: give it a value or leave the key out",
    ),
    "JSON that does not parse": (
        {"qdrant": '{"replicas": 3'},
        "qdrant = [not shown]   JSON that does not parse (line 1, column 15: Expecting ',' delimiter): write "
        "it as YAML keys",
    ),
    "a block that does not parse is no block without keys": (
        {"memory": "image: x"},
        'memory = "image: x"   expected a block of keys',
    ),
    "text for a block": ({"qdrant": "three"}, 'qdrant = "three"   expected a block of keys'),
    "quantity": (
        {"qdrant": {"resources": {"requests": {"memory": "8gb"}}}},
        'qdrant.resources.requests.memory = "8gb"   not a Kubernetes quantity: did you mean "8Gi"?',
    ),
    "CPU quantity": (
        {"qdrant": {"resources": {"requests": {"cpu": "500mi"}}}},
        'qdrant.resources.requests.cpu = "500mi"   not a Kubernetes quantity: did you mean "500m"?',
    ),
    "quantity of a region": (
        regions(EAST | {"resources": {"requests": {"cpu": "8 cores"}}}),
        'multiregion.regions[0].resources.requests.cpu = "8 cores"   not a Kubernetes quantity: did you mean "8"?',
    ),
    "memory without unit": (
        {"redis": {"resources": {"requests": {"memory": 4}}}},
        "redis.resources.requests.memory = 4   that is less than a mebibyte, since a number without unit "
        "counts bytes: "
        'did you mean "4Gi"?',
    ),
    "no storage": (
        {"postgresql": {"storage": "0"}},
        'postgresql.storage = "0"   an amount of memory or storage is above zero, such as "8Gi"',
    ),
    "negative storage": (
        {"postgresql": {"wal_storage": "-20Gi"}},
        'postgresql.wal_storage = "-20Gi"   an amount of memory or storage is above zero, such as "8Gi"',
    ),
    "request over its limit": (
        memory(resources={"requests": {"cpu": 9}, "limits": {"cpu": "8000m"}}),
        'memory.resources.requests.cpu = 9   over its limit ("8000m"): lower this or raise limits.cpu',
    ),
    "a region's request over its limit": (
        regions(EAST | {"resources": {"requests": {"memory": "9Gi"}, "limits": {"memory": "8Gi"}}}),
        'multiregion.regions[0].resources.requests.memory = "9Gi"   over its limit ("8Gi"): lower this or '
        "raise limits.memory",
    ),
    "too few service pods": (
        memory(replicas=2),
        "memory.replicas = 2   under high_availability.min_replicas (3): use 3 or more",
    ),
    "too few autoscaled pods": (
        memory(autoscaling={"min_replicas": 2}),
        "memory.autoscaling.min_replicas = 2   under high_availability.min_replicas (3): use 3 or more, or "
        "leave it out",
    ),
    "too few Qdrant nodes": (
        {"qdrant": {"replicas": 2}},
        "qdrant.replicas = 2   under high_availability.min_replicas (3): use 3 or more",
    ),
    "too few PostgreSQL instances": (
        {"postgresql": {"replica": {"replicas": 1}}},
        "postgresql.replica.replicas = 1   under high_availability.min_replicas (3): "
        "primary and replicas together must be 3 or more",
    ),
    "too few poolers": (
        {"postgresql": {"pooler": {"instances": 1}}},
        "postgresql.pooler.instances = 1   under high_availability.min_replicas (3): use 3 or more",
    ),
    "masters without replicas": (
        {"redis": {"cluster": {"replicas": 0}}},
        "redis.cluster.replicas = 0   a master without a replica is lost with its zone: use 1 or more",
    ),
    "more copies of a master than zones": (
        {"redis": {"cluster": {"replicas": 3}}},
        "redis.cluster.replicas = 3   a master and its replicas each need a zone of their own, and there are 3: "
        "use 2 or fewer",
    ),
    "even number of masters": (
        {"redis": {"cluster": {"nodes": 4}}},
        "redis.cluster.nodes = 4   a Redis Cluster votes by majority of its masters: use 3, 5, 7, …",
    ),
    "Redis without cluster": (
        {"redis": {"cluster": {"enabled": False}}},
        "redis.cluster.enabled = false   a single server would lose data with its zone: remove this, the "
        "cluster is needed",
    ),
    "no pods": (memory(replicas=0), "memory.replicas = 0   too low: must be 1 or more"),
    "far too many pods": (memory(replicas=3000), "memory.replicas = 3000   too high: must be 1000 or less"),
    "no memories": (memory(max_memories=0), "memory.max_memories = 0   too low: must be 1 or more"),
    "autoscaling without room": (
        memory(replicas=6, autoscaling={"max_replicas": 5}),
        "memory.autoscaling.max_replicas = 5   under memory.replicas (6): raise this or lower that",
    ),
    "autoscaling by default without room": (
        memory(replicas=20),
        "memory.autoscaling.max_replicas = 12 (default)   under memory.replicas (20): raise this or lower that",
    ),
    "no quorum": (
        {"high_availability": {"min_replicas": 2}},
        "high_availability.min_replicas = 2   no majority is left when a zone is lost: use 3 or more, "
        "or set high_availability.enabled to false",
    ),
    "two zones": (
        {"high_availability": {"zones": ["zone-a", "zone-b"]}},
        "high_availability.zones = [zone-a, zone-b]   fewer than three lose their majority with one: name three, "
        "or set high_availability.enabled to false",
    ),
    "a zone twice": (
        {"high_availability": {"zones": ["zone-a", "zone-b", "zone-c", "zone-a"]}},
        'high_availability.zones[3] = "zone-a"   named already at zones[0]: name each zone once',
    ),
    "two zones in one": (
        {"kubernetes": {"zones": {"zone-a": "eu-1a", "zone-b": "eu-1a"}}},
        'kubernetes.zones.zone-b = "eu-1a"   zone-a maps to this as well: each zone needs one of its own',
    ),
    "a zone in another that keeps its name": (
        {"kubernetes": {"zones": {"zone-a": "zone-c"}}},
        'kubernetes.zones.zone-a = "zone-c"   zone-c maps to this as well: each zone needs one of its own',
    ),
    "unknown zone": (
        {"kubernetes": {"zones": {"zone-d": "eu-1d"}}},
        'kubernetes.zones.zone-d = "eu-1d"   no zone of high_availability.zones (zone-a, zone-b, zone-c): '
        "name one of them",
    ),
    "zone that no label can hold": (
        {"kubernetes": {"zones": {"zone-a": "eu 1a"}}},
        'kubernetes.zones.zone-a = "eu 1a"   not a value of a Kubernetes label: at most 63 letters, digits, hyphens, '
        "dots and underscores",
    ),
    "empty nodes": (
        {"sharding": {"shards": 2}, "qdrant": {"replicas": 5}},
        "sharding.shards = 2   with 2 copies each it leaves 1 of 5 Qdrant nodes empty: raise this, or lower "
        "qdrant.replicas",
    ),
    "empty nodes without sharding": (
        {"sharding": {"enabled": False}},
        "sharding.enabled = false   one shard in 2 copies leaves 1 of 3 Qdrant nodes empty: "
        "raise sharding.replication_factor to 3, or enable sharding",
    ),
    "more copies than nodes": (
        {"sharding": {"replication_factor": 5}},
        "sharding.replication_factor = 5   more copies than Qdrant nodes (3): raise qdrant.replicas or lower this",
    ),
    "one copy": (
        {"sharding": {"replication_factor": 1}},
        "sharding.replication_factor = 1   a shard with one copy is lost with its zone: use 2 or more",
    ),
    "two numbers of shards": (
        {"sharding": {"shards": 4}, "qdrant": {"shards": 6}},
        "qdrant.shards = 6   differs from sharding.shards (4): state it once, or the same twice",
    ),
    "no image of the PostgreSQL gateway": (
        {"images": {"redis_gateway": "gateway:1"}},
        "images.postgresql_gateway   missing: nobody publishes this image; build images/postgresql-gateway, push it, "
        "and name it here with its tag",
    ),
    "no image of the Redis gateway": (
        {"images": {"postgresql_gateway": "gateway:1"}},
        "images.redis_gateway   missing: nobody publishes this image; build images/redis-gateway, push it, and name it "
        "here with its tag",
    ),
    "no image": (
        {"memory": {}},
        'memory.image   the service\'s image is missing: name it with a pinned tag, as in "ghcr.io/owner/memory:1.2.3"',
    ),
    "image without tag": (
        {"memory": {"image": "ghcr.io:443/owner/memory"}},
        'memory.image = "ghcr.io:443/owner/memory"   no tag: pin one, as in '
        '"ghcr.io:443/owner/memory:1.2.3", or a digest',
    ),
    "image that moves": (
        {"images": {**IMAGES, "qdrant": "qdrant/qdrant:latest"}},
        'images.qdrant = "qdrant/qdrant:latest"   "latest" moves: pin a tag that says what runs, or a digest',
    ),
    "no name of an image": (
        {"images": {**IMAGES, "valkey": "Valkey 9"}},
        'images.valkey = "Valkey 9"   not a name of an image: write it like "ghcr.io/owner/name:1.2.3"',
    ),
    "unknown platform": ({"platform": "kubernets"}, 'platform = "kubernets"   unknown: did you mean "kubernetes"?'),
    "unknown dashboard": (
        {"grafana": {"dashboards": ["latency"]}},
        'grafana.dashboards[0] = "latency"   unknown: use "scaling-overview", "regional-performance" or '
        '"shard-distribution"',
    ),
    "a dashboard twice": (
        {"grafana": {"dashboards": ["scaling-overview", "scaling-overview"]}},
        'grafana.dashboards[1] = "scaling-overview"   named already at dashboards[0]: name each dashboard once',
    ),
    "woken before warned": (
        {"monitoring": {"thresholds": {"errors": {"warning": 0.05, "critical": 0.01}}}},
        "monitoring.thresholds.errors.warning = 0.05   not under critical (0.01): warn before",
    ),
    "slow after too slow": (
        {"monitoring": {"thresholds": {"latency": {"warning_ms": 500}}}},
        "monitoring.thresholds.latency.warning_ms = 500   not under critical_ms (500): warn before",
    ),
    "slower than the histogram tells": (
        {"monitoring": {"thresholds": {"latency": {"critical_ms": 10_000}}}},
        "monitoring.thresholds.latency.critical_ms = 10000   too high: must be less than 10000",
    ),
    "memory woken before warned": (
        {"monitoring": {"thresholds": {"memory": {"warning": 0.9, "critical": 0.9}}}},
        "monitoring.thresholds.memory.warning = 0.9   not under critical (0.9): warn before",
    ),
    "CPU woken before warned": (
        {"monitoring": {"thresholds": {"cpu": {"warning": 0.9, "critical": 0.8}}}},
        "monitoring.thresholds.cpu.warning = 0.9   not under critical (0.8): warn before",
    ),
    "worse hits of PostgreSQL warn": (
        {"monitoring": {"thresholds": {"postgresql_cache_hits": {"warning": 0.8, "critical": 0.9}}}},
        "monitoring.thresholds.postgresql_cache_hits.warning = 0.8   not over critical (0.9), below which it is worse",
    ),
    "almost full before filling": (
        {"monitoring": {"thresholds": {"storage_free": 0.1}}},
        "monitoring.thresholds.storage_free = 0.1   not over storage_free_critical (0.1), below which it is worse",
    ),
    "worse hits warn": (
        {"monitoring": {"thresholds": {"cache_hits": {"warning": 0.3, "critical": 0.4}}}},
        "monitoring.thresholds.cache_hits.warning = 0.3   not over critical (0.4), below which it is worse",
    ),
    "rates of two figures": (
        {"monitoring": {"interval_seconds": 61}},
        "monitoring.interval_seconds = 61   too high: must be 60 or less",
    ),
    "more than all": (
        {"monitoring": {"thresholds": {"storage_free": 20}}},
        "monitoring.thresholds.storage_free = 20   too high: must be less than 1",
    ),
    "nothing free": (
        {"monitoring": {"thresholds": {"storage_free": 0.0}}},
        "monitoring.thresholds.storage_free = 0.0   too low: must be more than 0",
    ),
    "connections woken before warned": (
        {"monitoring": {"thresholds": {"connections": {"warning": 0.95, "critical": 0.9}}}},
        "monitoring.thresholds.connections.warning = 0.95   not under critical (0.9): warn before",
    ),
    "a threshold that there is none of": (
        {"monitoring": {"thresholds": {"error": {"warning": 0.01}}}},
        'monitoring.thresholds.error = {…}   unknown key: did you mean "errors"?',
    ),
    "a share that none of three can have": (
        {"monitoring": {"thresholds": {"fair_share": 3}}},
        "monitoring.thresholds.fair_share = 3   too high: must be less than 3",
    ),
    "less than its fair share": (
        {"monitoring": {"thresholds": {"fair_share": 1}}},
        "monitoring.thresholds.fair_share = 1   too low: must be more than 1",
    ),
    "an objective that is no news to miss": (
        {"monitoring": {"availability": 0.9}},
        "monitoring.availability = 0.9   too low: must be 0.95 or more",
    ),
    "an objective without a budget": (
        {"monitoring": {"availability": 1}},
        "monitoring.availability = 1   too high: must be less than 1",
    ),
    "pages nowhere": (
        {"monitoring": {"docs": "our wiki"}},
        'monitoring.docs = "our wiki"   not an address of a folder: write it like '
        '"https://git.example.com/infrastructure/docs"',
    ),
    "a receiver nowhere": (
        {"monitoring": {"remote_write": {"url": "prometheus"}}},
        'monitoring.remote_write.url = "prometheus"   not an address: write it like '
        '"https://prometheus.example.com/api/v1/write"',
    ),
    "partitions": (
        {"postgresql": {"partitions": 6}},
        "postgresql.partitions = 6   not a power of two: use 1, 2, 4, 8, 16, … up to 1024, so that a partition can be "
        "split evenly",
    ),
    "the operator's database": (
        {"postgresql": {"database": "postgres"}},
        'postgresql.database = "postgres"   kept for PostgreSQL and its operator: choose another name than postgres, '
        'template0, template1, pgbouncer, and none that starts with "pg_"',
    ),
    "a namespace of Kubernetes": (
        {"kubernetes": {"namespace": "kube-system"}},
        'kubernetes.namespace = "kube-system"   belongs to Kubernetes: choose a namespace of your own, '
        "which this program makes and removes",
    ),
    "the operator's namespace": (
        {"kubernetes": {"namespace": "cnpg-system"}},
        'kubernetes.namespace = "cnpg-system"   is kubernetes.cnpg_namespace too, whose pods its '
        "restrictions would stop: "
        "choose another one",
    ),
    "namespace that is no label": (
        {"kubernetes": {"namespace": "Soma"}},
        'kubernetes.namespace = "Soma"   not a DNS label: use lower-case letters, digits and inner hyphens, '
        'such as "soma"',
    ),
}


@pytest.mark.parametrize(("blocks", "expected"), SINGLE.values(), ids=SINGLE.keys())
def test_a_fault_is_named_once_with_place_value_rule_and_remedy(blocks: dict[str, Any], expected: str) -> None:
    assert faults(region(**blocks)) == [expected]


def test_a_sound_file_has_no_fault() -> None:
    assert faults(region()) == []


@pytest.mark.parametrize(
    "image",
    [
        "ghcr.io/somatechlat/somafractalmemory:9d8f7f1",
        "localhost:5000/memory:1",
        "memory:1",
        "ghcr.io/owner/memory@sha256:" + "0" * 64,
        "ghcr.io/owner/memory:latest@sha256:" + "0" * 64,
    ],
)
def test_a_pinned_image_is_accepted(image: str) -> None:
    assert faults(region(memory={"image": image})) == []


def test_without_ingress_no_namespace_needs_a_host() -> None:
    assert faults(region(**memory(namespaces=["team-a"]), ingress={"enabled": False})) == []


def test_without_autoscaling_its_numbers_do_not_matter() -> None:
    assert faults(region(**memory(replicas=20, autoscaling={"enabled": False}))) == []


def test_a_region_that_asks_for_more_than_the_limits_of_the_service_is_no_fault() -> None:
    assert faults(region(**regions(EAST | {"resources": {"requests": {"cpu": "64", "memory": "256Gi"}}}, WEST))) == []
