"""kube-proxy: one process serves the namespace, and so every node in it."""

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
    """Starts it. It takes itself for the proxy of `node`: Services that prefer their own zone prefer that one's."""
    config = directory / "kube-proxy.yaml"
    config.write_text(yaml.safe_dump(configuration(kubeconfig, node), sort_keys=False))
    process(directory).start([*namespace.enter, program, f"--config={config}"])


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
