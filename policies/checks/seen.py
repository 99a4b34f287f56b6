"""Self-checks of the packs over plain data: a rule that saw nothing has proved nothing."""

from collections.abc import Iterator, Sequence

from policies.checks.model import Limits, Violation
from policies.checks.names import routing
from policies.checks.plain import Plain, at, flag_at, text_at
from policies.checks.recorded import aws_regions, region, settings
from policies.checks.tokens import (
    ACCESS_ENTRY,
    ADDON,
    AUTOSCALER,
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
    HEALTH_CHECK,
    IAM_ROLE,
    IAM_ROLE_POLICY,
    INGRESS_RULE,
    KEY,
    LAUNCH_TEMPLATE,
    LISTENER,
    LOAD_BALANCER,
    LOG_GROUP,
    NAMESPACE,
    NAT_GATEWAY,
    NETWORK_POLICY,
    NODE_GROUP,
    OBJECT_STORE,
    PEERING,
    PEERING_ACCEPTER,
    PEERING_OPTIONS,
    POOLER,
    POSTGRESQL,
    RECORD,
    RELEASE,
    ROLE,
    ROLE_BINDING,
    ROUTE,
    ROUTE_TABLE,
    ROUTE_TABLE_ASSOCIATION,
    SCALE_IN,
    SCHEDULED_BACKUP,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    STORAGE_CLASS,
    SUBNET,
    TRANSIT_ACCEPTER,
    TRANSIT_GATEWAY,
    TRANSIT_PEERING,
    TRANSIT_ROUTE,
    VIRTUAL_SERVER,
    VPC,
    VPC_ENDPOINT,
    ZONE,
    ZONE_ASSOCIATION,
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


ZONAL_ON_AWS = (VPC, SUBNET, NAT_GATEWAY, ROUTE, ROUTE_TABLE, ROUTE_TABLE_ASSOCIATION, VPC_ENDPOINT)
"""Of a network that the stack makes."""
LINKED_BY = {
    "peering": (PEERING, PEERING_ACCEPTER, PEERING_OPTIONS),
    "transit-gateway": (TRANSIT_PEERING, TRANSIT_ACCEPTER, TRANSIT_ROUTE),
}
"""By `multiregion.link`, what the later one of two regions makes for both."""


def availability(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Of the pack high-availability, beside what its other self-check looks for on every platform."""
    del limits
    recorded = settings(whole)
    expected = [AUTOSCALER] if flag_at(recorded, "memory", "autoscaling", "enabled", default=False) else []
    if whole.on_aws:
        expected += [] if at(recorded, "aws", "network", "existing") else ZONAL_ON_AWS
        expected += [] if at(recorded, "aws", "cluster", "existing") else (EKS_CLUSTER, NODE_GROUP)
        expected += _between_regions(recorded)
        expected += [HEALTH_CHECK] if _public(recorded) else []
    missing = _absent(whole, expected)
    if whole.on_aws and _public(recorded) and not any(routing(record) for record in whole.of(RECORD)):
        missing.append("Record with a routing policy")
    yield from _told(whole, missing)


def _between_regions(recorded: Plain) -> list[str]:
    """Every region has names and a gateway for the others; the later one of two makes their link."""
    names, link = list(aws_regions(recorded)), text_at(recorded, "multiregion", "link", default="peering")
    found = [ZONE, RECORD] if len(names) > 1 else []
    found += [TRANSIT_GATEWAY] if link == "transit-gateway" else []
    if region(recorded) in names[1:]:
        found += [*LINKED_BY.get(link, ()), ZONE_ASSOCIATION]
    return found


def _public(recorded: Plain) -> bool:
    """Whether users reach the region by names of Route 53."""
    enabled = flag_at(recorded, "ingress", "enabled", default=True)
    return enabled and at(recorded, "aws", "dns", "hosted_zone") is not None


def data(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Of the pack data-safety."""
    del limits
    yield from _missing(whole, HOLD_DATA, HOLD_DATA_ON_AWS, BACKUPS_ON_AWS)


def security(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Of the pack security."""
    del limits
    recorded = settings(whole)
    more = [VIRTUAL_SERVER] if flag_at(recorded, "ingress", "enabled", default=True) else []
    if whole.on_aws and at(recorded, "services", "installed") is None:
        more.append(RELEASE)  # of the platform services, none of which is there already
    yield from _missing(whole, (*SECURED, *more), SECURED_ON_AWS, BUCKETS_ON_AWS)


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
    yield from _told(whole, _absent(whole, expected))


def _absent(whole: Whole, expected: Sequence[str]) -> list[str]:
    """Kinds of which the stack holds nothing."""
    return [token.rpartition(":")[2] for token in expected if not whole.of(token)]


def _told(whole: Whole, missing: Sequence[str]) -> Iterator[Violation]:
    if missing:
        yield Violation(
            "",
            f"the stack holds no {', no '.join(missing)}: the other policies judged nothing of the kind "
            f"({len(whole.resources)} resources were seen)",
        )
