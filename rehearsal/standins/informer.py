"""Keeps the objects of one kind in memory and says which of them changed."""

import threading
from collections.abc import Callable
from typing import Any

from rehearsal.kube import Client, KubeError, Manifest, NotFound, UnknownKind, Unreachable
from rehearsal.standins.log import note

Key = tuple[str, str]
"""Namespace (empty for cluster-wide kinds) and name."""
Listener = Callable[[Manifest], None]

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 8.0
UNSERVED_SECONDS = 30.0
"""A kind that is not served is asked for again this often, and at once when a CRD changed."""
GONE = 410


def key_of(obj: Manifest) -> Key:
    """Namespace and name of an object."""
    metadata = obj["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def _version(obj: Manifest) -> int:
    return int(obj["metadata"].get("resourceVersion") or 0)


class Informer:
    """A list and a watch of one kind in a thread of its own; survives restarts of the API server.

    Listeners are called with every object that was added or changed, with the last known form of one that is gone,
    and with all there are after each new list. They run in the informer's thread and must not block.
    """

    def __init__(self, client: Client, api_version: str, kind: str, label_selector: str | None = None) -> None:
        self.api_version = api_version
        self.kind = kind
        self.relisted: list[Callable[[], None]] = []
        """Called after the connection was lost and the objects were listed anew."""
        self._client = client
        self._selector = label_selector
        self._listeners: list[Listener] = []
        self._objects: dict[Key, Manifest] = {}
        self._lock = threading.Lock()
        self._served = threading.Event()
        self._listed = threading.Event()

    def listen(self, listener: Listener) -> None:
        """Adds a listener; before `start`."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Begins to follow the kind, for the life of the process."""
        threading.Thread(target=self._run, name=f"watch {self.kind}", daemon=True).start()

    def wait(self) -> None:
        """Waits until the first list is in memory, or the server has said that it does not serve the kind."""
        self._listed.wait()

    def kinds_changed(self) -> None:
        """A CRD came or went: look again whether the kind is served."""
        self._served.set()

    def get(self, key: Key) -> Manifest | None:
        """The object as last seen."""
        with self._lock:
            return self._objects.get(key)

    def all(self, namespace: str | None = None, **labels: str) -> list[Manifest]:
        """The objects as last seen, by name; of one namespace, and with these labels, where given."""
        with self._lock:
            objects = [obj for (within, _), obj in sorted(self._objects.items()) if namespace in (None, within)]
        return [obj for obj in objects if _has(obj, labels)]

    def labelled(self, namespace: str, label: str, value: str) -> list[Manifest]:
        """The objects of a namespace with one label, by name."""
        return self.all(namespace, **{label: value})

    def put(self, obj: Manifest) -> None:
        """Takes over what a write answered, so that the next look does not see the state before it."""
        key = key_of(obj)
        with self._lock:
            seen = self._objects.get(key)
            if seen is None or _version(seen) < _version(obj):
                self._objects[key] = obj

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        lost = False
        while True:
            try:
                version = self._list()
                if lost:
                    note("watch", f"{self.kind}: connected again")
                    for callback in self.relisted:
                        callback()
                lost, pause = False, FIRST_PAUSE_SECONDS
                while True:
                    version = self._watch(version)
            except (UnknownKind, NotFound):
                self._forget_all()
                self._served.wait(UNSERVED_SECONDS)
                self._served.clear()
                threading.Event().wait(FIRST_PAUSE_SECONDS)  # the CRD is told of a moment before it is served
            except Unreachable as error:
                if not lost:
                    note("watch", f"{self.kind}: {error}; trying again")
                lost = True
                threading.Event().wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            except KubeError as error:
                if error.status != GONE:
                    note("watch", f"{self.kind}: {error}; trying again")
                    threading.Event().wait(pause)
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _list(self) -> str:
        path = self._client.resource(self.api_version, self.kind).path()
        query = {"labelSelector": self._selector} if self._selector else {}
        answer = self._client.call("GET", path, query=query)
        items: list[Manifest] = answer.get("items") or []
        found = {key_of(item): {"apiVersion": self.api_version, "kind": self.kind, **item} for item in items}
        with self._lock:
            gone = [obj for key, obj in self._objects.items() if key not in found]
            self._objects = found
        for obj in [*gone, *found.values()]:
            self._tell(obj)
        self._listed.set()
        return str(answer["metadata"]["resourceVersion"])

    def _watch(self, version: str) -> str:
        changes = self._client.watch(
            self.api_version, self.kind, label_selector=self._selector, resource_version=version
        )
        for event in changes:
            version = str(event.object["metadata"]["resourceVersion"])
            key = key_of(event.object)
            if event.type == "DELETED":
                with self._lock:
                    self._objects.pop(key, None)
            else:
                self.put(event.object)
            self._tell(event.object)
        return version

    def _forget_all(self) -> None:
        with self._lock:
            self._objects = {}
        self._listed.set()

    def _tell(self, obj: Manifest) -> None:
        for listener in self._listeners:
            listener(obj)


def _has(obj: Manifest, labels: dict[str, str]) -> bool:
    own: dict[str, Any] = obj["metadata"].get("labels") or {}
    return all(own.get(label) == value for label, value in labels.items())
