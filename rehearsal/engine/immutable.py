"""Which changes of a Kubernetes object take a replacement, known before the API server is asked.

Source: pulumi-kubernetes, provider/pkg/provider/diff.go (forceNew), shortened to the kinds that occur here; what it
leaves out the API server refuses when the object is applied, and the engine replaces it then.
"""

from collections.abc import Mapping
from typing import Final

from rehearsal.engine.model import Value
from rehearsal.engine.property_path import Path, parse

_METADATA: Final = ("metadata.name", "metadata.namespace", "apiVersion", "kind")
_STATEFUL_SET: Final = tuple(
    f"spec.{field}"
    for field in ("podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates")
)
_CLAIM: Final = tuple(f"spec.{field}" for field in ("accessModes", "selector", "storageClassName", "volumeName"))
FORCED: Final[Mapping[str, tuple[str, ...]]] = {
    "kubernetes:apps/v1:StatefulSet": _STATEFUL_SET,
    "kubernetes:apps/v1:Deployment": ("spec.selector",),
    "kubernetes:apps/v1:DaemonSet": ("spec.selector",),
    "kubernetes:batch/v1:Job": ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    "kubernetes:core/v1:PersistentVolumeClaim": _CLAIM,
    "kubernetes:core/v1:Service": ("spec.clusterIP",),
    "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": ("roleRef",),
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding": ("roleRef",),
    "kubernetes:storage.k8s.io/v1:StorageClass": ("parameters", "provisioner"),
}
SECRET: Final = "kubernetes:core/v1:Secret"  # noqa: S105
CONFIG_MAP: Final = "kubernetes:core/v1:ConfigMap"


def forced(type_: str, inputs: Mapping[str, Value], provider: Mapping[str, Value]) -> tuple[Path, ...]:
    """Paths whose change replaces an object; `provider` holds the inputs of its provider.

    Secrets and ConfigMaps are replaced, unless the provider says that they are mutable and they say nothing else.
    """
    fields = FORCED.get(type_, ())
    if type_ == SECRET:
        fields = ("type",) if _mutable(inputs, provider, "enableSecretMutable") else ("type", "stringData", "data")
    if type_ == CONFIG_MAP and not _mutable(inputs, provider, "enableConfigMapMutable"):
        fields = ("binaryData", "data")
    return tuple(parse(field) for field in (*_METADATA, *fields))


def _mutable(inputs: Mapping[str, Value], provider: Mapping[str, Value], option: str) -> bool:
    return str(provider.get(option, False)).lower() == "true" and not inputs.get("immutable")
