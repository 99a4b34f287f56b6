"""Who may speak to whom: everything is denied, and each NetworkPolicy opens one way for pods that are there."""

import json
from collections.abc import Iterator, Mapping

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Selector, Violation
from policies.checks.plain import Plain, Unreadable, at, list_at, number_at, object_at, text_at, texts_at
from policies.checks.postgresql_tls import refuses_plain
from policies.checks.read import selector
from policies.checks.templates import PodSet, pods
from policies.checks.tokens import ADDON, EKS_CLUSTER, NETWORK_POLICY, POOLER, POSTGRESQL, TEMPLATES
from policies.checks.whole import Whole, each, one

ANYWHERE = ("0.0.0.0/0", "::/0")
_POSTGRESQL_PORTS = (5432,)
_PEER_PORTS = {("p2p", 6335): "Qdrant", ("bus", 16379): "Redis"}
"""Name and number of the ports by which members of a store speak to each other."""
_BOTH = ("Ingress", "Egress")
BY_HAND = ("soma.io/redis-client",)
"""Labels of pods that operators start by hand (docs/redis.md): a policy for them need not select any of the stack."""


def denied(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Each namespace with pods of the stack denies what no other policy allows."""
    del limits
    used = {metadata.namespace(resource) for resource in whole.of(*TEMPLATES, POSTGRESQL, POOLER)}
    closed = {metadata.namespace(policy) for policy in whole.of(NETWORK_POLICY) if _denies_all(policy)}
    for namespace in sorted(used - closed):
        yield Violation(
            "", f"no NetworkPolicy denies all pods of {namespace} everything: one with an empty podSelector, "
            "policyTypes Ingress and Egress, and no rule"
        )  # fmt: skip


def _denies_all(policy: Resource) -> bool:
    spec = object_at(policy.inputs, "spec")
    return (
        at(spec, "podSelector") == {}
        and set(texts_at(spec, "policyTypes")) == set(_BOTH)
        and not list_at(spec, "ingress")
        and not list_at(spec, "egress")
    )


def selecting(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """A policy that selects nothing is a typing error; a pod that only the common ones select reaches nothing."""
    del limits
    sets: list[PodSet] = []
    for resource in whole.of(*TEMPLATES, POSTGRESQL, POOLER):
        try:
            sets.append(pods(resource))
        except Unreadable as problem:
            yield Violation(resource.urn, f"{resource.name}: cannot be judged: {problem}")
    chosen: set[str] = set()
    there: dict[str, list[PodSet]] = {}
    for it in sets:
        there.setdefault(it.namespace, []).append(it)

    def check(policy: Resource) -> Iterator[str]:
        spec = object_at(policy.inputs, "spec")
        own = _selector(spec)
        if (not own.labels and not own.expressions) or any(label in own.labels for label in BY_HAND):
            return
        found = [it.resource.urn for it in there.get(metadata.namespace(policy), ()) if own.matches(it.labels)]
        chosen.update(found)
        if not found:
            yield "selects no pods of this stack"

    for policy in whole.of(NETWORK_POLICY):
        yield from one(policy, check)
    for it in sets:
        if it.resource.urn not in chosen:
            yield Violation(it.resource.urn, f"{it.resource.name}: no NetworkPolicy of its own says who may reach it")


def _selector(spec: Plain) -> Selector:
    found = selector(spec, "podSelector")
    if found is None:
        raise Unreadable("spec.podSelector is missing")
    return found


def ingress(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Nobody in general is let in, but for PostgreSQL's own port where it refuses whatever is not encrypted: behind a
    load balancer its callers, which show a certificate, have no addresses that could be named.
    """
    del limits
    guarded = [pods(cluster) for cluster in whole.of(POSTGRESQL) if refuses_plain(cluster)]

    def check(policy: Resource) -> Iterator[str]:
        spec = object_at(policy.inputs, "spec")
        for index, rule in enumerate(list_at(spec, "ingress")):
            fault = _open(rule, "from")
            if fault and not (_is_guarded(policy, guarded, spec) and _ports(rule) == list(_POSTGRESQL_PORTS)):
                yield f"spec.ingress[{index}] {fault}: name the pods, the namespaces or the networks"
            elif not list_at(rule, "ports"):
                yield f"spec.ingress[{index}] opens every port: name those that are served"

    yield from each(whole.of(NETWORK_POLICY), check)


def _is_guarded(policy: Resource, guarded: list[PodSet], spec: Plain) -> bool:
    own = _selector(spec)
    return bool(own.labels) and any(
        it.namespace == metadata.namespace(policy) and own.matches(it.labels) for it in guarded
    )


def egress(resource: Resource, limits: Limits) -> Iterator[str]:
    """By ports that are named: to whom cannot always be said, since services of AWS have no addresses of their own.
    Where pods are named they are some of them; and what goes to anybody is for pods that are named.
    """
    del limits
    all_pods = at(resource.inputs, "spec", "podSelector") == {}
    for index, rule in enumerate(list_at(resource.inputs, "spec", "egress")):
        peers, wide = list_at(rule, "to"), _open(rule, "to")
        if all_pods and not peers:
            yield f"spec.egress[{index}] lets all pods of the namespace out to anybody: name those that need it"
        elif peers and wide and all(at(peer, "ipBlock") is None for peer in peers):
            yield f"spec.egress[{index}] {wide}: name the pods or the namespaces"
        if not list_at(rule, "ports"):
            whom = "to anybody" if wide else "to those that it names"
            yield f"spec.egress[{index}] lets everything out {whom}: name the ports"


def _open(rule: Plain, field: str) -> str:
    """Why a rule is about everybody; empty where it is not."""
    peers = list_at(rule, field)
    if not peers:
        return f"has no {field}, which is everybody"
    for peer in peers:
        if text_at(peer, "ipBlock", "cidr") in ANYWHERE:
            return "is about every address"
        if at(peer, "ipBlock") is not None:
            continue
        own, spaces = selector(peer, "podSelector"), selector(peer, "namespaceSelector")
        if own is None and spaces is None:
            return "is about everybody"
        if spaces is not None and _selects_all(spaces):
            return f"is about {'all pods' if own is None else 'pods'} of all namespaces"
        if spaces is None and own is not None and _selects_all(own):
            return "is about all pods of its namespace"
    return ""


def _selects_all(found: Selector) -> bool:
    return not found.labels and not found.expressions


def _ports(rule: Plain) -> list[Plain]:
    return [at(port, "port") for port in list_at(rule, "ports")]


def of_peers(resource: Resource, limits: Limits) -> Iterator[str]:
    """What members of a store say to each other asks for no key, or for one that all of them have: nobody else gets to
    these ports (qdrant.tech/documentation/guides/security: internal communication).
    """
    del limits
    spec = object_at(resource.inputs, "spec")
    for index, rule in enumerate(list_at(spec, "ingress")):
        titles = sorted({title for port in list_at(rule, "ports") for title in _peers_of(port)})
        alone = all(peer == {"podSelector": at(spec, "podSelector")} for peer in list_at(rule, "from"))
        if titles and not (alone and list_at(rule, "from")):
            yield f"ingress[{index}] lets others than its members to the port by which nodes of {titles[0]} speak"


def _peers_of(port: Plain) -> Iterator[str]:
    """Stores whose members' port is in a port, or range of them, of a rule."""
    first = at(port, "port")
    last = number_at(port, "endPort")
    for (name, number), title in _PEER_PORTS.items():
        if first == name or (isinstance(first, int) and first <= number <= (last or first)):
            yield title


def enforced(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """On EKS NetworkPolicies are only words unless the network plugin is told to hold them
    (docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html).
    """
    del limits
    if not whole.of(EKS_CLUSTER):
        return  # of a cluster that is there already `not-judged` tells
    plugins = [addon for addon in whole.of(ADDON) if text_at(addon.inputs, "addonName") == "vpc-cni"]
    if not plugins:
        yield Violation("", "the add-on vpc-cni is not of this stack: whether NetworkPolicies hold cannot be known")

    def check(addon: Resource) -> Iterator[str]:
        values = at(addon.inputs, "configurationValues")
        try:
            told = json.loads(values) if isinstance(values, str) else {}
        except ValueError:
            raise Unreadable("configurationValues is not JSON") from None
        if not isinstance(told, Mapping) or at(told, "enableNetworkPolicy") not in ("true", True):
            yield 'enableNetworkPolicy is not "true": NetworkPolicies hold nothing back'

    yield from each(plugins, check)
