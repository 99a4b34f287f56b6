"""A cluster of somebody's: its zones under the names of the stack file, and what a run must not leave on it."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

import yaml

from rehearsal import nodes
from rehearsal.engine.model import PlannedResource
from rehearsal.errors import RehearsalError
from rehearsal.kube import Client, Manifest
from tests.dataplane.cluster import toolbox
from tests.dataplane.cluster.stand import ZONE

GONE_SECONDS = 300
"""For all that is in a namespace to go with it, volumes included."""
_KEEPS_OUT = ("NoSchedule", "NoExecute")


def refuse_without_toolbox() -> None:
    """RehearsalError where no image was named: our own is on our own nodes alone."""
    if not os.environ.get(toolbox.IMAGE):
        raise RehearsalError(
            f"{toolbox.IMAGE} names no image for the pod that the load runs in: docs/data-tier.md says what it holds"
        )


def zones(found: Iterable[Manifest]) -> list[str]:
    """The zones of the nodes that take pods, by name."""
    return sorted({str(zone) for node in found if _takes_pods(node) and (zone := _labels(node).get(ZONE))})


def named(stack: str, wanted: Sequence[str], there: Sequence[str]) -> str:
    """The stack file for a cluster whose zones are called otherwise; RehearsalError where there are too few."""
    if len(there) < len(wanted):
        raise RehearsalError(
            f"nodes that take pods are in {len(there)} zones ({', '.join(there) or 'no node has the label ' + ZONE}): "
            f"{len(wanted)} are needed"
        )
    document = yaml.safe_load(stack)
    values = there[: len(wanted)] if not set(wanted) <= set(there) else wanted
    document["config"]["somafractalmemory:kubernetes"]["zones"] = dict(zip(wanted, values, strict=True))
    return yaml.safe_dump(document)


def beside(resources: Iterable[PlannedResource]) -> Iterator[Manifest]:
    """Objects of the program that no namespace takes away with it."""
    for one in resources:
        about = one.inputs.get("metadata")
        if {"apiVersion", "kind"} <= one.inputs.keys() and isinstance(about, Mapping) and "namespace" not in about:
            yield {"apiVersion": one.inputs["apiVersion"], "kind": one.inputs["kind"], "metadata": about}


def remove(client: Client, resources: Iterable[PlannedResource]) -> None:
    """Takes all of the program away; returns when it is gone."""
    ours = list(beside(resources))
    for one in ours:
        client.delete(one["apiVersion"], one["kind"], one["metadata"]["name"])
    for one in ours:
        client.wait(one, lambda seen: seen is None, GONE_SECONDS)


def _takes_pods(node: Manifest) -> bool:
    taints: list[Manifest] = node["spec"].get("taints") or []
    closed = node["spec"].get("unschedulable") or any(taint["effect"] in _KEEPS_OUT for taint in taints)
    return nodes.is_ready(node) and not closed


def _labels(node: Manifest) -> Mapping[str, str]:
    return node["metadata"].get("labels") or {}
