"""Which nodes a manifest leaves to its pods, read from node selectors, required node affinity and node names."""

from collections.abc import Iterable
from functools import reduce
from operator import and_, or_

from policies.checks.model import ALL_ZONES, NO_ZONE, ZONE_KEY, Nodes, Zones
from policies.checks.plain import Plain, at, labels_at, list_at, text_at, texts_at

_ZONE_KEYS = (ZONE_KEY, "failure-domain.beta.kubernetes.io/zone")
"""The label of a node's zone, and its name before Kubernetes 1.17, which old manifests still select by."""

_HOST_KEY = "kubernetes.io/hostname"

_TERMS = ("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")


def of_pod(pod: Plain) -> Nodes:
    """Nodes that the spec of a pod leaves to it."""
    chosen = chosen_by(pod, at(pod, "affinity"))
    return Nodes(chosen.zones, named=chosen.named or bool(text_at(pod, "nodeName")))


def chosen_by(selecting: Plain, affine: Plain) -> Nodes:
    """Nodes that are left by the `nodeSelector` of one object and the `nodeAffinity` of another, which both hold."""
    labels = labels_at(selecting, "nodeSelector")
    zones = [Zones(frozenset({labels[key]}), all_but=False) for key in _ZONE_KEYS if key in labels]
    affinity = _affinity(affine)
    return Nodes(_every([*zones, affinity.zones]), named=_HOST_KEY in labels or affinity.named)


def _affinity(affine: Plain) -> Nodes:
    """What required node affinity leaves. Its terms are alternatives; none at all match no node."""
    if at(affine, "nodeAffinity", _TERMS[0]) is None:
        return Nodes(ALL_ZONES, named=False)
    terms = [_term(term) for term in list_at(affine, "nodeAffinity", *_TERMS)]
    zones = reduce(or_, (term.zones for term in terms), NO_ZONE)
    return Nodes(zones, named=bool(terms) and all(term.named for term in terms))


def _term(term: Plain) -> Nodes:
    """What one term leaves, whose expressions must all hold. An empty term matches no node."""
    labels, fields = list_at(term, "matchExpressions"), list_at(term, "matchFields")
    if not labels and not fields:
        return Nodes(NO_ZONE, named=False)
    hosts = [entry for entry in labels if text_at(entry, "key") == _HOST_KEY]
    return Nodes(
        _every(_zones(entry) for entry in labels if text_at(entry, "key") in _ZONE_KEYS),
        named=any(text_at(entry, "operator") == "In" for entry in (*hosts, *fields)),
    )


def _zones(expression: Plain) -> Zones:
    """What an expression on a node's zone leaves: `Exists` and the like leave all of them."""
    operator = text_at(expression, "operator")
    if operator in ("In", "NotIn"):
        return Zones(frozenset(texts_at(expression, "values")), all_but=operator == "NotIn")
    return NO_ZONE if operator == "DoesNotExist" else ALL_ZONES


def _every(zones: Iterable[Zones]) -> Zones:
    return reduce(and_, zones, ALL_ZONES)
