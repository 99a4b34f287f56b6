"""Reads objects from the Kubernetes API with the pod's service account."""

import base64
import http.client
import json
import os
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

Manifest = dict[str, Any]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SECONDS = 5.0
"""Longest wait for an answer."""
REFUSED, NOT_FOUND = 400, 404
GROUP = "apis/postgresql.cnpg.io/v1"


class ApiError(Exception):
    """The API server did not answer, or refused; says which object and why."""


class Missing(ApiError):  # noqa: N818
    """There is no such object (yet)."""


class Api:
    """The API server as this pod sees it; `KUBERNETES_API` names another one than the cluster's own.

    One connection is kept: a handshake for each look would cost more than all else that a pod does.
    """

    def __init__(self, namespace: str, environment: Mapping[str, str] = os.environ) -> None:
        place = f"{environment.get('KUBERNETES_SERVICE_HOST')}:{environment.get('KUBERNETES_SERVICE_PORT')}"
        url = urlsplit(environment.get("KUBERNETES_API") or f"https://{place}")
        self._namespace = namespace
        self._lock = threading.Lock()
        if url.scheme == "http":
            self._connection = http.client.HTTPConnection(url.netloc, timeout=SECONDS)
        else:
            authority = ACCOUNT / "ca.crt"
            context = ssl.create_default_context(cafile=str(authority) if authority.exists() else None)
            self._connection = http.client.HTTPSConnection(url.netloc, timeout=SECONDS, context=context)

    def cluster(self, name: str) -> Manifest:
        """A Cluster with its status."""
        return self._get(f"{GROUP}/namespaces/{self._namespace}/clusters/{name}")

    def pooler(self, name: str) -> Manifest:
        """A Pooler."""
        return self._get(f"{GROUP}/namespaces/{self._namespace}/poolers/{name}")

    def secret(self, name: str) -> dict[str, str]:
        """A Secret's values, decoded."""
        found = self._get(f"api/v1/namespaces/{self._namespace}/secrets/{name}")
        data = cast(dict[str, str], found.get("data") or {})
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def _get(self, path: str) -> Manifest:
        what = path.rpartition("namespaces/")[2]
        with self._lock:
            kept = self._connection.sock is not None
            try:
                status, reason, body = self._ask(path)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if not kept or isinstance(error, TimeoutError):
                    raise ApiError(f"{what}: no answer from the API server: {error}") from None
                status, reason, body = self._again(path, what)  # the server may have closed what was kept
        if status >= REFUSED:
            raise (Missing if status == NOT_FOUND else ApiError)(f"{what}: the API server answers {status} {reason}")
        return cast(Manifest, json.loads(body))

    def _again(self, path: str, what: str) -> tuple[int, str, bytes]:
        try:
            return self._ask(path)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ApiError(f"{what}: no answer from the API server: {error}") from None

    def _ask(self, path: str) -> tuple[int, str, bytes]:
        token = ACCOUNT / "token"  # read each time: the kubelet renews it
        headers = {"Authorization": f"Bearer {token.read_text()}"} if token.exists() else {}
        self._connection.request("GET", f"/{path}", headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.reason, answer.read()
