"""Logs that outlive what wrote them: the search for secrets wants to read those of deleted pods, too.

On our own nodes every log file gets a second name, so that it stays whole when kubelet removes it with its pod, or a
program that starts again begins a new one. On a cluster that was given, logs are read through the API before a fault or
an update takes pods away; what a pod writes after that, until it is gone, is not heard there, nor what the nodes' own
programs write.
"""

import glob
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from rehearsal.kube import Manifest
from tests.dataplane.cluster.secrets import Place
from tests.dataplane.cluster.stand import Pod, Stand

LOOK_SECONDS = 0.3
"""Far less than kubelet takes to remove a log with its pod."""
PODS = "nodes/*/log/pods/*/*/[0-9]*.log"
"""Below a cluster's directory: a log for each start of a container, as the runtime writes it."""
PROGRAMS = ("*.log", "*/*.log", "*/controlplane/*.log", "nodes/*/*.log")
"""Of the cluster's own programs: the control plane, the stand-ins, kubelet and containerd of every node."""

_LINE = re.compile(r"\S+ (?:stdout|stderr) ([FP])(?:\S*) (.*)")
"""The container runtime interface's: time, stream, whether the line is full or goes on, and what was written."""


class LinkedLogs:
    """Second names for every log below a directory, made as they appear. `with` keeps looking for more."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._kept = directory, directory / "kept-logs"
        self._names: dict[int, str] = {}
        self._fault: Exception | None = None
        self._guard, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> "LinkedLogs":
        self.look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Links what is new. The same file under another name, as after kubelet's rotation, is not new."""
        with self._guard:
            self._kept.mkdir(exist_ok=True)
            for pattern in (PODS, *PROGRAMS):
                # not Path.glob, which a folder stops that goes meanwhile
                for name in glob.iglob(pattern, root_dir=self._directory):  # noqa: PTH207
                    self._link(self._directory / name)

    def keep(self, stand: Stand, pods: Sequence[Pod]) -> None:
        """Fails where a container of these has no log here: its words would be lost."""
        self.look()
        lacking = [f"{pod.name}/{name}" for pod in pods for name, log in started(pod) if log not in self.names]
        assert not lacking, f"no log was found of {', '.join(lacking)}"

    def places(self, stand: Stand) -> Iterator[Place]:
        """Fails where a container that there is now has no log here."""
        self.keep(stand, [Pod(manifest) for manifest in stand.client.list("v1", "Pod")])
        assert self._fault is None, f"not all logs were kept: {self._fault}"
        for number, name in self._known().items():
            text = (self._kept / str(number)).read_text(errors="replace")
            yield Place(f"log {name}", spoken(text) if "/log/pods/" in name else text)

    @property
    def names(self) -> frozenset[str]:
        """Every log's name below the nodes' folders of pods, "namespace_pod_uid/container/0.log", and the programs'."""
        return frozenset(name.partition("/log/pods/")[2] or name for name in self._known().values())

    def _known(self) -> dict[int, str]:
        """A copy: the thread that looks on adds to the names meanwhile."""
        with self._guard:
            return dict(self._names)

    def _link(self, file: Path) -> None:
        try:
            number = file.stat().st_ino
            if number not in self._names:
                (self._kept / str(number)).hardlink_to(file)
                self._names[number] = str(file.relative_to(self._directory))
        except FileNotFoundError:
            return  # it went between the two looks at it

    def _look_on(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001  (told where logs are read)
                self._fault = error
                return


class HeardLogs:
    """Logs as the API tells them."""

    def __init__(self) -> None:
        self._heard: dict[tuple[str, str], Place] = {}

    def keep(self, stand: Stand, pods: Sequence[Pod]) -> None:
        """Reads them now; fails where that cannot be done while the pod is there."""
        for pod in pods:
            for status in statuses(pod):
                self._hear(stand, pod, status)

    def places(self, stand: Stand) -> Iterator[Place]:
        """Those of now, and those of the pods that went."""
        self.keep(stand, [Pod(manifest) for manifest in stand.client.list("v1", "Pod", stand.namespace)])
        yield from self._heard.values()

    def _hear(self, stand: Stand, pod: Pod, status: Manifest) -> None:
        name = str(status["name"])
        if not status.get("containerID"):
            return  # it never started
        for previous in (False, True) if status.get("restartCount") else (False,):
            try:
                text = stand.logs(pod.name, name, previous)
            except AssertionError:
                if stand.client.find("v1", "Pod", pod.name, stand.namespace) is None:
                    return  # a Job's, which has ended since it was listed; what it had said before is kept
                raise
            key = (pod.uid, f"{name} {int(status['restartCount']) - previous}")
            self._heard[key] = Place(f"log {stand.namespace}_{pod.name}_{pod.uid}/{name}", text)


def statuses(pod: Pod) -> list[Manifest]:
    """Of every container, those that run before or beside the others included."""
    status = pod.manifest["status"]
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def started(pod: Pod) -> Iterator[tuple[str, str]]:
    """Each container that has started, with the name of its last start's log below a node's folder of pods."""
    metadata = pod.manifest["metadata"]
    folder = f"{metadata['namespace']}_{pod.name}_{pod.uid}"
    for status in statuses(pod):
        if status.get("containerID"):
            yield str(status["name"]), f"{folder}/{status['name']}/{status['restartCount']}.log"


def spoken(text: str) -> str:
    """What a container wrote, without what the runtime put before each line; long lines are whole again."""
    parts: list[str] = []
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        full, said = (found[1] == "F", found[2]) if found else (True, line)
        parts.append(said + ("\n" if full else ""))
    return "".join(parts)
