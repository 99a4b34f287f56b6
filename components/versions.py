"""Versions of what a region installs beside the program's own objects and images, all in one place.

Add-ons of EKS by Kubernetes' minor version; `aws eks describe-addon-versions --kubernetes-version 1.36` tells what else
there is, and `aws.cluster.addons` in the settings takes it. Charts with where they are published, and of those whose
figures rules ask for (observability/metrics.py), what they bring and where their Chart.yaml says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

VPC_CNI: Final = "vpc-cni"
KUBE_PROXY: Final = "kube-proxy"
POD_IDENTITY: Final = "eks-pod-identity-agent"
COREDNS: Final = "coredns"
EBS_CSI: Final = "aws-ebs-csi-driver"
METRICS_SERVER: Final = "metrics-server"

ADDONS: Final[Mapping[str, Mapping[str, str]]] = {
    "1.35": {
        VPC_CNI: "v1.21.1-eksbuild.8",
        KUBE_PROXY: "v1.35.3-eksbuild.5",
        POD_IDENTITY: "v1.3.10-eksbuild.3",
        COREDNS: "v1.14.2-eksbuild.4",
        EBS_CSI: "v1.59.0-eksbuild.1",
        METRICS_SERVER: "v0.8.1-eksbuild.6",
    },
    "1.36": {
        VPC_CNI: "v1.22.4-eksbuild.3",
        KUBE_PROXY: "v1.36.0-eksbuild.21",
        POD_IDENTITY: "v1.3.10-eksbuild.3",
        COREDNS: "v1.14.3-eksbuild.16",
        EBS_CSI: "v1.63.1-eksbuild.1",
        METRICS_SERVER: "v0.8.1-eksbuild.10",
    },
}
"""Kubernetes' minor version to add-on to its version."""


@dataclass(frozen=True)
class Chart:
    """A Helm chart as it is published."""

    name: str
    """Name in the repository, or an OCI reference."""
    version: str
    repository: str | None = None
    """URL of the repository; None for an OCI reference."""
    app: str | None = None
    """Version of what it brings (`appVersion`)."""
    source: str | None = None
    """Where its Chart.yaml of this version is, as repository:path@tag on github.com."""


CHARTS: Final[Mapping[str, Chart]] = {
    "aws-load-balancer-controller": Chart("aws-load-balancer-controller", "3.5.0", "https://aws.github.io/eks-charts"),
    "cert-manager": Chart("cert-manager", "v1.21.1", "https://charts.jetstack.io"),
    "cloudnative-pg": Chart(
        "cloudnative-pg",
        "0.29.0",
        "https://cloudnative-pg.github.io/charts",
        app="1.30.0",
        source="cloudnative-pg/charts:charts/cloudnative-pg/Chart.yaml@cloudnative-pg-v0.29.0",
    ),
    "plugin-barman-cloud": Chart(
        "plugin-barman-cloud",
        "0.7.0",
        "https://cloudnative-pg.github.io/charts",
        app="v0.13.0",
        source="cloudnative-pg/charts:charts/plugin-barman-cloud/Chart.yaml@plugin-barman-cloud-v0.7.0",
    ),
    "nginx-ingress": Chart(
        "oci://ghcr.io/nginx/charts/nginx-ingress",
        "2.6.4",
        app="5.5.4",
        source="nginx/kubernetes-ingress:charts/nginx-ingress/Chart.yaml@v5.5.4",
    ),
    "kube-prometheus-stack": Chart(
        "kube-prometheus-stack",
        "88.5.3",
        "https://prometheus-community.github.io/helm-charts",
        app="v0.93.1",
        source="prometheus-community/helm-charts:charts/kube-prometheus-stack/Chart.yaml@kube-prometheus-stack-88.5.3",
    ),
}
"""Platform service (settings/services.py) to its chart."""
