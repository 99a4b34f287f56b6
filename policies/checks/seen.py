"""Self-checks of the packs over plain data: a rule that saw nothing has proved nothing."""

from collections.abc import Iterator

from policies.checks.model import Limits, Violation
from policies.checks.plain import at, flag_at
from policies.checks.recorded import settings
from policies.checks.tokens import (
    ACCESS_ENTRY,
    ADDON,
    AWS_PROVIDER,
    BUCKET,
    BUCKET_ACCESS,
    BUCKET_ENCRYPTION,
    BUCKET_LIFECYCLE,
    BUCKET_POLICY,
    BUCKET_REPLICATION,
    BUCKET_VERSIONING,
    CONFIG_MAP,
    CRON_JOB,
    DEFAULT_SECURITY_GROUP,
    DEPLOYMENT,
    EKS_CLUSTER,
    FLOW_LOG,
    IAM_ROLE,
    IAM_ROLE_POLICY,
    INGRESS_RULE,
    KEY,
    LAUNCH_TEMPLATE,
    LISTENER,
    LOAD_BALANCER,
    LOG_GROUP,
    NAMESPACE,
    NETWORK_POLICY,
    NODE_GROUP,
    OBJECT_STORE,
    POOLER,
    POSTGRESQL,
    ROLE,
    ROLE_BINDING,
    SCALE_IN,
    SCHEDULED_BACKUP,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    STORAGE_CLASS,
    SUBNET,
    VIRTUAL_SERVER,
    VPC,
)
from policies.checks.whole import Whole

HOLD_DATA = (STATEFUL_SET, POSTGRESQL, NAMESPACE, CONFIG_MAP, SCALE_IN)
HOLD_DATA_ON_AWS = (STORAGE_CLASS, LOAD_BALANCER)
BACKUPS_ON_AWS = (
    BUCKET,
    BUCKET_VERSIONING,
    BUCKET_LIFECYCLE,
    BUCKET_REPLICATION,
    OBJECT_STORE,
    SCHEDULED_BACKUP,
    CRON_JOB,
)
SECURED = (
    NAMESPACE,
    DEPLOYMENT,
    STATEFUL_SET,
    POSTGRESQL,
    POOLER,
    NETWORK_POLICY,
    SECRET,
    CONFIG_MAP,
    SERVICE,
    SERVICE_ACCOUNT,
    ROLE,
    ROLE_BINDING,
)
SECURED_ON_AWS = (
    IAM_ROLE,
    IAM_ROLE_POLICY,
    LOAD_BALANCER,
    LISTENER,
    INGRESS_RULE,
    AWS_PROVIDER,
)
CLUSTER_ON_AWS = (EKS_CLUSTER, NODE_GROUP, LAUNCH_TEMPLATE, ADDON, ACCESS_ENTRY, KEY, LOG_GROUP)
"""Not where the settings name a cluster that is there already."""
NETWORK_ON_AWS = (VPC, SUBNET, FLOW_LOG, DEFAULT_SECURITY_GROUP)
"""Not where the settings name a network that is there already."""
BUCKETS_ON_AWS = (BUCKET, BUCKET_ACCESS, BUCKET_ENCRYPTION, BUCKET_POLICY)


def data(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Of the pack data-safety."""
    del limits
    yield from _missing(whole, HOLD_DATA, HOLD_DATA_ON_AWS, BACKUPS_ON_AWS)


def security(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Of the pack security."""
    del limits
    ingress = (VIRTUAL_SERVER,) if flag_at(settings(whole), "ingress", "enabled", default=True) else ()
    yield from _missing(whole, (*SECURED, *ingress), SECURED_ON_AWS, BUCKETS_ON_AWS)


def _missing(
    whole: Whole, always: tuple[str, ...], on_aws: tuple[str, ...], of_backups: tuple[str, ...]
) -> Iterator[Violation]:
    recorded = settings(whole)
    if recorded is None:
        yield Violation(
            "", "the stack holds no record of its settings that can be read: what they promise is not known"
        )
    expected = list(always)
    if whole.on_aws:
        expected += on_aws
        expected += [] if at(recorded, "aws", "network", "existing") else NETWORK_ON_AWS
        expected += [] if at(recorded, "aws", "cluster", "existing") else CLUSTER_ON_AWS
        expected += of_backups if flag_at(recorded, "backups", "enabled", default=True) else []
    missing = [token for token in expected if not whole.of(token)]
    if missing:
        kinds = ", no ".join(token.rpartition(":")[2] for token in missing)
        yield Violation("", f"the stack holds no {kinds}: the other policies judged nothing of the kind")
