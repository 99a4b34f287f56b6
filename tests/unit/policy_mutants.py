"""Mutants of the declared resources, generated: each resource dropped, each field of data safety or security weakened.

A field is told by its name wherever it stands, so that a resource that is added tomorrow is weakened, too. Those of
availability are in tests/unit/policy_availability.py.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from policies.checks.model import Resource
from policies.rules import GONE
from tests.unit.policy_plan import Stack

Path = tuple[str | int, ...]
"""Of a field: keys of objects and places in lists; one in a file of JSON goes on in it."""

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

LEADING: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "Service": {"selector": ({"app": "nobody"},), "targetPort": ("other", 1)},
    "VirtualServer": {"service": ("other",), "port": (1,)},
}
"""The same for what leads to pods, by kind: elsewhere these names mean other things."""

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
    before: Stack
    index: int
    """Of the resource."""
    new: Resource | None
    """None where it is gone."""

    @property
    def old(self) -> Resource:
        return self.before[self.index]

    @property
    def changed(self) -> tuple[Resource, ...]:
        return () if self.new is None else (self.new,)

    @property
    def stack(self) -> Stack:
        return (*self.before[: self.index], *self.changed, *self.before[self.index + 1 :])


def dropped(stack: Stack) -> Iterator[Mutant]:
    """Each resource of a provider left out."""
    for index, resource in enumerate(stack):
        if resource.type.startswith(("kubernetes:", "aws:")):
            yield Mutant(f"drop {resource.name}", f"drop {resource.type}", stack, index, None)


def weakened(stack: Stack, fields: Mapping[str, tuple[Any, ...]]) -> Iterator[Mutant]:
    """Each field of these names, wherever it stands, left out and set to each weaker value."""
    for index, resource in enumerate(stack):
        for path, value in places(resource.inputs):
            for weak in (GONE, *fields[str(path[-1])]) if path[-1] in fields else ():
                if weak != value:
                    yield field_set(stack, index, path, weak)


def field_set(stack: Stack, index: int, path: Path, value: Any) -> Mutant:
    """A field left out, or with another value."""
    resource = stack[index]
    new = dataclasses.replace(resource, inputs=_set(resource.inputs, path, value))
    title = f"{resource.name}: {'.'.join(map(str, path))} = {value!r:.60}"
    return Mutant(title, f"{resource.type} {path[-1]} {_short(value)}", stack, index, new)


def misled(stack: Stack) -> Iterator[Mutant]:
    """Each Service and each way in, led elsewhere."""
    for mutant in weakened(stack, {name: weak for fields in LEADING.values() for name, weak in fields.items()}):
        (kind, field) = mutant.kind.split(" ")[:2]
        if field in LEADING.get(kind.rpartition(":")[2], {}):
            yield mutant


def unprotected(stack: Stack) -> Iterator[Mutant]:
    for index, resource in enumerate(stack):
        if resource.protect:
            new = dataclasses.replace(resource, protect=False)
            yield Mutant(f"{resource.name}: protect = False", "protect", stack, index, new)


def added(stack: Stack) -> Iterator[Mutant]:
    """What a workload does not state and would weaken it."""
    for index, resource in enumerate(stack):
        if resource.type.rpartition(":")[2] not in ("Deployment", "StatefulSet", "Job"):
            continue
        for place, fields in ADDED.items():
            for field, value in fields.items():
                path = tuple(int(key) if key.isdigit() else key for key in (*place.split("."), field))
                new = dataclasses.replace(resource, inputs=_set(resource.inputs, path, value))
                yield Mutant(f"{resource.name}: add {field}", f"add {field}", stack, index, new)


def places(value: Any, before: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every place of an object, but keys with a dot: those of labels and files."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if "." not in str(key):
            yield (*before, key), inner
            yield from places(inner, (*before, key))


def _set(value: Any, path: Path, new: Any) -> Any:
    """A copy, of which all that is not on the path is shared."""
    if isinstance(value, str):
        return json.dumps(_set(json.loads(value), path, new))
    key, rest = path[0], path[1:]
    listed = isinstance(value, list)
    copied = cast(Any, list(value) if listed else dict(value))
    if rest:
        copied[key] = _set(copied[key] if listed else copied.get(key, {}), rest, new)
    elif new != GONE:
        copied[key] = new
    else:
        del copied[key]
    return copied


def _short(value: Any) -> str:
    return "left out" if value == GONE else json.dumps(value)[:40]
