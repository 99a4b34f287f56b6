"""What there is on a region's cluster, for commands that name it: declared by the program, or made by an operator."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from components.postgres_cluster import cluster_name, link_service_name
from rehearsal.engine.model import Plan, PlannedResource, revealed
from tests.unit.docs_walk import Walk

ALIASES: Final[Mapping[str, str]] = {
    "po": "pod", "deploy": "deployment", "sts": "statefulset", "svc": "service", "cm": "configmap", "cj": "cronjob",
    "pvc": "persistentvolumeclaim", "pv": "persistentvolume", "pdb": "poddisruptionbudget", "ns": "namespace",
    "hpa": "horizontalpodautoscaler", "no": "node", "netpol": "networkpolicy", "ev": "event", "policies": "policy",
    "cluster.postgresql.cnpg.io": "cluster", "clusters.postgresql.cnpg.io": "cluster", "ingresses": "ingress",
    "backup.postgresql.cnpg.io": "backup", "objectstore.barmancloud.cnpg.io": "objectstore",
}  # fmt: skip
"""Short and full names of kinds to the plain one."""
UNDECLARED: Final = ("pod", "node", "event", "persistentvolume", "persistentvolumeclaim", "backup", "certificate",
                     "certificaterequest", "endpointslice", "storageclass", "replicaset", "crd", "lease")  # fmt: skip
"""Kinds of objects that others make: Kubernetes, CloudNativePG, cert-manager."""
ELSEWHERE: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "monitoring": {"service": ("prometheus-operated", "alertmanager-operated"), "secret": ("on-call",)},
    "cnpg-system": {},
    "nginx-ingress": {"configmap": ("nginx-ingress",)},
    "kube-system": {"deployment": ("metrics-server", "coredns")},
}
"""Namespace to what a platform service has there: the Prometheus operator's governing Services (prometheus-operator,
pkg/prometheus/server/statefulset.go), the ingress controller's ConfigMap (charts/nginx-ingress/templates/_helpers.tpl),
EKS's add-ons; `on-call` is what docs/monitoring.md makes."""
LABELS_ELSEWHERE: Final[Mapping[str, str]] = {
    "app.kubernetes.io/name=cloudnative-pg": "cnpg-system",  # charts/cloudnative-pg/templates/_helpers.tpl
    "app.kubernetes.io/name=nginx-ingress": "nginx-ingress",  # charts/nginx-ingress/templates/_helpers.tpl
    "k8s-app=kube-dns": "kube-system",
}
NODE_LABELS: Final = ("topology.kubernetes.io/zone", "kubernetes.io/hostname", "soma.io/nodes")


@dataclass(frozen=True)
class There:
    """One object."""

    kind: str
    """In small letters."""
    namespace: str | None
    name: str
    labels: Mapping[str, str]
    containers: tuple[str, ...]
    """Of a pod, or of those that it makes."""
    content: Mapping[str, Any]
    """As declared; empty of what an operator makes."""


def kind_of(word: str) -> str:
    """The plain name of a kind: `deployments` and `deploy` are `deployment`."""
    if word in ALIASES:
        return ALIASES[word]
    single = word[:-1] if re.search("[^s]s$", word) else word
    return ALIASES.get(single, single)


class Cluster:
    """The objects of both roles of a region together: commands stand in one page for home and standby."""

    def __init__(self, walk: Walk) -> None:
        self.objects = [there for plan in walk.plans.values() for there in _of(plan)]
        self.namespaces = {there.namespace or there.name for there in self.objects} | set(ELSEWHERE)

    def kinds(self) -> set[str]:
        return {there.kind for there in self.objects} | set(UNDECLARED)

    def named(self, kind: str, name: str, namespace: str | None = None) -> list[There]:
        """Objects of a kind and a name. A name that ends with `-…` stands for those that end with a hash."""
        pattern = re.escape(name).replace(re.escape("…"), "[0-9a-f]+") if name.endswith("-…") else re.escape(name)
        found = [one for one in self.objects if one.kind == kind and re.fullmatch(pattern, one.name)]
        return [one for one in found if namespace is None or one.namespace in (namespace, None)]

    def is_elsewhere(self, kind: str, name: str, namespace: str | None) -> bool:
        return name in ELSEWHERE.get(namespace or "", {}).get(kind, ())

    def selected(self, selector: str) -> bool:
        """Whether a selector `key=value,…` finds anything."""
        wanted = dict(cast(tuple[str, str], tuple(part.split("=", 1))) for part in selector.split(","))
        if any(f"{key}={value}" in LABELS_ELSEWHERE for key, value in wanted.items()):
            return True
        if set(wanted) <= set(NODE_LABELS):
            return True
        return any(wanted.items() <= one.labels.items() for one in self.objects)

    def pods(self, selector: str) -> list[There]:
        """The pods with the labels `key=value,…`."""
        wanted = dict(cast(tuple[str, str], tuple(part.split("=", 1))) for part in selector.split(","))
        return [one for one in self.objects if one.kind == "pod" and wanted.items() <= one.labels.items()]


def _of(plan: Plan) -> Iterator[There]:
    for resource in plan.resources:
        if resource.type.startswith("kubernetes:") and "metadata" in resource.inputs:
            declared = _declared(resource)
            yield declared
            yield from _pods(declared)
            if declared.kind == "cluster":
                yield from _of_cluster(declared)


def _declared(resource: PlannedResource) -> There:
    content = cast(dict[str, Any], revealed(resource.inputs))
    metadata = content["metadata"]
    template = _template(content)
    containers = [*template.get("spec", {}).get("initContainers", []), *template.get("spec", {}).get("containers", [])]
    return There(
        resource.type.rpartition(":")[2].lower(),
        metadata.get("namespace"),
        str(metadata.get("name")),
        metadata.get("labels", {}),
        tuple(one["name"] for one in containers),
        content,
    )


def _template(content: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = content.get("spec", {})
    job = spec.get("jobTemplate", {}).get("spec", spec)
    return job.get("template", {}) if isinstance(job, dict) else {}


def _pods(owner: There) -> Iterator[There]:
    """Pods, and the claims of those that have volumes of their own."""
    if owner.kind not in ("deployment", "statefulset", "job", "cronjob"):
        return
    labels = _template(owner.content).get("metadata", {}).get("labels", {})
    names: Iterable[str] = [f"{owner.name}-…"]
    if owner.kind == "statefulset":
        names = [f"{owner.name}-{ordinal}" for ordinal in range(int(owner.content["spec"]["replicas"]))]
        for claim in owner.content["spec"].get("volumeClaimTemplates", []):
            volume = claim["metadata"]
            yield from (
                There("persistentvolumeclaim", owner.namespace, f"{volume['name']}-{pod}", volume["labels"], (), {})
                for pod in names
            )
    yield from (There("pod", owner.namespace, name, labels, owner.containers, {}) for name in names)


def _of_cluster(cluster: There) -> Iterator[There]:
    """What CloudNativePG makes of a Cluster and its Pooler (docs/src/service_management.md, storage.md)."""
    region = cluster.name.removeprefix(cluster_name(""))
    for number in range(1, int(cluster.content["spec"]["instances"]) + 1):
        pod = f"{cluster.name}-{number}"
        role = "primary" if number == 1 else "replica"
        labels = {"cnpg.io/cluster": cluster.name, "cnpg.io/podRole": "instance", "cnpg.io/instanceRole": role}
        yield There("pod", cluster.namespace, pod, labels, ("postgres", "plugin-barman-cloud"), {})
        for claim in (pod, f"{pod}-wal"):
            yield There("persistentvolumeclaim", cluster.namespace, claim, labels, (), {})
    for service in (*(f"{cluster.name}-{kind}" for kind in ("rw", "ro", "r")), link_service_name(region)):
        yield There("service", cluster.namespace, service, {}, (), {})
    # The poolers' pods are of the cluster, too (pkg/specs/pgbouncer/deployments.go).
    pooler = {"cnpg.io/cluster": cluster.name, "cnpg.io/podRole": "pooler", "cnpg.io/poolerName": "postgresql-pooler"}
    yield There("deployment", cluster.namespace, "postgresql-pooler", pooler, ("pgbouncer",), {})
    yield There("pod", cluster.namespace, "postgresql-pooler-…", pooler, ("pgbouncer",), {})
