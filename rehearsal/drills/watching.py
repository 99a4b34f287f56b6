"""Watches the pods of a namespace while something is done to them: who was down, and for how long."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

from rehearsal.drills.parts import Part, healthy
from rehearsal.kube import Client, KubeError, Manifest

LOOK_SECONDS = 0.2


@dataclass
class Down:
    """What was seen of one component."""

    least: int
    """Healthy pods at the worst moment."""
    seconds: float = 0.0
    """With fewer healthy pods than it needs to serve."""
    degraded: float = 0.0
    """With fewer than it has in ordinary operation."""
    healthy: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    """Each change of the number of healthy pods: seconds after the beginning, and how many there were from then on."""


@dataclass(frozen=True)
class Event:
    """What was done or came about, at a moment of a drill."""

    at: float
    """Seconds after the beginning."""
    what: str


@dataclass
class Watch:
    """Looks at the pods until its `with` block ends."""

    client: Client
    namespace: str
    parts: Sequence[Part]
    down: dict[str, Down] = field(default_factory=dict[str, Down])
    """By the component's title."""
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _then: float = 0.0
    _began: float = 0.0
    events: list[Event] = field(default_factory=list[Event])

    def mark(self, what: str) -> None:
        """Something is done now, or has come about."""
        self.events.append(Event(round(time.monotonic() - self._began, 1), what))

    def __enter__(self) -> "Watch":
        self.down = {part.title: Down(part.component.number) for part in self.parts}
        self._began = self._then = time.monotonic()
        self._look()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if kind is None:
            self._look()

    def _look_on(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            try:
                self._look()
            except KubeError:
                continue  # the next look counts the time of this one

    def _look(self) -> None:
        there = self.client.list("v1", "Pod", self.namespace)
        now = time.monotonic()
        passed, self._then = now - self._then, now
        for part in self.parts:
            self._count(part, there, passed)

    def _count(self, part: Part, there: Sequence[Manifest], passed: float) -> None:
        number = sum(map(healthy, part.all(there)))
        down = self.down[part.title]
        down.least = min(down.least, number)
        down.seconds += passed if number < part.component.needed else 0.0
        down.degraded += passed if number < part.component.number else 0.0
        if not down.healthy or down.healthy[-1][1] != number:
            down.healthy.append((round(self._then - self._began, 1), number))
