"""Names that lead somewhere: what a pod mounts or acts as is of the stack, so that nobody else can put it there."""

from collections.abc import Iterator

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Unreadable, at, list_at, text_at
from policies.checks.templates import containers, pod
from policies.checks.tokens import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    NGINX_POLICY,
    POSTGRESQL,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    TEMPLATES,
    VIRTUAL_SERVER,
)
from policies.checks.whole import Whole, each

Named = tuple[str, str]
"""Kind and name."""


def lead(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Secrets, ConfigMaps, service accounts, Services, policies and roles that others of the stack name.

    Not those by which PostgreSQL follows another region: they come when that region is there.
    """
    del limits
    kinds = {
        "Secret": (SECRET,), "ConfigMap": (CONFIG_MAP,), "ServiceAccount": (SERVICE_ACCOUNT,), "Service": (SERVICE,),
        "Policy": (NGINX_POLICY,), "Role": (ROLE,), "ClusterRole": (CLUSTER_ROLE,),
    }  # fmt: skip
    there = {
        (kind, metadata.namespace(it) if kind != "ClusterRole" else "", metadata.name(it))
        for kind, types in kinds.items()
        for it in whole.of(*types)
    }

    def check(resource: Resource) -> Iterator[str]:
        for kind, name in _named(resource):
            place = "" if kind == "ClusterRole" else metadata.namespace(resource)
            anywhere = resource.type == CLUSTER_ROLE_BINDING and kind == "ServiceAccount"
            if not any(one == (kind, one[1] if anywhere else place, name) for one in there):
                yield f"names the {kind} {name}, which this stack does not make"

    yield from each(whole.of(*TEMPLATES, POSTGRESQL, VIRTUAL_SERVER, ROLE_BINDING, CLUSTER_ROLE_BINDING), check)


def _named(resource: Resource) -> Iterator[Named]:
    if resource.type in TEMPLATES:
        yield from _of_pod(resource)
    elif resource.type == POSTGRESQL:
        yield from _of_postgresql(resource)
    elif resource.type == VIRTUAL_SERVER:
        for upstream in list_at(resource.inputs, "spec", "upstreams"):
            yield "Service", text_at(upstream, "service")
        for policy in list_at(resource.inputs, "spec", "policies"):
            yield "Policy", text_at(policy, "name")
    else:
        kind = text_at(resource.inputs, "roleRef", "kind")
        if kind not in ("Role", "ClusterRole"):
            raise Unreadable("roleRef.kind is neither Role nor ClusterRole")
        yield kind, text_at(resource.inputs, "roleRef", "name")
        for subject in list_at(resource.inputs, "subjects"):
            yield "ServiceAccount", text_at(subject, "name")


def _of_pod(resource: Resource) -> Iterator[Named]:
    spec = pod(resource)
    account = text_at(spec, "serviceAccountName", default="default")
    if account != "default":
        yield "ServiceAccount", account
    if resource.type == STATEFUL_SET:
        yield "Service", text_at(resource.inputs, "spec", "serviceName")
    for volume in list_at(spec, "volumes"):
        if at(volume, "configMap") is not None:
            yield "ConfigMap", text_at(volume, "configMap", "name")
        if at(volume, "secret") is not None:
            yield "Secret", text_at(volume, "secret", "secretName")
    for _, container in containers(resource):
        for entry in list_at(container, "env"):
            for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                if at(entry, "valueFrom", field) is not None:
                    yield kind, text_at(entry, "valueFrom", field, "name")


def _of_postgresql(resource: Resource) -> Iterator[Named]:
    spec = at(resource.inputs, "spec")
    for field in ("replicationTLSSecret", "clientCASecret", "serverTLSSecret", "serverCASecret"):
        if at(spec, "certificates", field) is not None:
            yield "Secret", text_at(spec, "certificates", field)
    for way in ("initdb", "pg_basebackup", "recovery"):
        if at(spec, "bootstrap", way, "secret") is not None:
            yield "Secret", text_at(spec, "bootstrap", way, "secret", "name")
