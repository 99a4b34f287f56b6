"""The REST interface for clients: paths, keys, shapes and words of src/actix/api."""

import json
import re
import time
import uuid
from collections.abc import Callable
from typing import Any, cast

from . import cluster, keys, metrics, snapshots
from .faults import BadInputError, BadRequestError, ForbiddenError, StorageError
from .node import Node
from .peers import Faults
from .points import Points
from .wire import Answer, Request

VERSION = "1.19.0"
_OPEN = {"/", "/healthz", "/readyz", "/livez"}
"""Need no key (src/actix/mod.rs: api_key_whitelist)."""
_READS = re.compile(r"/points/(query|search|scroll|count)$")

Call = Callable[..., Any]


class MalformedError(Exception):
    """A body that Qdrant's extractors refuse: 400, or 422 for a value out of range."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class RestInterface:
    """Answers clients."""

    def __init__(self, node: Node, points: Points, faults: Faults, answers: metrics.Answers) -> None:
        self._node, self._points, self._faults, self._answers = node, points, faults, answers
        name = r"/collections/([^/]+)"
        self._routes: list[tuple[str, re.Pattern[str], Call]] = [
            ("GET", re.compile("/cluster"), lambda _: cluster.status(node)),
            ("DELETE", re.compile(r"/cluster/peer/(\d+)"), lambda r, peer: cluster.remove_peer(node, r, int(peer))),
            ("GET", re.compile("/collections"), lambda _: cluster.names(node)),
            ("GET", re.compile(name), lambda _, c: cluster.info(node, c, points.count(c))),
            ("PUT", re.compile(name), lambda r, c: cluster.create(node, c, _object(r), _seconds(r))),
            ("PATCH", re.compile(name), lambda r, c: cluster.update(node, c, _object(r))),
            ("DELETE", re.compile(name), lambda _, c: cluster.delete(node, c)),
            ("GET", re.compile(name + "/exists"), lambda _, c: {"exists": c in node.catalog.collections}),
            ("GET", re.compile(name + "/cluster"), lambda _, c: cluster.placement(node, c)),
            ("POST", re.compile(name + "/cluster"), lambda r, c: cluster.change(node, c, _object(r))),
            ("PUT", re.compile(name + "/points"), self._upsert),
            ("POST", re.compile(name + "/points/delete"), self._delete),
            ("POST", re.compile(name + "/points/query"), self._query),
            ("POST", re.compile(name + "/points/search"), self._search),
            ("POST", re.compile(name + "/points/scroll"), self._scroll),
            ("POST", re.compile(name + "/points/count"), lambda _, c: {"count": points.count(c)}),
            *self._snapshots(name + r"/shards/(\d+)/snapshots"),
        ]

    def _snapshots(self, path: str) -> list[tuple[str, re.Pattern[str], Call]]:
        node = self._node
        all_, one, sent = re.compile(path), re.compile(path + "/([^/]+)"), re.compile(path + "/upload")
        return [
            ("GET", all_, lambda _, c, s: snapshots.listed(node, c, int(s))),
            ("POST", all_, lambda _, c, s: snapshots.create(node, c, int(s))),
            ("POST", sent, lambda r, c, s: snapshots.upload(node, r, c, int(s))),
            ("GET", one, lambda _, c, s, name: snapshots.download(node, c, int(s), name)),
            ("DELETE", one, lambda _, c, s, name: snapshots.delete(node, c, int(s), name)),
        ]

    def answer(self, request: Request) -> Answer:
        """Text for probes and refused keys, JSON for everything else."""
        if request.path in _OPEN:
            return self._open(request.path)
        refused = self._refused(request)
        if refused is not None:
            return refused
        planned = self._faults.due(request.method, request.path)
        if planned is not None:
            return planned
        if request.path == "/metrics":
            return Answer(200, metrics.text(self._node, self._answers, VERSION))
        started = time.monotonic()
        for method, pattern, call in self._routes:
            match = pattern.fullmatch(request.path)
            if method == request.method and match is not None:
                answer = _timed(started, lambda c=call, m=match: self._allowed(request, c, m.groups()))
                self._answers.count(method, request.path, answer.status, time.monotonic() - started)
                return answer
        return Answer(404, "")

    def _open(self, path: str) -> Answer:
        if path == "/":
            return Answer(200, {"title": "qdrant - vector search engine", "version": VERSION})
        if path != "/readyz":
            return Answer(200, "healthz check passed")
        if self._node.is_ready():
            return Answer(200, "all shards are ready")
        return Answer(503, "some shards are not ready")

    def _refused(self, request: Request) -> Answer | None:
        """src/common/auth/mod.rs (validate_request): plain text, not JSON."""
        options = self._node.options
        if not keys.guarded(options):
            return None
        key = _key(request)
        if not key:
            return Answer(401, "Must provide an API key or an Authorization bearer token")
        if keys.access(options, key) is None:
            return Answer(401, "Invalid API key or JWT")
        return None

    def _allowed(self, request: Request, call: Call, arguments: tuple[str, ...]) -> Any:
        """Anything that changes something needs a full key (lib/storage/src/rbac/mod.rs)."""
        options = self._node.options
        writes = request.method != "GET" and not _READS.search(request.path)
        if writes and keys.guarded(options) and keys.access(options, _key(request)) != "full":
            raise ForbiddenError("Global manage access is required")
        return call(request, *arguments)

    # Points.

    def _size(self, collection: str) -> int:
        with self._node.lock:
            return self._node.catalog.collection(collection).config["params"]["vectors"]["size"]

    def _upsert(self, request: Request, collection: str) -> Any:
        size = self._size(collection)
        given = _object(request).get("points")
        if not isinstance(given, list):
            raise MalformedError("Format error in JSON body: data did not match any variant of untagged enum")
        points: dict[int | str, dict[str, Any] | None] = {}
        for point in cast(list[dict[str, Any]], given):
            vector = point.get("vector")
            if not isinstance(vector, list):
                raise MalformedError("Format error in JSON body: missing field `vector`")
            if len(cast(list[float], vector)) != size:
                got = len(cast(list[float], vector))
                raise BadInputError(f"Vector dimension error: expected dim: {size}, got {got}")
            points[_id(point.get("id"))] = {"vector": vector, "payload": point.get("payload") or {}}
        self._points.write(collection, points)
        return {"operation_id": 0, "status": "completed"}

    def _delete(self, request: Request, collection: str) -> Any:
        given = _object(request).get("points")
        if not isinstance(given, list):
            raise BadRequestError("this stand-in deletes points by id alone")
        self._size(collection)
        self._points.write(collection, {_id(point): None for point in cast(list[Any], given)})
        return {"operation_id": 0, "status": "completed"}

    def _query(self, request: Request, collection: str) -> Any:
        asked = _object(request)
        query = asked.get("query")
        vector = cast(dict[str, Any], query).get("nearest") if isinstance(query, dict) else query
        return {"points": self._nearest(collection, vector, asked)}

    def _search(self, request: Request, collection: str) -> Any:
        asked = _object(request)
        return self._nearest(collection, asked.get("vector"), asked)

    def _nearest(self, collection: str, vector: object, asked: dict[str, Any]) -> list[dict[str, Any]]:
        size = self._size(collection)
        if not isinstance(vector, list):
            raise BadRequestError("this stand-in takes a vector as a query and nothing else")
        numbers = cast(list[float], vector)
        if len(numbers) != size:
            raise BadInputError(f"Vector dimension error: expected dim: {size}, got {len(numbers)}")
        found = self._points.query(collection, numbers, int(asked.get("limit", 10)))
        return [{"version": 0, "score": score, **_shown(record, asked)} for score, record in found]

    def _scroll(self, request: Request, collection: str) -> Any:
        asked = {"with_payload": True, **_object(request)}
        offset = asked.get("offset")
        start = None if offset is None else _id(offset)
        found, following = self._points.scroll(collection, start, int(asked.get("limit") or 10))
        return {"points": [_shown(record, asked) for record in found], "next_page_offset": following}


def _key(request: Request) -> str:
    return request.headers.get("api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")


def _shown(record: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": record["id"]}
    if asked.get("with_payload"):
        shown["payload"] = record["point"]["payload"]
    if asked.get("with_vector"):
        shown["vector"] = record["point"]["vector"]
    return shown


def _id(value: object) -> int | str:
    """lib/segment/src/types.rs (ExtendedPointId)."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise MalformedError(
            f"Format error in JSON body: value {value} is not a valid point ID, "
            "valid values are either an unsigned integer or a UUID"
        ) from None


def _object(request: Request) -> dict[str, Any]:
    try:
        value = json.loads(request.body or b"null")
    except ValueError as error:
        raise MalformedError(f"Format error in JSON body: {error}") from None
    if not isinstance(value, dict):
        raise MalformedError("Format error in JSON body: expected an object")
    return cast(dict[str, Any], value)


def _seconds(request: Request) -> float | None:
    return float(request.query["timeout"]) if "timeout" in request.query else None


def _timed(started: float, work: Callable[[], Any]) -> Answer:
    """The envelope of every JSON answer (lib/api/src/rest/models.rs: ApiResponse)."""
    try:
        result = work()
        if isinstance(result, Answer):
            return result
        return Answer(200, {"result": result, "status": "ok", "time": time.monotonic() - started})
    except StorageError as error:
        return Answer(error.status, _failed(str(error), started))
    except MalformedError as error:
        return Answer(error.status, _failed(str(error), started))


def _failed(text: str, started: float) -> dict[str, Any]:
    return {"status": {"error": text}, "time": time.monotonic() - started}
