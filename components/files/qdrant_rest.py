"""What the Jobs on Qdrant share: its REST interface through any node that is a member, and words for what went wrong.

Every node is called by its own name and not through a Service: a node that was removed from its cluster still answers,
from a knowledge that is out of date. Standard library only.
"""

import http.client
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

REQUEST_SECONDS = 65.0
"""Longer than the 60 s that Qdrant is given for an operation on a collection (`?timeout=60`)."""

LOOK_SECONDS = 5.0
"""For a question that a sound node answers at once."""

TROUBLE = (OSError, ValueError, KeyError, http.client.HTTPException)
"""What a call raises when the other side is away, fails or talks nonsense (urllib.error.URLError is an OSError)."""


class RefusedError(Exception):
    """What is wrong and what to do about it; ends the Job."""


class Qdrant:
    """The few calls of Qdrant's REST interface that the Jobs need. `nodes` are URLs by the name of their pod."""

    def __init__(self, nodes: Mapping[str, str], api_key: str) -> None:
        self._nodes = {name: url.rstrip("/") for name, url in nodes.items()}
        self._headers = {"api-key": api_key, "content-type": "application/json"}
        self._member: str | None = None

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The `result` of a member's answer; raises what `TROUBLE` holds."""
        name = self.member()
        try:
            return self.ask(name, method, path, body)
        except urllib.error.HTTPError:
            raise
        except TROUBLE:
            self._member = None  # the next call looks for another one
            raise

    def ask(self, node: str, method: str, path: str, body: object = None, seconds: float = REQUEST_SECONDS) -> Any:
        """The `result` of this node's answer; raises what `TROUBLE` holds."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._nodes[node] + path, data, self._headers, method=method)
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return json.load(answer)["result"]

    def member(self) -> str:
        """Name of a node that takes part in the consensus; OSError where none does."""
        if self._member is None:
            self._member = next((name for name in self._nodes if self._takes_part(name)), None)
        if self._member is None:
            raise OSError(f"none of {', '.join(self._nodes)} takes part in a Qdrant cluster")
        return self._member

    def _takes_part(self, node: str) -> bool:
        try:
            return works(self.ask(node, "GET", "/cluster", seconds=LOOK_SECONDS))
        except TROUBLE:
            return False


def works(cluster: Mapping[str, Any]) -> bool:
    """Whether `GET /cluster` tells of a consensus that runs (lib/storage/src/types.rs: ConsensusThreadStatus)."""
    return cluster.get("consensus_thread_status", {}).get("consensus_thread_status") == "working"


def path_of(collection: str) -> str:
    """Path of a collection."""
    return "/collections/" + urllib.parse.quote(collection, safe="")


def told(error: Exception) -> str:
    """An error in words: those of Qdrant where it gave some."""
    if not isinstance(error, urllib.error.HTTPError):
        return str(error) or type(error).__name__
    text = error.read(2000).decode(errors="replace")
    try:
        return f"{error.code} {json.loads(text)['status']['error']}"
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {text.strip()}"


def say(text: str) -> None:
    """One line of the Job's log."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
