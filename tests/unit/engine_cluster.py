"""An API server double: objects in memory, server-side apply by one manager, and what the tests ask it to play."""

import copy
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rehearsal import kube

Manifest = kube.Manifest
Key = tuple[str, str, str]
"""Kind, namespace, name."""


class FakeCluster:
    """Everything is ready as soon as it is applied, unless `busy` names it. Says in `calls` what was asked of it."""

    def __init__(self, uid: str = "cluster-1") -> None:
        self.objects: dict[Key, Manifest] = {}
        self.calls: list[tuple[str, str]] = []
        """(`apply` or `delete`, name), in order."""
        self.refusals: dict[str, kube.KubeError] = {}
        """Name of an object whose next apply is refused."""
        self.immutable: dict[str, tuple[str, ...]] = {}
        """Kind to the fields of `spec` that cannot be changed."""
        self.busy: set[str] = set()
        """Names of workloads that never become ready."""
        self.applied: Callable[[str], None] = lambda _: None
        """Told of each apply, by name."""
        self.lasts: int | None = None
        """How many applies it lives; from then on nobody answers, each call after `delay`."""
        self.delay = 0.0
        """Seconds that each call takes."""
        self.most_deletions_at_once = 0
        self._deleting = 0
        self._changed = threading.Condition()
        self._uid = uid
        self._made = 0

    def connect(self, kubeconfig: Path, context: str | None) -> "FakeCluster":
        return self

    def names(self, verb: str) -> list[str]:
        return [name for called, name in self.calls if called == verb]

    def object(self, kind: str, name: str, namespace: str = "soma") -> Manifest:
        return self.objects[kind, namespace, name]

    def _answer(self) -> None:
        if self.lasts is not None and len(self.names("apply")) > self.lasts:
            raise kube.Unreachable(0, "Unreachable", "https://127.0.0.1:20000: no answer: refused")

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest:
        if (kind, name) == ("Namespace", "kube-system"):
            return {"metadata": {"name": name, "uid": self._uid}}
        found = self.find(api_version, kind, name, namespace)
        if found is None:
            raise kube.NotFound(404, "NotFound", f"{kind} {name} not found")
        return found

    def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        self._answer()
        return copy.deepcopy(self.objects.get((kind, namespace or "", name)))

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> list[Manifest]:
        return [copy.deepcopy(obj) for key, obj in self.objects.items() if key[0] == kind]

    def apply(
        self,
        obj: Manifest,
        field_manager: str,
        force: bool = True,
        dry_run: bool = False,
        subresource: str | None = None,
    ) -> Manifest:
        time.sleep(self.delay)
        metadata = obj["metadata"]
        key = (obj["kind"], metadata.get("namespace", ""), metadata["name"])
        with self._changed:
            self.calls.append(("apply", metadata["name"]))
            self.applied(metadata["name"])
            self._answer()
            if metadata["name"] in self.refusals:
                raise self.refusals.pop(metadata["name"])
            before = self.objects.get(key)
            self._refuse_immutable(obj, before)
            made = copy.deepcopy(obj)
            self._made += 1
            made["metadata"]["uid"] = before["metadata"]["uid"] if before else f"uid-{self._made}"
            made["metadata"]["generation"] = 1
            made["status"] = {} if metadata["name"] in self.busy else _ready(obj)
            self.objects[key] = made
            if obj["kind"] == "Service" and metadata["name"] not in self.busy:
                self.objects["Endpoints", key[1], key[2]] = {"subsets": [{"addresses": [{"ip": "10.0.0.1"}]}]}
            self._changed.notify_all()
            return copy.deepcopy(made)

    def delete(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        propagation: str = "Background",
        grace_seconds: int | None = None,
    ) -> bool:
        with self._changed:
            self.calls.append(("delete", name))
            self._deleting += 1
            self.most_deletions_at_once = max(self.most_deletions_at_once, self._deleting)
        time.sleep(self.delay)
        with self._changed:
            self._deleting -= 1
            self._changed.notify_all()
            return self.objects.pop((kind, namespace or "", name), None) is not None

    def wait(self, obj: Manifest, predicate: Callable[[Manifest | None], bool], timeout: float) -> Manifest | None:
        key = (obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        deadline = time.monotonic() + timeout
        with self._changed:
            while not predicate(self.objects.get(key)):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise kube.WaitTimeout(0, "Timeout", "not as wanted")
                self._changed.wait(left)
                self._answer()
            return self.objects.get(key)

    def become_ready(self, kind: str, name: str, namespace: str = "soma") -> None:
        """Once it has been applied, which may be a moment away: objects are applied side by side."""
        with self._changed:
            assert self._changed.wait_for(lambda: (kind, namespace, name) in self.objects, 10)
            self.busy.discard(name)
            self.objects[kind, namespace, name]["status"] = _ready(self.objects[kind, namespace, name])
            self._changed.notify_all()

    def _refuse_immutable(self, obj: Manifest, before: Manifest | None) -> None:
        for field in self.immutable.get(obj["kind"], ()):
            if before is not None and before["spec"].get(field) != obj["spec"].get(field):
                raise kube.Invalid(
                    422, "Invalid", f"spec.{field}: Invalid value: {obj['spec'][field]!r}: field is immutable"
                )


def _ready(obj: Manifest) -> Manifest:
    replicas = (obj.get("spec") or {}).get("replicas", 1)
    return {
        "observedGeneration": 1,
        "replicas": replicas,
        "updatedReplicas": replicas,
        "availableReplicas": replicas,
        "readyReplicas": replicas,
        "conditions": [{"type": "Complete", "status": "True"}, {"type": "Ready", "status": "True"}],
    }
