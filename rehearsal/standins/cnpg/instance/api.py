"""Reads objects from the Kubernetes API with the pod's service account."""

import base64
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

Manifest = dict[str, Any]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SECONDS = 5.0
"""Longest wait for an answer."""
NOT_FOUND = 404
GROUP = "apis/postgresql.cnpg.io/v1"


class ApiError(Exception):
    """The API server did not answer, or refused; says which object and why."""


class Missing(ApiError):  # noqa: N818
    """There is no such object (yet)."""


class Api:
    """The API server as this pod sees it; `KUBERNETES_API` names another one than the cluster's own."""

    def __init__(self, namespace: str, environment: Mapping[str, str] = os.environ) -> None:
        place = f"{environment.get('KUBERNETES_SERVICE_HOST')}:{environment.get('KUBERNETES_SERVICE_PORT')}"
        self._url = environment.get("KUBERNETES_API") or f"https://{place}"
        self._namespace = namespace
        authority = ACCOUNT / "ca.crt"
        self._context = ssl.create_default_context(cafile=str(authority)) if authority.exists() else None

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
        request = urllib.request.Request(f"{self._url}/{path}")  # noqa: S310 (the scheme is ours)
        token = ACCOUNT / "token"
        if token.exists():  # read each time: the kubelet renews it
            request.add_header("Authorization", f"Bearer {token.read_text()}")
        what = path.rpartition("namespaces/")[2]
        try:
            with urllib.request.urlopen(request, timeout=SECONDS, context=self._context) as answer:  # noqa: S310
                return cast(Manifest, json.load(answer))
        except urllib.error.HTTPError as error:
            kind = Missing if error.code == NOT_FOUND else ApiError
            raise kind(f"{what}: the API server answers {error.code} {error.reason}") from None
        except (OSError, ValueError) as error:
            raise ApiError(f"{what}: no answer from the API server: {error}") from None
