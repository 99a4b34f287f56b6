"""The exporter beside each Redis node: what the node says of itself, for Prometheus."""

import json

from components import objects
from components.objects import Manifest

NAME = "exporter"
PORT = 9121
PASSWORDS = "exporter.json"
"""Key of the Secret that clients use: passwords as redis_exporter takes them."""

_NODE_PORT = 6379
_NODE = f"redis://127.0.0.1:{_NODE_PORT}"
_FOLDER = "/run/exporter"
_VARIABLES = {
    "REDIS_ADDR": _NODE,
    "REDIS_PASSWORD_FILE": f"{_FOLDER}/{PASSWORDS}",
    "REDIS_EXPORTER_WEB_LISTEN_ADDRESS": f":{PORT}",
    # It would read every setting of the node, the password among them, for a few figures that INFO has as well.
    "REDIS_EXPORTER_CONFIG_COMMAND": "-",
    # It would carry requests to any address that a caller names.
    "REDIS_EXPORTER_DISABLE_SCRAPE_ENDPOINT": "true",
    # Scrapes wait for each other, and Prometheus for ten seconds.
    "REDIS_EXPORTER_CONNECTION_TIMEOUT": "5s",
    "REDIS_EXPORTER_LOG_LEVEL": "WARN",
    "GOMEMLIMIT": "64MiB",
}
"""Flags of redis_exporter v1.88.0 by their variables (its main.go)."""


def passwords(password: str) -> str:
    """The content of redis_exporter's password file: an object with the password of each address (pwd_file.go)."""
    return json.dumps({_NODE: password})


def container(image: str) -> Manifest:
    """The container, which is ready whatever the exporter does: a pod is only ready as a whole, and a Redis node that
    is well must not go out of service because its metrics cannot be read. The mounted script keeps it running."""
    return {
        "name": NAME,
        "image": image,
        "command": ["sh", "/files/exporter.sh"],
        "env": objects.environment(_VARIABLES),
        "ports": [{"name": "metrics", "containerPort": PORT, "protocol": "TCP"}],
        "resources": objects.small_resources("10m", "32Mi", "200m", "128Mi"),
        "securityContext": objects.container_security(),
        # Both ask nothing of the exporter, on purpose: is there a node to export, and does the script live?
        "readinessProbe": {"tcpSocket": {"port": _NODE_PORT}, "periodSeconds": 5},
        "livenessProbe": {"exec": {"command": ["sh", "-c", "kill -0 1"]}, "periodSeconds": 60, "timeoutSeconds": 10},
        "volumeMounts": [
            {"name": "files", "mountPath": "/files", "readOnly": True},
            {"name": NAME, "mountPath": _FOLDER, "readOnly": True},
        ],
    }


def volume(secret_name: str) -> Manifest:
    """The password file. Optional: the clients' Secret is made when every node takes its password, after the pods."""
    items = [{"key": PASSWORDS, "path": PASSWORDS}]
    secret = {"secretName": secret_name, "optional": True, "items": items, "defaultMode": 0o440}
    return {"name": NAME, "secret": secret}
