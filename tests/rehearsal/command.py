"""The command as a user runs it, in a copy of the project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from rehearsal import paths

ROOMS = ("components", "dashboards", "policies", "rehearsal", "report", "settings")


def clone(directory: Path) -> Path:
    """A real copy of the project, as a clone would be."""
    for room in ROOMS:
        shutil.copytree(paths.CHECKOUT / room, directory / room, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / ".venv").symlink_to(paths.CHECKOUT / ".venv")
    for file in (paths.CHECKOUT / "__main__.py", *paths.CHECKOUT.glob("Pulumi*.yaml")):
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
