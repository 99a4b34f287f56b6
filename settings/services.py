"""What a region's cluster needs beside the program's own objects: operators and controllers that others make."""

from typing import Literal, get_args

from pydantic import Field

from settings.model import Model

Service = Literal[
    "aws-load-balancer-controller",
    "cert-manager",
    "cloudnative-pg",
    "plugin-barman-cloud",
    "nginx-ingress",
    "kube-prometheus-stack",
]
"""A platform service, named like its Helm chart."""

SERVICES: tuple[Service, ...] = get_args(Service)
"""All of them, in the order in which they are installed."""

OF_AWS: tuple[Service, ...] = ("aws-load-balancer-controller",)
"""Those that only a cluster on AWS has a use for."""


class Services(Model):
    """The platform services of a cluster."""

    installed: tuple[Service, ...] | None = Field(
        default=None,
        description="Those that the cluster has already, which are left alone; left out, all of them on the platform "
        "`kubernetes` and none on `aws`.",
    )
