"""The toolbox: a pod beside the program from which tests reach its services, and run their load."""

import os

from components.objects import restricted_pod_security
from rehearsal.kube import Client, Manifest

NAME = "toolbox"
IMAGE = "SOMA_TEST_TOOLBOX"
"""Environment variable: the image on a cluster that was given, built from the recipes under images/test."""
OWN_IMAGE = "localhost/toolbox:1"
SECRETS = {
    "redis": "redis-auth",
    "qdrant": "qdrant-api-keys",
    "postgresql": "postgresql-app",
    "postgresql-ca": "postgresql-server-ca",
}
"""Folder under /run/secrets and the program's Secret whose keys are files there."""
_LABELS = {"app.kubernetes.io/name": NAME}


def make(client: Client, namespace: str) -> None:
    """Makes the pod and the policy that lets it reach every pod of the program."""
    for manifest in (policy(namespace), pod(namespace, os.environ.get(IMAGE, OWN_IMAGE))):
        client.apply(manifest, field_manager="data-tier")


def policy(namespace: str) -> Manifest:
    """Policies add up: with this one the toolbox may call every pod, where policies are enforced."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": _LABELS}}]}],
        },
    }


def pod(namespace: str, image: str) -> Manifest:
    """It sleeps; commands run in it by exec, as a user without rights: the namespace takes no others."""
    mounts = [{"name": name, "mountPath": f"/run/secrets/{name}", "readOnly": True} for name in SECRETS]
    volumes = [{"name": name, "secret": {"secretName": secret, "optional": True}} for name, secret in SECRETS.items()]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": namespace, "labels": _LABELS},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "enableServiceLinks": False,
            "automountServiceAccountToken": False,
            "securityContext": restricted_pod_security(1000, 1000),
            "containers": [
                {
                    "name": NAME,
                    "image": image,
                    "command": ["sleep", "infinity"],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": mounts,
                },
            ],
            "volumes": volumes,
        },
    }
