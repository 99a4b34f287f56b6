"""Evaluates NetworkPolicies as Kubernetes defines them, between pods of a recorded run and whoever is outside of it.

From the definition (kubernetes.io, Network Policies): a pod that no policy selects for a direction is open in that
direction; one that some do may do what any of them allows. A connection needs both ends. A policy binds its own
namespace alone; an address that is no pod's is matched by `ipBlock` or by a rule without peers. Ports are the pod's.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.unit.recorded import PodTemplate, Recorded

NAMESPACE = "somafractalmemory"


@dataclass(frozen=True)
class Peer:
    """A pod: its labels and its namespace. Or an address that is no pod's: without a namespace."""

    labels: Mapping[str, str]
    namespace: str | None = NAMESPACE
    address: str = "10.244.0.1"


def outside(address: str) -> Peer:
    """Something that is no pod of this cluster, or arrives with another address."""
    return Peer({}, None, address)


def peer(pods: PodTemplate) -> Peer:
    return Peer(pods.labels)


def may_connect(run: Recorded, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is let out where it starts and let in where it ends."""
    leaves = lets(rules(run, "Egress", source), "to", target, port, protocol)
    return leaves and lets(rules(run, "Ingress", target), "from", source, port, protocol)


Rules = Sequence[Mapping[str, Any]] | None
"""What a pod may do in one direction; None: everything."""


def rules(run: Recorded, direction: str, bound: Peer) -> Rules:
    """The rules of all policies that bind a pod in a direction, `Ingress` or `Egress`."""
    if bound.namespace != NAMESPACE:
        return None
    policies = [policy.spec for policy in run.of("NetworkPolicy") if direction in _directions(policy.spec)]
    binding = [policy for policy in policies if _finds(policy["podSelector"], bound.labels)]
    return [rule for policy in binding for rule in policy.get(direction.lower()) or []] if binding else None


def lets(given: Rules, ends: str, other: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether one of the rules admits the other end; `ends` is `from` or `to`."""
    return given is None or any(_admits(rule, ends, other, port, protocol) for rule in given)


def _directions(spec: Mapping[str, Any]) -> Sequence[str]:
    return spec.get("policyTypes") or ("Ingress", *(["Egress"] if "egress" in spec else []))


def _admits(rule: Mapping[str, Any], ends: str, other: Peer, port: int, protocol: str) -> bool:
    ports, peers = rule.get("ports"), rule.get(ends)
    if ports and not any(_is_port(stated, port, protocol) for stated in ports):
        return False
    return not peers or any(_is(candidate, other) for candidate in peers)


def _is_port(stated: Mapping[str, Any], port: int, protocol: str) -> bool:
    if stated.get("protocol", "TCP") != protocol:
        return False
    first = stated.get("port")
    assert first is None or isinstance(first, int), f"port {first!r}: names of ports are not imitated here"
    return first is None or first <= port <= stated.get("endPort", first)


def _is(candidate: Mapping[str, Any], other: Peer) -> bool:
    block = candidate.get("ipBlock")
    if block is not None:
        # Of a pod's address Kubernetes promises nothing; in practice it matches, too.
        address = ipaddress.ip_address(other.address)
        inside = address in ipaddress.ip_network(block["cidr"])
        return inside and not any(address in ipaddress.ip_network(hole) for hole in block.get("except", []))
    if other.namespace is None:
        return False
    namespaces = candidate.get("namespaceSelector")
    if namespaces is None:
        if other.namespace != NAMESPACE:
            return False
    elif not _finds(namespaces, {"kubernetes.io/metadata.name": other.namespace}):
        return False
    return _finds(candidate.get("podSelector", {}), other.labels)


def _finds(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()) and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions") or []
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", [])
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise AssertionError(f"{other} is no operator of a label selector")
