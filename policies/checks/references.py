"""Names that lead somewhere: what a pod mounts or acts as is of the stack, so that nobody else can put it there."""

from collections.abc import Iterator

from policies.checks import metadata
from policies.checks.config_maps import RECORD
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Unreadable, at, labels_at, list_at, text_at
from policies.checks.templates import containers, pod
from policies.checks.tokens import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    NGINX_POLICY,
    OBJECT_STORE,
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

_BARMAN = "barman-cloud.cloudnative-pg.io"
"""Plugin of CloudNativePG that keeps and reads backups."""
_NAMING = (*TEMPLATES, POSTGRESQL, VIRTUAL_SERVER, ROLE_BINDING, CLUSTER_ROLE_BINDING)
"""Kinds that name others."""
_FOUND_BY = ("grafana_dashboard",)
"""Labels by which what a chart runs finds ConfigMaps."""
Named = tuple[str, str]
"""Kind and name."""


def lead(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Secrets, ConfigMaps, service accounts, Services, policies, roles and object stores that others of the stack name.

    Not those by which PostgreSQL follows another region: they come when that region is there.
    """
    del limits
    kinds = {
        "Secret": (SECRET,), "ConfigMap": (CONFIG_MAP,), "ServiceAccount": (SERVICE_ACCOUNT,), "Service": (SERVICE,),
        "Policy": (NGINX_POLICY,), "Role": (ROLE,), "ClusterRole": (CLUSTER_ROLE,),
        "ObjectStore": (OBJECT_STORE,),
    }  # fmt: skip
    there = {
        (kind, metadata.namespace(it) if kind != "ClusterRole" else "", metadata.name(it))
        for kind, types in kinds.items()
        for it in whole.of(*types)
    }

    anywhere = {(kind, name) for kind, _, name in there}

    def check(resource: Resource) -> Iterator[str]:
        for kind, name in _named(resource):
            place = "" if kind == "ClusterRole" else metadata.namespace(resource)
            wide = resource.type == CLUSTER_ROLE_BINDING and kind == "ServiceAccount"
            if not ((kind, name) in anywhere if wide else (kind, place, name) in there):
                yield f"names the {kind} {name}, which this stack does not make"

    yield from each(whole.of(*_NAMING), check)


def used(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """What is there for others of the stack is named by one of them: else the one that used it is missing, and rights
    that nobody needs stay. Not the record of the settings, and what others find by a label.
    """
    del limits
    named = set[Named]()

    def known(resource: Resource) -> Iterator[str]:
        named.update(_named(resource))
        yield from ()

    def check(resource: Resource) -> Iterator[str]:
        kind, name = resource.type.rpartition(":")[2], metadata.name(resource)
        found = any(label in labels_at(resource.inputs, "metadata", "labels") for label in _FOUND_BY)
        if (kind, name) not in named and not found and name != RECORD:
            yield f"nothing of this stack names the {kind} {name}"

    yield from each(whole.of(*_NAMING), known)
    yield from each(whole.of(CONFIG_MAP, SERVICE_ACCOUNT, ROLE, CLUSTER_ROLE), check)


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
    plugins = [*list_at(spec, "plugins"), *(at(one, "plugin") for one in list_at(spec, "externalClusters"))]
    for plugin in plugins:
        if at(plugin, "name") == _BARMAN:
            yield "ObjectStore", text_at(plugin, "parameters", "barmanObjectName")
