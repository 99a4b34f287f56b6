"""The newest redis-py, which may be the service's next one: asked in a process of its own, for this one has another."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rehearsal import paths
from tests.dataplane.conftest import FILES

NEWEST = "8.1.0"
"""Its default protocol is 3."""


def ask(gateway: int, alone: int, nodes: Sequence[str] = (), password: str = "") -> tuple[str, list[str], str]:
    """Which client it was and how much it asked, what the gateway answers otherwise than the single server does, and
    what it says to the client's default protocol.

    `nodes`, as host:port with their password, are emptied before each check; without them the gateway's keys are.
    """
    command = [sys.executable, "-m", "tests.dataplane.newest_client", str(gateway), str(alone), *nodes]
    path = os.pathsep.join([str(_folder()), str(paths.CHECKOUT), str(FILES)])
    asked = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": path, "PASSWORD": password},
        cwd=paths.CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    first, *differences, default = asked.stdout.splitlines()
    return first, differences, default


def _folder() -> Path:
    """Where it lies, beside the one of the environment."""
    folder = paths.cache() / "python" / f"redis-{NEWEST}"
    if not folder.exists():
        with TemporaryDirectory(dir=paths.cache()) as made:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", f"{made}/redis"]
            subprocess.run([*command, f"redis=={NEWEST}"], check=True, timeout=120)
            folder.parent.mkdir(exist_ok=True)
            (Path(made) / "redis").rename(folder)
    return folder
