"""Add-ons of EKS without which no pod of the stack serves, and names that are found without a zone."""

from collections.abc import Iterator, Mapping
from typing import Final

from policies.checks.model import ZONE_KEY, Limits, Resource, Violation
from policies.checks.plain import at, json_at, list_at, number_at, text_at
from policies.checks.tokens import ADDON, AUTOSCALER, EKS_CLUSTER
from policies.checks.whole import Whole, each, input_of
from policies.checks.zones import QUORUM_ZONES

_DNS: Final = "coredns"
_NEEDED: Final[Mapping[str, str]] = {
    "vpc-cni": "pods have no addresses",
    "kube-proxy": "Services lead nowhere",
    _DNS: "no name is found",
    "aws-ebs-csi-driver": "no volume is made or mounted",
    "eks-pod-identity-agent": "pods have no rights on AWS",
}
"""Add-on to what is without it (docs.aws.amazon.com/eks/latest/userguide/workloads-add-ons-available-eks.html)."""
_OF_AUTOSCALERS: Final = ("metrics-server", "autoscalers know of no load")


def there(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Of a cluster that the stack makes. Names are asked for by every store and gateway: CoreDNS has a pod in each zone
    (by itself it has two, which may share one)."""
    del limits
    names = {name: addon for addon in whole.of(ADDON) if isinstance(name := input_of(addon, "addonName"), str)}
    needed = {**_NEEDED, **dict([_OF_AUTOSCALERS] if whole.of(AUTOSCALER) else ())}

    def check(cluster: Resource) -> Iterator[str]:
        del cluster
        for name, without in needed.items():
            if name not in names:
                yield f"has no add-on {name}: {without}"

    yield from each(whole.of(EKS_CLUSTER), check)
    yield from each([names[_DNS]] if _DNS in names else (), _in_zones)


def _in_zones(addon: Resource) -> Iterator[str]:
    stated = at(addon.inputs, "configurationValues") is not None
    values = json_at(addon.inputs, "configurationValues") if stated else {}
    if (number_at(values, "replicaCount") or 0) < QUORUM_ZONES:
        yield f"replicaCount is under {QUORUM_ZONES}: a zone is without a pod that finds names"
    if not any(
        (text_at(one, "topologyKey"), text_at(one, "whenUnsatisfiable")) == (ZONE_KEY, "DoNotSchedule")
        for one in list_at(values, "topologySpreadConstraints")
    ):
        yield f"no topologySpreadConstraint over {ZONE_KEY}: one zone may have all that finds names"
