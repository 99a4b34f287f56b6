"""A real Prometheus that has stored what was scraped of regions, and what their rules recorded of it."""

import itertools
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rehearsal.bench.rules import ready
from rehearsal.ports import free_port
from tests.dataplane.conftest import Start, tool
from tests.dataplane.observability.cases import EVERY, Series

BEGIN: Final = 0
"""Seconds since the epoch: where the times that series tell begin as well."""
_RECORDED = re.compile(r"[a-z_0-9]+:[a-z_0-9]+:[a-z_0-9]+")
_STRETCH = re.compile(r"(?P<first>-?[\d.]+)(?:(?P<each>[+-][\d.]+)x(?P<count>\d+))?|_(?:x(?P<absent>\d+))?")


def values(notation: str) -> Iterator[float | None]:
    """Samples of promtool's notation, one by one; None where there is none."""
    for stretch in notation.split():
        found = _STRETCH.fullmatch(stretch)
        assert found is not None, stretch
        if found["first"] is None:
            yield from itertools.repeat(None, int(found["absent"] or 1))
        else:
            first, each = float(found["first"]), float(found["each"] or 0)
            yield from (first + each * number for number in range(int(found["count"] or 0) + 1))


def openmetrics(series: Iterable[Series], end: int) -> str:
    """Series as promtool stores them, until a moment (openmetrics.io)."""
    lines: list[str] = []
    for one in series:
        labels = ",".join(f"{name}={json.dumps(value)}" for name, value in one.labels.items())
        for number, value in enumerate(values(one.values)):
            if value is not None and number * EVERY <= end:
                lines.append(f"{one.name}{{{labels}}} {value:.9g} {BEGIN + number * EVERY}")
    return "\n".join([*lines, "# EOF", ""])


def prometheus(
    series: Iterable[Series], rules: Sequence[Mapping[str, Any]], end: int, folder: Path, start: Start
) -> str:
    """Address of a Prometheus that has them, and what rules recorded until `end` seconds after BEGIN."""
    source, data = folder / "series.txt", folder / "data"
    source.write_text(openmetrics(series, end))
    _promtool("tsdb", "create-blocks-from", "openmetrics", "--quiet", str(source), str(data))
    address, stop = _begin(data, folder, start)
    # promtool reckons rules one by one from what is stored: those that read what others record come after them.
    for number, layer in enumerate(layers(rules)):
        file = folder / f"rules-{number}.json"
        file.write_text(json.dumps({"groups": [{"name": "recorded", "rules": layer}]}))
        times = ["--start", str(BEGIN + EVERY), "--end", str(BEGIN + end), "--eval-interval", f"{EVERY}s"]
        _promtool("tsdb", "create-blocks-from", "rules", *times, "--url", address, "--output-dir", str(data), str(file))
        stop()
        address, stop = _begin(data, folder, start)
    return address


def layers(rules: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Recording rules: first those that read what is scraped, then those that read only those, and so on."""
    left = [rule for told in rules for group in told["groups"] for rule in group["rules"] if "record" in rule]
    made: list[list[Mapping[str, Any]]] = []
    while left:
        names = {rule["record"] for rule in left}
        ready = [rule for rule in left if not names.intersection(_RECORDED.findall(rule["expr"]))]
        assert ready, f"rules that read each other: {names}"
        made.append(ready)
        left = [rule for rule in left if rule not in ready]
    return made


def _begin(data: Path, folder: Path, start: Start) -> tuple[str, Callable[[], object]]:
    config = folder / "prometheus.yaml"
    config.write_text("{}")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = start(
        [
            *(tool("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={data}"),
            *(f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y"),
        ],
        log=folder / "prometheus.log",
    )

    def stop() -> None:
        process.terminate()
        process.wait(30)

    deadline = time.monotonic() + 30
    while not ready(port):
        assert process.poll() is None and time.monotonic() < deadline, (folder / "prometheus.log").read_text()[-2000:]
        time.sleep(0.05)
    return address, stop


def _promtool(*arguments: str) -> None:
    done = subprocess.run([tool("promtool"), *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
