"""Runs `pulumi` so that nothing is left behind: its pid is recorded while it runs, and an interrupt is handed on."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from pulumi import automation
from pulumi.automation.errors import create_command_error

from rehearsal import processes

INTERRUPT_SECONDS = 60.0
"""How long an interrupted update may take to record what it has made; it ends its waits at once."""
_POLL_SECONDS = 0.2
_HEARD_SECONDS = 2.0
"""Ctrl-C reaches the command too, and a second signal would cut its recording short: it gets ours only if it stays."""


class RecordedCommand(automation.PulumiCommand):
    """The Automation API's command, with a pid file `<directory>/pulumi.pid` in the form of `processes.Process`.

    It may run in any thread: `stop` tells it of the interrupt that only the main thread hears.
    """

    def __init__(self, directory: Path, stop: threading.Event) -> None:
        super().__init__()
        self._process = processes.Process(directory, "pulumi")
        self._stop = stop

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], object] | None = None,
        on_error: Callable[[str], object] | None = None,
    ) -> automation.CommandResult:
        """As the Automation API's: CommandError when the command fails."""
        command = self._process.recording(["pulumi", "--non-interactive", *args])
        environment = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        with subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        ) as running:
            printed = _Reader(running.stdout, on_output)
            complained = _Reader(running.stderr, on_error)
            try:
                code = _ended(running, self._stop)
            except BaseException:
                _end(running)
                raise
            finally:
                self._process.forget()
            result = automation.CommandResult(stdout=printed.text(), stderr=complained.text(), code=code)
        if code != 0:
            raise create_command_error(result)
        return result


class _Reader(threading.Thread):
    """Takes a stream line by line while the command runs."""

    def __init__(self, stream: IO[str] | None, take: Callable[[str], object] | None) -> None:
        super().__init__(daemon=True)
        self._stream, self._take = stream, take
        self._lines: list[str] = []
        self.start()

    def run(self) -> None:
        for line in self._stream or ():
            self._lines.append(line.rstrip())
            if self._take is not None:
                self._take(line.rstrip())

    def text(self) -> str:
        """All of it, once the command has ended. Whatever a plugin that stays behind still prints is not waited for."""
        self.join(timeout=_HEARD_SECONDS)
        return "\n".join(self._lines)


def _ended(running: "subprocess.Popen[str]", stop: threading.Event) -> int:
    """The exit code, once it has ended by itself or because it was stopped."""
    while True:
        try:
            return running.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if stop.is_set():
                _end(running)


def _end(running: "subprocess.Popen[str]") -> None:
    """An update that is interrupted finishes its records first; one that does not is killed."""
    for after, number in ((_HEARD_SECONDS, signal.SIGINT), (INTERRUPT_SECONDS, signal.SIGKILL)):
        try:
            running.wait(after)
        except subprocess.TimeoutExpired:
            running.send_signal(number)
        else:
            return
