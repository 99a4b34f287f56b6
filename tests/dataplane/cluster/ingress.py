"""The way in: pods that play the data plane of F5's NGINX Ingress Controller, each with a real NGINX.

rehearsal/standins/nginx says what they do. They are set up as the program sets up the controller where it installs it
(components/service_values.py), as far as the stand-in knows of it.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from components.service_values import NGINX
from rehearsal.certificates import Authority
from rehearsal.kube import Manifest
from rehearsal.standins.nginx.configuration import HTTP, HTTPS, READY
from tests.dataplane.cluster.stand import Pod, Stand, eventually

NAME = "nginx-ingress"
IMAGE = "localhost/nginx-ingress:1"
REPLICAS = 2
READY_SECONDS = 120
MANAGER = "data-tier"

_LABELS = {"app.kubernetes.io/name": NAME}
_FOLDER = "/var/lib/nginx"
_WATCHED = {
    "": ["services"],
    "discovery.k8s.io": ["endpointslices"],
    "k8s.nginx.org": ["virtualservers", "policies"],
}


@dataclass(frozen=True)
class Entrance:
    """Where users come in."""

    stand: Stand
    authority: str
    """Whom they trust: a certificate in PEM."""

    @property
    def namespace(self) -> str:
        return self.stand.settings.kubernetes.ingress_namespace

    @property
    def address(self) -> str:
        """A name, within the cluster."""
        return f"{NAME}.{self.namespace}"

    def pods(self) -> list[Pod]:
        return self.stand.pods(f"app.kubernetes.io/name={NAME}", self.namespace)

    def reloads(self) -> int:
        """How often a new configuration came into effect, in all pods together."""
        said = self._everywhere(f"cat {_FOLDER}/*/version.conf")
        return sum(int(text.partition("return 200 ")[2].partition(";")[0]) - 1 for text in said)

    def repeated(self) -> list[str]:
        """Requests that NGINX sent to a second pod, as the access log has them."""
        return "".join(self._everywhere(f"grep -h ', ' {_FOLDER}/*/access.log || true")).splitlines()

    def _everywhere(self, command: str) -> list[str]:
        run = ("sh", "-c", command)
        return [self.stand.exec(pod.name, NAME, *run, namespace=self.namespace) for pod in self.pods()]


@contextmanager
def entrance(stand: Stand) -> Generator[Entrance]:
    """The pods, ready, and a certificate of the hosts in the Secret that the program names."""
    authority = Authority("data tier")
    made = Entrance(stand, authority.certificate)
    tls, hosts = stand.settings.ingress.tls, [rule.host for rule in stand.settings.ingress.rules]
    signed = authority.server(hosts, [])
    manifests = [
        *_access(made.namespace),
        _certificate(tls.secret_name, stand.namespace, signed.certificate, signed.key),
        *_workload(made.namespace, NGINX["controller"]["config"]["entries"]),
    ]
    try:
        for manifest in manifests:
            stand.client.apply(manifest, field_manager=MANAGER)

        def ready() -> bool:
            found = made.pods()
            return len(found) == REPLICAS and all(pod.ready for pod in found)

        eventually("the ingress is ready", ready, READY_SECONDS)
        yield made
    finally:
        for manifest in reversed(manifests):
            metadata = manifest["metadata"]
            stand.client.delete(manifest["apiVersion"], manifest["kind"], metadata["name"], metadata.get("namespace"))
        stand.client.wait(manifests[0], lambda seen: seen is None, READY_SECONDS)


def _access(namespace: str) -> list[Manifest]:
    """The namespace, and an account that may read what the configuration is made from."""
    rbac = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": [group], "resources": kinds, "verbs": ["get", "list", "watch"]}
        for group, kinds in _WATCHED.items()
    ]
    rules.append({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]})
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": namespace}
    role = {"apiGroup": rbac, "kind": "ClusterRole", "name": NAME}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": namespace}},
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": NAME}, "rules": rules},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": NAME},
            "roleRef": role,
            "subjects": [subject],
        },
    ]


def _certificate(name: str, namespace: str, certificate: str, key: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": certificate, "tls.key": key},
    }


def _workload(namespace: str, entries: dict[str, str]) -> list[Manifest]:
    metadata = {"name": NAME, "namespace": namespace, "labels": _LABELS}
    container: Manifest = {
        "name": NAME,
        "image": IMAGE,
        "args": ["--configmap=/etc/nginx-ingress", f"--folder={_FOLDER}"],
        "command": ["python3", "-m", "rehearsal.standins.nginx"],
        "readinessProbe": {"httpGet": {"path": "/nginx-ready", "port": READY}, "periodSeconds": 1},
        "volumeMounts": [
            {"name": "configmap", "mountPath": "/etc/nginx-ingress"},
            {"name": "folder", "mountPath": _FOLDER},
        ],
    }
    spec: Manifest = {
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 5,
        "enableServiceLinks": False,
        "containers": [container],
        "volumes": [{"name": "configmap", "configMap": {"name": NAME}}, {"name": "folder", "emptyDir": {}}],
    }
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": entries},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": REPLICAS,
                "selector": {"matchLabels": _LABELS},
                "template": {"metadata": {"labels": _LABELS}, "spec": spec},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "selector": _LABELS,
                "ports": [
                    {"name": "http", "port": 80, "targetPort": HTTP},
                    {"name": "https", "port": 443, "targetPort": HTTPS},
                ],
            },
        },
    ]
