"""containerd on one node: its own images, state and socket, so that three of them run side by side."""

import json
import time
from pathlib import Path

from rehearsal.errors import RehearsalError
from rehearsal.processes import Process
from rehearsal.real import addresses, programs
from rehearsal.real.machine import Machine

SANDBOX_IMAGE = "localhost/pause:1"
"""Holds the namespaces of a pod; any image that only sleeps will do."""
NAMESPACE = "k8s.io"
"""In which kubelet's images and containers are."""

RUNTIME = "crun"
"""Starts containers and probes for a fraction of runc's time, of which three nodes on one machine need much."""
START_SECONDS = 30.0

_CONFIG = """version = 2
root = "{root}"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox}"
  disable_apparmor = true
  disable_hugetlb_controller = true
  # Lowering the score is not permitted everywhere, and runc would die of it.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{networks}"
    max_conf_num = 1
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
      BinaryName = "{runtime}"
"""


def socket(machine: Machine) -> Path:
    """Where it listens."""
    return machine.directory / "containerd.sock"


def root(machine: Machine) -> Path:
    """Where its images are."""
    return machine.directory / "containerd"


def start(machine: Machine, number: int) -> None:
    """Starts it on the node with this number."""
    networks = machine.directory / "cni"
    networks.mkdir(exist_ok=True)
    (networks / "10-pods.conflist").write_text(json.dumps(network(number), indent=1))
    config = machine.directory / "containerd.toml"
    config.write_text(
        _CONFIG.format(
            root=root(machine),
            socket=socket(machine),
            sandbox=SANDBOX_IMAGE,
            plugins=programs.CNI,
            networks=networks,
            runtime=programs.find(RUNTIME) or RUNTIME,
        )
    )
    machine.run("containerd", [programs.find("containerd") or "containerd", "--config", config])
    await_answer(socket(machine), Process(machine.directory, "containerd"))


def await_answer(socket: Path, process: Process) -> None:
    """Until it listens; RehearsalError when it ends or does not come up."""
    deadline = time.monotonic() + START_SECONDS
    while not socket.exists():
        if not process.alive() or time.monotonic() > deadline:
            raise RehearsalError(f"containerd does not come up:{process.tail()}")
        time.sleep(0.05)


def network(number: int) -> dict[str, object]:
    """Pods on a bridge of the node's own; those of different nodes meet because the bridges share a namespace."""
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": addresses.pods(number)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": "/var/lib/cni/networks",
    }
    bridge = {
        "type": "bridge",
        "bridge": addresses.bridge(number),
        "isGateway": True,
        "hairpinMode": True,
        "ipam": ipam,
    }
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }
