"""Rules of the pack `security` about pods, images and secrets."""

from policies.checks import (
    hardening,
    images,
    literals,
    references,
    releases_pinned,
)
from policies.checks.tokens import (
    CONFIG_MAP,
    POOLER,
    POSTGRESQL,
    RELEASE,
    SERVICE_ACCOUNT,
    TEMPLATES,
)
from policies.rules import GONE, Case, Example, PlainRule, Rule, Severity, WholeRule

_PODS = tuple(TEMPLATES)
_CONTAINER = "spec.template.spec.containers.0"

RULES: tuple[Rule, ...] = (
    PlainRule(
        name="unprivileged-pods",
        description="No container runs as root, is privileged, may gain rights or keeps capabilities; the runtime "
        "filters its system calls.",
        remedy="runAsNonRoot, a runAsUser over 0 and seccompProfile RuntimeDefault for the pod; for each container "
        "allowPrivilegeEscalation false and capabilities.drop [ALL].",
        severity=Severity.HIGH,
        types=_PODS,
        check=hardening.unprivileged,
        example=Example(
            "Deployment", f"{_CONTAINER}.securityContext.allowPrivilegeEscalation", fails=True, passes=False
        ),
    ),
    PlainRule(
        name="read-only-pods",
        description="The file system of every container's image is read-only.",
        remedy="readOnlyRootFilesystem true, and an emptyDir for what has to be written.",
        severity=Severity.MEDIUM,
        types=_PODS,
        check=hardening.read_only,
        example=Example("Deployment", f"{_CONTAINER}.securityContext.readOnlyRootFilesystem", fails=False, passes=True),
    ),
    PlainRule(
        name="pods-away-from-host",
        description="Pods share no namespace, path or port with their node.",
        remedy="Remove hostNetwork, hostPID, hostIPC, hostPath volumes and hostPorts.",
        severity=Severity.CRITICAL,
        types=_PODS,
        check=hardening.away_from_host,
        example=Example("Deployment", "spec.template.spec.hostNetwork", fails=True, passes=False),
    ),
    PlainRule(
        name="service-accounts",
        description="A service account gives its token only to pods that ask for it.",
        remedy="automountServiceAccountToken false on the ServiceAccount.",
        severity=Severity.MEDIUM,
        types=(SERVICE_ACCOUNT,),
        check=hardening.service_account,
        example=Example("ServiceAccount", "automountServiceAccountToken", fails=GONE, passes=False),
    ),
    WholeRule(
        name="tokens",
        description="Only pods of a service account that a role is bound to get a token of the API server.",
        remedy="automountServiceAccountToken false in the pod template, or a RoleBinding for its own service account.",
        severity=Severity.MEDIUM,
        check=hardening.tokens,
        example=Example("Deployment", "spec.template.spec.automountServiceAccountToken", fails=True, passes=False),
    ),
    WholeRule(
        name="restricted-namespaces",
        description="The API server itself refuses pods that are not restricted, in every namespace with pods.",
        remedy="Label the Namespace pod-security.kubernetes.io/enforce: restricted.",
        severity=Severity.HIGH,
        check=hardening.namespaces,
        example=Example(
            "Namespace",
            "metadata.labels",
            fails={"pod-security.kubernetes.io/enforce": "baseline"},
            passes={"pod-security.kubernetes.io/enforce": "restricted"},
        ),
    ),
    PlainRule(
        name="pinned-images",
        description="Every image has a digest, or a tag that does not move.",
        remedy="State a version; not latest, stable, main and the like.",
        severity=Severity.HIGH,
        types=(*_PODS, POSTGRESQL, POOLER),
        check=images.pinned,
        example=Example(
            "Deployment", f"{_CONTAINER}.image", fails="example.org/memory:latest", passes="example.org/memory:1.2.3"
        ),
    ),
    PlainRule(
        name="pinned-releases",
        description="Helm releases take a stated version of a chart from an address with TLS.",
        remedy="State version, and repositoryOpts.repo https://… or a chart oci://….",
        severity=Severity.HIGH,
        types=(RELEASE,),
        check=releases_pinned.pinned,
        example=Example("Release", "version", fails=GONE, passes="1.2.3"),
    ),
    PlainRule(
        name="no-secrets-in-pods",
        description="No environment and no command line holds a secret.",
        remedy="Put it into a Secret, mount that as a file and state the file's path.",
        severity=Severity.CRITICAL,
        types=_PODS,
        check=literals.in_pods,
        example=Example(
            "Deployment",
            f"{_CONTAINER}.env",
            fails=[{"name": "POSTGRES_PASSWORD", "value": "…"}],
            passes=[{"name": "POSTGRES_PASSWORD_FILE", "value": "/run/soma/postgresql/password"}],
        ),
    ),
    PlainRule(
        name="no-secrets-in-config-maps",
        description="No ConfigMap holds a secret by its name or its form.",
        remedy="Put it into a Secret.",
        severity=Severity.CRITICAL,
        types=(CONFIG_MAP,),
        check=literals.in_config_maps,
        example=Example(
            "ConfigMap",
            "data",
            fails={"url": "postgresql://soma:…@postgresql/somamemory"},
            passes={"url": "postgresql://soma@postgresql/somamemory"},
        ),
    ),
    WholeRule(
        name="secrets-stay-secret",
        description="What a Secret of the stack holds is repeated in no ConfigMap and no pod.",
        remedy="Mount the Secret where it is needed.",
        severity=Severity.CRITICAL,
        check=literals.nowhere_else,
        case=Case(
            fails="a ConfigMap whose data repeats what a Secret of the stack holds",
            passes="the Secret mounted where it is needed",
            test="tests/unit/test_policy_security.py",
        ),
    ),
    WholeRule(
        name="own-references",
        description="What pods mount and act as, what PostgreSQL is given, and where hosts and bindings lead, is made "
        "by the stack: nobody else can put something of that name there.",
        remedy="Declare the Secret, ConfigMap, ServiceAccount, Service, Policy or role, or correct the name.",
        severity=Severity.HIGH,
        check=references.lead,
        example=Example(
            "CronJob", "spec.jobTemplate.spec.template.spec.serviceAccountName", fails="other", passes=GONE
        ),
    ),
    WholeRule(
        name="used-objects",
        description="Every ConfigMap, service account and role that the stack makes is named by something of it.",
        remedy="Declare what uses it, or remove it.",
        severity=Severity.HIGH,
        check=references.used,
        case=Case(
            fails="a region without the CronJob that heals Redis, whose ConfigMap then nothing mounts",
            passes="a ConfigMap that pods mount, and the pages of Grafana, which are found by a label",
            test="tests/unit/test_policy_security.py",
        ),
    ),
)
