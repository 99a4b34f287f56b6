"""Users of the service at its ingress: what edge_program.py does in the toolbox, and what came of it."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.dataplane.cluster.ingress import Entrance
from tests.dataplane.cluster.stand import Stand, eventually

PROGRAM = Path(__file__).with_name("edge_program.py")
END_SECONDS = 150

_RUN = 'python3 -c "$1" <given >told.new && mv told.new told'
_BEGIN = f'rm -rf "$0" && mkdir "$0" && cd "$0" && cat >given && {{ {{ {_RUN}; }} >said 2>&1 & }}'
_ANSWER = 'cat "$0/told" 2>/dev/null || { cat "$0/said"; exit 1; }'


@dataclass
class Told:
    """What users were told; of those who go on, filled when they have ended."""

    requests: int = 0
    longest: float = 0.0
    """Seconds from a request to the end of its answer."""
    failed: list[str] = field(default_factory=list[str])
    """When, what and how. Nobody tries anything twice."""
    found: Any = None
    """What a job brings beside: visits, or the events of streams."""


@dataclass(frozen=True)
class Visit:
    """One that comes to the stream and leaves after its first event."""

    pod: str
    at: float
    """Seconds of the wall clock."""
    cookie: str
    """The whole `Set-Cookie` of the answer."""

    @property
    def session(self) -> str:
        """What a browser sends the next time."""
        return self.cookie.partition(";")[0]


@dataclass(frozen=True)
class Users:
    """Those of one host."""

    stand: Stand
    entrance: Entrance
    host: str
    service: str

    def read(self, times: int, path: str, cookie: str = "") -> Told:
        """Reads a memory so many times, fewer than the rate limit allows."""
        return self._at_once(job="read", times=times, path=path, pause=0.1, cookie=cookie)

    def visit(self, times: int, keep: bool) -> tuple[Told, list[Visit]]:
        """Comes to the stream so many times; with `keep` as a browser, which shows the cookie that it was given."""
        told = self._at_once(job="visit", times=times, keep=keep)
        return told, visits(told)

    @contextmanager
    def using(self, users: int = 8, pause: float = 0.6) -> Generator[Told]:
        """They store, look for and read memories, half of them on kept connections; one more comes to the stream again
        and again."""
        with self._going_on(job="use", users=users, pause=pause) as told:
            yield told

    @contextmanager
    def listening(self, *heartbeats: float) -> Generator[Told]:
        """A stream for each of these, in seconds from event to event."""
        with self._going_on(job="listen", heartbeats=heartbeats) as told:
            yield told

    def _given(self, **asked: object) -> str:
        place = {"address": self.entrance.address, "authority": self.entrance.authority, "host": self.host}
        token = self.stand.secret(f"{self.service}-token")["token"]
        return json.dumps({**place, "token": token, "stop": "stop", **asked}) + "\n"

    def _at_once(self, **asked: object) -> Told:
        said = self.stand.tool("python3", "-c", PROGRAM.read_text(), text=self._given(**asked), seconds=END_SECONDS)
        return Told(**json.loads(said))

    @contextmanager
    def _going_on(self, **asked: object) -> Generator[Told]:
        """Beside the command that starts it: a stream of minutes through the API server may break."""
        told, folder = Told(), f"/tmp/edge-{asked['job']}"
        self.stand.tool("sh", "-c", _BEGIN, folder, PROGRAM.read_text(), text=self._given(**asked))
        try:
            yield told
        finally:
            self.stand.tool("touch", f"{folder}/stop")
        said = eventually("users have ended", lambda: self.stand.tool("sh", "-c", _ANSWER, folder), END_SECONDS)
        told.__dict__.update(json.loads(said))
        self.stand.tool("rm", "-rf", folder)


def visits(told: Told) -> list[Visit]:
    """Those that a job brought."""
    return [Visit(**one) for one in told.found]
