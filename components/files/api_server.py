"""The API server, as a pod asks it: by the token of its service account. Standard library only."""

import json
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

SECONDS = 10.0
"""How long one answer may take."""


class RefusedError(OSError):
    """The API server understood and said no. `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def account() -> Path:
    """Folder with `token`, `namespace` and `ca.crt`; SERVICE_ACCOUNT names another one when a test plays the pod."""
    return Path(os.environ.get("SERVICE_ACCOUNT", "/var/run/secrets/kubernetes.io/serviceaccount"))


def namespace() -> str:
    """The pod's own. Raises OSError."""
    return (account() / "namespace").read_text(encoding="utf-8").strip()


def get(path: str) -> dict[str, Any]:
    """An object. Raises RefusedError, else OSError or ValueError for no answer or for one that cannot be read."""
    return _call("GET", path, None)


def patch(path: str, change: dict[str, Any]) -> dict[str, Any]:
    """Merges a change into an object, and gives back what it is then. Raises what `get` raises."""
    return _call("PATCH", path, json.dumps(change).encode())


def _call(method: str, path: str, body: bytes | None) -> dict[str, Any]:
    url = _url()
    token = (account() / "token").read_text(encoding="utf-8").strip()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/merge-patch+json"}
    request = urllib.request.Request(url + path, data=body, headers=headers, method=method)
    secure = ssl.create_default_context(cafile=str(account() / "ca.crt")) if url.startswith("https") else None
    try:
        with urllib.request.urlopen(request, timeout=SECONDS, context=secure) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise RefusedError(error.code, _message(error)) from None


def _url() -> str:
    """KUBERNETES_URL stands for a pod's own way when a test plays the API server."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return os.environ.get("KUBERNETES_URL", f"https://{f'[{host}]' if ':' in host else host}:{port}")


def _message(error: urllib.error.HTTPError) -> str:
    """The server's words (meta/v1 Status), else HTTP's."""
    try:
        return str(json.load(error)["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
