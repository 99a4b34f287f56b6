"""Builds the control plane's programs from the pinned Go module in rehearsal/go into the cache."""

import fcntl
import hashlib
import platform
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

from rehearsal import paths, toolchain
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress

MODULE = Path(__file__).resolve().parent / "go"
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
}
MODULES = {"etcd": "go.etcd.io/etcd/server/v3", "kwok": "sigs.k8s.io/kwok"}
KUBERNETES = "k8s.io/kubernetes"
SILENCE_SECONDS = 180.0
"""How long a download may say nothing before it counts as hanging."""
REPORT_SECONDS = 15.0


def directory() -> Path:
    """Where the programs of this pin lie, built or not: its name is the key of all that they are built from."""
    return paths.cache() / "bin" / key()


def minor(program: str) -> tuple[str, str]:
    """Pinned major and minor version of a program, such as `("1", "36")`."""
    major, minor_, _ = pinned(MODULES.get(program, KUBERNETES)).removeprefix("v").split(".", 2)
    return major, minor_


@cache
def pinned(module: str) -> str:
    """The version of a module that go.mod requires, such as `v1.36.3`."""
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise RehearsalError(f"{MODULE / 'go.mod'} requires no {module}")
    return found[1]


def needed_go() -> tuple[int, ...]:
    """The oldest Go that go.mod allows, such as `(1, 26, 0)`."""
    found = re.search(r"^go (\S+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise RehearsalError(f"{MODULE / 'go.mod'} names no Go version")
    return tuple(int(part) for part in found[1].split("."))


def build(programs: Sequence[str], progress: Progress) -> None:
    """Builds programs into `directory()`, each put in place whole. A second build of the same waits for the first."""
    target = directory()
    target.mkdir(parents=True, exist_ok=True)
    with _alone(target, progress):
        lacking = [program for program in programs if not (target / program).exists()]
        if lacking and "kubectl" not in lacking and not (target / "kubectl").exists():
            lacking.append("kubectl")  # a few seconds more when the rest is compiled anyway
        if not lacking:
            return
        tool = toolchain.find(needed_go(), progress)
        with tempfile.TemporaryDirectory(dir=target, prefix=".build-") as scratch:
            packages = [PACKAGES[program] for program in lacking]
            count = _download(tool, packages, progress)
            _compile(tool, packages, Path(scratch), count, progress)
            for program in lacking:
                (Path(scratch) / _output(PACKAGES[program])).replace(target / program)


def one(module: Path, target: Path, progress: Progress, package: str = ".", ldflags: str = "-s -w") -> None:
    """Builds one program of a Go module of ours to `target`, put in place whole."""
    tool = toolchain.find(needed_go(), progress)
    name = module.name if package == "." else package.rpartition("/")[2]
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".build-") as scratch:
        with progress.step(f"build {name}"):
            # apart, for only a download may be given up: compiling says nothing for minutes on a slow machine
            _run(tool, ["list", "-deps", package], f"fetch the Go modules of {name}", progress, module=module)
            arguments = ["build", "-trimpath", "-ldflags", ldflags, "-o", f"{scratch}/program", package]
            _run(tool, arguments, f"build {name}", progress, offline=True, module=module)
        (Path(scratch) / "program").replace(target)


def flags() -> str:
    """The linker's flags: the versions that the programs state."""
    version = pinned(KUBERNETES)
    major, minor_ = minor("kube-apiserver")
    component = "k8s.io/component-base/version"
    stated = {
        f"{component}.gitVersion": version,  # without it the server reports a version that clients cannot parse
        f"{component}.gitMajor": major,
        f"{component}.gitMinor": minor_,
        f"{component}.gitTreeState": "clean",
        "sigs.k8s.io/kwok/pkg/consts.Version": pinned("sigs.k8s.io/kwok"),
    }
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in stated.items())])


@cache
def key() -> str:
    """What the programs are built from, as a digest.

    The oldest Go allowed is part of go.mod; the one that is used is not part of it: a warm run needs no Go.
    """
    parts = [(MODULE / name).read_bytes() for name in ("go.mod", "go.sum", "tools.go")]
    parts += [flags().encode(), platform.system().encode(), platform.machine().encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _output(package: str) -> str:
    """How `go build -o <directory>` names the program of a package: by its last part that is no version."""
    return next(part for part in reversed(package.split("/")) if not re.fullmatch(r"v\d+", part))


@contextmanager
def _alone(target: Path, progress: Progress) -> Generator[None]:
    with (target / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step("wait for another build of the control plane"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        for left in target.glob(".build-*"):  # of a build that was killed
            shutil.rmtree(left, ignore_errors=True)
        yield


def _download(tool: toolchain.Go, packages: Sequence[str], progress: Progress) -> int:
    """Fetches what the packages import; the number of packages to compile."""
    with progress.step("fetch the control plane's Go modules"):
        lines = _run(tool, ["list", "-deps", "-f", "{{.ImportPath}}", *packages], "fetch the Go modules", progress)
        return sum(not line.startswith("go: ") for line in lines)


def _compile(tool: toolchain.Go, packages: Sequence[str], scratch: Path, count: int, progress: Progress) -> None:
    arguments = ["build", "-v", "-trimpath", "-ldflags", flags(), "-o", f"{scratch}/", *packages]
    text = f"build the control plane with Go {tool.text}: at most {count} packages, minutes the first time"
    with progress.step(text):
        _run(tool, arguments, "build the control plane", progress, total=count, offline=True)


def _run(
    tool: toolchain.Go,
    arguments: Sequence[str],
    purpose: str,
    progress: Progress,
    total: int = 0,
    offline: bool = False,
    module: Path = MODULE,
) -> list[str]:
    """Runs Go and answers its lines, standard error among them. Says now and then how far it is."""
    command = [tool.path, *arguments]
    running = subprocess.Popen(
        command, cwd=module, env=tool.environment(offline), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert running.stdout is not None  # noqa: S101 a pipe was asked for
    lines: list[str] = []
    try:
        reported = time.monotonic()
        for line in _lines(running.stdout, None if offline else SILENCE_SECONDS):
            lines.append(line)
            if total and time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                progress.passing(f"    {len(lines)} of at most {total} packages compiled")
        code = running.wait()
    except TimeoutError:
        raise RehearsalError(
            f"cannot {purpose}: no answer for {SILENCE_SECONDS:.0f} s; check the network and GOPROXY, then try again"
        ) from None
    finally:
        if running.poll() is None:
            running.kill()
            running.wait()
    if code != 0:
        raise RehearsalError(_failure(purpose, lines))
    return lines


def _lines(stream: IO[str], silence: float | None) -> Iterator[str]:
    """The lines of a pipe; TimeoutError when none comes for `silence` seconds."""
    arrived: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            arrived.put(line.rstrip("\n"))
        arrived.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = arrived.get(timeout=silence)
        except queue.Empty:
            raise TimeoutError from None
        if line is None:
            return
        yield line


def _failure(purpose: str, lines: Sequence[str]) -> str:
    said = [line for line in lines if line.strip()][-5:]
    text = "\n".join(f"  {line}" for line in said)
    if any(sign in text for sign in ("dial tcp", "lookup ", "i/o timeout", "connection refused", "no such host")):
        return f"cannot {purpose}: the Go module proxy does not answer; check the network and GOPROXY:\n{text}"
    if "no space left" in text:
        return f"cannot {purpose}: the disk is full (about 6 GB are needed the first time):\n{text}"
    return f"cannot {purpose}:\n{text}"
