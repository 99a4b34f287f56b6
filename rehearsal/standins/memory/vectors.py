"""Qdrant as the service's client calls it: REST, no API key, 5 s of patience, no retries."""

import hashlib
import http.client
import json
import logging
import urllib.parse
from contextlib import suppress
from typing import Any

SECONDS = 5.0


class QdrantError(Exception):
    """Any answer that is not 2xx, and no answer."""


class Vectors:
    """One collection. Construction never fails: what goes wrong is swallowed, as in the service."""

    def __init__(self, url: str, collection: str, dimensions: int) -> None:
        parts = urllib.parse.urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 6333)
        self._path = "/collections/" + urllib.parse.quote(collection, safe="")
        self._dimensions = dimensions
        self._setup()

    def _setup(self) -> None:
        """The start-up that can drop a collection: whatever goes wrong with the question counts as "absent"."""
        vectors = {"vectors": {"size": self._dimensions, "distance": "Cosine"}}
        with suppress(QdrantError):  # the client only warns about a version that it could not read
            self._call("GET", "/")
        try:
            exists = bool(self._call("GET", self._path + "/exists")["exists"])
        except (QdrantError, KeyError, TypeError):
            exists = False
        try:
            self._call("GET" if exists else "PUT", self._path, None if exists else vectors)
        except QdrantError as error:
            logging.warning("collection could not be made, it is made anew: %s", error)
            for method, body in (("DELETE", None), ("PUT", vectors)):
                try:
                    self._call(method, self._path, body)
                except QdrantError as refused:
                    logging.warning("%s of the collection failed: %s", method, refused)

    def _call(self, method: str, path: str, body: object = None) -> Any:
        connection = http.client.HTTPConnection(*self._address, timeout=SECONDS)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"content-type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status // 100 != 2:
                raise QdrantError(f"{answer.status} {content[:200]!r}")
            return json.loads(content).get("result")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise QdrantError(str(error)) from error
        finally:
            connection.close()

    def embedding(self, text: str) -> list[float]:
        """Bytes of a hash, repeated: all positive and not normalised, without any meaning."""
        digest = hashlib.blake2b(text.encode()).digest()
        return [digest[at % len(digest)] / 255 for at in range(self._dimensions)]

    def upsert(self, point: str, text: str, payload: dict[str, Any]) -> None:
        """Raises `QdrantError`."""
        points = [{"id": point, "vector": self.embedding(text), "payload": payload}]
        self._call("PUT", self._path + "/points?wait=true", {"points": points})

    def search(self, query: str, limit: int) -> list[dict[str, Any]]:
        """Payloads of the nearest points. Raises `QdrantError`."""
        vector, rest = self.embedding(query), {"limit": limit, "with_payload": True, "with_vector": False}
        try:
            found = self._call("POST", self._path + "/points/query", {"query": {"nearest": vector}, **rest})["points"]
        except QdrantError:  # the old call, after any failure of the new one
            found = self._call("POST", self._path + "/points/search", {"vector": vector, **rest})
        return [point.get("payload") or {} for point in found]

    def scroll(self) -> int:
        """Reads every point, a page of 100 at a time, and counts them. Raises `QdrantError`."""
        count, question = 0, {"limit": 100, "with_payload": True, "with_vector": False}
        while True:
            page = self._call("POST", self._path + "/points/scroll", question)
            count += len(page["points"])
            if page.get("next_page_offset") is None:
                return count
            question["offset"] = page["next_page_offset"]

    def healthy(self) -> bool:
        try:
            self._call("GET", self._path)
        except QdrantError:
            return False
        return True
