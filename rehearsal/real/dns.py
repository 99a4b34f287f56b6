"""CoreDNS as a process in the namespace, behind the Service to which kubelet sends pods."""

from pathlib import Path

from rehearsal.kube import Client, Manifest
from rehearsal.processes import Process
from rehearsal.real import addresses
from rehearsal.real.namespace import Namespace

NAMESPACE, SERVICE = "kube-system", "kube-dns"

COREFILE = """{domain}:53 in-addr.arpa:53 {{
    bind {address}
    errors
    kubernetes {domain} in-addr.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 30
    }}
}}
.:53 {{
    bind {address}
    errors
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""
"""As kubeadm's, with the answer that a name of the outside world does not exist: nothing here leads there."""


def process(directory: Path) -> Process:
    """The process of the cluster whose directory this is."""
    return Process(directory, "dns")


def start(directory: Path, namespace: Namespace, program: Path, kubeconfig: Path, client: Client) -> None:
    """Starts it and makes its Service."""
    config = directory / "Corefile"
    config.write_text(COREFILE.format(domain=addresses.DNS_DOMAIN, address=addresses.GATEWAY, kubeconfig=kubeconfig))
    process(directory).start([*namespace.enter, program, "-conf", config])
    for manifest in manifests():
        client.create(manifest)


def manifests() -> list[Manifest]:
    """A Service without a selector and its one endpoint."""
    ports = [("dns", "UDP"), ("dns-tcp", "TCP")]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE, "labels": {"k8s-app": SERVICE}},
        "spec": {
            "clusterIP": addresses.DNS,
            "ports": [{"name": name, "port": 53, "protocol": protocol} for name, protocol in ports],
        },
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": SERVICE,
            "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": SERVICE},
        },
        "addressType": "IPv4",
        "ports": [{"name": name, "port": 53, "protocol": protocol} for name, protocol in ports],
        "endpoints": [{"addresses": [addresses.GATEWAY], "conditions": {"ready": True}}],
    }
    return [service, endpoints]
