"""A thin client for the Kubernetes API: plain dictionaries in and out, typed errors, a timeout on every call."""

import ipaddress
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

import httpx

from rehearsal import kubeconfig
from rehearsal.discovery import Discovery, Resource
from rehearsal.errors import RehearsalError
from rehearsal.exec_credentials import ByCommand

Manifest = dict[str, Any]
"""An object as in YAML: camelCase keys, plain values."""

CALL_SECONDS = 30.0
"""Longest wait for the answer to one call; a half-dead server otherwise holds a client for ever."""
RETRY_SECONDS = 10.0
"""How long an idempotent call is repeated while nobody listens at the server's address."""
PAUSE_SECONDS = 0.1
WATCH_SECONDS = 300.0
GONE = 410
TOO_MANY_REQUESTS = 429
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class KubeError(RehearsalError):
    """The API server refused: its status code, reason and message, and the causes that it lists."""

    def __init__(self, status: int, reason: str, message: str, causes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status code; 0 when there was no answer."""
        self.reason = reason
        """Kubernetes' one-word reason, such as `NotFound`, `Conflict`, `Invalid`, `AlreadyExists`, `Forbidden`."""
        self.message = message
        self.causes = causes
        """Field and fault, such as `spec.replicas: must be greater than or equal to 0`."""


class NotFound(KubeError):  # noqa: N818
    """There is no such object (404)."""


class Conflict(KubeError):  # noqa: N818
    """The object changed meanwhile, exists already, or another manager owns the field (409)."""


class Invalid(KubeError):  # noqa: N818
    """A value is not allowed, among them changes of immutable fields (422)."""


class UnknownKind(KubeError):  # noqa: N818
    """The server serves no such kind: its CRD is not installed."""


class Unreachable(KubeError):  # noqa: N818
    """Nobody answered at the server's address, or not in time."""


class WaitTimeout(KubeError):  # noqa: N818
    """What was waited for did not come about in time."""


@dataclass(frozen=True)
class Event:
    """One line of a watch."""

    type: str
    """ADDED, MODIFIED or DELETED."""
    object: Manifest


class Client:
    """One API server. Safe to use from several threads; connections are kept alive and shared."""

    def __init__(self, connection: kubeconfig.Connection) -> None:
        self.server = connection.server
        self.namespace = connection.namespace
        """Namespace of objects that name none, for namespaced kinds."""
        host = urlsplit(connection.server).hostname
        headers = {"Authorization": f"Bearer {connection.token}"} if connection.token else {}
        self._http = httpx.Client(
            base_url=connection.server,
            verify=connection.verify,
            headers=headers,
            auth=None if connection.command is None else ByCommand(connection.command),
            timeout=CALL_SECONDS,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=32, keepalive_expiry=30),
            trust_env=not _is_here(host),  # a proxy of the environment must not stand between us and this machine
        )
        self._discovery = Discovery(lambda path, accept: self.call("GET", path, accept=accept))

    @classmethod
    def from_kubeconfig(cls, path: Path | str, context: str | None = None) -> Self:
        """A client for one context; RehearsalError where it signs in in a way that this does not know."""
        return cls(kubeconfig.read(Path(path), context))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the kept connections."""
        self._http.close()

    # Kinds

    def resource(self, api_version: str, kind: str) -> Resource:
        """How a kind is served; UnknownKind when it is not."""
        found = self._discovery.find(api_version, kind)
        if found is None:
            raise UnknownKind(404, "UnknownKind", f"the API server serves no {kind} of {api_version}")
        return found

    def resources(self) -> list[Resource]:
        """Every kind that the server serves now."""
        return self._discovery.all()

    # Objects

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest:
        """The object, or NotFound."""
        return self.call("GET", self._path(api_version, kind, namespace, name))

    def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        """The object, or None when it is not there."""
        try:
            return self.get(api_version, kind, name, namespace)
        except NotFound:
            return None

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> list[Manifest]:
        """The objects of one namespace, or of all when none is named. Each carries its apiVersion and kind."""
        resource = self.resource(api_version, kind)
        query = _query(labelSelector=label_selector, fieldSelector=field_selector)
        answer = self.call("GET", resource.path(namespace), query=query)
        # the server leaves both out of the items of a list
        return [{"apiVersion": api_version, "kind": kind, **item} for item in answer.get("items") or []]

    def create(self, obj: Manifest, *, field_manager: str | None = None, dry_run: bool = False) -> Manifest:
        """Makes the object; Conflict when it exists."""
        resource = self.resource(obj["apiVersion"], obj["kind"])
        query = _query(fieldManager=field_manager, dryRun="All" if dry_run else None)
        path = resource.path(self._namespace_of(obj, resource))
        return self.call("POST", path, body=obj, query=query, idempotent=False)

    def apply(
        self,
        obj: Manifest,
        field_manager: str,
        force: bool = True,
        dry_run: bool = False,
        subresource: str | None = None,
    ) -> Manifest:
        """Server-side apply: the fields of `obj` become those of `field_manager`, the others stay; the result."""
        query = _query(fieldManager=field_manager, force=str(force).lower(), dryRun="All" if dry_run else None)
        path = self.path_of(obj, subresource)
        return self.call("PATCH", path, body=obj, query=query, content_type=APPLY)

    def patch(
        self,
        api_version: str,
        kind: str,
        name: str,
        patch: Mapping[str, Any],
        namespace: str | None = None,
        *,
        subresource: str | None = None,
        field_manager: str | None = None,
    ) -> Manifest:
        """A JSON merge patch of the object or of one subresource (`None` removes a key, lists are replaced)."""
        path = self._path(api_version, kind, namespace, name, subresource)
        return self.call("PATCH", path, body=patch, query=_query(fieldManager=field_manager), content_type=MERGE)

    def patch_status(
        self, api_version: str, kind: str, name: str, status: Mapping[str, Any], namespace: str | None = None
    ) -> Manifest:
        """A JSON merge patch of the object's status, as a controller writes it."""
        return self.patch(api_version, kind, name, {"status": dict(status)}, namespace, subresource="status")

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
        """Asks for deletion; False when the object was not there. It may live on until its finalizers are done."""
        options: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        try:
            self.call("DELETE", self._path(api_version, kind, namespace, name), body=options)
        except NotFound:
            return False
        return True

    # Changes

    def watch(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        resource_version: str | None = None,
        timeout: float = WATCH_SECONDS,
    ) -> Iterator[Event]:
        """Changes until `timeout` seconds have passed or the server ends the watch.

        Without `resource_version` it begins with an ADDED for every object there is. A version that the server
        no longer keeps raises KubeError with status 410: list again, or watch without a version.
        """
        query = _query(
            watch="true",
            labelSelector=label_selector,
            fieldSelector=field_selector,
            resourceVersion=resource_version,
            timeoutSeconds=str(max(1, round(timeout))),
        )
        path = self.resource(api_version, kind).path(namespace)
        try:
            yield from self._lines(path, query, timeout)
        except httpx.ReadTimeout:
            return  # the server should have ended it; for the reader this is the same
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def wait(self, obj: Manifest, predicate: Callable[[Manifest | None], bool], timeout: float) -> Manifest | None:
        """The object (None: not there) once `predicate` holds for it; WaitTimeout after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        api_version, kind, name = obj["apiVersion"], obj["kind"], obj["metadata"]["name"]
        namespace = self._namespace_of(obj, self.resource(api_version, kind))
        while True:
            current = self.find(api_version, kind, name, namespace)
            if predicate(current):
                return current
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitTimeout(0, "Timeout", f"{kind} {name}: not as wanted after {timeout:.0f} s")
            version = current["metadata"]["resourceVersion"] if current is not None else None
            try:
                for event in self.watch(
                    api_version,
                    kind,
                    namespace,
                    field_selector=f"metadata.name={name}",
                    resource_version=version,
                    timeout=left,
                ):
                    seen = None if event.type == "DELETED" else event.object
                    if predicate(seen):
                        return seen
            except KubeError as error:
                if error.status != GONE and not isinstance(error, Unreachable):
                    raise
                time.sleep(PAUSE_SECONDS)

    # Calls

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | bytes | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        idempotent: bool = True,
        wait: bool = True,
        timeout: float = CALL_SECONDS,
    ) -> Manifest:
        """One call, decoded. Idempotent ones are repeated while the address refuses or a kept connection was closed;
        with `wait` all are where the server says when to come back."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Accept": accept, "Content-Type": content_type}
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                answer = self._http.request(
                    method, path, content=content, params=query, headers=headers, timeout=timeout
                )
            except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                if not idempotent or time.monotonic() > deadline:
                    raise self._unreachable(error) from error
                time.sleep(PAUSE_SECONDS)
                continue
            except httpx.TransportError as error:
                raise self._unreachable(error) from error
            if wait and answer.status_code == TOO_MANY_REQUESTS and _asks_to_retry(answer, deadline):
                time.sleep(float(answer.headers["Retry-After"]))
                continue
            if answer.is_error:
                raise _refusal(answer.status_code, answer.content)
            return _decoded(answer.content)

    def path_of(self, obj: Manifest, subresource: str | None = None) -> str:
        """The path of an object that is given as a manifest."""
        resource = self.resource(obj["apiVersion"], obj["kind"])
        return resource.path(self._namespace_of(obj, resource), obj["metadata"]["name"], subresource)

    def _path(
        self, api_version: str, kind: str, namespace: str | None, name: str, subresource: str | None = None
    ) -> str:
        return self.resource(api_version, kind).path(namespace or self.namespace, name, subresource)

    def _namespace_of(self, obj: Manifest, resource: Resource) -> str | None:
        return obj["metadata"].get("namespace") or self.namespace if resource.namespaced else None

    def _lines(self, path: str, query: Mapping[str, str], timeout: float) -> Iterator[Event]:
        limits = httpx.Timeout(CALL_SECONDS, read=timeout + PAUSE_SECONDS)
        with self._http.stream("GET", path, params=query, timeout=limits) as answer:
            if answer.is_error:
                raise _refusal(answer.status_code, answer.read())
            for line in answer.iter_lines():
                if not line:
                    continue
                decoded = cast(Manifest, json.loads(line))
                if decoded["type"] == "ERROR":
                    raise _refusal_of(cast(Manifest, decoded["object"]))
                if decoded["type"] != "BOOKMARK":
                    yield Event(str(decoded["type"]), cast(Manifest, decoded["object"]))

    def _unreachable(self, error: Exception) -> Unreachable:
        said = str(error) or type(error).__name__
        return Unreachable(0, "Unreachable", f"{self.server}: no answer: {said}")


def _is_here(host: str | None) -> bool:
    """Whether a host is this machine: loopback, or a link-local address such as that of a network namespace."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_link_local


def _query(**values: str | None) -> dict[str, str]:
    return {key: value for key, value in values.items() if value is not None}


def _asks_to_retry(answer: httpx.Response, deadline: float) -> bool:
    """A server that sheds load has not begun the call and says when to come back (API Priority and Fairness)."""
    return "Retry-After" in answer.headers and time.monotonic() < deadline


def _decoded(content: bytes) -> Manifest:
    return cast(Manifest, json.loads(content)) if content.startswith(b"{") else {"text": content.decode()}


def _refusal(status: int, content: bytes) -> KubeError:
    try:
        return _refusal_of({"code": status, **json.loads(content)})
    except (ValueError, TypeError):
        return _refusal_of({"code": status, "message": content.decode(errors="replace").strip()})


def _refusal_of(said: Manifest) -> KubeError:
    """The error for a Status object (meta/v1)."""
    status = int(said.get("code") or 0)
    kinds: dict[int, type[KubeError]] = {404: NotFound, 409: Conflict, 422: Invalid}
    causes = tuple(
        f"{cause['field']}: {cause.get('message', '')}" if cause.get("field") else str(cause.get("message", ""))
        for cause in (said.get("details") or {}).get("causes") or []
    )
    message = str(said.get("message") or f"HTTP status {status}")
    return kinds.get(status, KubeError)(status, str(said.get("reason") or ""), message, causes)
