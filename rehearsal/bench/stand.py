"""Real servers on loopback for what is measured before them, and the end of them all."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rehearsal import paths
from rehearsal.errors import RehearsalError
from rehearsal.processes import TAIL_LINES, Process, stop_all

FILES = paths.CHECKOUT / "components" / "files"
"""What runs inside pods: the servers here are started by it."""
NOBODY = 65534
"""User of a server that refuses to run as root."""
READY_SECONDS = 60.0
POLL_SECONDS = 0.1


def find(*names: str) -> str | None:
    """The first of these programs that is on PATH, or where Debian keeps PostgreSQL's own."""
    debian = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *debian])
    return next((path for name in names if (path := shutil.which(name, path=places))), None)


def missing(*groups: Sequence[str]) -> str:
    """The programs that are not there, in words; of each group any one will do. Empty where all are."""
    return ", ".join(" or ".join(group) for group in groups if find(*group) is None)


@dataclass
class Stand:
    """Servers whose files and records lie in one folder."""

    folder: Path
    record: Path
    """Where their processes are recorded: `down` ends what is found there."""

    def start(
        self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None, as_nobody: bool = False
    ) -> None:
        """Starts a server in the background. RehearsalError when that cannot be."""
        prefix = _as_nobody() if as_nobody else []
        Process(self.record, name).start([*prefix, *command], {**os.environ, **(env or {})})

    def await_(self, holds: Callable[[], bool], what: str, name: str) -> None:
        """Waits for a server. RehearsalError, with its last words, when it does not come up or has ended."""
        deadline = time.monotonic() + READY_SECONDS
        process = Process(self.record, name)
        while not holds():
            if not process.alive() or time.monotonic() > deadline:
                raise RehearsalError(f"{what} did not come up: {process.tail()}")
            time.sleep(POLL_SECONDS)


def run(command: Sequence[str | Path], env: Mapping[str, str] | None = None, as_nobody: bool = False) -> str:
    """Runs a program to its end and answers what it printed. RehearsalError, with its last words, when it fails."""
    prefix = _as_nobody() if as_nobody else []
    ended = subprocess.run(
        [*prefix, *command],
        check=False,
        env={**os.environ, **(env or {})},
        cwd="/",  # who is not root may not enter every folder
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if ended.returncode != 0:
        said = "".join(f"\n  {line}" for line in (ended.stdout + ended.stderr).strip().splitlines()[-TAIL_LINES:])
        raise RehearsalError(f"{Path(command[0]).name} failed with exit code {ended.returncode}:{said}")
    return ended.stdout


@contextmanager
def stand(name: str) -> Generator[Stand]:
    """A stand of its own; whatever was started in it is ended, in any case."""
    folder = Path(tempfile.mkdtemp(prefix=f"soma-bench-{name}-"))
    record = paths.region_dir(name)
    try:
        if os.geteuid() == 0:
            folder.chmod(0o711)  # a server that is not root has a folder of its own in it
        yield Stand(folder, record)
    finally:
        stop_all([Process(record, file.stem) for file in sorted(record.glob("*.pid"))])
        shutil.rmtree(folder)


def own_folder(stand: Stand, name: str) -> Path:
    """A folder for a server that does not run as root."""
    folder = stand.folder / name
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    return folder


def start_postgres(here: Stand, port: int, parameters: Mapping[str, object]) -> None:
    """Starts a new PostgreSQL on loopback, whose superuser `postgres` needs no password. It does not wait for its disk,
    nor is it waited for here.
    """
    data = own_folder(here, "postgresql") / "data"
    run([find("initdb") or "", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"], as_nobody=True)
    given = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", **parameters}
    flags = [part for name, value in given.items() for part in ("-c", f"{name}={value}")]
    here.start("postgresql", [find("postgres") or "", "-D", data, "-p", f"{port}", *flags], as_nobody=True)


def listens(port: int) -> bool:
    """Whether somebody takes connections on a port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _as_nobody() -> list[str]:
    """How root becomes somebody else for one command (setpriv(1) of util-linux)."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
