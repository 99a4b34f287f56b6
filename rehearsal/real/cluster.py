"""A cluster of real nodes, one in each zone and more where they are added, composed of its parts."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rehearsal import binaries, controlplane, nodes, paths
from rehearsal.controlplane import ControlPlane
from rehearsal.errors import RehearsalError
from rehearsal.ground import Ground
from rehearsal.kube import Client
from rehearsal.processes import Process, recorded
from rehearsal.progress import Progress
from rehearsal.real import addresses, containerd, disks, dns, images, kubelet, programs, proxy
from rehearsal.real.links import Links
from rehearsal.real.machine import Machine
from rehearsal.real.namespace import Namespace
from settings import Settings

READY_SECONDS = 90.0
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Place:
    """Where a node is."""

    zone: str
    number: int
    """From 1; its addresses depend on it."""


class Cluster:
    """A cluster in a directory. The directory's path must be short: sockets lie in it, whose paths Linux limits."""

    def __init__(self, directory: Path, region: str, zones: Sequence[str] = controlplane.ZONES) -> None:
        self.directory = directory
        self.region = region
        self.zones = tuple(zones)
        """One node in each from the start; it is named as its zone."""
        self.namespace = Namespace(directory)
        self.links = Links(self.namespace)
        self.machines = {zone: self._machine(zone) for zone in zones}
        """By the names of their nodes."""
        self._places = {zone: Place(zone, number) for number, zone in enumerate(zones, 1)}
        self._plane: ControlPlane | None = None

    @property
    def plane(self) -> ControlPlane:
        """The control plane, once it was started."""
        if self._plane is None:
            raise RehearsalError("the cluster was not started")
        return self._plane

    @property
    def kubeconfig(self) -> Path:
        """For people and engines on this machine."""
        return self.directory / self.region / "kubeconfig"

    @property
    def inside(self) -> Path:
        """For programs in the namespace."""
        return self.directory / "kubeconfig"

    def admin(self) -> Client:
        """A client that may do everything."""
        return self.plane.admin()

    def start(self, progress: Progress) -> None:
        """Brings it up anew, with its nodes Ready; what a run before left of it is ended first.

        RehearsalError, with nothing left, when a part does not come up.
        """
        built, tools, root = programs.ensure(progress), binaries.ensure(progress), images.ensure(progress)
        self.stop()
        self.directory.mkdir(mode=0o700, parents=True)
        try:
            with progress.step("start a control plane in a network namespace"):
                self.namespace.start()
                self._plane = ControlPlane(self.region, ground=self._ground(), home=self.directory / self.region)
                self._plane.start(tools, progress)
            with progress.step(f"start {len(self.zones)} nodes"):
                self._start_nodes(built, root)
                self._await_ready(self.zones)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends every process that was ever started for it and removes its directory, volumes included."""
        for home in sorted((self.directory / "nodes").glob("*")):  # of nodes too that a run before has added
            self._machine(home.name).stop()
        for node in self.machines.keys() - set(self.zones):
            self._forget(node)
        for directory in (self.directory, self.directory / self.region, self.directory / self.region / "controlplane"):
            for process in recorded(directory):
                process.signal(signal.SIGKILL)  # nothing of it is kept
                process.stop()
        if self.directory.exists():
            shutil.rmtree(self.directory)

    def load(self, settings: Settings, progress: Progress) -> None:
        """Gives every node the test images, named as the settings name them; again when sources have changed."""
        with progress.step("make the test images and load them"):
            images.write(images.ensure(progress), settings, self._archive, progress)
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda machine: images.load(self._archive, machine), self.machines.values()))

    def add_node(self, zone: str, progress: Progress) -> str:
        """One more node in a zone, with the images that were loaded; its name, once it is Ready.

        `links` cut a node: with two of them a zone is cut off when both are.
        """
        root, built = images.ensure(progress), programs.ensure(progress)
        taken = {place.number for place in self._places.values()}
        number = next((number for number in range(1, addresses.NODES + 1) if number not in taken), None)
        if number is None:
            raise RehearsalError(f"a cluster of real nodes has {addresses.NODES} at most")
        node = f"{zone}-{number}"
        self.machines[node], self._places[node] = self._machine(node), Place(zone, number)
        try:
            with progress.step(f"add a node to {zone}"):
                self._boot(node, root)
                images.load(self._archive, self.machines[node])  # first: nothing begins there without its image
                self.start_kubelet(node, built.kubelet)
                self._await_ready([node])
        except BaseException:
            self.remove_node(node)
            raise
        return node

    def remove_node(self, node: str) -> None:
        """Takes a node away that was added: its machine at once, with the disks of claims, then what the API has of it.

        Claims that had their disks there are left, as a cloud leaves them.
        """
        client, machine = self.admin(), self.machines[node]
        machine.stop()
        shutil.rmtree(machine.directory)
        self._forget(node)
        client.delete("v1", "Node", node)
        for pod in client.list("v1", "Pod", field_selector=f"spec.nodeName={node}"):
            client.delete("v1", "Pod", pod["metadata"]["name"], pod["metadata"]["namespace"], grace_seconds=0)

    def start_kubelet(self, node: str, program: Path | None = None) -> None:
        """Starts the kubelet of a node, the first time or again."""
        place, machine = self._places[node], self.machines[node]
        config = machine.directory / "kubeconfig"
        if not config.exists():
            # its own address, so that its way to the server can be cut like the others
            self.plane.write_kubeconfig(config, controlplane.NODE, addresses.node(place.number))
        built = program or programs.ensure(Progress()).kubelet
        kubelet.start(machine, built, config, place.number, place.zone, self.region)

    def number(self, node: str) -> int:
        """Number of a node, from 1: its addresses depend on it."""
        return self._places[node].number

    @property
    def _archive(self) -> Path:
        return self.directory / "images.oci"

    def _machine(self, node: str) -> Machine:
        return Machine(self.directory / "nodes" / node, self.namespace)

    def _forget(self, node: str) -> None:
        del self.machines[node], self._places[node]

    def _ground(self) -> Ground:
        numbers = range(1, addresses.NODES + 1)
        return Ground(
            enter=self.namespace.enter,
            server=self.namespace.server,
            bind="0.0.0.0",  # noqa: S104 of the namespace
            advertise=addresses.GATEWAY,
            port=addresses.SERVER_PORT,
            names=(self.namespace.server, addresses.GATEWAY, *(addresses.node(number) for number in numbers)),
            simulated=False,
        )

    def _start_nodes(self, built: programs.Programs, root: Path) -> None:
        self.plane.write_kubeconfig(self.inside, controlplane.NODE, addresses.GATEWAY)

        def start(node: str) -> None:
            self._boot(node, root)
            self.start_kubelet(node, built.kubelet)

        with ThreadPoolExecutor() as pool:
            list(pool.map(start, self.zones))
        proxy.start(self.directory, self.namespace, built.kube_proxy, self.inside, self.zones[0])
        dns.start(self.directory, self.namespace, built.dns, self.inside, self.admin())
        self.admin().create(disks.STORAGE_CLASS)
        command = [sys.executable, "-m", "rehearsal.real.disks", "--kubeconfig", self.kubeconfig]
        environment = {**os.environ, "PYTHONPATH": str(paths.CHECKOUT)}
        Process(self.directory, "disks").start([*command, "--nodes", self.directory / "nodes"], environment)

    def _boot(self, node: str, root: Path) -> None:
        """A machine with the images' shared root, on which containerd answers."""
        self.machines[node].start()
        images.install(root, self.machines[node])
        containerd.start(self.machines[node], self.number(node))

    def _await_ready(self, wanted: Sequence[str]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while lacking := [node for node in wanted if not self.is_ready(node)]:
            if time.monotonic() > deadline:
                logs = "".join(self.machines[node].log("kubelet") for node in lacking)
                raise RehearsalError(f"not Ready after {READY_SECONDS:.0f} s: {', '.join(lacking)}{logs}")
            time.sleep(POLL_SECONDS)
        nodes.await_account(self.admin(), deadline)

    def is_ready(self, node: str) -> bool:
        """Whether a node is Ready and takes pods."""
        found = self.admin().find("v1", "Node", node)
        return found is not None and nodes.is_ready(found)
