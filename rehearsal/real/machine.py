"""What stands in for the machine of a node: a process and a mount namespace of its own, inside the network namespace.

When its first process is killed, the kernel ends all that runs in it, containers included, and its mounts are gone.
"""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rehearsal.errors import RehearsalError
from rehearsal.processes import Process
from rehearsal.real.namespace import Namespace

BOOT = Path(__file__).with_name("boot.sh")
BOOT_SECONDS = 10.0
CGROUPS = Path("/sys/fs/cgroup")
TASKS = "io.containerd.runtime.v2.task/k8s.io"
"""Below containerd's root: a folder for each container, by its id."""
GONE_SECONDS = 10.0


class Machine:
    """One machine: `start`, then `run` programs on it; `stop` is a power cut."""

    def __init__(self, directory: Path, namespace: Namespace) -> None:
        self.directory = directory
        """Its disk: logs, images, volumes."""
        self._namespace = namespace
        self._first = Process(directory, "machine")

    def start(self) -> None:
        """Boots it."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        up = self.directory / "up"
        up.unlink(missing_ok=True)
        apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--"]
        self._first.start([*self._namespace.enter, *apart, "sh", BOOT, self.directory])
        deadline = time.monotonic() + BOOT_SECONDS
        while not up.exists():
            if not self._first.alive() or time.monotonic() > deadline:
                raise RehearsalError(f"the node {self.directory.name} does not start:{self._first.tail()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends everything on it at once and forgets its control groups. Its disk stays."""
        self._first.signal(signal.SIGKILL)
        self._first.stop()
        for program in self.directory.glob("*.pid"):
            Process(self.directory, program.stem).stop()
        for container in self.directory.glob(f"containerd/{TASKS}/*"):
            _remove_groups(container.name)

    def run(self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Starts a program on it; its log is `<name>.log` on its disk."""
        Process(self.directory, name).start([*self.enter, *command], env)

    def end(self, name: str) -> None:
        """Ends a program that was started by `run`, and returns when it is gone."""
        process = Process(self.directory, name)
        pid = self.pid(name)
        if pid is not None:
            signal_to(pid, signal.SIGTERM)
        process.stop()

    def pid(self, name: str) -> int | None:
        """The process, as this machine counts, of a program that was started by `run`."""
        waiting = Process(self.directory, name).pid()
        return None if waiting is None else _child(waiting)

    def log(self, name: str) -> str:
        """The last lines of a program's log."""
        return Process(self.directory, name).tail()

    def alive(self, name: str) -> bool:
        """Whether a program runs."""
        return Process(self.directory, name).alive()

    @property
    def enter(self) -> tuple[str, ...]:
        """What stands before a command that is to run on it."""
        waiting = self._first.pid()
        first = None if waiting is None else _child(waiting)
        if first is None:
            raise RehearsalError(f"the node {self.directory.name} does not run:{self._first.tail()}")
        return ("nsenter", f"--target={first}", "--net", "--pid", "--mount", "--")

    def contained(self, container: str) -> list[int]:
        """Processes of a container by its id, as this machine counts; its first one first."""
        pids = {int(line) for group in _groups(container) for line in (group / "cgroup.procs").read_text().split()}
        return sorted(pids, key=_started)


def signal_to(pid: int, number: signal.Signals) -> None:
    """Sends a signal to a process that may have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _started(pid: int) -> int:
    """When a process began, in ticks since the machine's start (proc(5), field 22); the latest when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return 1 << 62


def _child(pid: int) -> int | None:
    """The one child of a process that waits for it."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(found[0]) if found else None


def _groups(container: str) -> list[Path]:
    """The control groups of a container: one, or with version 1 one of each controller."""
    return [*CGROUPS.glob(f"k8s.io/{container}"), *CGROUPS.glob(f"*/k8s.io/{container}")]


def _remove_groups(container: str) -> None:
    """Control groups outlive what ran in them; the deepest go first."""
    deadline = time.monotonic() + GONE_SECONDS
    for top in _groups(container):
        for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
            _remove_group(folder, deadline)
        _remove_group(top, deadline)


def _remove_group(folder: Path, deadline: float) -> None:
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # a process in it is still being ended
            if time.monotonic() > deadline:
                return
            time.sleep(0.05)
        else:
            return
