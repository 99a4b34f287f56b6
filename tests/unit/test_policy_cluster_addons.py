"""Add-ons of EKS without which no pod serves."""

import json
from typing import Any

import pytest

from tests.unit.policy_plan import GONE, Stack, find, put, region, swapped, verdicts

ZONE = "topology.kubernetes.io/zone"
SPREAD = {"topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule"}


def said(stack: Stack) -> list[str]:
    found = verdicts(stack, packs=("high-availability",))
    return [it.message for it in found if it.policy == "cluster-addons"]


@pytest.mark.parametrize("place", [("aws", "us-east"), ("aws", "us-west"), ("kubernetes", "us-east")])
def test_the_programs_own_clusters_have_them(place: tuple[str, str]) -> None:
    assert said(region(*place)) == []


@pytest.mark.parametrize(
    ("addon", "words"),
    [
        ("vpc-cni", "pods have no addresses"),
        ("kube-proxy", "Services lead nowhere"),
        ("coredns", "no name is found"),
        ("aws-ebs-csi-driver", "no volume is made"),
        ("eks-pod-identity-agent", "pods have no rights"),
        ("metrics-server", "autoscalers know of no load"),
    ],
)
def test_each_is_missed(addon: str, words: str) -> None:
    stack = region("aws", "us-east")
    gone = find(stack, "aws.eks.Addon", where=lambda it: it.inputs["addonName"] == addon)
    (message,) = said(tuple(it for it in stack if it is not gone))
    assert f"has no add-on {addon}: {words}" in message


def test_without_an_autoscaler_nobody_needs_figures() -> None:
    stack = region("aws", "us-east")
    names = ("metrics-server",)
    left = [it for it in stack if it.inputs.get("addonName") not in names and "Autoscaler" not in it.type]
    assert said(tuple(left)) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (GONE, ["replicaCount is under 3", f"no topologySpreadConstraint over {ZONE}"]),
        ({"replicaCount": 2, "topologySpreadConstraints": [SPREAD]}, ["replicaCount is under 3"]),
        ({"replicaCount": 3}, [f"no topologySpreadConstraint over {ZONE}"]),
        (
            {"replicaCount": 3, "topologySpreadConstraints": [{**SPREAD, "whenUnsatisfiable": "ScheduleAnyway"}]},
            [f"no topologySpreadConstraint over {ZONE}"],
        ),
        ({"replicaCount": 3, "topologySpreadConstraints": [SPREAD]}, []),
    ],
)
def test_names_are_found_without_any_one_zone(values: Any, words: list[str]) -> None:
    stack = region("aws", "us-east")
    dns = find(stack, "aws.eks.Addon", where=lambda it: it.inputs["addonName"] == "coredns")
    stated = values if values == GONE else json.dumps(values)
    found = said(swapped(stack, dns, put(dns, "configurationValues", stated)))
    assert len(found) == len(words)
    assert all(word in message for word, message in zip(words, found, strict=True)), found
