"""Rules of the pack `high-availability` about what runs in pods: how it starts, answers and ends."""

from policies.checks import (
    backup_sidecar,
    images,
    probe_fields,
    probes,
    qdrant_env,
    referenced_keys,
    requests,
    scratch,
    stopping,
)
from policies.checks.tokens import OBJECT_STORE, POSTGRESQL, STATEFUL_SET, TEMPLATES
from policies.rules import GONE, Example, Level, PlainRule, ResourceRule, Rule, Severity, WholeRule

_CONTAINER = "spec.template.spec.containers.0"

RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="requests-and-limits",
        description="Every container, init containers too, states CPU and memory over zero, and requests no more than "
        "its limit.",
        remedy="Set resources.requests and resources.limits of cpu and memory, over zero and requests not over limits.",
        severity=Severity.HIGH,
        example=Example(
            "Deployment", f"{_CONTAINER}.resources.limits", fails={"cpu": "8"}, passes={"cpu": "8", "memory": "16Gi"}
        ),
        check=requests.stated,
    ),
    PlainRule(
        name="backup-requests",
        description="What keeps backups in PostgreSQL's pods states CPU and memory over zero, and requests no more "
        "than its limit.",
        remedy="Set spec.instanceSidecarConfiguration.resources of the ObjectStore: requests and limits of cpu and "
        "memory.",
        severity=Severity.HIGH,
        types=(OBJECT_STORE,),
        example=Example(
            "ObjectStore",
            "spec.instanceSidecarConfiguration.resources.limits",
            fails={"cpu": "1"},
            passes={"cpu": "1", "memory": "1Gi"},
        ),
        check=backup_sidecar.stated,
    ),
    PlainRule(
        name="bounded-scratch",
        description="No pod may fill the disk of its node: the kubelet would evict others for it.",
        remedy="State emptyDir.sizeLimit.",
        severity=Severity.MEDIUM,
        types=tuple(TEMPLATES),
        example=Example(
            "Deployment",
            "spec.template.spec.volumes",
            fails=[{"name": "tmp", "emptyDir": {}}],
            passes=[{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
        ),
        check=scratch.bounded,
    ),
    ResourceRule(
        name="probes",
        description="Every container that stays, and every sidecar that serves, has a readiness and a liveness probe "
        "that asks something.",
        remedy="Add readinessProbe and livenessProbe, each with one of httpGet, tcpSocket, exec and grpc.",
        severity=Severity.HIGH,
        example=Example(
            "Deployment", f"{_CONTAINER}.readinessProbe", fails=GONE, passes={"exec": {"command": ["true"]}}
        ),
        check=probes.present,
    ),
    PlainRule(
        name="distinct-probes",
        description="Where readiness and liveness ask the same, a pod is left out by its Services before it is killed.",
        remedy="Raise periodSeconds or failureThreshold of livenessProbe over those of readinessProbe, or let it ask "
        "for less.",
        severity=Severity.HIGH,
        types=probe_fields.LASTING,
        example=Example("Deployment", f"{_CONTAINER}.livenessProbe.periodSeconds", fails=1, passes=20),
        check=probe_fields.apart,
    ),
    PlainRule(
        name="probe-ports",
        description="Every probe asks a port that is declared: a name by its own container, a number by one of the "
        "pod.",
        remedy="Correct the port of the probe, or declare it among the container's ports.",
        severity=Severity.HIGH,
        types=probe_fields.LASTING,
        example=Example(
            "Deployment",
            f"{_CONTAINER}.readinessProbe",
            fails={"httpGet": {"path": "/", "port": "htttp"}},
            passes={"exec": {"command": ["true"]}},
        ),
        check=probe_fields.ports,
    ),
    PlainRule(
        name="startup-probes",
        description="A container that loads what its volumes hold is not killed while it does, and what starts after a "
        "sidecar that serves waits until it answers.",
        remedy="Add startupProbe, with periodSeconds times failureThreshold over the longest load.",
        severity=Severity.HIGH,
        types=probe_fields.LASTING,
        example=Example(
            "StatefulSet", f"{_CONTAINER}.startupProbe", fails=GONE, passes={"exec": {"command": ["true"]}}
        ),
        check=probe_fields.startup,
    ),
    WholeRule(
        name="graceful-stop",
        description="What a Service with an address leads to goes on serving until every node knows that it ends.",
        remedy="lifecycle.preStop sleep 5 or more, and terminationGracePeriodSeconds over that and what a call takes.",
        severity=Severity.HIGH,
        example=Example(
            "Deployment", f"{_CONTAINER}.lifecycle", fails=GONE, passes={"preStop": {"sleep": {"seconds": 5}}}
        ),
        check=stopping.graceful,
    ),
    PlainRule(
        name="time-to-write",
        description="A store states how long it may take to end, in which it writes what it holds.",
        remedy="terminationGracePeriodSeconds of the pods, over the longest that the store takes.",
        severity=Severity.MEDIUM,
        level=Level.ADVISORY,
        types=(STATEFUL_SET,),
        example=Example("StatefulSet", "spec.template.spec.terminationGracePeriodSeconds", fails=GONE, passes=120),
        check=stopping.written,
    ),
    PlainRule(
        name="qdrant-environment",
        description="Every setting of Qdrant's in the environment says something, and its ports are declared.",
        remedy="State a value; declare the port among the container's ports.",
        severity=Severity.HIGH,
        types=(STATEFUL_SET,),
        example=Example(
            "StatefulSet",
            f"{_CONTAINER}.env",
            fails=[{"name": "QDRANT__SERVICE__METRICS_PORT", "value": "7000"}],
            passes=[{"name": "QDRANT__SERVICE__METRICS_PORT", "value": "6336"}],
        ),
        check=qdrant_env.said,
    ),
    PlainRule(
        name="images-at-hand",
        description="A container starts again from the image that its node has, without asking a registry.",
        remedy="Leave imagePullPolicy out, or state IfNotPresent: pinned-images keeps what the name means.",
        severity=Severity.MEDIUM,
        types=(*TEMPLATES, POSTGRESQL),
        example=Example("Deployment", f"{_CONTAINER}.imagePullPolicy", fails="Always", passes="IfNotPresent"),
        check=images.at_hand,
    ),
    WholeRule(
        name="referenced-keys",
        description="Every key that a pod takes from a ConfigMap or Secret of the stack is there.",
        remedy="Correct the key, or add it to the object's data.",
        severity=Severity.HIGH,
        example=Example(
            "Deployment",
            "spec.template.spec.volumes",
            fails=[{"name": "token", "secret": {"secretName": "memory-service-token", "items": [{"key": "tokn"}]}}],
            passes=[{"name": "token", "secret": {"secretName": "memory-service-token", "items": [{"key": "token"}]}}],
        ),
        check=referenced_keys.present,
    ),
)
