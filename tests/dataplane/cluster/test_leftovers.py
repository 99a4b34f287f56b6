"""What a killed run leaves of its cluster is ended by the next one, and a cluster that was ended leaves nothing."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal import paths
from rehearsal.progress import Progress
from rehearsal.real.cluster import Cluster
from rehearsal.real.machine import TASKS
from tests.dataplane.cluster.bringing import PLACE, REGION

START = """
import io, sys, tempfile, time
from pathlib import Path
from rehearsal.progress import Progress
from rehearsal.real.cluster import Cluster
from tests.dataplane.cluster import bringing
cluster = Cluster(Path(sys.argv[1]), bringing.REGION)
cluster.start(Progress(io.StringIO()))
cluster.load(bringing.region(Path(tempfile.mkdtemp()))[1], Progress(io.StringIO()))
added = cluster.add_node(cluster.zones[0], Progress(io.StringIO()))
container = {"name": "left", "image": "localhost/toolbox:1", "command": ["sleep", "infinity"]}
spec = {"nodeName": added, "containers": [container]}
pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "left"}, "spec": spec}
cluster.admin().create(pod)
cluster.admin().wait(pod, lambda seen: seen is not None and seen["status"].get("phase") == "Running", 60)
print("up", flush=True)
time.sleep(600)
"""
pytestmark = [pytest.mark.own_nodes, pytest.mark.timeout(600)]


def left(directory: Path) -> list[str]:
    """Processes, mounts and disks that belong to a cluster's directory."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(directory) in line and int(process.name) != os.getpid():
            found.append(f"process {process.name}: {line}")
    found += [f"mount {line}" for line in Path("/proc/mounts").read_text().splitlines() if str(directory) in line]
    disks = [path / "backing_file" for path in Path("/sys/block").glob("loop*/loop")]
    found += [f"disk {file}" for file in disks if file.exists() and str(directory) in file.read_text()]
    return found


def containers(directory: Path) -> list[str]:
    """Ids of the containers that the nodes of a cluster have had."""
    return [folder.name for folder in directory.glob(f"nodes/*/containerd/{TASKS}/*")]


def test_a_killed_run_is_cleared_by_the_next_which_leaves_nothing() -> None:
    directory = PLACE / f"t{os.getpid()}"
    command = [sys.executable, "-c", START, str(directory)]
    killed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=paths.CHECKOUT)
    cluster = Cluster(directory, REGION)
    try:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "up\n"
        killed.send_signal(signal.SIGKILL)
        killed.wait(10)
        pods = containers(directory)
        assert pods
        before = {process for process in left(directory) if process.startswith("process")}
        assert len(before) > 10, before
        cluster.start(Progress(io.StringIO()))
        assert not before & set(left(directory))
        assert all(cluster.is_ready(zone) for zone in cluster.zones)
    finally:
        killed.kill()
        killed.wait(10)
        cluster.stop()
    assert left(directory) == []
    assert not [pod for pod in pods if any(Path("/sys/fs/cgroup").glob(f"*/k8s.io/{pod}"))]
    assert not directory.exists()
