"""The NGINX of a pod: started, told a new configuration, ended."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from rehearsal.standins.log import note

RELOAD_SECONDS = 30.0
"""Until a new worker answers; starting workers takes less than one."""
END_SECONDS = 20.0
POLL_SECONDS = 0.02

_VERSION = "server {{\n    listen unix:version.sock;\n    access_log off;\n    return 200 {};\n}}\n"


class NginxError(Exception):
    """NGINX did not do what it was told; says what it said."""


class Nginx:
    """A master process and its workers, with all their files in one folder, which is new."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.folder = folder
        self.version = 0
        """Counts the configurations that were taken; the first is the one it started with."""
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._text = ""

    def configure(self, text: str) -> bool:
        """Has NGINX work by this configuration: starts it, or reloads it as the controller does, and waits until a
        worker with it answers. False where it works by this one already. Raises `NginxError`."""
        if text == self._text:
            return False
        self._write("nginx.conf", text)
        self._write("version.conf", _VERSION.format(self.version + 1))
        self._test()
        if self._process is None:
            self._process = subprocess.Popen(self._command(), cwd=self.folder)  # sockets are named from there
        else:
            self._process.send_signal(signal.SIGHUP)
        self._await(self.version + 1)
        self.version, self._text = self.version + 1, text
        return True

    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """Lets requests under way end, for a while."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _command(self, *options: str) -> list[str]:
        return [str(self._program), "-p", str(self.folder), "-c", "nginx.conf", "-e", "stderr", *options]

    def _test(self) -> None:
        command = self._command("-q", "-t")
        tested = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if tested.returncode != 0:
            raise NginxError(tested.stderr.strip())

    def _write(self, name: str, text: str) -> None:
        fresh = self.folder / f"{name}.new"
        fresh.write_text(text)
        fresh.replace(self.folder / name)

    def _await(self, version: int) -> None:
        deadline = time.monotonic() + RELOAD_SECONDS
        while self._answered() != version:
            if self.ended():
                raise NginxError("NGINX has ended")
            if time.monotonic() > deadline:
                raise NginxError(f"configuration {version} is not in effect after {RELOAD_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        note("nginx", f"configuration {version} is in effect")

    def _answered(self) -> int:
        """The configuration of the worker that answers; 0 for none."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self.folder / "version.sock"))
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                said = b"".join(iter(lambda: connection.recv(4096), b""))
        except OSError:
            return 0
        return int(said.rpartition(b"\r\n\r\n")[2] or 0)
