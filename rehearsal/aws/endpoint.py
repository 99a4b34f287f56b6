"""What the clusters of the simulated EKS hand out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """Where a cluster's API server listens."""

    server: str
    """Address, `https://127.0.0.1:6443`."""
    ca: str
    """The CA certificate in base64, as EKS and kubeconfigs hold it."""
