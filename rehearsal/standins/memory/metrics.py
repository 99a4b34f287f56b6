"""The service's metrics in Prometheus' text format; `endpoint` is the raw path, as there."""

import os
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds in seconds; +Inf is added."""

_STARTED = time.time()
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Metrics:
    """Counts answers."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._responses: Counter[tuple[str, str, int]] = Counter()
        self._buckets: Counter[tuple[str, str, float]] = Counter()
        self._seconds: defaultdict[tuple[str, str], float] = defaultdict(float)

    def count(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        with self._guard:
            self._responses[endpoint, method, status] += 1
            self._seconds[endpoint, method] += seconds
            for bound in BUCKETS:
                self._buckets[endpoint, method, bound] += seconds <= bound

    def text(self) -> str:
        with self._guard:
            lines = [
                *self._totals(),
                *self._histogram(),
                "# TYPE http_404_requests_total counter",
                f"http_404_requests_total {sum(n for (_, _, status), n in self._responses.items() if status == 404)}",
                "# TYPE process_start_time_seconds gauge",
                f"process_start_time_seconds {_STARTED}",
                "# TYPE process_resident_memory_bytes gauge",
                f"process_resident_memory_bytes {int(Path('/proc/self/statm').read_text().split()[1]) * _PAGE}",
            ]
        return "\n".join(lines) + "\n"

    def _requests(self) -> Counter[tuple[str, str]]:
        requests: Counter[tuple[str, str]] = Counter()
        for (endpoint, method, _), number in self._responses.items():
            requests[endpoint, method] += number
        return requests

    def _totals(self) -> list[str]:
        return [
            "# TYPE api_requests_total counter",
            *(f"api_requests_total{_labels(*of)} {number}" for of, number in self._requests().items()),
            "# TYPE api_responses_total counter",
            *(
                f"api_responses_total{_labels(endpoint, method, status=str(status))} {number}"
                for (endpoint, method, status), number in self._responses.items()
            ),
        ]

    def _histogram(self) -> list[str]:
        name, lines = "api_request_latency_seconds", ["# TYPE api_request_latency_seconds histogram"]
        for (endpoint, method), number in self._requests().items():
            lines += [
                f"{name}_bucket{_labels(endpoint, method, le=str(bound))} {self._buckets[endpoint, method, bound]}"
                for bound in BUCKETS
            ]
            lines.append(f"{name}_bucket{_labels(endpoint, method, le='+Inf')} {number}")
            lines.append(f"{name}_sum{_labels(endpoint, method)} {self._seconds[endpoint, method]}")
            lines.append(f"{name}_count{_labels(endpoint, method)} {number}")
        return lines


def _labels(endpoint: str, method: str, **more: str) -> str:
    pairs = {"endpoint": endpoint.replace("\\", "\\\\").replace('"', '\\"'), "method": method, **more}
    return "{" + ",".join(f'{key}="{value}"' for key, value in pairs.items()) + "}"
