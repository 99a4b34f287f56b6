"""The programs of real nodes: kubelet, kube-proxy and the name server built from Go modules, the rest from Debian."""

import fcntl
import hashlib
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rehearsal import build, paths
from rehearsal.progress import Progress

NODES, DNS = build.MODULE / "nodes", build.MODULE / "dns"
PACKAGES = {"kubelet": "k8s.io/kubernetes/cmd/kubelet", "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy"}
"""Of the module of the nodes."""
CNI = Path("/usr/lib/cni")
"""Where Debian keeps the network plugins."""
NEEDED = ("containerd", "crun", "ctr", "nft", "ip", "nsenter", "unshare", "mmdebstrap", "mkfs.ext4")
SYSTEM_PLACES = "/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Programs:
    """Where the built programs are."""

    kubelet: Path
    kube_proxy: Path
    dns: Path


def lacking() -> list[str]:
    """What this machine lacks for real nodes, in words; empty where they can run once their programs are built."""
    if platform.system() != "Linux":
        return ["real nodes need Linux"]
    found = [] if os.geteuid() == 0 else ["real nodes need root"]
    found += [f"{program} is not here" for program in NEEDED if find(program) is None]
    return found if (CNI / "bridge").exists() else [*found, f"no network plugins in {CNI}"]


def find(program: str) -> str | None:
    """A program of the system; administrators' places are not on everybody's PATH."""
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), SYSTEM_PLACES]))


def ready() -> Programs | None:
    """The built programs, if they are there. Builds nothing."""
    found = _programs()
    return found if all(path.exists() for path in (found.kubelet, found.kube_proxy, found.dns)) else None


def ensure(progress: Progress) -> Programs:
    """The programs, built where they are not there. A second build of the same waits for the first."""
    found = _programs()
    for path in (found.kubelet, found.dns):
        path.parent.mkdir(parents=True, exist_ok=True)
    with (found.kubelet.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for path in (found.kubelet, found.kube_proxy):
            if not path.exists():
                build.one(NODES, path, progress, PACKAGES[path.name], build.flags())
        if not found.dns.exists():
            build.one(DNS, found.dns, progress)
    return found


def _programs() -> Programs:
    nodes = paths.cache() / "nodes" / _key(NODES, ["go.mod", "go.sum", "tools.go"])
    dns = paths.cache() / "dns" / _key(DNS, ["go.mod", "go.sum", "main.go"])
    return Programs(nodes / "kubelet", nodes / "kube-proxy", dns / "dns")


def _key(module: Path, files: Sequence[str]) -> str:
    """What programs are built from, as a digest."""
    parts = [(module / name).read_bytes() for name in files]
    parts += [build.flags().encode(), platform.machine().encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
