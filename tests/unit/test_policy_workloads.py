"""What runs in pods, how it starts, answers and ends: the program's own region passes, each test breaks one field."""

from collections.abc import Callable
from typing import Any

import pytest

from observability.scope import EXPORTERS
from policies.checks import metadata, tokens
from policies.checks.model import Resource
from tests.unit.policy_plan import GONE, PLATFORMS, Stack, find, put, region, swapped, verdicts

AWS = ("aws", "us-east")
POD = "spec.template.spec"
FIRST = f"{POD}.containers.0"
OTHER = {"matchLabels": {"app": "other"}}
SAME = {"exec": {"command": ["true"]}}


def said(policy: str, stack: Stack, changed: Resource) -> list[str]:
    """What a policy says, without the name of the resource in front."""
    found = verdicts(stack, [changed], packs=("high-availability",), policies={policy})
    return [it.message.partition(": ")[2] for it in found]


def called(name: str) -> Callable[[Resource], bool]:
    return lambda resource: metadata.name(resource) == name


def broken(policy: str, kind: str, name: str, path: str, value: Any) -> list[str]:
    stack = region(*AWS)
    resource = find(stack, kind, where=called(name))
    new = put(resource, path, value)
    return said(policy, swapped(stack, resource, new), new)


BREAKS: list[tuple[str, str, str, str, Any, str]] = [
    ("node-spread", "Deployment", "memory-service", f"{POD}.topologySpreadConstraints.1", GONE, "all be on one node"),
    (
        "node-spread",
        "Deployment",
        "memory-service",
        f"{POD}.topologySpreadConstraints.1.labelSelector",
        OTHER,
        "one node",
    ),
    (
        "node-spread",
        "Deployment",
        "memory-service",
        f"{POD}.topologySpreadConstraints.1.labelSelector",
        GONE,
        "one node",
    ),
    ("node-spread", "StatefulSet", "qdrant", f"{POD}.affinity.podAntiAffinity", GONE, "all be on one node"),
    ("node-spread", "StatefulSet", "redis-zone-a", f"{POD}.affinity.podAntiAffinity", {}, "all be on one node"),
    ("stateful-rollouts", "StatefulSet", "qdrant", "spec.updateStrategy.type", "OnDelete", "is not RollingUpdate"),
    ("stateful-rollouts", "StatefulSet", "redis-zone-a", "spec.updateStrategy.rollingUpdate.partition", 1, "before"),
    ("stateful-rollouts", "StatefulSet", "qdrant", "spec.updateStrategy.rollingUpdate.maxUnavailable", 2, "a majority"),
    (
        "stateful-rollouts",
        "StatefulSet",
        "qdrant",
        "spec.updateStrategy.rollingUpdate.maxUnavailable",
        "50%",
        "is not 1",
    ),
    ("distinct-probes", "Deployment", EXPORTERS, f"{FIRST}.livenessProbe.periodSeconds", 2, "is asked the same"),
    ("distinct-probes", "Deployment", EXPORTERS, f"{FIRST}.readinessProbe.failureThreshold", 24, "is asked the same"),
    ("probe-ports", "Deployment", EXPORTERS, f"{FIRST}.livenessProbe.httpGet.port", "nowhere", "livenessProbe of"),
    ("probe-ports", "Deployment", EXPORTERS, f"{FIRST}.livenessProbe.httpGet.port", "qdrant", "is not declared"),
    (
        "probe-ports",
        "StatefulSet",
        "qdrant",
        f"{FIRST}.startupProbe.httpGet.port",
        1,
        "startupProbe of container qdrant",
    ),
    ("probe-ports", "StatefulSet", "qdrant", f"{FIRST}.readinessProbe", {"grpc": {"port": 1}}, "readinessProbe of"),
    ("probe-ports", "StatefulSet", "qdrant", f"{FIRST}.readinessProbe", {"tcpSocket": {"port": "1"}}, "not declared"),
    ("probe-ports", "StatefulSet", "redis-zone-a", f"{POD}.containers.1.readinessProbe.tcpSocket.port", 1, "exporter"),
    ("startup-probes", "StatefulSet", "qdrant", f"{FIRST}.startupProbe", GONE, "it is killed while it loads"),
    ("startup-probes", "StatefulSet", "redis-zone-a", f"{FIRST}.startupProbe", GONE, "it is killed while it loads"),
    ("startup-probes", "Deployment", "memory-service", f"{POD}.initContainers.0.startupProbe", GONE, "call it before"),
    ("graceful-stop", "Deployment", "memory-service", f"{FIRST}.lifecycle", GONE, "stops while a Service still leads"),
    ("graceful-stop", "Deployment", EXPORTERS, f"{FIRST}.lifecycle", {}, "container blackbox stops while"),
    ("graceful-stop", "StatefulSet", "qdrant", f"{FIRST}.lifecycle", GONE, "container qdrant stops while"),
    ("graceful-stop", "StatefulSet", "redis-zone-a", f"{FIRST}.lifecycle", GONE, "container redis stops while"),
    ("graceful-stop", "Deployment", "memory-service", f"{POD}.terminationGracePeriodSeconds", 15, "is killed before"),
    (
        "graceful-stop",
        "Deployment",
        EXPORTERS,
        f"{FIRST}.lifecycle.preStop",
        {"sleep": {"seconds": 30}},
        "raise terminationGracePeriodSeconds",
    ),
    (
        "bounded-scratch",
        "StatefulSet",
        "qdrant",
        f"{POD}.volumes",
        [{"name": "n", "emptyDir": {}}],
        "volume n may fill",
    ),
    ("images-at-hand", "Deployment", EXPORTERS, f"{FIRST}.imagePullPolicy", "Always", "container blackbox starts"),
    ("images-at-hand", "Deployment", "memory-service", f"{POD}.initContainers.0.imagePullPolicy", "Always", "gateway"),
    ("images-at-hand", "Cluster", "postgresql-us-east", "spec.imagePullPolicy", "Always", "PostgreSQL starts again"),
    ("autoscaled-replicas", "Deployment", "memory-service", "ignoreChanges", [], "an update sets it back"),
    ("autoscaled-replicas", "Deployment", "memory-service", "ignoreChanges", ["metadata"], "whatever the load"),
    ("peer-names", "Service", "qdrant-headless", "spec.clusterIP", GONE, "qdrant-headless is not headless"),
    ("peer-names", "Service", "qdrant-headless", "spec.publishNotReadyAddresses", GONE, "leaves out pods that are not"),
    ("peer-names", "Service", "qdrant-headless", "spec.selector", {"app": "other"}, "does not select its pods"),
    ("peer-names", "Service", "qdrant-headless", "spec.selector", GONE, "does not select its pods"),
    (
        "referenced-keys",
        "StatefulSet",
        "qdrant",
        f"{POD}.volumes.1.secret.items.0.key",
        "other.yaml",
        "takes the key other.yaml of the Secret",
    ),
    (
        "referenced-keys",
        "Deployment",
        "memory-service",
        f"{FIRST}.env",
        [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "memory-service", "key": "x"}}}],
        "the key x of the ConfigMap memory-service, which has no such key",
    ),
    (
        "referenced-keys",
        "Deployment",
        "memory-service",
        f"{POD}.volumes",
        [{"projected": {"sources": [{"secret": {"name": "memory-service-token", "items": [{"key": "x"}]}}]}}],
        "the key x of the Secret memory-service-token",
    ),
]


@pytest.mark.parametrize(("policy", "kind", "name", "path", "value", "words"), BREAKS)
def test_one_broken_field_is_refused(policy: str, kind: str, name: str, path: str, value: Any, words: str) -> None:
    found = broken(policy, kind, name, path, value)
    assert found
    assert all(words in message for message in found), found


SOUND: list[tuple[str, str, str, str, Any]] = [
    ("node-spread", "StatefulSet", "redis-zone-a", "spec.volumeClaimTemplates", []),
    ("stateful-rollouts", "StatefulSet", "qdrant", "spec.updateStrategy", GONE),
    ("stateful-rollouts", "StatefulSet", "qdrant", "spec.updateStrategy.rollingUpdate", {"maxUnavailable": 1}),
    ("distinct-probes", "Deployment", EXPORTERS, f"{FIRST}.livenessProbe", {**SAME, "failureThreshold": 1}),
    ("probe-ports", "Deployment", EXPORTERS, f"{FIRST}.livenessProbe", {"httpGet": {"host": "10.0.0.1", "port": 1}}),
    ("probe-ports", "StatefulSet", "qdrant", f"{FIRST}.readinessProbe", {"tcpSocket": {"port": "6333"}}),
    ("startup-probes", "StatefulSet", "qdrant", "spec.volumeClaimTemplates", []),
    (
        "startup-probes",
        "Deployment",
        "memory-service",
        f"{POD}.initContainers.0",
        {"name": "tells-nobody", "restartPolicy": "Always"},
    ),
    ("graceful-stop", "Deployment", "memory-service", f"{FIRST}.lifecycle", {"preStop": {"httpGet": {"port": 9595}}}),
    ("graceful-stop", "Deployment", EXPORTERS, f"{FIRST}.ports.0.name", "other"),
    ("images-at-hand", "Deployment", EXPORTERS, f"{FIRST}.imagePullPolicy", "Never"),
    ("autoscaled-replicas", "HorizontalPodAutoscaler", "memory-service", "spec.scaleTargetRef.name", "other"),
    ("autoscaled-replicas", "Deployment", "memory-service", "spec.replicas", GONE),
    ("peer-names", "StatefulSet", "qdrant", "spec.serviceName", "of-another-stack"),
    ("referenced-keys", "StatefulSet", "qdrant", f"{POD}.volumes.1.secret.secretName", "of-another-stack"),
]


@pytest.mark.parametrize(("policy", "kind", "name", "path", "value"), SOUND)
def test_what_is_sound_passes(policy: str, kind: str, name: str, path: str, value: Any) -> None:
    assert broken(policy, kind, name, path, value) == []


def test_an_optional_key_need_not_be_there() -> None:
    source = {"name": "memory-service", "items": [{"key": "x"}]}
    volumes = [[{"configMap": {**source, "optional": optional}}] for optional in (False, True)]
    found = [broken("referenced-keys", "Deployment", "memory-service", f"{POD}.volumes", one) for one in volumes]
    assert [len(one) for one in found] == [1, 0]


def test_a_pod_that_headless_services_alone_lead_to_may_stop_at_once() -> None:
    stack = region(*AWS)
    service = find(stack, "Service", where=called("redis"))
    zone = find(stack, "StatefulSet", where=called("redis-zone-a"))
    new = put(zone, f"{FIRST}.lifecycle", GONE)
    rest = swapped(stack, service, put(service, "spec.clusterIP", "None"))
    assert said("graceful-stop", swapped(rest, zone, new), new) == []


def of_hosts(*paths: str, host: str = "memory.example.com", controller: str = "nginx") -> tuple[Resource, ...]:
    """An Ingress for each path."""
    return tuple(
        Resource(
            tokens.INGRESS,
            f"urn:{number}",
            f"ingress-{number}",
            {"spec": {"ingressClassName": controller, "rules": [{"host": host, "http": {"paths": [{"path": path}]}}]}},
        )
        for number, path in enumerate(paths)
    )


class TestHosts:
    def claims(self, stack: Stack) -> list[str]:
        return [it.message for it in verdicts(stack, [], policies={"hosts-claimed-once"})]

    @pytest.mark.parametrize("platform", PLATFORMS)
    def test_the_programs_own_claim_each_once(self, platform: str) -> None:
        assert self.claims(region(platform, "us-east")) == []

    def test_two_of_one_host_are_refused(self) -> None:
        stack = region(*AWS)
        server = find(stack, "VirtualServer", where=lambda it: it.inputs["spec"]["host"] == "memory.example.com")
        other = Resource(server.type, "urn:other", "other", server.inputs)
        (message,) = self.claims((*stack, other))
        assert message == f"other: claims the host memory.example.com, which {server.name} claims already"
        ((message),) = self.claims((*stack, *of_hosts("/a")))
        assert message.startswith("ingress-0: claims the host memory.example.com/a, which")

    def test_ingresses_share_a_host_by_paths(self) -> None:
        assert self.claims(of_hosts("/a", "/b", host="other.example.com")) == []
        (message,) = self.claims(of_hosts("/a", "/a", host="other.example.com"))
        assert "claims the host other.example.com/a, which ingress-0 claims already" in message

    def test_two_controllers_are_two_ways(self) -> None:
        assert self.claims((*region(*AWS), *of_hosts("/a", controller="other"))) == []
