"""A privileged pod that sees all processes of its node: how tests reach under a cluster whose machines are not ours."""

from rehearsal.kube import Manifest
from tests.dataplane.cluster.stand import Pod, Stand

IMAGE = "docker.io/library/python:3.13.9-slim"
NAMESPACE = "kube-system"
READY_SECONDS = 120


def ensure(stand: Stand, node: str) -> str:
    """Name of the agent on a node, once it is ready."""
    name = f"data-tier-{node}"[:63].rstrip("-.")
    stand.client.apply(manifest(name, node), field_manager="data-tier")
    ready = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE}}
    stand.client.wait(ready, lambda seen: seen is not None and Pod(seen).ready, READY_SECONDS)
    return name


def run(stand: Stand, name: str, program: str, *arguments: str, check: bool = True) -> str:
    """What a Python program says that runs in an agent."""
    return stand.exec(name, "agent", "python3", "-c", program, *arguments, check=check, namespace=NAMESPACE)


def dismiss(stand: Stand, name: str) -> None:
    """Takes an agent away."""
    stand.client.delete("v1", "Pod", name, NAMESPACE, grace_seconds=0)


def manifest(name: str, node: str) -> Manifest:
    """A privileged pod that shares the process namespace of its node."""
    container: Manifest = {
        "name": "agent",
        "image": IMAGE,
        "command": ["sleep", "infinity"],
        "securityContext": {"privileged": True, "runAsUser": 0},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "nodeName": node,
            "hostPID": True,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"operator": "Exists"}],
            "containers": [container],
        },
    }
