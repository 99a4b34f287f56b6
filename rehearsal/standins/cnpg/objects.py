"""What surrounds the instances: services, budgets, secrets, service account (cloudnative-pg v1.30.0: pkg/specs)."""

from rehearsal.kube import Manifest
from rehearsal.standins.cnpg import names
from rehearsal.standins.cnpg.names import section

SIMULATED = "simulated"
"""Stands where the operator would put a key, a certificate or a password."""
PORT = {"name": "postgres", "port": 5432, "targetPort": 5432, "protocol": "TCP"}

SELECTORS: dict[str, dict[str, str]] = {
    "rw": {names.INSTANCE_ROLE: names.PRIMARY},
    "ro": {names.INSTANCE_ROLE: names.REPLICA},
    "r": {names.POD_ROLE: "instance"},
}
"""Which instances a service of each type reaches, beside the cluster's label (pkg/specs/services.go)."""


def _cluster_label(cluster: Manifest) -> dict[str, str]:
    return {names.CLUSTER: cluster["metadata"]["name"]}


def services(cluster: Manifest) -> list[Manifest]:
    """The default services that are not disabled, and the managed ones."""
    managed = section(cluster["spec"], "managed", "services")
    disabled: list[str] = managed.get("disabledDefaultServices") or []
    found = [_service(cluster, kind) for kind in SELECTORS if kind not in disabled]
    return found + [_managed_service(cluster, entry) for entry in managed.get("additional") or []]


def _service(cluster: Manifest, kind: str) -> Manifest:
    metadata = names.inherited(cluster, f"{cluster['metadata']['name']}-{kind}", names.common_labels(cluster))
    spec = {"type": "ClusterIP", "ports": [PORT], "selector": {**_cluster_label(cluster), **SELECTORS[kind]}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _managed_service(cluster: Manifest, entry: Manifest) -> Manifest:
    """A service of `managed.services.additional`: the user's template over the default of its type."""
    base = _service(cluster, str(entry["selectorType"]))
    template = entry.get("serviceTemplate") or {}
    given = template.get("metadata") or {}
    metadata = {**base["metadata"], "name": given.get("name")}
    metadata["labels"] = {**(given.get("labels") or {}), **base["metadata"]["labels"], names.MANAGED: "true"}
    annotations = {**(given.get("annotations") or {}), **(base["metadata"].get("annotations") or {})}
    metadata["annotations"] = {**annotations, "cnpg.io/updateStrategy": entry.get("updateStrategy") or "patch"}
    spec = {**base["spec"], **(template.get("spec") or {}), "selector": base["spec"]["selector"]}
    return {**base, "metadata": metadata, "spec": spec}


def budgets(cluster: Manifest) -> list[Manifest]:
    """The primary's budget and, from three instances on, that of the replicas (pkg/specs/poddisruptionbudget.go)."""
    spec = cluster["spec"]
    if not spec.get("enablePDB", True):
        return []
    name, instances = cluster["metadata"]["name"], int(spec["instances"])
    maintenance = section(spec, "nodeMaintenanceWindow")
    relaxed = bool(maintenance.get("inProgress")) and bool(maintenance.get("reusePVC", True))
    found: list[Manifest] = []
    if not (relaxed and instances == 1):
        found.append(_budget(cluster, f"{name}-primary", names.PRIMARY, 1))
    if instances >= 3 and not relaxed:
        found.append(_budget(cluster, name, names.REPLICA, instances - 2))
    return found


def budget_names(cluster: Manifest) -> tuple[str, str]:
    """Names of both budgets, declared or not."""
    return cluster["metadata"]["name"], f"{cluster['metadata']['name']}-primary"


def _budget(cluster: Manifest, name: str, role: str, available: int) -> Manifest:
    labels = {**_cluster_label(cluster), names.INSTANCE_ROLE: role}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": names.inherited(cluster, name, names.common_labels(cluster)),
        "spec": {"minAvailable": available, "selector": {"matchLabels": labels}},
    }


def service_account(cluster: Manifest) -> Manifest | None:
    """The instances' service account; None when the user names one of their own."""
    if cluster["spec"].get("serviceAccountName"):
        return None
    template = section(cluster["spec"], "serviceAccountTemplate", "metadata")
    metadata = names.inherited(cluster, cluster["metadata"]["name"], template.get("labels") or {})
    if template.get("annotations"):
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **template["annotations"]}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def certificate_secrets(cluster: Manifest) -> dict[str, str]:
    """Names of the TLS secrets by their key in `spec.certificates`: the user's, else the operator's."""
    given = section(cluster["spec"], "certificates")
    suffixes = {
        "serverCASecret": "-ca",
        "clientCASecret": "-ca",
        "serverTLSSecret": "-server",
        "replicationTLSSecret": "-replication",
    }
    return {key: str(given.get(key) or cluster["metadata"]["name"] + suffix) for key, suffix in suffixes.items()}


def application_secret(cluster: Manifest) -> str:
    """Name of the secret of the application's user: the user's, else the operator's."""
    for bootstrap in section(cluster["spec"], "bootstrap").values():
        if section(bootstrap, "secret").get("name"):
            return str(bootstrap["secret"]["name"])
    return f"{cluster['metadata']['name']}-app"


def pooler_secret(cluster: Manifest) -> str:
    """Name of the secret with which poolers sign in to the database."""
    return f"{cluster['metadata']['name']}-pooler"


def secrets(cluster: Manifest) -> list[Manifest]:
    """The secrets that the operator makes because nobody gave them; their values are the word `simulated`."""
    given = section(cluster["spec"], "certificates")
    own = cluster["metadata"]["name"]
    found: dict[str, Manifest] = {}
    for key, name in certificate_secrets(cluster).items():
        if not given.get(key):
            keys = ("ca.crt", "ca.key") if key.endswith("CASecret") else ("tls.crt", "tls.key")
            found[name] = _secret(cluster, name, "Opaque" if "ca.key" in keys else "kubernetes.io/tls", keys)
    found[pooler_secret(cluster)] = _secret(
        cluster, pooler_secret(cluster), "kubernetes.io/tls", ("tls.crt", "tls.key")
    )
    if application_secret(cluster) == f"{own}-app" and not is_replica_cluster(cluster):
        found[f"{own}-app"] = _secret(cluster, f"{own}-app", "kubernetes.io/basic-auth", ("username", "password"))
    superuser = f"{own}-superuser"
    if section(cluster["spec"]).get("enableSuperuserAccess") and not section(cluster["spec"], "superuserSecret"):
        found[superuser] = _secret(cluster, superuser, "kubernetes.io/basic-auth", ("username", "password"))
    return list(found.values())


def _secret(cluster: Manifest, name: str, kind: str, keys: tuple[str, ...]) -> Manifest:
    metadata = names.inherited(cluster, name, {names.RELOAD: "true", "app.kubernetes.io/managed-by": "cloudnative-pg"})
    values = dict.fromkeys(keys, SIMULATED)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": values}


def access(cluster: Manifest) -> list[Manifest]:
    """What the instances may read: their Cluster and its secrets (pkg/specs/roles.go, rolebinding.go)."""
    own = cluster["metadata"]["name"]
    secrets = {*certificate_secrets(cluster).values(), application_secret(cluster), f"{own}-superuser"}
    secrets.add(str(section(cluster["spec"], "superuserSecret").get("name") or f"{own}-superuser"))
    account = str(cluster["spec"].get("serviceAccountName") or own)
    return access_of(names.inherited(cluster, own, {}), account, ["clusters"], sorted(secrets))


def access_of(metadata: Manifest, account: str, kinds: list[str], secrets: list[str]) -> list[Manifest]:
    """A Role that reads objects of the operator's kinds and some secrets, bound to a service account."""
    group = "rbac.authorization.k8s.io"
    role: Manifest = {
        "apiVersion": f"{group}/v1",
        "kind": "Role",
        "metadata": metadata,
        "rules": [
            {"apiGroups": ["postgresql.cnpg.io"], "resources": kinds, "verbs": ["get", "list", "watch"]},
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": secrets, "verbs": ["get", "list", "watch"]},
        ],
    }
    subject = {"kind": "ServiceAccount", "name": account, "namespace": metadata["namespace"]}
    reference = {"apiGroup": group, "kind": "Role", "name": metadata["name"]}
    binding = {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": metadata}
    return [role, {**binding, "subjects": [subject], "roleRef": reference}]


def unplayed(cluster: Manifest) -> str:
    """What the spec asks for and nobody here can play: else an empty database would be taken for a restored one."""
    if "recovery" not in section(cluster["spec"], "bootstrap"):
        return ""
    return "bootstrap.recovery: this stand-in restores nothing; that takes the operator and its Barman plugin"


def secrets_needed(cluster: Manifest) -> set[str]:
    """Names of the secrets that the spec refers to and that must be there before an instance can start."""
    spec = cluster["spec"]
    needed = {str(value) for key, value in section(spec, "certificates").items() if key.endswith("Secret")}
    for bootstrap in section(spec, "bootstrap").values():
        needed.add(str(section(bootstrap, "secret").get("name") or ""))
    needed.add(str(section(spec, "superuserSecret").get("name") or ""))
    for external in spec.get("externalClusters") or []:
        if external["name"] not in _sources(cluster):
            continue  # listed for the day of a promotion
        references = (external.get(key) for key in ("sslKey", "sslCert", "sslRootCert", "password"))
        needed |= {str(reference["name"]) for reference in references if reference}
    return needed - {""}


def _sources(cluster: Manifest) -> set[str]:
    """The other clusters that this one reads from now: to bootstrap, and as a replica cluster."""
    spec = cluster["spec"]
    following = [section(spec, "replica")] if is_replica_cluster(cluster) else []
    return {str(entry.get("source") or "") for entry in (*section(spec, "bootstrap").values(), *following)}


def source_of(cluster: Manifest) -> str:
    """The cluster that a replica cluster follows; empty for a primary cluster (api/v1/cluster_funcs.go, IsReplica)."""
    replica = section(cluster["spec"], "replica")
    if not replica:
        return ""
    if replica.get("enabled") is not None:
        return str(replica.get("source") or "another cluster") if replica["enabled"] else ""
    self = replica.get("self") or cluster["metadata"]["name"]
    followed = replica.get("primary") or ""
    return "" if self == followed else str(followed)


def is_replica_cluster(cluster: Manifest) -> bool:
    """Whether the cluster follows another one and takes no writes."""
    return bool(source_of(cluster))
