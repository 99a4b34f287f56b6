"""Faults of regions, hosts and ingress: each with its place, the value seen, the rule and a remedy."""

from typing import Any

import pytest

from tests.unit.test_settings import region
from tests.unit.test_settings_faults import EAST, GUIDE_CLASS, HOST, WEST, faults, memory, regions, rules, to

SINGLE: dict[str, tuple[dict[str, Any], str]] = {
    "no region": (
        {"multiregion": {}},
        "multiregion.regions = [] (default)   no region: list them in Pulumi.yaml, or set multiregion.enabled to false",
    ),
    "stack is no region": (
        regions({"name": "eu-north", "primary": True}, WEST),
        'multiregion.regions = [eu-north, us-west]   the stack "us-east" is none of these regions: add it, '
        "or use a stack named like one of them",
    ),
    "a region twice": (
        regions(EAST, WEST, WEST),
        'multiregion.regions[2].name = "us-west"   named already at regions[1]: give each region a name of its own',
    ),
    "no home": (
        regions({"name": "us-east"}, WEST),
        "multiregion.home   no home region: name one here, or set primary: true on one of multiregion.regions",
    ),
    "home is no region": (
        regions({"name": "us-east"}, WEST, home="eu-north"),
        'multiregion.home = "eu-north"   not in the list of regions (us-east, us-west): name one of them',
    ),
    "two primaries": (
        regions(EAST, WEST | {"primary": True}),
        "multiregion.regions[1].primary = true   us-east is primary already: data has one home, keep one",
    ),
    "home and primary differ": (
        regions(EAST, WEST, home="us-west"),
        'multiregion.home = "us-west"   us-east has primary: true: home and primary must be the same region, '
        "keep one of them",
    ),
    "an address that is no name": (
        regions(EAST | {"address": "https://east.example.com"}, WEST),
        'multiregion.regions[0].address = "https://east.example.com"   not a DNS name: leave out scheme, port and '
        'path, as in "memory.example.com"',
    ),
    "too few pods of the edge": (
        {"edge": {"replicas": 2}},
        "edge.replicas = 2   under high_availability.min_replicas (3): use 3 or more, or leave it out",
    ),
    "users who are sent away for too long": (
        {"edge": {"retry_after_seconds": 7200}},
        "edge.retry_after_seconds = 7200   too high: must be 3600 or less",
    ),
    "an edge without memory for its connections": (
        {"edge": {"resources": {"limits": {"memory": "64Mi"}}}},
        'edge.resources.limits.memory = "64Mi"   less than the proxy needs for the connections that it takes: use '
        '"128Mi" or more',
    ),
    "an edge whose limit is under its request": (
        {"edge": {"resources": {"requests": {"cpu": "3"}, "limits": {"cpu": "2"}}}},
        'edge.resources.requests.cpu = "3"   over its limit ("2"): lower this or raise limits.cpu',
    ),
    "a region without name": (
        regions(EAST, {"primary": False}),
        "multiregion.regions[1].name   the region's name is missing: it is the name of its stack",
    ),
    "a region whose name is no label": (
        regions(EAST, {"name": "US West"}),
        'multiregion.regions[1].name = "US West"   not a DNS label: use lower-case letters, digits and inner hyphens, '
        'such as "us-west"',
    ),
    "a region whose name is too long": (
        regions(EAST, {"name": "a-region-of-21-letter"}),
        'multiregion.regions[1].name = "a-region-of-21-letter"   21 characters are too long for Kubernetes\' limits: '
        "use at most 20",
    ),
    "multi-region off, but not home": (
        regions({"name": "us-east"}, WEST | {"primary": True}, enabled=False),
        'multiregion.enabled = false   "us-east" is not the home region (us-west), and without multi-region '
        "there is no "
        "other: set this to true, or use the stack us-west",
    ),
    "internal domain": (
        regions(EAST, internal_domain="internal"),
        'multiregion.internal_domain = "internal"   not a DNS name: write a full host name in lower case, '
        'such as "memory.example.com"',
    ),
    "host with scheme": (
        rules({"host": "https://memory.example.com/"}),
        'ingress.rules[0].host = "https://memory.example.com/"   not a DNS name: leave out scheme, port and path, '
        'as in "memory.example.com"',
    ),
    "host that is an address": (
        rules({"host": "10.0.0.1"}),
        'ingress.rules[0].host = "10.0.0.1"   an address, not a DNS name: write a host name such as '
        '"memory.example.com"',
    ),
    "host in capitals": (
        rules({"host": "Memory.example.com"}),
        'ingress.rules[0].host = "Memory.example.com"   not a DNS name: write a full host name in lower case, '
        'such as "memory.example.com"',
    ),
    "no host": (rules({}), 'ingress.rules[0].host   the host is missing: name one, as in "memory.example.com"'),
    "a host twice": (
        rules(HOST, HOST),
        'ingress.rules[1].host = "memory.example.com"   named already at rules[0]: put its paths under one rule',
    ),
    "hosts with one object's name": (
        rules(HOST, {"host": "memory-example.com"}),
        'ingress.rules[1].host = "memory-example.com"   its object would be called "memory-example-com" like that of '
        "memory.example.com: choose another host",
    ),
    "a path twice": (
        rules(HOST | {"paths": [to("memory-service"), to("memory-service")]}),
        'ingress.rules[0].paths[1].path = "/"   named already at paths[0]: keep one',
    ),
    "unknown service": (
        rules(HOST, {"host": "a.example.com", "paths": [to("memory-service-a")]}),
        'ingress.rules[1].paths[0].backend.service = "memory-service-a"   no such service: name one of '
        "memory-service, "
        "or add its memory namespace",
    ),
    "the service's own port": (
        rules(HOST | {"paths": [to("memory-service", port=9595)]}),
        "ingress.rules[0].paths[0].backend.port = 9595   the service listens on port 80: use that",
    ),
    "a namespace without host": (
        memory(namespaces=["default", "team-a"]),
        'memory.namespaces[1] = "team-a"   no host leads to it: add one to ingress.rules with backend.service '
        "memory-service-team-a",
    ),
    "a namespace twice": (
        memory(namespaces=["default", "default"]),
        'memory.namespaces[1] = "default"   named already at namespaces[0]: name each namespace once',
    ),
    "two classes": (
        {"ingress": {"class": "haproxy", "annotations": {GUIDE_CLASS: "nginx"}}},
        f'ingress.annotations["{GUIDE_CLASS}"] = "nginx"   differs from ingress.class ("haproxy"): state it once, '
        "or the same twice",
    ),
    "TLS without Secret": (
        {"ingress": {"tls": {"secret_name": ""}}},
        'ingress.tls.secret_name = ""   TLS needs the Secret with the certificate: name it, '
        "or set ingress.tls.enabled to false",
    ),
    "rate without unit": (
        {"ingress": {"rate_limit": "100"}},
        'ingress.rate_limit = "100"   not a rate: write requests a second or a minute, as in "100r/s" or "600r/m"',
    ),
    "relative path": (
        {"ingress": {"streaming_paths": ["memories/stream"]}},
        'ingress.streaming_paths[0] = "memories/stream"   not a path: it starts with "/" and has no query, '
        'as in "/memories/stream"',
    ),
    "a streaming path twice": (
        {"ingress": {"streaming_paths": ["/a", "/a"]}},
        'ingress.streaming_paths[1] = "/a"   named already at streaming_paths[0]: keep one',
    ),
}


@pytest.mark.parametrize(("blocks", "expected"), SINGLE.values(), ids=SINGLE.keys())
def test_a_fault_is_named_once_with_place_value_rule_and_remedy(blocks: dict[str, Any], expected: str) -> None:
    assert faults(region(**blocks)) == [expected]
