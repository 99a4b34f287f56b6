"""Pods that run the program's own scripts against Qdrant: Python with its standard library, and a key."""

from collections.abc import Mapping
from typing import Final

from pulumi import Input

from components import objects
from components.objects import Manifest

FILES: Final = "/app/components/files"
"""Where the scripts and their plan are: a package, as in the checkout."""
KEY: Final = {"QDRANT_API_KEY_FILE": "/run/keys/api-key"}
"""Environment that tells a script of the key."""
UID: Final = 1000


def pod(container: Manifest, files: Input[str], secret: Input[str]) -> Manifest:
    """Spec of a pod that runs one of them to its end. `files` is a ConfigMap, `secret` has the key `api-key`."""
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": objects.restricted_pod_security(UID, UID, UID),
        "containers": [container],
        "volumes": [
            {"name": "files", "configMap": {"name": files}},
            objects.secret_key_volume("keys", secret, "api-key"),
        ],
    }


def container(name: str, image: str, module: str, environment: Mapping[str, str], resources: Manifest) -> Manifest:
    """Its container: `image` is Python 3, `module` a file under components/files."""
    return {
        "name": name,
        "image": image,
        "command": ["python3", "-u", "-m", f"components.files.{module}"],
        "workingDir": "/app",
        "env": objects.environment(environment),
        "resources": resources,
        "securityContext": objects.container_security(),
        "volumeMounts": [
            {"name": "files", "mountPath": FILES, "readOnly": True},
            {"name": "keys", "mountPath": "/run/keys", "readOnly": True},
        ],
    }
