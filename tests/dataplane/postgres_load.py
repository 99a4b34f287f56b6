"""Clients that behave like the memory service, each in a process of its own, and what became of their records."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITER = Path(__file__).with_name("service_writer.py")


@dataclass(frozen=True)
class Report:
    """What the clients were told, all together."""

    clients: int
    answered: int
    swallowed: int
    longest: float
    """Seconds of the longest call."""
    said: dict[str, int]
    """Errors, also those after which the second try went well."""

    @classmethod
    def of(cls, reports: Sequence[dict[str, Any]]) -> "Report":
        said: Counter[str] = Counter()
        for report in reports:
            said.update(report["said"])
        total = {key: sum(report[key] for report in reports) for key in ("answered", "swallowed")}
        return cls(len(reports), **total, longest=max(report["longest"] for report in reports), said=dict(said))

    @property
    def told(self) -> str:
        return f"{self.clients} clients, {self.answered} records answered 200, longest stall {self.longest} s"


PAUSES = ("0.01", "0.7")
"""Seconds between the records of the two clients on each way: the second has nothing under way at most moments."""


def stored(names: Iterable[str], ask: Callable[[str], str]) -> list[int]:
    """Records of each client that are there."""
    counts = [f"count(*) FILTER (WHERE key LIKE '{name}:%')" for name in names]
    return [int(number) for number in ask(f"SELECT {', '.join(counts)} FROM kv_store").split("|")]


class Load:
    """Writers, two for each DSN, each under a prefix of its own: `<namespace>-<number>:`."""

    def __init__(self, dsns: Sequence[str], namespace: str) -> None:
        self._names: list[str] = []
        self._processes: list[subprocess.Popen[str]] = []
        for dsn in dsns:
            for pause in PAUSES:
                name = f"{namespace}-{len(self._names)}"
                environment = {**os.environ, "DSN": dsn, "NAMESPACE": name, "PAUSE": pause}
                command = [sys.executable, str(WRITER)]
                self._names.append(name)
                self._processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))

    def stored(self, ask: Callable[[str], str]) -> list[int]:
        """Records of each client that are there."""
        return stored(self._names, ask)

    def end(self) -> Report:
        """Lets each finish its record."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        return Report.of([json.loads(process.communicate(timeout=180)[0]) for process in self._processes])

    def missing(self, report: Report, ask: Callable[[str], str]) -> int:
        """How many of the records that were answered 200 are not there."""
        return report.answered - sum(self.stored(ask))

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
