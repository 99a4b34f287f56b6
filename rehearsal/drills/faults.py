"""What befalls nodes and pods, as a cloud, an operator of nodes or a drain does it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from rehearsal.errors import RehearsalError
from rehearsal.kube import TOO_MANY_REQUESTS, Client, Conflict, KubeError, Manifest
from rehearsal.programs import SIMULATED
from rehearsal.standins.cnpg.names import RESTARTED

OUT_OF_SERVICE = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
"""Says that a node is off for good: its pods go, their volumes come free (kubernetes.io, non-graceful shutdown)."""
TRIES = 10
POLL_SECONDS = 0.1


def eventually(holds: Callable[[], bool], what: str, seconds: float) -> None:
    """Waits until something holds; RehearsalError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise RehearsalError(f"the drill gave up after {seconds:.0f} s: {what}")
        time.sleep(POLL_SECONDS)


def power_off(client: Client, node: str) -> None:
    """The kubelet is heard no more, for nobody plays it; the controllers notice it after a while."""
    client.patch("v1", "Node", node, {"metadata": {"labels": {SIMULATED: None}}})


def power_on(client: Client, node: str) -> None:
    """Its kubelet is played again: the node is as it was, and its pods, which nobody gave up, are ready again."""
    client.patch("v1", "Node", node, {"metadata": {"labels": {SIMULATED: "true"}}})


def give_up(client: Client, node: str) -> None:
    """Tells the cluster that a node will not come back; controllers change its taints as well."""
    for _ in range(TRIES):
        found = client.get("v1", "Node", node)
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        taints = [*(found["spec"].get("taints") or []), OUT_OF_SERVICE]
        try:
            client.patch("v1", "Node", node, {"metadata": version, "spec": {"taints": taints}})
        except Conflict:
            continue
        return
    raise RehearsalError(f"node {node} changes all the time")


def cordon(client: Client, node: str, *, on: bool = True) -> None:
    """Closes a node to new pods, or opens it again."""
    client.patch("v1", "Node", node, {"spec": {"unschedulable": on or None}})


def evict(client: Client, pod: Manifest) -> bool:
    """Asks for an eviction; whether it was granted. A pod that is gone counts as evicted."""
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    try:
        client.call(
            "POST", client.path_of({**pod, "apiVersion": "v1", "kind": "Pod"}, "eviction"), body=body, wait=False
        )
    except KubeError as refused:
        if refused.status == TOO_MANY_REQUESTS:
            return False
        if refused.reason != "NotFound":
            raise
    return True


def restart(client: Client, kind: tuple[str, str], name: str, namespace: str) -> None:
    """As `kubectl rollout restart` and `kubectl cnpg restart` do."""
    mark = {"metadata": {"annotations": {RESTARTED: datetime.now(UTC).isoformat()}}}
    patch = mark if kind[1] == "Cluster" else {"spec": {"template": mark}}
    client.patch(*kind, name, patch, namespace)
