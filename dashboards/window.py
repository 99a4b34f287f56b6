"""The time that a page shows."""

import math
import re
from dataclasses import dataclass
from typing import Final

from dashboards.errors import DashboardError

POINTS: Final = 240
"""Of a line, about: more are not seen at the width of a panel."""
LEAST_STEP: Final = 15
"""Seconds; Grafana's own, too (grafana.com, Prometheus data source, scrape interval)."""
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Window:
    """Seconds since the epoch, and between points."""

    start: float
    end: float
    step: int

    @classmethod
    def until(cls, end: float, seconds: float) -> "Window":
        """The seconds before a moment."""
        return cls(end - seconds, end, max(LEAST_STEP, math.ceil(seconds / POINTS)))

    def place(self, at: float) -> float:
        """Of a moment, from 0 at the start to 1 at the end."""
        return (at - self.start) / (self.end - self.start)


def seconds_shown(time: dict[str, str]) -> int:
    """Of a dashboard's own time range, such as `now-6h` to `now`. DashboardError where it is another one."""
    found = re.fullmatch(r"now-(\d+)([mhd])", time.get("from", ""))
    if found is None or time.get("to") != "now":
        raise DashboardError(f"cannot draw the time {time}: name another one with --minutes")
    return int(found[1]) * _SECONDS[found[2]]
