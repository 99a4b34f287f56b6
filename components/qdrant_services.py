"""Ports of a Qdrant node, and the Services through which it is reached."""

from collections.abc import Mapping

from components.objects import Manifest

HTTP, GRPC, P2P = 6333, 6334, 6335
METRICS = 6336
"""Listener of its own without a key (`service.metrics_port`, src/settings.rs); a NetworkPolicy guards it."""


def headless_spec(selector: Mapping[str, str]) -> Manifest:
    """Peers must resolve each other before they are ready, else none ever becomes ready."""
    return {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": dict(selector),
        "ports": _ports(("http", HTTP), ("grpc", GRPC), ("p2p", P2P), ("metrics", METRICS)),
    }


def client_spec(selector: Mapping[str, str]) -> Manifest:
    """Qdrant's clients do not balance by themselves (distributed_deployment: "Deploy Behind a Load Balancer")."""
    return {"selector": dict(selector), "ports": _ports(("http", HTTP), ("grpc", GRPC))}


def _ports(*ports: tuple[str, int]) -> list[Manifest]:
    return [{"name": name, "port": port, "targetPort": name, "protocol": "TCP"} for name, port in ports]
