"""The shell of somebody who follows a runbook: real kubectl, contexts by the names of regions, blanks filled in."""

import os
import re
import subprocess
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import yaml

from rehearsal.kube import Client

SECONDS = 180.0
"""Longest that a step may take; a watch ends with its first line."""
_WATCH = re.compile(r" (-w|--watch)\b")
_BLANK = re.compile(r"\b(?P<name>POD|NODE|BACKUP|PID)\b|(?P<job>[a-z-]+)-…")


@dataclass(frozen=True)
class Done:
    """What came of a step."""

    code: int
    out: str
    err: str


class Shell:
    """Runs lines with `sh` in a folder. `fill` answers what a reader would put in for POD, NODE, and so on."""

    def __init__(
        self, folder: Path, kubectl: Path, kubeconfig: Path, client: Client, fill: Callable[[str], str]
    ) -> None:
        (folder / "bin").mkdir()
        (folder / "bin" / "kubectl").symlink_to(kubectl)
        self.folder = folder
        self._client, self._fill = client, fill
        ours = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        self._environment = {
            **ours,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(folder),
        }

    def run(self, text: str, namespace: str, until: re.Pattern[str] | None = None) -> Done:
        """One line, to its end or until standard error says `until`. AssertionError where it does not come to it."""
        line = _BLANK.sub(lambda found: self._filled(found, namespace), text)
        running = self._started(line)
        try:
            if _WATCH.search(line):
                assert running.stdout is not None
                return Done(0, running.stdout.readline(), "")
            if until is not None:
                assert running.stderr is not None
                return Done(0, "", "".join(_up_to(until, running.stderr)))
            out, err = running.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"does not end within {SECONDS:.0f} s: {line}") from None
        finally:
            _end(running)
        return Done(running.returncode, out, err)

    @contextmanager
    def beside(self, line: str) -> Generator[str]:
        """A line that does not end by itself, until the work with it is done; its first words."""
        running = self._started(line)
        try:
            assert running.stdout is not None
            yield running.stdout.readline()
        finally:
            _end(running)

    def _started(self, line: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["sh", "-c", line],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _filled(self, found: re.Match[str], namespace: str) -> str:
        if found["name"]:
            return self._fill(found["name"])
        jobs = (one["metadata"]["name"] for one in self._client.list("batch/v1", "Job", namespace))
        pattern = re.compile(re.escape(found["job"]) + "-[0-9a-f]+")
        return next(name for name in jobs if pattern.fullmatch(name))


def merged(files: Mapping[str, Path], target: Path) -> Path:
    """One kubeconfig, mode 0600, with a context for each name; the first one is current."""
    target.touch(mode=0o600)
    whole: dict[str, object] = {"apiVersion": "v1", "kind": "Config", "current-context": next(iter(files))}
    parts = {"contexts": "context", "clusters": "cluster", "users": "user"}
    for part, one in parts.items():
        read = {name: yaml.safe_load(file.read_text())[part][0][one] for name, file in files.items()}
        named = {name: {"cluster": name, "user": name} for name in files} if part == "contexts" else read
        whole[part] = [{"name": name, one: named[name]} for name in files]
    target.write_text(yaml.safe_dump(whole))
    return target


def _up_to(wanted: re.Pattern[str], stream: IO[str]) -> Iterator[str]:
    """Lines with the first one that says what is wanted."""
    for line in stream:
        yield line
        if wanted.search(line):
            return


def _end(running: "subprocess.Popen[str]") -> None:
    """With all that the line started."""
    if running.poll() is None:
        os.killpg(running.pid, 9)
    running.wait(10)
    for stream in (running.stdout, running.stderr):
        if stream is not None:
            stream.close()
