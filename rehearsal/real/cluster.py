"""A cluster of real nodes, one in each zone, composed of its parts."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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


class Cluster:
    """A cluster in a directory. The directory's path must be short: sockets lie in it, whose paths Linux limits."""

    def __init__(self, directory: Path, region: str, zones: Sequence[str] = controlplane.ZONES) -> None:
        self.directory = directory
        self.region = region
        self.zones = tuple(zones)
        """One node in each; it is named as its zone."""
        self.namespace = Namespace(directory)
        self.links = Links(self.namespace)
        self.machines = {zone: Machine(directory / "nodes" / zone, self.namespace) for zone in zones}
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
                self.namespace.start(len(self.zones))
                self._plane = ControlPlane(self.region, ground=self._ground(), home=self.directory / self.region)
                self._plane.start(tools, progress)
            with progress.step(f"start {len(self.zones)} nodes"):
                self._start_nodes(built, root)
                self._await_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends every process that was ever started for it and removes its directory, volumes included."""
        for machine in self.machines.values():
            machine.stop()
        for directory in (self.directory, self.directory / self.region, self.directory / self.region / "controlplane"):
            for process in recorded(directory):
                process.signal(signal.SIGKILL)  # nothing of it is kept
                process.stop()
        if self.directory.exists():
            shutil.rmtree(self.directory)

    def load(self, settings: Settings, progress: Progress) -> None:
        """Gives every node the test images, named as the settings name them; again when sources have changed."""
        archive = self.directory / "images.oci"
        with progress.step("make the test images and load them"):
            images.write(images.ensure(progress), settings, archive, progress)
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda machine: images.load(archive, machine), self.machines.values()))

    def start_kubelet(self, zone: str, program: Path | None = None) -> None:
        """Starts the kubelet of a zone, the first time or again."""
        number = self.number(zone)
        machine = self.machines[zone]
        config = machine.directory / "kubeconfig"
        if not config.exists():
            # its own address, so that its way to the server can be cut like the others
            self.plane.write_kubeconfig(config, controlplane.NODE, addresses.node(number))
        built = program or programs.ensure(Progress()).kubelet
        kubelet.start(machine, built, config, number, zone, self.region)

    def number(self, zone: str) -> int:
        """Number of the node of a zone, from 1: its addresses depend on it."""
        return self.zones.index(zone) + 1

    def _ground(self) -> Ground:
        numbers = range(1, len(self.zones) + 1)
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

        def start(zone: str) -> None:
            self.machines[zone].start()
            images.install(root, self.machines[zone])
            containerd.start(self.machines[zone], self.number(zone))
            self.start_kubelet(zone, built.kubelet)

        with ThreadPoolExecutor() as pool:
            list(pool.map(start, self.zones))
        proxy.start(self.directory, self.namespace, built.kube_proxy, self.inside, self.zones)
        dns.start(self.directory, self.namespace, built.dns, self.inside, self.admin())
        self.admin().create(disks.STORAGE_CLASS)
        command = [sys.executable, "-m", "rehearsal.real.disks", "--kubeconfig", self.kubeconfig]
        environment = {**os.environ, "PYTHONPATH": str(paths.CHECKOUT)}
        Process(self.directory, "disks").start([*command, "--nodes", self.directory / "nodes"], environment)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while lacking := [zone for zone in self.zones if not self.is_ready(zone)]:
            if time.monotonic() > deadline:
                logs = "".join(self.machines[zone].log("kubelet") for zone in lacking)
                raise RehearsalError(f"not Ready after {READY_SECONDS:.0f} s: {', '.join(lacking)}{logs}")
            time.sleep(POLL_SECONDS)
        nodes.await_account(self.admin(), deadline)

    def is_ready(self, zone: str) -> bool:
        """Whether the node of a zone is Ready and takes pods."""
        node = self.admin().find("v1", "Node", zone)
        return node is not None and nodes.is_ready(node)
