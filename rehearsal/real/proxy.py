"""kube-proxy: one process serves the namespace, and so every node in it."""

import ipaddress
from pathlib import Path
from typing import Any

import yaml

from rehearsal.processes import Process
from rehearsal.real import addresses
from rehearsal.real.namespace import Namespace


def process(directory: Path) -> Process:
    """The process of the cluster whose directory this is."""
    return Process(directory, "kube-proxy")


def start(directory: Path, namespace: Namespace, program: Path, kubeconfig: Path, node: str) -> None:
    """Starts it. It takes itself for the proxy of one node: Services that prefer their zone prefer that one."""
    config = directory / "kube-proxy.yaml"
    config.write_text(yaml.safe_dump(configuration(kubeconfig, node), sort_keys=False))
    namespace.run("nft", "-f", "-", text=hairpins(addresses.NODES))
    process(directory).start([*namespace.enter, program, f"--config={config}"])


def hairpins(nodes: int) -> str:
    """Rules for a pod that a Service leads to itself: its packet must come from another address than its own.

    kube-proxy has them for the pods of its own node alone (proxy/nftables: `hairpin-connections`).
    """
    networks = [ipaddress.ip_network(addresses.pods(number)) for number in range(1, nodes + 1)]
    pairs = ", ".join(f"{address} . {address}" for network in networks for address in network.hosts())
    return f"""table ip hairpin {{
  set itself {{
    type ipv4_addr . ipv4_addr
    elements = {{ {pairs} }}
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat - 5
    ct status dnat ip saddr . ip daddr @itself masquerade
  }}
}}
"""


def configuration(kubeconfig: Path, node: str) -> dict[str, Any]:
    """KubeProxyConfiguration; limits of connection tracking stay as they are, for they are the whole machine's."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "clusterCIDR": addresses.POD_RANGE,
        "hostnameOverride": node,
        "conntrack": {"maxPerCore": 0, "min": 0},
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
    }
