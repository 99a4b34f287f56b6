"""A control plane's life: up, adopted, restarted on its data, ended; and what goes wrong on the way."""

import io
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rehearsal import binaries, controlplane, nodes, processes, volumes
from rehearsal.controlplane import ControlPlane
from rehearsal.errors import RehearsalError
from rehearsal.kube import Client, KubeError, Manifest
from rehearsal.processes import Process
from rehearsal.progress import Progress
from tests.rehearsal.conftest import MakePlane, exists

QUIET = Progress(io.StringIO())


def pids(plane: ControlPlane) -> dict[str, int | None]:
    return {process.name: process.pid() for process in processes.recorded(plane.directory)}


@pytest.fixture
def plane(make_plane: MakePlane, tools: binaries.Binaries) -> Iterator[ControlPlane]:
    """A control plane that the test may break."""
    made = make_plane("breakable")
    made.start(tools, QUIET)
    yield made
    made.stop()


class TestUp:
    def test_nodes_are_ready_in_every_zone_and_labelled_as_a_cloud_would(self, admin: Client) -> None:
        found = admin.list("v1", "Node")
        assert all(nodes.is_ready(node) for node in found)
        labels: list[dict[str, str]] = [node["metadata"]["labels"] for node in found]
        assert Counter(label["topology.kubernetes.io/zone"] for label in labels) == {
            "zone-a": 2,
            "zone-b": 2,
            "zone-c": 2,
        }
        assert {label["topology.kubernetes.io/region"] for label in labels} == {"us-east"}
        assert all(node["status"]["allocatable"]["cpu"] == "32" for node in found)

    def test_the_kubeconfig_is_private_and_trusts_only_the_control_planes_own_authority(
        self, control_plane: ControlPlane
    ) -> None:
        assert control_plane.kubeconfig.stat().st_mode & 0o077 == 0
        assert control_plane.directory.stat().st_mode & 0o077 == 0
        text = control_plane.kubeconfig.read_text()
        assert "certificate-authority-data" in text
        assert "insecure" not in text

    def test_it_listens_on_the_loopback_address_alone(self, control_plane: ControlPlane) -> None:
        host, port = control_plane.admin().server.removeprefix("https://").split(":")
        assert host == "127.0.0.1"
        hexadecimal = f":{int(port):04X}"
        listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        assert {row[1] for row in listening if row[1].endswith(hexadecimal) and row[3] == "0A"} == {
            f"0100007F{hexadecimal}"
        }

    def test_rbac_and_admission_are_real(self, admin: Client, control_plane: ControlPlane) -> None:
        assert admin.find("rbac.authorization.k8s.io/v1", "ClusterRole", "cluster-admin") is not None
        admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "quota"}}, "test")
        quota: Manifest = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "quota"}}
        admin.apply({**quota, "spec": {"hard": {"count/configmaps": "1"}}}, "test")
        admin.wait(quota, lambda found: bool(found and found.get("status", {}).get("used")), 60)  # by its controller
        config_map: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "quota"}}
        with pytest.raises(KubeError, match="exceeded quota"):
            for number in range(3):
                metadata = {"namespace": "quota", "name": f"c{number}"}
                admin.create({**config_map, "metadata": metadata})

    def test_a_second_start_touches_no_process(self, control_plane: ControlPlane, tools: binaries.Binaries) -> None:
        before = pids(control_plane)
        assert len(before) == 5
        control_plane.start(tools, QUIET)
        assert pids(control_plane) == before

    def test_another_object_finds_it_by_its_region(self, control_plane: ControlPlane, make_plane: MakePlane) -> None:
        assert make_plane("us-east").alive()
        assert not make_plane("nowhere").alive()


def await_stopped(process: Process) -> None:
    """Until every thread stands still: a signal is sent before it arrives, and one thread is enough for an answer."""
    deadline = time.monotonic() + 10
    while True:
        tasks = Path(f"/proc/{process.pid()}/task").glob("*/stat")
        if all(task.read_text().rpartition(")")[2].split()[0] == "T" for task in tasks):
            return
        assert time.monotonic() < deadline, "it runs on"
        time.sleep(0.02)


class TestRecovery:
    def test_one_that_died_half_way_comes_back_with_its_data(
        self, plane: ControlPlane, tools: binaries.Binaries
    ) -> None:
        plane.admin().apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kept"}}, "test")
        server = plane.admin().server
        for name in ("kube-apiserver", "etcd"):
            Process(plane.directory, name).signal(signal.SIGKILL)
        said = io.StringIO()
        plane.start(tools, Progress(said))
        assert "on its data" in said.getvalue()
        assert plane.admin().get("v1", "Namespace", "kept")
        assert plane.admin().server == server

    def test_a_fault_is_a_process_that_ended_or_a_server_that_hangs(
        self, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(controlplane, "CHECK_SECONDS", 1.0)
        assert plane.fault() is None
        server, scheduler = (Process(plane.directory, name) for name in ("kube-apiserver", "kube-scheduler"))
        server.signal(signal.SIGSTOP)
        await_stopped(server)
        assert plane.ended() is None
        assert f"kube-apiserver does not answer\nlast lines of {server.log}:" in str(plane.fault())
        server.signal(signal.SIGCONT)
        scheduler.stop()
        assert f"kube-scheduler ended\nlast lines of {scheduler.log}:" in str(plane.ended())
        plane.halt()
        assert pids(plane) == {}

    def test_a_taken_port_is_left_to_its_holder(self, plane: ControlPlane, tools: binaries.Binaries) -> None:
        server = plane.admin().server
        plane.stop()
        said = io.StringIO()
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", int(server.rpartition(":")[2])))
            holder.listen()
            plane.start(tools, Progress(said))
        assert "is taken" in said.getvalue()
        assert plane.admin().server != server
        assert len(plane.admin().list("v1", "Node")) == 6

    def test_a_program_that_ends_at_its_start_is_named_with_its_words_and_nothing_is_left(
        self, make_plane: MakePlane, tools: binaries.Binaries, tmp_path: Path
    ) -> None:
        broken = tmp_path / "kube-apiserver"
        broken.write_text("#!/bin/sh\necho 'exec format is odd'\nexit 1\n")
        broken.chmod(0o755)
        plane = make_plane("broken")
        with pytest.raises(RehearsalError, match=r"(?s)broken: kube-apiserver ended.*exec format is odd"):
            plane.start(replace(tools, kube_apiserver=broken), QUIET)
        assert pids(plane) == {}

    def test_an_interrupt_leaves_nothing_that_stop_does_not_find(
        self, make_plane: MakePlane, tools: binaries.Binaries, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plane = make_plane("interrupted")

        def interrupt(_: ControlPlane) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(ControlPlane, "_await_answer", interrupt)
        with pytest.raises(KeyboardInterrupt):
            plane.start(tools, QUIET)
        left = [pid for pid in pids(plane).values() if pid is not None]
        assert len(left) == 2
        make_plane("interrupted").stop()
        assert not any(exists(pid) for pid in left)

    def test_zones_that_left_the_settings_leave_the_cluster(
        self, plane: ControlPlane, tools: binaries.Binaries, make_plane: MakePlane
    ) -> None:
        nodes.furnish(plane.admin(), "breakable", [nodes.Group(("zone-a", "zone-b", "zone-d"), 1)])
        nodes.await_ready(plane.admin(), "breakable")
        assert {node["metadata"]["name"] for node in plane.admin().list("v1", "Node")} == {
            "zone-a-1",
            "zone-b-1",
            "zone-d-1",
        }


class TestEnd:
    def test_stop_removes_the_volumes_even_after_a_crash(self, make_plane: MakePlane, tools: binaries.Binaries) -> None:
        plane = make_plane("volumes")
        plane.start(tools, QUIET)
        client = plane.admin()
        spec: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "claim"}, "spec": spec}
        client.apply(claim, "test")
        container = {"name": "a", "image": "a:1", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
        pod_spec = {
            "containers": [container],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "claim"}}],
        }
        client.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": pod_spec}, "test")
        client.wait(claim, lambda seen: bool(seen and seen["status"].get("phase") == "Bound"), 20)
        made = [Path(volume["spec"]["hostPath"]["path"]) for volume in client.list("v1", "PersistentVolume")]
        assert [path.is_dir() for path in made] == [True]
        for process in processes.recorded(plane.directory):
            process.signal(signal.SIGKILL)
        plane.stop()
        assert [path.exists() for path in made] == [False]
        assert volumes.provisioned(plane.directory / "etcd") == {made[0].name}
