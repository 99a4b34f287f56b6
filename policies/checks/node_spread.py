"""Pods on different nodes: what one node takes with it is one pod, where there are nodes to choose from."""

from collections.abc import Iterator, Mapping

from policies.checks.model import ZONE_KEY, Limits, Resource
from policies.checks.plain import Plain, at, labels_at, list_at, number_at, text_at
from policies.checks.read import selector
from policies.checks.templates import pod
from policies.checks.tokens import DEPLOYMENT, STATEFUL_SET, TEMPLATES

SPREAD = (DEPLOYMENT, STATEFUL_SET)
_KEYS = ("kubernetes.io/hostname", ZONE_KEY)
"""Of anti-affinity. Pods in different zones are on different nodes."""


def apart(resource: Resource, limits: Limits) -> Iterator[str]:
    """A wish is enough: that the loss of a node is survived follows from that of its zone, which `zone-loss` proves.

    A StatefulSet without volumes, or with one pod, has nothing to keep apart.
    """
    del limits
    spec = pod(resource)
    stored = resource.type == DEPLOYMENT or bool(list_at(resource.inputs, "spec", "volumeClaimTemplates"))
    number = number_at(resource.inputs, "spec", "replicas")
    if not stored or number == 1:
        return
    labels = labels_at(resource.inputs, *TEMPLATES[resource.type], "metadata", "labels")
    if not any(_selects(rule, labels) for rule in (*_spreads(spec), *_affinities(spec))):
        yield "its pods may all be on one node: no anti-affinity and no spread over kubernetes.io/hostname selects them"


def _selects(rule: Plain, labels: Mapping[str, str]) -> bool:
    chosen = selector(rule, "labelSelector")
    return chosen is not None and chosen.matches(labels)


def _spreads(spec: Plain) -> Iterator[Plain]:
    for rule in list_at(spec, "topologySpreadConstraints"):
        if text_at(rule, "topologyKey") == _KEYS[0]:
            yield rule


def _affinities(spec: Plain) -> Iterator[Plain]:
    affinity = at(spec, "affinity", "podAntiAffinity")
    required = list_at(affinity, "requiredDuringSchedulingIgnoredDuringExecution")
    wished = list_at(affinity, "preferredDuringSchedulingIgnoredDuringExecution")
    for term in (*required, *(at(wish, "podAffinityTerm") for wish in wished)):
        if text_at(term, "topologyKey") in _KEYS:
            yield term
