"""The network namespace in which a cluster of real nodes lives, with a cable to this machine."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from rehearsal.errors import RehearsalError
from rehearsal.processes import Process
from rehearsal.real import addresses

LINKS = 64
"""Clusters that may stand side by side on one machine."""
BRIDGE = "nodes"
START_SECONDS = 10.0
COMMAND_SECONDS = 30.0


class Namespace:
    """A network namespace. It lives as long as the process that holds it, and its links go with it."""

    def __init__(self, directory: Path) -> None:
        self._holder = Process(directory, "namespace")
        self._link = directory / "link"

    def start(self) -> None:
        """Makes it, with a bridge that carries the addresses of the nodes, and a link to this machine."""
        self._holder.start(["unshare", "--net", "--", "sleep", "infinity"])
        own = Path("/proc/self/ns/net").readlink()
        deadline = time.monotonic() + START_SECONDS
        while Path(f"/proc/{self.pid}/ns/net").readlink() == own:
            if time.monotonic() > deadline:
                raise RehearsalError(f"no network namespace can be made here:{self._holder.tail()}")
            time.sleep(0.01)
        self._furnish()
        self._connect()

    def stop(self) -> None:
        """Ends the process that holds it. It is gone when nothing else runs in it."""
        self._holder.stop()

    @property
    def pid(self) -> int:
        """The process that holds it."""
        pid = self._holder.pid()
        if pid is None:
            raise RehearsalError(f"the network namespace is gone:{self._holder.tail()}")
        return pid

    @property
    def enter(self) -> tuple[str, ...]:
        """What stands before a command that is to run inside."""
        return ("nsenter", f"--net=/proc/{self.pid}/ns/net", "--")

    @property
    def server(self) -> str:
        """The address at which this machine reaches the namespace."""
        return _inside(int(self._link.read_text()))

    @property
    def machine(self) -> str:
        """The address at which the namespace reaches this machine."""
        return _outside(int(self._link.read_text()))

    def run(self, *command: str, text: str | None = None) -> str:
        """What a command says that is run inside; RehearsalError when it fails."""
        return run([*self.enter, *command], text)

    def _furnish(self) -> None:
        """A bridge, for not every kernel has dummy devices; a default route, without which kubelet does not start."""
        self.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        lines = ["link set lo up", f"link add {BRIDGE} type bridge"]
        carried = [addresses.GATEWAY, *(addresses.node(number) for number in range(1, addresses.NODES + 1))]
        lines += [f"address add {address}/{addresses.NODE_PREFIX} dev {BRIDGE}" for address in carried]
        lines += [f"link set {BRIDGE} up", f"route add default dev {BRIDGE}"]
        self.run("ip", "-batch", "-", text="\n".join(lines))

    def _connect(self) -> None:
        """A pair of virtual interfaces; the kernel refuses a name that another cluster took."""
        for number in range(LINKS):
            name = f"soma{number}"
            command = ["ip", "link", "add", name, "type", "veth", "peer", "name", "host", "netns", str(self.pid)]
            if subprocess.run(command, capture_output=True, check=False, timeout=COMMAND_SECONDS).returncode == 0:
                break
        else:
            raise RehearsalError("no link into a network namespace can be made: `ip link add` refuses every name")
        run(["ip", "address", "add", f"{_outside(number)}/30", "dev", name])
        run(["ip", "link", "set", name, "up"])
        self.run("ip", "-batch", "-", text=f"address add {_inside(number)}/30 dev host\nlink set host up")
        self._link.write_text(str(number))


def run(command: Sequence[str], text: str | None = None, seconds: float = COMMAND_SECONDS) -> str:
    """What a command says; RehearsalError with its words when it fails."""
    try:
        done = subprocess.run(command, input=text or "", capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise RehearsalError(f"no answer within {seconds:.0f} s: {' '.join(command)}") from None
    if done.returncode != 0:
        raise RehearsalError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _outside(number: int) -> str:
    """This machine's end of a link: link-local, so that it can stand in nobody's way."""
    return f"169.254.200.{4 * number + 1}"


def _inside(number: int) -> str:
    return f"169.254.200.{4 * number + 2}"
