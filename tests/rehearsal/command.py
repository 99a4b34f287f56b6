"""The command as a user runs it, in a copy of the project."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rehearsal import paths
from tests.ready import READY

ROOMS = (
    "capacity", "components", "dashboards", "observability", "policies", "promotion", "rehearsal", "report", "settings",
)  # fmt: skip


def clone(directory: Path) -> Path:
    """A real copy of the project, as a clone would be."""
    for room in ROOMS:
        shutil.copytree(paths.CHECKOUT / room, directory / room, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / ".venv").symlink_to(paths.CHECKOUT / ".venv")
    for file in (paths.CHECKOUT / "__main__.py", paths.CHECKOUT / "Makefile", *paths.CHECKOUT.glob("Pulumi*.yaml")):
        shutil.copy(file, directory)
    return directory


def environment(directory: Path) -> dict[str, str]:
    return {**os.environ, "SOMA_REHEARSAL_HOME": str(directory / "run"), "PYTHONPATH": ""}


def command(directory: Path, *arguments: str, seconds: float = 200, **more: str) -> "subprocess.CompletedProcess[str]":
    """What `python -m rehearsal` ends with, in a clone. `more` are variables of the environment."""
    return subprocess.run(
        [sys.executable, "-m", "rehearsal", *arguments],
        cwd=directory,
        env={**environment(directory), **more},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def make(
    directory: Path, target: str, *arguments: str, variables: Sequence[str] = (), seconds: float = 200, **more: str
) -> "subprocess.CompletedProcess[str]":
    """What `make TARGET ARGS=…` ends with in a clone, with the environment that runs the tests.

    make ends with 2 where the command ended with anything but 0. `more` are variables of the environment.
    """
    # as typed in a shell: under `make test` it would be another make's child, which hands its variables on
    shell = {name: value for name, value in environment(directory).items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--silent", *READY, target, f"ARGS={shlex.join(arguments)}", *variables],
        cwd=directory,
        env={**shell, **more},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
