"""Mutants of the declared resources, generated: each resource dropped, each field of data safety or security weakened.

A field is told by its name wherever it stands, so that a resource that is added tomorrow is weakened, too.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.checks.model import Resource
from policies.rules import GONE
from tests.unit.policy_plan import Stack, put

ANYBODY = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
WORLD = "0.0.0.0/0"

DATA: Mapping[str, tuple[Any, ...]] = {
    "reclaimPolicy": ("Delete",),
    "volumeBindingMode": ("Immediate",),
    "allowVolumeExpansion": (False,),
    "encrypted": ("false",),
    "whenDeleted": ("Delete",),
    "whenScaled": ("Delete",),
    "volumeClaimTemplates": ([],),
    "storageClassName": ("other",),
    "storageClass": ("other",),
    "walStorage": (),
    "dataChecksums": (False,),
    "isWALArchiver": (False,),
    "barmanObjectName": ("other",),
    "destinationPath": ("s3://other/postgresql",),
    "retentionPolicy": ("1d",),
    "suspend": (True,),
    "schedule": (),
    "method": ("barmanObjectStore",),
    "forceDestroy": (True,),
    "enableKeyRotation": (False,),
    "deletionWindowInDays": (7,),
    "isEnabled": (False,),
    "versioningConfiguration": ({"status": "Suspended"},),
    "noncurrentDays": (1,),
    "days": (1,),
    "expiredObjectDeleteMarker": (False,),
    "abortIncompleteMultipartUpload": (),
    "sourceSelectionCriteria": (),
    "replicaKmsKeyId": (),
    "prefix": ("other/",),
    "status": ("Disabled",),
    "deletionProtection": (False,),
    "enableDeletionProtection": (False,),
}
"""Field to values that weaken it; leaving it out is tried for all."""

SECURITY: Mapping[str, tuple[Any, ...]] = {
    "runAsNonRoot": (False,),
    "runAsUser": (0,),
    "allowPrivilegeEscalation": (True,),
    "readOnlyRootFilesystem": (False,),
    "capabilities": ({"drop": ["NET_RAW"]}, {"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    "seccompProfile": ({"type": "Unconfined"},),
    "automountServiceAccountToken": (True,),
    "serviceAccountName": ("default",),
    "image": ("example.org/image", "example.org/image:latest"),
    "imageName": ("example.org/image:latest",),
    "podSelector": ({"matchLabels": {"app": "nobody"}},),
    "policyTypes": (["Ingress"],),
    "from": ([], [{"ipBlock": {"cidr": WORLD}}], [{"namespaceSelector": {}}]),
    "ports": ([],),
    "verbs": (["*"],),
    "apiGroups": (["*"],),
    "resources": (["*"],),
    "subjects": ([{"kind": "Group", "name": "system:authenticated"}],),
    "roleRef": ({"kind": "ClusterRole", "name": "cluster-admin"},),
    "tls": ({},),
    "pg_hba": ([], ["host all all all md5", "hostnossl all all all reject"]),
    "sslmode": ("require", "disable"),
    "client_tls_sslmode": ("prefer",),
    "server_tls_sslmode": ("prefer",),
    "enableSuperuserAccess": (True,),
    "serviceTemplate": ({"spec": {"type": "LoadBalancer"}},),
    "version": (),
    "repositoryOpts": ({"repo": "http://charts.example.org"},),
    "sseAlgorithm": ("AES256",),
    "kmsMasterKeyId": (),
    "blockPublicAcls": (False,),
    "blockPublicPolicy": (False,),
    "ignorePublicAcls": (False,),
    "restrictPublicBuckets": (False,),
    "objectOwnership": ("ObjectWriter",),
    "policy": (ANYBODY,),
    "assumeRolePolicy": (ANYBODY,),
    "policyArn": ("arn:aws:iam::aws:policy/AdministratorAccess",),
    "endpointPublicAccess": (True,),
    "endpointPrivateAccess": (False,),
    "enabledClusterLogTypes": (["api"],),
    "authenticationMode": ("CONFIG_MAP",),
    "bootstrapClusterCreatorAdminPermissions": (True,),
    "encryptionConfig": ({"resources": []},),
    "keyArn": (),
    "principalArn": ("arn:aws:iam::123456789012:root",),
    "httpTokens": ("optional",),
    "httpPutResponseHopLimit": (2,),
    "httpEndpoint": ("disabled",),
    "blockDeviceMappings": ([],),
    "launchTemplate": (),
    "configurationValues": ("{}",),
    "retentionInDays": (1,),
    "kmsKeyId": (),
    "mapPublicIpOnLaunch": (True,),
    "trafficType": ("REJECT",),
    "ingress": ([{"protocol": "-1", "cidrBlocks": [WORLD]}],),
    "cidrIpv4": (WORLD,),
    "fromPort": (1,),
    "ipProtocol": ("-1",),
    "internal": (False,),
    "allowedAccountIds": (),
    "vpcs": ([],),
}

ADDED: Mapping[str, Mapping[str, Any]] = {
    "spec.template.spec": {
        "hostNetwork": True,
        "hostPID": True,
        "hostIPC": True,
        "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
    },
    "spec.template.spec.containers.0.securityContext": {"privileged": True},
    "spec.template.spec.containers.0": {
        "env": [{"name": "POSTGRES_PASSWORD", "value": "x"}],
        "args": ["--dsn=postgresql://soma:x@postgresql/db"],
        "ports": [{"containerPort": 80, "hostPort": 80}],
    },
}
"""Fields that are not stated and would weaken a workload, by where they would stand."""


@dataclass(frozen=True)
class Mutant:
    title: str
    kind: str
    """What was done: a field's name, or `drop` with the type."""
    changed: tuple[Resource, ...]
    stack: Stack


def dropped(stack: Stack) -> Iterator[Mutant]:
    """Each resource of a provider left out."""
    for resource in stack:
        if resource.type.startswith(("kubernetes:", "aws:")):
            rest = tuple(other for other in stack if other is not resource)
            yield Mutant(f"drop {resource.name}", f"drop {resource.type}", (), rest)


def weakened(stack: Stack, fields: Mapping[str, tuple[Any, ...]]) -> Iterator[Mutant]:
    """Each field of these names, wherever it stands, left out and set to each weaker value."""
    for index, resource in enumerate(stack):
        for path, value in _places(resource.inputs, ""):
            name = path.rpartition(".")[2]
            for weak in (GONE, *fields.get(name, ())) if name in fields else ():
                if weak != value:
                    new = put(resource, path, weak)
                    title = f"{resource.name}: {path} = {weak!r:.60}"
                    yield Mutant(title, f"{resource.type} {name} {_short(weak)}", (new,), _with(stack, index, new))


def unprotected(stack: Stack) -> Iterator[Mutant]:
    for index, resource in enumerate(stack):
        if resource.protect:
            new = put(resource, "protect", False)
            yield Mutant(f"{resource.name}: protect = False", "protect", (new,), _with(stack, index, new))


def added(stack: Stack) -> Iterator[Mutant]:
    """What a workload does not state and would weaken it."""
    for index, resource in enumerate(stack):
        if resource.type.rpartition(":")[2] not in ("Deployment", "StatefulSet", "Job"):
            continue
        for place, fields in ADDED.items():
            for field, value in fields.items():
                new = put(resource, f"{place}.{field}", value)
                yield Mutant(f"{resource.name}: add {field}", f"add {field}", (new,), _with(stack, index, new))


def _with(stack: Stack, index: int, new: Resource) -> Stack:
    return (*stack[:index], new, *stack[index + 1 :])


def _places(value: Any, before: str) -> Iterator[tuple[str, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if "." not in str(key):
            path = f"{before}.{key}" if before else str(key)
            yield path, inner
            yield from _places(inner, path)


def _short(value: Any) -> str:
    return "left out" if value == GONE else json.dumps(value)[:40]
