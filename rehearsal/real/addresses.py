"""Who has which address in the namespace of a cluster of real nodes."""

GATEWAY = "10.200.0.254"
"""Where the API server and the name server answer: no node's, so that a zone can be cut off without them."""
NODE_PREFIX = 16
NODES = 6
"""Nodes that a cluster may have. So many addresses are there from its start: one that is added is given its own."""
SERVER_PORT = 6443
KUBELET_PORT = 10250
DNS = "10.96.0.10"
"""Address of the Service of the name server, in the control plane's service range."""
DNS_DOMAIN = "cluster.local"
POD_RANGE = "10.244.0.0/16"


def node(number: int) -> str:
    """Address of a node; they count from 1."""
    return f"10.200.0.{number}"


def pods(number: int) -> str:
    """Range of the pods of a node."""
    return f"10.244.{number}.0/24"


def bridge(number: int) -> str:
    """Name of the bridge to which the pods of a node are plugged."""
    return f"pods{number}"
