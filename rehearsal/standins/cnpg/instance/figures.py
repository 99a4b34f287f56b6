"""What an instance and a pooler tell Prometheus (pkg/management: postgres/webserver/metricserver, pgbouncer).

The queries are the operator's own (config/manager/default-monitoring.yaml), in a file of the image; two of the figures
that it reckons itself are made here as well. What is left out: its other figures of its own, queries of the user, and
other databases than `postgres`.
"""

import csv
import io
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .layout import Layout
from .server import SESSION, PostgresError, Server, output
from .web import FAILED, OK, UNKNOWN, PageServer

QUERIES = Path("/usr/local/lib/somafractalmemory/default-monitoring.yaml")
PATH, TYPE = "/metrics", "text/plain; version=0.0.4"
FRESH_SECONDS = 2.0
"""How old figures may be."""
ASK_SECONDS = 4.0
MARK = "query:"
"""Stands before the name of a query in psql's output."""
SYNCHRONOUS = "synchronous"
OBSERVED = """SELECT CASE WHEN setting = '' THEN 0
    ELSE coalesce(substring(setting FROM '^(?:ANY|FIRST)? *([0-9]+)')::int, 1) END AS observed
    FROM pg_catalog.pg_settings WHERE name = 'synchronous_standby_names'"""
"""How many have to confirm a commit (metricserver/utils.go)."""
LABELS = ("database", "user")
"""Of a pool; the other columns of SHOW POOLS that are numbers are figures."""


class Figures(PageServer):
    """The metrics port. `ask` says all figures; an error of PostgreSQL's is an answer 500."""

    def __init__(self, address: tuple[str, int], ask: Callable[[], str]) -> None:
        self._ask, self._asking = ask, threading.Lock()
        self._said, self._asked = "", float("-inf")
        super().__init__(address, "metrics")

    def page(self, path: str) -> tuple[int, str, str]:
        """Answers Prometheus."""
        if path != PATH:
            return UNKNOWN, TYPE, ""
        try:
            return OK, TYPE, self._fresh()
        except PostgresError as error:
            return FAILED, TYPE, f"{error}\n"

    def _fresh(self) -> str:
        """Of now, or of a moment ago; all who ask share one answer."""
        with self._asking:
            if time.monotonic() - self._asked > FRESH_SECONDS:
                self._said = self._ask()
                self._asked = time.monotonic()
            return self._said


def of_instance(server: Server, queries: Mapping[str, Mapping[str, Any]]) -> str:
    """All figures of an instance; PostgresError where it does not answer."""
    socket = ("-h", str(server.layout.sockets), "-p", str(server.layout.port))
    options = ("-Xq", "--csv", "-U", "postgres", "-d", "postgres", "-f", "-")
    said = output("psql", *socket, *options, seconds=ASK_SECONDS, text=SESSION + script(queries))
    lines = ["cnpg_collector_up 1"]
    for name, rows in answers(said).items():
        if name == SYNCHRONOUS:
            lines += [f'cnpg_collector_sync_replicas{{value="observed"}} {row["observed"]}' for row in rows]
        else:
            lines += told(str(queries[name].get("name") or name), queries[name]["metrics"], rows)
    for status in ("ready", "done"):
        count = sum(1 for _ in (server.layout.data / "pg_wal" / "archive_status").glob(f"*.{status}"))
        lines.append(f'cnpg_collector_pg_wal_archive_status{{value="{status}"}} {count}')
    return "\n".join(lines) + "\n"


def of_pooler(layout: Layout) -> str:
    """All figures of a pooler; PostgresError where it does not answer."""
    socket = ("-h", str(layout.sockets), "-p", str(layout.port))
    said = output(
        "psql", *socket, "-Xq", "--csv", "-U", "pgbouncer", "-c", "SHOW POOLS", "pgbouncer", seconds=ASK_SECONDS
    )
    lines: list[str] = []
    for row in csv.DictReader(io.StringIO(said)):
        labels = {label: row[label] for label in LABELS}
        lines += [
            _line(f"cnpg_pgbouncer_pools_{column}", labels, value)
            for column, value in row.items()
            if column not in LABELS and re.fullmatch(r"\d+", value)
        ]
    return "\n".join(lines) + "\n"


def read(file: Path = QUERIES) -> dict[str, dict[str, Any]]:
    """The operator's queries by name; none where the file is not there."""
    if not file.exists():
        return {}
    import yaml  # where the file is, the image has it; Python itself has not

    return yaml.safe_load(yaml.safe_load(file.read_text())["data"]["queries"])


def script(queries: Mapping[str, Mapping[str, Any]]) -> str:
    """What psql is told: each query after its name, where its conditions hold."""
    parts = [f"\\echo {MARK}{SYNCHRONOUS}\n{OBSERVED};\n"]
    for name, query in queries.items():
        condition = " AND ".join(_conditions(query)) or "true"
        asked = f"\\echo {MARK}{name}\n{query['query'].strip()};\n"
        parts.append(f"SELECT ({condition}) AS wanted \\gset\n\\if :wanted\n{asked}\\endif\n")
    return "".join(parts)


def _conditions(query: Mapping[str, Any]) -> Iterator[str]:
    """Of a query, in SQL (docs/src/monitoring.md, "Structure of a user defined metric")."""
    if query.get("primary"):
        yield "NOT pg_catalog.pg_is_in_recovery()"
    if "predicate_query" in query:
        yield f"({query['predicate_query'].strip()})"
    for sign, major in re.findall(r"(>=|<)(\d+)\.", str(query.get("runonserver", ""))):
        yield f"pg_catalog.current_setting('server_version_num')::int {sign} {int(major) * 10000}"


def answers(said: str) -> dict[str, list[dict[str, str]]]:
    """Rows by the name of their query, from what psql says."""
    found: dict[str, list[dict[str, str]]] = {}
    for part in re.split(rf"^{MARK}", said, flags=re.MULTILINE)[1:]:
        name, _, table = part.partition("\n")
        found[name] = list(csv.DictReader(io.StringIO(table)))
    return found


def told(name: str, columns: Iterable[Mapping[str, Mapping[str, str]]], rows: Iterable[Mapping[str, str]]) -> list[str]:
    """The lines of one query's answer."""
    usage = {column: told["usage"] for entry in columns for column, told in entry.items()}
    lines: list[str] = []
    for row in rows:
        labels = {column: row[column] for column in usage if usage[column] == "LABEL"}
        lines += [_line(f"cnpg_{name}_{column}", labels, row[column]) for column in usage if usage[column] != "LABEL"]
    return lines


def _line(name: str, labels: Mapping[str, str], value: str) -> str:
    escaped = {
        label: text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for label, text in labels.items()
    }
    written = ",".join(f'{label}="{text}"' for label, text in escaped.items())
    number = {"t": "1", "f": "0", "": "NaN"}.get(value, value)
    return f"{name}{{{written}}} {number}" if written else f"{name} {number}"
