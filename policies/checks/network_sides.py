"""A way between two pods is open where both allow it: what one side's NetworkPolicies open, the other's open, too."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Selector, Violation
from policies.checks.network import ANYWHERE, BY_HAND
from policies.checks.plain import Plain, Unreadable, at, labels_at, list_at, number_at, object_at, text_at, texts_at
from policies.checks.read import selector
from policies.checks.templates import PodSet, pods
from policies.checks.tokens import NAMESPACE, NETWORK_POLICY, POOLER, POSTGRESQL, TEMPLATES
from policies.checks.whole import Whole

_NAME: Final = "kubernetes.io/metadata.name"
"""Label that every namespace has, with its name."""
_DNS: Final = 53
_Ports = tuple[tuple[int, int], ...]
"""First and last of each range; none is every port."""


@dataclass(frozen=True)
class _Peer:
    """Whom a rule names."""

    pods: frozenset[str] | None
    """Of the stack, by their resources' URNs; None is everybody."""
    unknown: str = ""
    """Why it can be nobody at all; empty where it may be somebody."""


@dataclass(frozen=True)
class _Rule:
    """What a NetworkPolicy opens for the pods that it selects."""

    policy: Resource
    title: str
    own: frozenset[str]
    peers: tuple[_Peer, ...]
    ports: _Ports


@dataclass(frozen=True)
class _Ways:
    rules: Mapping[str, tuple[_Rule, ...]]
    """By direction."""
    closed: Mapping[str, frozenset[str]]
    """Pods, by direction, of which only what is stated is open."""
    unread: tuple[Violation, ...]


_DIRECTIONS: Final = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}
_OTHER: Final = {"Ingress": "Egress", "Egress": "Ingress"}


def agreed(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Of pods of the stack alone, and of those that operators start by hand: who else is there is not known. A way to
    or from everybody, which names nobody, opens its own side. Who is let in may come and go, as Jobs do, and use some
    of the ports; who is let out goes to pods that are there, by each port that is named.
    """
    del limits
    ways = whole.once(_ways)
    yield from ways.unread
    open_ = {direction: _by_pod(rules) for direction, rules in ways.rules.items()}
    for direction, rules in ways.rules.items():
        other = _OTHER[direction]
        for rule in rules:
            for fault in _faults(rule, direction, open_[other], ways.closed[other]):
                yield Violation(rule.policy.urn, f"{rule.policy.name}: {rule.title} {fault}")


def typed(resource: Resource, limits: Limits) -> Iterator[str]:
    """Rules of a direction that the policy is not about are looked at by nobody."""
    del limits
    spec = object_at(resource.inputs, "spec")
    for direction, (field, _) in _DIRECTIONS.items():
        if list_at(spec, field) and direction not in _types(spec):
            yield f"spec.{field} opens nothing, for policyTypes is without {direction}"


def names_found(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Whose ways out are closed asks DNS by a way that is stated."""
    del limits
    ways = whole.once(_ways)
    asking = {
        urn
        for rule in ways.rules["Egress"]
        if _meet(rule.ports, ((_DNS, _DNS),))
        for urn in rule.own
    }  # fmt: skip
    for resource in whole.of(*TEMPLATES, POSTGRESQL, POOLER):
        if resource.urn in ways.closed["Egress"] and resource.urn not in asking:
            yield Violation(resource.urn, f"{resource.name}: no NetworkPolicy lets its pods ask DNS, by port {_DNS}")


def _faults(
    rule: _Rule, direction: str, other_side: Mapping[str, Sequence[_Rule]], closed: frozenset[str]
) -> Iterator[str]:
    for peer in rule.peers:
        if peer.unknown and (direction == "Egress" or peer.unknown == _NOWHERE):
            yield peer.unknown
        if not peer.pods:  # everybody, or nobody of whom something is known
            continue
        for own in sorted(rule.own):
            asked = [(port,) for port in rule.ports] if direction == "Egress" else [rule.ports]
            if not all(any(_opens(own, one, ports, other_side, closed) for one in peer.pods) for ports in asked):
                if direction == "Egress":
                    yield f"lets {_short(own)} out to pods that do not let it in"
                else:
                    yield f"lets in pods that are not let out to {_short(own)}"
                break


def _opens(
    own: str, peer: str, ports: _Ports, other_side: Mapping[str, Sequence[_Rule]], closed: frozenset[str]
) -> bool:
    if peer not in closed:
        return True
    return any(
        _meet(ports, rule.ports) and any(it.pods is None or own in it.pods for it in rule.peers)
        for rule in other_side.get(peer, ())
    )


def _short(urn: str) -> str:
    return urn.rpartition("::")[2]


def _by_pod(rules: Iterable[_Rule]) -> dict[str, list[_Rule]]:
    found: dict[str, list[_Rule]] = {}
    for rule in rules:
        for urn in rule.own:
            found.setdefault(urn, []).append(rule)
    return found


def _ways(whole: Whole) -> _Ways:
    place, unread = _Place(whole), list[Violation]()
    rules: dict[str, list[_Rule]] = {direction: [] for direction in _DIRECTIONS}
    closed: dict[str, set[str]] = {direction: set() for direction in _DIRECTIONS}
    for policy in whole.of(NETWORK_POLICY):
        try:
            spec = object_at(policy.inputs, "spec")
            own = place.chosen(metadata.namespace(policy), selector(spec, "podSelector"))
            for direction in _types(spec):
                closed[direction] |= own
                rules[direction] += _rules(policy, spec, direction, own, place)
        except Unreadable as problem:
            unread.append(Violation(policy.urn, f"{policy.name}: cannot be judged: {problem}"))
    return _Ways(
        {direction: tuple(found) for direction, found in rules.items()},
        {direction: frozenset(found) for direction, found in closed.items()},
        (*place.unread, *unread),
    )


def _types(spec: Plain) -> tuple[str, ...]:
    """What a policy is about; as the API has it where nothing is stated."""
    stated = texts_at(spec, "policyTypes")
    return tuple(one for one in _DIRECTIONS if one in (stated or ("Ingress", "Egress" if at(spec, "egress") else "")))


def _rules(policy: Resource, spec: Plain, direction: str, own: frozenset[str], place: "_Place") -> Iterator[_Rule]:
    field, whom = _DIRECTIONS[direction]
    for index, rule in enumerate(list_at(spec, field)):
        named_ = list_at(rule, whom)
        peers = [place.peer(metadata.namespace(policy), peer) for peer in named_] or [_Peer(None)]
        yield _Rule(policy, f"spec.{field}[{index}]", own, tuple(peers), tuple(_ports(rule)))


def _ports(rule: Plain) -> Iterator[tuple[int, int]]:
    """One that is told by a name, which each pod has for a number of its own, is taken for any."""
    for port in list_at(rule, "ports"):
        first = at(port, "port")
        if isinstance(first, int):
            yield first, number_at(port, "endPort") or first
        else:
            yield 0, 65535


def _meet(some: _Ports, others: _Ports) -> bool:
    return not some or not others or any(a <= d and c <= b for a, b in some for c, d in others)


class _Place:
    """Who is there: the pods of the stack, those that operators start by hand, and the namespaces."""

    def __init__(self, whole: Whole) -> None:
        self.unread: list[Violation] = []
        self._pods: dict[str, list[PodSet]] = {}
        self._found: dict[object, frozenset[str]] = {}
        for resource in whole.of(*TEMPLATES, POSTGRESQL, POOLER):
            try:
                found = pods(resource)
            except Unreadable as problem:
                self.unread.append(Violation(resource.urn, f"{resource.name}: cannot be judged: {problem}"))
            else:
                self._pods.setdefault(found.namespace, []).append(found)
        self._spaces = {space: {_NAME: space} for space in self._pods}
        self._spaces |= {metadata.name(it): _labels(it) for it in whole.of(NAMESPACE)}
        self._all_spaces = whole.on_aws
        self._add_by_hand(whole)

    def _add_by_hand(self, whole: Whole) -> None:
        for policy in whole.of(NETWORK_POLICY):
            namespace = metadata.namespace(policy)
            for label in BY_HAND:
                made = PodSet(policy, namespace, {label: "true"})
                found = self._pods.get(namespace)
                if found is not None and all(label not in it.labels for it in found):
                    found.append(made)

    def chosen(self, namespace: str, own: Selector | None) -> frozenset[str]:
        """By a selector: no selector chooses all. Pods started by hand have the URN of a label."""
        key = None if own is None else (tuple(sorted(own.labels.items())), own.expressions)
        if (namespace, key) not in self._found:
            self._found[namespace, key] = frozenset(
                _urn(it) for it in self._pods.get(namespace, ()) if own is None or own.matches(it.labels)
            )
        return self._found[namespace, key]

    def peer(self, namespace: str, peer: Plain) -> _Peer:
        block = at(peer, "ipBlock")
        if block is not None:
            return _Peer(None if text_at(block, "cidr") in ANYWHERE else frozenset())
        own, spaces = selector(peer, "podSelector"), selector(peer, "namespaceSelector")
        if spaces is None:
            found = self.chosen(namespace, own)
            return _Peer(found, "" if found else "names pods that are not of this stack")
        matching = [space for space, labels in self._spaces.items() if spaces.matches(labels)]
        found = frozenset[str]().union(*(self.chosen(space, own) for space in matching))
        return _Peer(found, "" if matching or self._elsewhere(spaces) else _NOWHERE)

    def _elsewhere(self, spaces: Selector) -> bool:
        """Whether a namespace may be there that the stack does not make."""
        name = spaces.labels.get(_NAME, "")
        return bool(spaces.expressions) or name.startswith("kube-") or (bool(name) and not self._all_spaces)


_NOWHERE: Final = "names a namespace that is not there"


def _urn(found: PodSet) -> str:
    return next((label for label in BY_HAND if found.labels == {label: "true"}), found.resource.urn)


def _labels(space: Resource) -> dict[str, str]:
    return labels_at(space.inputs, "metadata", "labels") | {_NAME: metadata.name(space)}
