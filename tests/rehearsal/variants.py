"""Workloads as nobody would write them: replicas, spreads, zones, volumes and budgets drawn at random."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from rehearsal.kube import Manifest

ZONE = "topology.kubernetes.io/zone"
ZONES = ("zone-a", "zone-b", "zone-c")
NAME = "web"
LABELS = {"app.kubernetes.io/instance": NAME}
MOST = 6
"""Pods of a variant, so that those of all fit on the nodes of two zones."""


@dataclass(frozen=True)
class Variant:
    """One workload with its budgets, in a namespace of its own."""

    namespace: str
    manifests: tuple[Manifest, ...]


def variants(number: int, seed: int) -> Iterator[Variant]:
    """So many, always the same for a seed."""
    random = Random(seed)
    for index in range(number):
        namespace = f"variant-{index:03d}"
        manifests = (_workload(random), *_budgets(random))
        for manifest in manifests:
            manifest["metadata"]["namespace"] = namespace
        yield Variant(namespace, manifests)


def _workload(random: Random) -> Manifest:
    kind = random.choice(("Deployment", "StatefulSet"))
    spec: dict[str, Any] = {
        "replicas": random.randint(1, MOST),
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": _pod(random)},
    }
    if kind == "StatefulSet":
        spec["serviceName"] = NAME
        spec["podManagementPolicy"] = random.choice(("OrderedReady", "Parallel"))
        if random.random() < 0.5:
            spec["volumeClaimTemplates"] = [_claim()]
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": NAME}, "spec": spec}


def _pod(random: Random) -> Manifest:
    spreads = [_spread(random) for _ in range(random.choice((0, 1, 1, 1, 2)))]
    # the API server refuses two that spread over the same key by the same rule
    distinct = {spread["whenUnsatisfiable"]: spread for spread in spreads}
    return {
        "containers": [{"name": "main", "image": "registry.k8s.io/pause:3.10"}],
        "affinity": _affinity(random),
        "topologySpreadConstraints": list(distinct.values()),
    }


def _spread(random: Random) -> Manifest:
    hard = random.random() < 0.85
    own = random.random() < 0.9
    spread: Manifest = {
        "topologyKey": ZONE,
        "maxSkew": random.choice((1, 1, 1, 2, 3)),
        "whenUnsatisfiable": "DoNotSchedule" if hard else "ScheduleAnyway",
        "labelSelector": {"matchLabels": LABELS if own else {"app": "another"}},
        "nodeTaintsPolicy": random.choice(("Honor", "Ignore")),
    }
    if hard and random.random() < 0.5:
        spread["minDomains"] = random.choice((1, 2, 3, 4))
    return spread


def _affinity(random: Random) -> Manifest:
    """All zones, or one or two of them."""
    chosen = random.sample(ZONES, random.choice((1, 2, 3, 3, 3)))
    term = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": sorted(chosen)}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def _claim() -> Manifest:
    storage = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    return {"metadata": {"name": "data"}, "spec": storage}


def _budgets(random: Random) -> Iterator[Manifest]:
    for index in range(random.choice((0, 1, 1, 1, 1, 2))):
        amount = random.choice((0, 1, 2, 3, "30%", "50%", "100%"))
        field = random.choice(("minAvailable", "maxUnavailable"))
        selector = LABELS if random.random() < 0.9 else {"app": "another"}
        yield {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": f"{NAME}-{index}"},
            "spec": {field: amount, "selector": {"matchLabels": selector}},
        }
