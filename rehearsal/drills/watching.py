"""Watches the pods of a namespace while something is done to them: who was down and for how long, who was lost, and
where it came back."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from rehearsal.drills.parts import Part, healthy
from rehearsal.kube import Client, KubeError, Manifest
from rehearsal.pods import zone_of

LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Place:
    """Where a pod is."""

    pod: str
    zone: str
    """Empty for a pod that has no node."""


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
    lost: tuple[Place, ...] = ()
    """Pods of the beginning that are not there at the end, and where they were."""
    back: tuple[Place, ...] = ()
    """Pods of the end that were not there at the beginning, and where they are."""


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
    _first: dict[str, dict[str, Place]] = field(default_factory=dict[str, dict[str, Place]])
    events: list[Event] = field(default_factory=list[Event])

    def mark(self, what: str) -> None:
        """Something is done now, or has come about."""
        self.events.append(Event(round(time.monotonic() - self._began, 1), what))

    def __enter__(self) -> "Watch":
        self.down = {part.title: Down(part.component.number) for part in self.parts}
        self._began = self._then = time.monotonic()
        self._first = self._places(self._look())
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
            self._compare(self._places(self._look()))

    def _look_on(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            try:
                self._look()
            except KubeError:
                continue  # the next look counts the time of this one

    def _look(self) -> Sequence[Manifest]:
        there = self.client.list("v1", "Pod", self.namespace)
        now = time.monotonic()
        passed, self._then = now - self._then, now
        for part in self.parts:
            self._count(part, there, passed)
        return there

    def _places(self, there: Sequence[Manifest]) -> dict[str, dict[str, Place]]:
        """Of each part's pods, by what tells a pod from one of the same name that comes after it."""
        zone = zone_of(self.client)
        return {
            part.title: {
                pod["metadata"]["uid"]: Place(pod["metadata"]["name"], zone.get(pod["spec"].get("nodeName", ""), ""))
                for pod in part.all(there)
            }
            for part in self.parts
        }

    def _compare(self, last: Mapping[str, Mapping[str, Place]]) -> None:
        for title, down in self.down.items():
            first, now = self._first[title], last[title]
            down.lost = tuple(sorted((first[uid] for uid in first.keys() - now.keys()), key=_by_name))
            down.back = tuple(sorted((now[uid] for uid in now.keys() - first.keys()), key=_by_name))

    def _count(self, part: Part, there: Sequence[Manifest], passed: float) -> None:
        number = sum(map(healthy, part.all(there)))
        down = self.down[part.title]
        down.least = min(down.least, number)
        down.seconds += passed if number < part.component.needed else 0.0
        down.degraded += passed if number < part.component.number else 0.0
        if not down.healthy or down.healthy[-1][1] != number:
            down.healthy.append((round(self._then - self._began, 1), number))


def _by_name(place: Place) -> str:
    return place.pod
