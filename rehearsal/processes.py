"""Processes that outlive the command that starts them: found again by a recorded pid and start time, never by name."""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rehearsal.errors import RehearsalError

POLL_SECONDS = 0.02
RECORD_SECONDS = 10.0
"""Longest wait for a new process to write its pid file."""
STOP_SECONDS = 15.0
"""How long a process may take to end on SIGTERM; an API server needs seconds."""
TAIL_LINES = 8

_BACKGROUND = '"$@" &'
_RECORD = """
{ echo $$
  if [ -r /proc/$$/stat ]; then cat /proc/$$/stat /proc/sys/kernel/random/boot_id; else ps -o lstart= -p $$; fi
} > "$0.new" && mv "$0.new" "$0" && exec "$@"
"""
"""The process writes its own record before it becomes the program: an interrupt of the starter cannot come between."""


@dataclass(frozen=True)
class Process:
    """One named process of a directory: `<name>.pid` and `<name>.log` lie there."""

    directory: Path
    name: str

    @property
    def log(self) -> Path:
        """Standard output and error of the last start."""
        return self.directory / f"{self.name}.log"

    @property
    def _record(self) -> Path:
        return self.directory / f"{self.name}.pid"

    def start(self, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Starts it in a session of its own, in `directory`; does nothing while it is alive."""
        if self.alive():
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._record.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)  # not emptied: the log of the start before stays with whoever keeps it
        shell = ["/bin/sh", "-c", _BACKGROUND, "sh", *self.recording(command)]
        with self.log.open("wb") as log:
            try:
                subprocess.run(
                    shell,
                    check=True,
                    cwd=self.directory,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except (OSError, subprocess.CalledProcessError) as error:
                raise RehearsalError(f"{self.name} cannot be started: {error}") from None
        self._await_record()

    def recording(self, command: Sequence[str | Path]) -> list[str | Path]:
        """A command line that records itself and then becomes `command`; for who waits for its end: see `forget`."""
        return ["/bin/sh", "-c", _RECORD, self._record, *command]

    def forget(self) -> None:
        """Removes the record of a process that has ended."""
        self._record.unlink(missing_ok=True)

    def _await_record(self) -> None:
        deadline = time.monotonic() + RECORD_SECONDS
        while not self._record.exists():
            if time.monotonic() > deadline:
                raise RehearsalError(f"{self.name} did not start within {RECORD_SECONDS:.0f} s: {self.tail()}")
            time.sleep(POLL_SECONDS)

    def pid(self) -> int | None:
        """The pid, if the recorded process is alive; a stranger that has its pid meanwhile is not it."""
        try:
            pid, _, started = self._record.read_text().partition("\n")
        except FileNotFoundError:
            return None
        if not pid.strip().isdigit():
            return None
        then = _identity(started)
        return int(pid) if then and then == _identity(_facts(int(pid))) else None

    def alive(self) -> bool:
        """Whether the recorded process runs."""
        return self.pid() is not None

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the recorded process, if it is alive."""
        pid = self.pid()
        if pid is not None:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """Ends it: SIGTERM, then SIGKILL after `grace` seconds. Returns when it is gone and its record removed."""
        self.signal(signal.SIGTERM)
        if not self._gone_within(grace):
            self.signal(signal.SIGKILL)
            if not self._gone_within(STOP_SECONDS):
                raise RehearsalError(f"{self.name} (pid {self.pid()}) does not end, not even when killed")
        self.forget()

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of the log, as a block for an error text."""
        try:
            found = self.log.read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            found = []
        return "\n".join(["", f"last lines of {self.log}:", *(f"  {line}" for line in found[-lines:] or ["(empty)"])])


def recorded(directory: Path) -> list[Process]:
    """Every process that a directory has a record of, alive or not."""
    return [Process(directory, path.stem) for path in sorted(directory.glob("*.pid"))]


def stop_all(processes: Sequence[Process], grace: float = STOP_SECONDS) -> None:
    """Ends several at once: all are told first, then each is waited for."""
    for process in processes:
        process.signal(signal.SIGTERM)
    deadline = time.monotonic() + grace
    for process in processes:
        process.stop(max(0.0, deadline - time.monotonic()))


@contextmanager
def exclusive(directory: Path) -> Generator[None]:
    """Keeps a directory to one command at a time; a second one is refused. Ends with the process in any case."""
    descriptor = os.open(directory, os.O_RDONLY)  # the directory itself: no file is left, none can be removed under us
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RehearsalError(
                f"another command is at work in {directory}: wait until it ends, or set SOMA_REHEARSAL_HOME to "
                "another directory for a rehearsal beside it"
            ) from None
        yield
    finally:
        os.close(descriptor)


def _facts(pid: int) -> str:
    """What the record holds of a live process, read now; empty when there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return ""
        asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return asked.stdout
    state = stat.rpartition(")")[2].split()[0]
    return "" if state in "ZX" and not _has_other_threads(pid) else f"{stat}{boot}"


def _has_other_threads(pid: int) -> bool:
    """The first thread of a killed process is a zombie while others still hold its sockets and locks."""
    try:
        return len(os.listdir(f"/proc/{pid}/task")) > 1  # noqa: PTH208 a count is all that is asked
    except (FileNotFoundError, ProcessLookupError):
        return False


def _identity(facts: str) -> str:
    """Start time and boot of the machine: field 22 of proc(5)'s stat and the boot id; elsewhere `ps`'s start time."""
    name, closing, rest = facts.rpartition(")")
    fields = rest.split()
    if closing and name and len(fields) > 20:  # the name, field 2, may contain spaces: fields count from its end
        return f"{fields[19]} {fields[-1]}"
    return " ".join(facts.split())
