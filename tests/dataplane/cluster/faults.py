"""What goes wrong in a cluster, made to happen, and mended when the test is over."""

import signal
import time
from collections.abc import Callable
from typing import Literal

from rehearsal.errors import RehearsalError
from rehearsal.real.cluster import Cluster
from rehearsal.real.machine import signal_to
from tests.dataplane.cluster import agent
from tests.dataplane.cluster.stand import Pod, Stand, eventually

Blow = Literal["KILL", "STOP", "CONT", "TERM"]
FULL = "filled-by-a-test"
READY_SECONDS = 120

_STRIKE = """
import os, pathlib, signal, sys
container, number = sys.argv[1], getattr(signal, "SIG" + sys.argv[2])
def inside(process):
    try:
        return container in (process / "cgroup").read_text()
    except OSError:
        return False
struck = [int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() and inside(p)]
for pid in struck:
    os.kill(pid, number)
sys.exit(not struck)
"""
"""Strikes every process of a container, found by its control group; for a privileged pod with the host's processes."""


class Faults:
    """The faults of one test. Those that reach under the nodes need our own: mark the test with `own_nodes`."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._mending: dict[str, Callable[[], None]] = {}

    def mend(self) -> None:
        """Undoes what is still broken."""
        while self._mending:
            _, undo = self._mending.popitem()
            undo()

    # Pods and processes: on any cluster

    def delete(self, *pods: str, grace: int | None = None) -> None:
        """Deletes pods at once; with `grace` 0 nothing in them may say goodbye."""
        self._stand.logs_kept.keep(self._stand, [self._stand.pod(pod) for pod in pods])
        for pod in pods:
            self._stand.client.delete("v1", "Pod", pod, self._stand.namespace, grace_seconds=grace)

    def kill(self, pod: str, container: str) -> None:
        """kill -9 of every process of a container."""
        self._strike(self._stand.pod(pod), container, "KILL")

    def end(self, pod: str, container: str) -> None:
        """Asks a container to end, as kubelet does, and leaves its pod."""
        self._strike(self._stand.pod(pod), container, "TERM")

    def destroy(self, pod: str, container: str) -> None:
        """kill -9 of a container together with its pod: nothing in it says goodbye or is started again in its place.

        A kill and then a deletion would be two faults, with a container in between that has just come back.
        """
        struck = self._stand.pod(pod)
        self._strike(struck, container, "STOP")
        self.delete(pod, grace=0)
        self._strike(struck, container, "KILL", needed=False)

    def freeze(self, pod: str, container: str) -> None:
        """Stops every process of a container: its connections stay open and nobody answers."""
        struck = self._stand.pod(pod)
        self._strike(struck, container, "STOP")
        self._mending[f"freeze {pod} {container}"] = lambda: self._wake(struck, container)

    def thaw(self, pod: str, container: str) -> None:
        """Lets a frozen container go on."""
        self._mending.pop(f"freeze {pod} {container}")()

    def fill_disk(self, pod: str, container: str, folder: str) -> None:
        """Fills the volume that is mounted at `folder` to its last byte."""
        self._mending[f"disk {pod} {folder}"] = lambda: self.free_disk(pod, container, folder)
        # again after a sync: what is counted as free while writes are under way is not exact
        write = f"cat /dev/zero >>{folder}/{FULL} 2>/dev/null"
        self._stand.exec(pod, container, "sh", "-c", f"{write}; sync; {write}; sync; {write}; true", seconds=300)

    def free_disk(self, pod: str, container: str, folder: str) -> None:
        """Gives the space back."""
        self._mending.pop(f"disk {pod} {folder}", None)
        eventually(
            f"{pod} has its space back",
            lambda: self._stand.exec(pod, container, "sh", "-c", f"rm -f {folder}/{FULL} && echo done"),
            READY_SECONDS,
        )

    # Nodes and links: on our own nodes alone

    def cut_zone(self, zone: str) -> None:
        """Cuts a zone off from the others and from the control plane: packets are lost, nobody is told."""
        own = self._own()
        own.links.cut(own.number(zone))
        self._mending[f"links {zone}"] = lambda: self._join(zone)

    def heal_zone(self, zone: str) -> None:
        """Joins a zone that was cut off; returns when its node is Ready again."""
        self._mending.pop(f"links {zone}")()

    def stop_kubelet(self, zone: str) -> None:
        """Ends the kubelet of a zone: its pods run on, and nobody hears of them."""
        self._stand.logs_kept.keep(self._stand, [])
        self._own().machines[zone].end("kubelet")
        self._mending[f"kubelet {zone}"] = lambda: self._start_kubelet(zone)

    def start_kubelet(self, zone: str) -> None:
        """Starts it again; returns when its node is Ready."""
        self._mending.pop(f"kubelet {zone}")()

    def _own(self) -> Cluster:
        if self._stand.own is None:
            raise RehearsalError("this fault needs our own nodes: mark the test with pytest.mark.own_nodes")
        return self._stand.own

    def _join(self, zone: str) -> None:
        own = self._own()
        own.links.heal(own.number(zone))
        self._await_node(zone)

    def _start_kubelet(self, zone: str) -> None:
        self._own().start_kubelet(zone)
        self._await_node(zone)

    def _await_node(self, zone: str) -> None:
        eventually(f"the node of {zone} is Ready", lambda: self._own().is_ready(zone), READY_SECONDS)

    # How a container is struck

    def _wake(self, pod: Pod, container: str) -> None:
        """The very container that was frozen; gone meanwhile is as good."""
        self._strike(pod, container, "CONT", needed=False)

    def _strike(self, pod: Pod, container: str, blow: Blow, needed: bool = True) -> None:
        identity = pod.container_id(container)
        assert identity, f"{pod.name} has no container {container} now"
        if self._stand.own is None:
            self._by_agent(pod, identity, blow, needed)
            return
        pids = self._stand.own.machines[pod.node].contained(identity)
        assert pids or not needed, f"no process of {container} of {pod.name} was found"
        for pid in pids:
            signal_to(pid, signal.Signals[f"SIG{blow}"])

    def _by_agent(self, pod: Pod, identity: str, blow: Blow, needed: bool) -> None:
        """Through a privileged pod on the same node, which sees the node's processes."""
        name = agent.ensure(self._stand, pod.node)
        self._mending.setdefault(f"agent {name}", lambda: agent.dismiss(self._stand, name))
        agent.run(self._stand, name, _STRIKE, identity, blow, check=needed)


def stopwatch() -> Callable[[], float]:
    """Seconds since now."""
    started = time.monotonic()
    return lambda: time.monotonic() - started
