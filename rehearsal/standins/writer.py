"""Writes objects by server-side apply, and only when they differ from what was written last."""

import json
import threading
import time
from typing import Any

from rehearsal.kube import Client, Manifest
from rehearsal.standins.log import note

FRESH_SECONDS = 60.0
"""After this long an unchanged object is written again when its owner is looked at: it may have been changed."""

Slot = tuple[str, str, str, str, str]


class Writer:
    """The writes of one stand-in under one field manager."""

    def __init__(self, client: Client, manager: str) -> None:
        self.client = client
        self.manager = manager
        self._written: dict[Slot, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def apply(self, obj: Manifest, subresource: str = "", uid: str = "") -> Manifest | None:
        """Applies the object, or one subresource of it; None when just that was written a moment ago.

        `uid` tells the object from an earlier one of the same name.
        """
        slot = _slot(obj, subresource)
        text = uid + json.dumps(obj, sort_keys=True)
        with self._lock:
            before, when = self._written.get(slot, ("", 0.0))
        if before == text and time.monotonic() - when < FRESH_SECONDS:
            return None
        answer = self.client.apply(obj, self.manager, subresource=subresource or None)
        with self._lock:
            self._written[slot] = (text, time.monotonic())
        if before != text:
            self._say(obj, subresource)
        return answer

    def status(self, obj: Manifest, status: dict[str, Any]) -> Manifest | None:
        """Applies the status of an object that exists; None when just that was written a moment ago."""
        metadata: dict[str, Any] = {"name": obj["metadata"]["name"]}
        if obj["metadata"].get("namespace"):
            metadata["namespace"] = obj["metadata"]["namespace"]
        body = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata, "status": status}
        return self.apply(body, "status", str(obj["metadata"].get("uid") or ""))

    def delete(self, api_version: str, kind: str, name: str, namespace: str) -> bool:
        """Deletes an object; False when it was not there."""
        self.forget({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}})
        gone = self.client.delete(api_version, kind, name, namespace)
        if gone:
            note(self.manager, f"{namespace}/{name}: {kind} deleted")
        return gone

    def forget(self, obj: Manifest) -> None:
        """The object has gone or is another one: write it again when it is wanted."""
        with self._lock:
            for slot in [slot for slot in self._written if slot[:4] == _slot(obj, "")[:4]]:
                del self._written[slot]

    def forget_all(self) -> None:
        """The API server may be another one than before."""
        with self._lock:
            self._written.clear()

    def _say(self, obj: Manifest, subresource: str) -> None:
        metadata = obj["metadata"]
        where = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
        told = obj.get("status") or {}
        state = told.get("phase") or told.get("state")
        what = f"{obj['kind']} {subresource}".strip() + (f" {state!r}" if state else "")
        note(self.manager, f"{where}{metadata['name']}: {what} written")


def _slot(obj: Manifest, subresource: str) -> Slot:
    metadata = obj["metadata"]
    return obj["apiVersion"], obj["kind"], str(metadata.get("namespace") or ""), metadata["name"], subresource
