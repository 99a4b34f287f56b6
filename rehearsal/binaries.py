"""The programs of the control plane: found in the environment or in the cache, else built from their Go modules."""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from rehearsal import build
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress

REQUIRED = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
OPTIONAL = ("kubectl",)
ASSETS = "KUBEBUILDER_ASSETS"
"""A directory of control-plane binaries, as envtest's setup makes it."""
VERSION_SECONDS = 20.0

_ASK: Mapping[str, tuple[str, ...]] = {"kubectl": ("version", "--client")}


@dataclass(frozen=True)
class Binaries:
    """Where the programs are."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    kwok: Path
    kubectl: Path | None
    """None where only the required programs are at hand; nothing but comparisons needs it."""

    @property
    def directory(self) -> Path:
        """Where the API server lies, and as a rule the others."""
        return self.kube_apiserver.parent


def ensure(progress: Progress, wanted: Sequence[str] = REQUIRED) -> Binaries:
    """All programs, those wanted built where they are not there yet.

    Builds once, however many ask at the same time.
    """
    found = _found()
    if _lacking(found, wanted):
        build.build(_lacking(found, wanted), progress)
        found = _found()
    if _lacking(found, wanted):
        lacking = ", ".join(_lacking(found, wanted))
        raise RehearsalError(f"the build did not yield {lacking}: remove {build.directory()}")
    return _binaries(found)


def missing() -> str:
    """Which programs would have to be built first and how; empty when all are there. Builds nothing."""
    lacking = _lacking(_found())
    return f"{', '.join(lacking)} not built: make setup builds them" if lacking else ""


def fits(program: str, said: str) -> bool:
    """Whether a program's answer to the question for its version names the pinned major and minor version."""
    version = re.search(r"v?(\d+)\.(\d+)\.\d+", said)
    return version is not None and version.groups() == build.minor(program)


def _found() -> dict[str, Path]:
    """Programs by name: from $KUBEBUILDER_ASSETS, then the cache, then PATH. Those from outside must fit."""
    assets = os.environ.get(ASSETS)
    found: dict[str, Path] = {}
    for program in (*REQUIRED, *OPTIONAL):
        built = build.directory() / program
        given = Path(assets) / program if assets else None
        if given is not None and _usable(program, given):
            found[program] = given
        elif os.access(built, os.X_OK):
            found[program] = built
        elif (on_path := which(program)) and _usable(program, Path(on_path)):
            found[program] = Path(on_path)
    return found


def _usable(program: str, path: Path) -> bool:
    if not os.access(path, os.X_OK):
        return False
    try:
        asked = subprocess.run(
            [path, *_ASK.get(program, ("--version",))],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0 and fits(program, asked.stdout)


def _lacking(found: Iterable[str], wanted: Sequence[str] = REQUIRED) -> list[str]:
    return [program for program in wanted if program not in found]


def _binaries(found: Mapping[str, Path]) -> Binaries:
    return Binaries(
        etcd=found["etcd"],
        kube_apiserver=found["kube-apiserver"],
        kube_controller_manager=found["kube-controller-manager"],
        kube_scheduler=found["kube-scheduler"],
        kwok=found["kwok"],
        kubectl=found.get("kubectl"),
    )
