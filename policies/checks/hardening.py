"""Pods that can do little harm: the restricted profile of Kubernetes' pod security standards, and then some.

kubernetes.io/docs/concepts/security/pod-security-standards. The pods of CloudNativePG's clusters and poolers are the
operator's, which gives them such a context itself (pkg/specs/containers.go, pkg/specs/pgbouncer/deployments.go).
"""

from collections.abc import Iterator

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Plain, at, flag_at, labels_at, list_at, number_at, text_at, texts_at
from policies.checks.templates import containers, pod
from policies.checks.tokens import CLUSTER_ROLE_BINDING, NAMESPACE, POOLER, POSTGRESQL, ROLE_BINDING, TEMPLATES
from policies.checks.whole import Whole, each

_HOST = ("hostNetwork", "hostPID", "hostIPC")
_ENFORCE = "pod-security.kubernetes.io/enforce"
_MAY_ADD = ("NET_BIND_SERVICE",)


def unprivileged(resource: Resource, limits: Limits) -> Iterator[str]:
    """Not root, nothing gained later, no capability, the runtime's filter of system calls."""
    del limits
    spec = pod(resource)
    for name, container in containers(resource):
        for fault in _faults(at(spec, "securityContext"), at(container, "securityContext")):
            yield f"container {name} {fault}"


def _faults(of_pod: Plain, own: Plain) -> Iterator[str]:
    def flag(field: str) -> bool:
        return flag_at(own, field, default=flag_at(of_pod, field, default=False))

    own_user = number_at(own, "runAsUser")
    if not flag("runAsNonRoot"):
        yield "may run as root: state runAsNonRoot"
    if (number_at(of_pod, "runAsUser") if own_user is None else own_user) == 0:
        yield "runs as user 0"
    if flag_at(own, "privileged", default=False):
        yield "is privileged"
    if flag_at(own, "allowPrivilegeEscalation", default=True):
        yield "may gain rights: allowPrivilegeEscalation is not false"
    if "ALL" not in texts_at(own, "capabilities", "drop"):
        yield "keeps capabilities: drop ALL"
    if any(added not in _MAY_ADD for added in texts_at(own, "capabilities", "add")):
        yield "adds capabilities"
    profile = text_at(own, "seccompProfile", "type") or text_at(of_pod, "seccompProfile", "type")
    if profile not in ("RuntimeDefault", "Localhost"):
        yield "has no seccompProfile RuntimeDefault"


def read_only(resource: Resource, limits: Limits) -> Iterator[str]:
    """Whoever gets in can leave nothing behind."""
    del limits
    for name, container in containers(resource):
        if not flag_at(container, "securityContext", "readOnlyRootFilesystem", default=False):
            yield f"container {name} may write to its image's files: readOnlyRootFilesystem is not true"


def away_from_host(resource: Resource, limits: Limits) -> Iterator[str]:
    """Nothing of the node: no namespaces, paths or ports of it."""
    del limits
    spec = pod(resource)
    for field in _HOST:
        if flag_at(spec, field, default=False):
            yield f"{field} is true: its pods share it with the node and all that runs there"
    for volume in list_at(spec, "volumes"):
        if at(volume, "hostPath") is not None:
            yield f"volume {text_at(volume, 'name')} is a path of the node"
    for name, container in containers(resource):
        if any(number_at(port, "hostPort") for port in list_at(container, "ports")):
            yield f"container {name} takes a port of the node"


def service_account(resource: Resource, limits: Limits) -> Iterator[str]:
    """Only pods that ask for the token get it."""
    del limits
    if flag_at(resource.inputs, "automountServiceAccountToken", default=True):
        yield "automountServiceAccountToken is not false: every pod under it may speak to the API server"


def tokens(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """A token of the API server only where a role is bound to the pod's own service account."""
    del limits
    bound = {
        (text_at(subject, "namespace"), text_at(subject, "name"))
        for binding in whole.of(ROLE_BINDING, CLUSTER_ROLE_BINDING)
        for subject in list_at(binding.inputs, "subjects")
        if text_at(subject, "kind") == "ServiceAccount"
    }

    def check(resource: Resource) -> Iterator[str]:
        spec = pod(resource)
        if not flag_at(spec, "automountServiceAccountToken", default=True):
            return
        account = text_at(spec, "serviceAccountName", default="default")
        namespace = metadata.namespace(resource)
        if account == "default":
            yield "its pods get a token of the service account default: state automountServiceAccountToken false"
        elif not any(name == account and of in (namespace, "") for of, name in _known(bound, namespace)):
            yield "its pods get a token that no role is bound to: state automountServiceAccountToken false"

    yield from each(whole.of(*TEMPLATES), check)


def _known(bound: set[tuple[str, str]], namespace: str) -> set[tuple[str, str]]:
    """While a namespace's name is not known, bindings are told by the account's name alone."""
    return {("", name) for _, name in bound} if namespace == metadata.UNKNOWN_NAMESPACE else bound


def namespaces(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """The API server itself refuses other pods, whoever makes them."""
    del limits
    used = {metadata.namespace(resource) for resource in whole.of(*TEMPLATES, POSTGRESQL, POOLER)}

    def check(resource: Resource) -> Iterator[str]:
        labels = labels_at(resource.inputs, "metadata", "labels")
        if metadata.name(resource) in used and labels.get(_ENFORCE) != "restricted":
            yield f"the label {_ENFORCE} is not restricted"

    yield from each(whole.of(NAMESPACE), check)
    if "default" in used:
        yield Violation("", "pods run in the namespace default, which nothing keeps apart: state metadata.namespace")
