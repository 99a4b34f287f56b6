"""A gateway of ours as a process: what the tests of both have in common."""

import io
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from rehearsal import build, images, toolchain
from rehearsal.bench.stand import listens
from rehearsal.progress import Progress
from tests.dataplane.conftest import Start
from tests.dataplane.redis_servers import eventually

QUIET = Progress(io.StringIO())


class Sidecar:
    """One gateway, which listens at GATEWAY_PORT and METRICS_PORT of its environment."""

    def __init__(self, program: Path, environment: Mapping[str, str], log: Path, start: Start) -> None:
        self.program, self.environment, self.log = program, environment, log
        self.process = start([str(program)], environment, log)
        ports = [int(environment[name]) for name in ("GATEWAY_PORT", "METRICS_PORT")]
        eventually(lambda: all(map(listens, ports)))

    def probe(self, kind: str) -> int:
        asked = subprocess.run(
            [self.program, "probe", kind], env=self.environment, capture_output=True, timeout=10, check=False
        )
        return asked.returncode

    def metrics(self) -> dict[str, float]:
        """Series, with their labels, to values."""
        address = f"http://127.0.0.1:{self.environment['METRICS_PORT']}/metrics"
        with urllib.request.urlopen(address, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def go_test(image: str) -> "subprocess.CompletedProcess[str]":
    """Runs the tests that a gateway has of its own parts: where Go itself is."""
    found = toolchain.find(build.needed_go(), QUIET)
    return subprocess.run(
        [found.path, "test", "./..."],
        cwd=images.IMAGES / image,
        env=found.environment(False),
        capture_output=True,
        text=True,
        check=False,
    )
