"""Runs barman's programs for one PostgreSQL, as the plugin's sidecar does when the operator asks for it.

The programs are barman's own, with the arguments that the plugin gives them. They are loaded once and forked for each
call; a start of Python and of AWS's SDK for every WAL file would take most of a test's time.
"""

import importlib
import json
import os
import re
import shutil
import socketserver
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

WAL = re.compile(r"[0-9A-F]{24}")
_SEGMENTS = 0x100
"""Segments of 16 MiB in a log file of WAL."""
_UNITS = {"d": "DAYS", "w": "WEEKS", "m": "MONTHS"}


@dataclass(frozen=True)
class Archive:
    """A server's folder in an object store, and how the plugin tells barman of it.

    Arguments as in cloudnative-pg/barman-cloud (pkg/archiver/command.go, pkg/backup, pkg/command, pkg/utils/barman.go).
    """

    spec: dict[str, Any]
    """Of the ObjectStore."""
    server: str

    @property
    def _configuration(self) -> dict[str, Any]:
        return self.spec["configuration"]

    @property
    def place(self) -> list[str]:
        """Where it is, as every program is told."""
        given = self._configuration
        endpoint = ["--endpoint-url", given["endpointURL"]] if "endpointURL" in given else []
        return [*endpoint, "--cloud-provider", "aws-s3", given["destinationPath"], self.server]

    @property
    def parallel(self) -> int:
        """WAL files that are moved at once."""
        return int(self._configuration["wal"].get("maxParallel", 1))

    def archived(self, path: str) -> list[str]:
        return [f"--{self._configuration['wal']['compression']}", *self.place, path]

    def base_backup(self, name: str) -> list[str]:
        data = self._configuration["data"]
        return [
            "--user",
            "postgres",
            "--name",
            name,
            f"--{data['compression']}",
            "--jobs",
            str(data["jobs"]),
            *self.place,
        ]

    @property
    def kept(self) -> list[str]:
        """What a retention run is told."""
        count, unit = self.spec["retentionPolicy"][:-1], self.spec["retentionPolicy"][-1]
        return ["--retention-policy", f"RECOVERY WINDOW OF {count} {_UNITS[unit]}", *self.place]


class Running:
    """A program of barman's in a process of its own."""

    def __init__(self, program: str, arguments: Sequence[str]) -> None:
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (read when it has ended)
        self._pid = os.fork()
        if self._pid == 0:
            for standard in (1, 2):
                os.dup2(self._said.fileno(), standard)
            code = 1
            try:
                code = _main(program, arguments)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)

    def ended(self) -> tuple[int, str]:
        """Exit code, and what it printed."""
        _, status = os.waitpid(self._pid, 0)
        self._said.seek(0)
        return os.waitstatus_to_exitcode(status), self._said.read().decode()


def _main(program: str, arguments: Sequence[str]) -> int:
    try:
        importlib.import_module(f"barman.clients.{program}").main(list(arguments))
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


class Sidecar:
    """What is asked of it, by PostgreSQL and by the test."""

    def __init__(self, data: Path, spool: Path, to: Archive, source: Archive | None) -> None:
        self._data, self._spool, self._to, self._from = data, spool, to, source

    def do(self, words: Sequence[str]) -> tuple[int, str]:
        match words:
            case ["archive", path]:
                return self._archive(path)
            case ["restore", name, path]:
                return self._restore(name, path)
            case [program, *arguments]:
                return Running(program, arguments).ended()
            case _:
                return 2, f"what is {words}?"

    def _archive(self, path: str) -> tuple[int, str]:
        """This file, and others that wait, at once (plugin-barman-cloud, internal/cnpgi/common/wal.go)."""
        name = Path(path).name
        if (self._spool / name).exists():
            (self._spool / name).unlink()
            return 0, ""
        marks = sorted((self._data / "pg_wal/archive_status").glob("*.ready"))
        others = [mark.stem for mark in marks if mark.stem != name][: self._to.parallel - 1]
        paths = [path, *(f"pg_wal/{other}" for other in others)]
        running = [Running("cloud_walarchive", self._to.archived(str(self._data / one))) for one in paths]
        results = [one.ended() for one in running]
        for other, (code, _) in zip(others, results[1:], strict=True):
            if code == 0:
                (self._spool / other).touch()
        return next((result for result in results if result[0]), results[0])

    def _restore(self, name: str, path: str) -> tuple[int, str]:
        """This file, and those that come after it into the spool (the same)."""
        assert self._from is not None
        target = self._data / path
        if (self._spool / name).exists():
            shutil.move(self._spool / name, target)
            return 0, ""
        names = following(name, self._from.parallel) if WAL.fullmatch(name) else [name]
        drafts = [target, *(self._spool / f"{other}.part" for other in names[1:])]
        running = [
            Running("cloud_walrestore", [*self._from.place, one, str(draft)])
            for one, draft in zip(names, drafts, strict=True)
        ]
        results = [one.ended() for one in running]
        owner = self._data.stat()
        for draft, (code, _) in zip(drafts, results, strict=True):
            if code == 0:
                os.chown(draft, owner.st_uid, owner.st_gid)
                draft.rename(draft.with_suffix(""))
        return results[0]


def following(name: str, count: int) -> list[str]:
    """A WAL file's name and those of the next ones."""
    timeline, first = name[:8], int(name[8:16], 16) * _SEGMENTS + int(name[16:], 16)
    numbers = (divmod(number, _SEGMENTS) for number in range(first, first + count))
    return [f"{timeline}{log:08X}{segment:08X}" for log, segment in numbers]


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    sidecar: Sidecar


class _Asked(socketserver.StreamRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def handle(self) -> None:
        answer = self.server.sidecar.do(json.loads(self.rfile.readline()))
        self.wfile.write(json.dumps(answer).encode())


def main(address: str, plan: str) -> None:
    """Answers at a socket until it is killed. `plan`: JSON of `data`, `spool`, `to` and `from`, which may be null."""
    given = json.loads(plan)
    os.environ.pop("AWS_CA_BUNDLE", None)  # of whoever runs the tests
    for module in ("boto3", "psycopg2", "zstandard"):
        importlib.import_module(module)
    source = Archive(*given["from"]) if given["from"] else None
    with _Server(address, _Asked) as server:
        server.sidecar = Sidecar(Path(given["data"]), Path(given["spool"]), Archive(*given["to"]), source)
        Path(address).chmod(0o777)  # PostgreSQL's user asks, too
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
