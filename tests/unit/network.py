"""Evaluates NetworkPolicies as Kubernetes defines them, between pods of a recorded run and pods outside of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.unit.recorded import PodTemplate, Recorded

NAMESPACE = "somafractalmemory"


@dataclass(frozen=True)
class Peer:
    """A pod: its labels and its namespace."""

    labels: Mapping[str, str]
    namespace: str = NAMESPACE


def peer(pods: PodTemplate) -> Peer:
    return Peer(pods.labels)


def may_connect(run: Recorded, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is let out where it starts and let in where it ends.

    Pods of other namespaces are bound by nobody here, as a NetworkPolicy binds its own namespace alone.
    """
    leaves = _lets(run, "Egress", source, target, port, protocol)
    return leaves and _lets(run, "Ingress", target, source, port, protocol)


def _lets(run: Recorded, direction: str, bound: Peer, other: Peer, port: int, protocol: str) -> bool:
    policies = [p.spec for p in run.of("NetworkPolicy") if direction in p.spec["policyTypes"]]
    binding = [p for p in policies if bound.namespace == NAMESPACE and _finds(p["podSelector"], bound.labels)]
    if not binding:
        return True
    rules = [rule for policy in binding for rule in policy.get(direction.lower(), [])]
    ends = "to" if direction == "Egress" else "from"
    return any(_admits(rule, ends, other, port, protocol) for rule in rules)


def _admits(rule: Mapping[str, Any], ends: str, other: Peer, port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    if ports and not any(p["port"] == port and p.get("protocol", "TCP") == protocol for p in ports):
        return False
    peers = rule.get(ends)
    return not peers or any(_is(candidate, other) for candidate in peers)


def _is(candidate: Mapping[str, Any], other: Peer) -> bool:
    if "ipBlock" in candidate:
        return False
    namespaces = candidate.get("namespaceSelector")
    if namespaces is None:
        if other.namespace != NAMESPACE:
            return False
    elif not _finds(namespaces, {"kubernetes.io/metadata.name": other.namespace}):
        return False
    return _finds(candidate.get("podSelector", {}), other.labels)


def _finds(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert not selector.get("matchExpressions"), "expressions are not imitated here"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
