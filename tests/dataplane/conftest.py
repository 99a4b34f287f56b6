"""Real servers on loopback for the files that run inside pods."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.dataplane import servers

FILES = Path(__file__).parents[2] / "components" / "files"


def tool(*names: str) -> str:
    """The first of these programs that is there; the tier does not run where there is none."""
    found = servers.find(*names)
    assert found is not None, names
    return found


def run_script(
    name: str, environment: Mapping[str, str], *arguments: str, seconds: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Runs one of the mounted scripts to its end, as a pod would."""
    shell = "bash" if name.startswith("qdrant") else "sh"
    return subprocess.run(
        [shell, str(FILES / name), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes in groups of their own and ends them with the test."""
    yield from _starting()


@pytest.fixture(scope="module")
def start_module() -> Iterator[Start]:
    """The same for what all tests of a module share."""
    yield from _starting()


def _starting() -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(
        command: list[str], environment: Mapping[str, str] | None = None, log: Path | None = None
    ) -> "subprocess.Popen[bytes]":
        output = subprocess.DEVNULL if log is None else log.open("wb")
        process = subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, stdout=output, stderr=output, start_new_session=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGCONT)  # a frozen one too
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
