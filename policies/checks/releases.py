"""Helm releases: what a chart makes cannot be judged, so only those of the platform services pass, pinned."""

from policies.checks.model import Item, Resource
from policies.checks.plain import Unreadable, number_at, object_at, text_at

REPLICAS: dict[str, tuple[tuple[str, ...], ...]] = {
    "aws-load-balancer-controller": (("replicaCount",),),
    "cert-manager": (("replicaCount",), ("webhook", "replicaCount"), ("cainjector", "replicaCount")),
    "cloudnative-pg": (("replicaCount",),),
    "plugin-barman-cloud": (("replicaCount",),),
    "nginx-ingress": (("controller", "replicaCount"),),
    "kube-prometheus-stack": (
        ("prometheus", "prometheusSpec", "replicas"),
        ("alertmanager", "alertmanagerSpec", "replicas"),
    ),
}
"""Chart of a platform service to where its values say how many pods run; all have more than one."""
FEWEST = 2
"""One works, another one in another zone waits: all but the ingress controller elect a leader."""


def read(resource: Resource) -> Item | None:
    """None: there is nothing more to judge. Raises Unreadable for any other chart, and for one that does not outlive a
    zone.
    """
    chart = text_at(resource.inputs, "chart").rpartition("/")[2]
    if chart not in REPLICAS:
        raise Unreadable("this pack cannot judge what it makes: declare the objects as resources of the program")
    if not text_at(resource.inputs, "version"):
        raise Unreadable(f"the version of {chart} is not pinned: state it")
    values = object_at(resource.inputs, "values")
    for path in REPLICAS[chart]:
        if (number_at(values, *path) or 1) < FEWEST:
            raise Unreadable(
                f"values.{'.'.join(path)} of {chart} is under {FEWEST}: its only pod is lost with its zone"
            )
    return None
