"""Whatever weakens a region is noticed by a policy that is named, or is on the list with the reason why it does not."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

import pytest

from tests.unit.policy_mutants import DATA, SECURITY, Mutant, added, dropped, unprotected, weakened
from tests.unit.policy_plan import Stack, Verdict, region, verdicts

LEAST = 200
"""Mutants of a region, at least."""

NEEDED = "others are made of it: the program does not run without it, and what leads to it is weakened by itself"
DEFAULT = "is the default"
DENIES = "denies more"
REFUSED = "the API does not take it"
OUTAGE = "something does not work: an outage that tests of the program notice, and no danger"
OPERATED = "is of a chart, which is not judged and named so"

HARMLESS: tuple[tuple[str, str], ...] = (
    # Dropped, and nothing of the stack is made of it.
    (r"drop aws:cloudwatch/logGroup", "EKS makes the group of its logs itself, which are then kept for ever"),
    (r"drop aws:ec2/defaultRouteTable", "AWS's own has no way out either; closing it is for whoever adds one"),
    (r"drop aws:(ec2/(route|vpcEndpoint|vpcPeering|peering)|lb/|route53/(record|zoneAssociation))", OUTAGE),
    (r"drop aws:vpc/securityGroup(E|In)gressRule", DENIES),
    (r"drop aws:eks/(accessPolicyAssociation|addon|nodeGroup|podIdentityAssociation)", OUTAGE),
    (r"drop aws:iam/(rolePolicy|rolePolicyAttachment)", DENIES),
    (r"drop aws:kms/alias", "the key is there; another region finds it no longer, and says so"),
    (r"drop kubernetes:autoscaling", OUTAGE),
    (r"drop kubernetes:barmancloud\S+ drop \S+-store-", "of another region, read after a failover: " + OUTAGE),
    (r"drop kubernetes:batch/v1:(CronJob|Job)", "not the backup's: " + OUTAGE),
    (r"drop kubernetes:(core/v1:Service|elbv2|helm|k8s.nginx|networking|rbac)", OUTAGE),
    (r"drop kubernetes:monitoring", "nothing serves less: what is no longer collected is an alert"),
    (r"drop kubernetes:core/v1:ConfigMap:? drop \S+-monitoring-dashboard-", "nothing serves less: a page is away"),
    (r"drop kubernetes:core/v1:Secret", "nothing is made of it within the stack: " + OUTAGE),
    # A field left out that has a safe default.
    (r"defaultSecurityGroup\S+ ingress left out", DEFAULT),
    (r"subnet\S+ mapPublicIpOnLaunch left out", DEFAULT),
    (r"key:Key deletionWindowInDays left out", "30 days " + DEFAULT),
    (r"bucket:Bucket forceDestroy left out", DEFAULT),
    (r"StatefulSet (whenDeleted|whenScaled) left out", "Retain " + DEFAULT),
    (r"CronJob suspend left out", DEFAULT),
    (r"(CronJob|Job) automountServiceAccountToken left out", "true " + DEFAULT + ", and these pods have a role"),
    (r"Cluster (enableSuperuserAccess|method) left out", DEFAULT),
    (r"launchTemplate\S+ httpEndpoint left out", "enabled " + DEFAULT),
    (r"bucketReplicationConfig\S+ prefix left out", "all objects " + DEFAULT),
    (r"internal left out", "of the load balancer for users: public " + DEFAULT),
    # What AWS or Kubernetes refuses.
    (r"(accessEntry|accessPolicyAssociation)\S+ (principalArn|policyArn) left out", REFUSED),
    (r"accessPolicyAssociation\S+ policyArn", "no access policy of EKS: " + REFUSED),
    (r"rolePolicyAttachment\S+ policyArn left out", REFUSED),
    (r"securityGroup(E|In)gressRule\S+ (cidrIpv4|ipProtocol) left out", REFUSED),
    (r"(CronJob|ScheduledBackup) schedule left out", REFUSED),
    (r"Cluster serviceTemplate left out", REFUSED),
    (r"Cluster method ", "no method of synchronous replication: " + REFUSED),
    (r"\S+Role(Binding)? (subjects|roleRef|apiGroups|resources|verbs) left out", DENIES),
    (r"(StatefulSet|ObjectStore) resources", "of a volume or of Barman's container, not a role's: " + OUTAGE),
    (r"(Deployment|StatefulSet|Service) ports", "of a container or a Service: " + OUTAGE),
    # Weaker in name only.
    (r"runAsUser left out", "runAsNonRoot stands: the kubelet starts no image whose user is root"),
    (r"(Deployment|StatefulSet) serviceAccountName", "no token is mounted, and nothing is bound to default"),
    (r"CronJob serviceAccountName", "of a restore: without its role in AWS it fails, and says so"),
    (r"logGroup\S+ kmsKeyId left out", "CloudWatch encrypts with a key of its own"),
    (r"launchTemplate\S+ httpEndpoint \"disabled\"", OUTAGE),
    (r"addon\S+ configurationValues", "of an add-on other than the network's: " + OUTAGE),
    (r"(cluster:Cluster|nodeGroup:NodeGroup) version left out", "EKS takes one that it supports"),
    (r"bucketLifecycleConfiguration\S+ (days|prefix|status|expiredObjectDeleteMarker)", "more is kept, not less"),
    (r"bucketReplicationConfig\S+ status", "of markers, metrics or the promised time: all is copied, if later"),
    (r"ObjectStore (destinationPath|retentionPolicy)", "of another region's copy, or kept for ever"),
    (r"Cluster barmanObjectName", "of an external cluster: where it would be followed from, not where it archives to"),
    (r"NetworkPolicy (podSelector|policyTypes|ingress)", "the default denies what is left, and to whom a rule is for "
     "nobody nothing is open"),
    (r"NetworkPolicy from", "PostgreSQL's own port, which refuses whatever comes without TLS"),
    (r"Release (readOnlyRootFilesystem|resources|storageClassName)", OPERATED),
)  # fmt: skip
"""What was done (a regular expression) to why no policy says so. The first that fits is the reason."""

STACKS = (("aws", "us-east"), ("aws", "us-west"), ("kubernetes", "us-east"), ("kubernetes", "us-west"))


def mutants(stack: Stack) -> Iterator[Mutant]:
    yield from dropped(stack)
    yield from unprotected(stack)
    yield from added(stack)
    yield from weakened(stack, {**DATA, **SECURITY})


def caught_by(mutant: Mutant, before: set[tuple[str, str]]) -> Verdict | None:
    """The first policy that says more than it said of the region as it is; the pack of availability is asked last."""
    for packs in (("data-safety", "security"), ("high-availability",)):
        for verdict in verdicts(mutant.stack, mutant.changed, packs=packs):
            if (verdict.policy, verdict.urn) not in before:
                return verdict
    return None


def needed(mutant: Mutant, stack: Stack) -> bool:
    """Whether a resource that was dropped is one that others are made of."""
    there = {resource.urn for resource in mutant.stack}
    (gone,) = (resource.urn for resource in stack if resource.urn not in there)
    return any(gone in urns for resource in mutant.stack for urns in resource.sources.values())


def reason(mutant: Mutant, stack: Stack) -> str | None:
    """Why it is harmless, as the list has it."""
    if mutant.kind.startswith("drop") and needed(mutant, stack):
        return NEEDED
    done = f"{mutant.kind} {mutant.title}" if mutant.kind.startswith("drop") else mutant.kind
    return next((pattern for pattern, _ in HARMLESS if re.search(pattern, done)), None)


@dataclass
class Outcome:
    """What became of the mutants of a region."""

    by_policy: Counter[str] = field(default_factory=Counter[str])
    by_reason: Counter[str] = field(default_factory=Counter[str])
    """Pattern of the list, or NEEDED."""
    survivors: list[str] = field(default_factory=list[str])


@cache
def outcome(platform: str, name: str) -> Outcome:
    stack, found = region(platform, name), Outcome()
    before = {(verdict.policy, verdict.urn) for verdict in verdicts(stack)}
    for mutant in mutants(stack):
        verdict = caught_by(mutant, before)
        why = None if verdict else reason(mutant, stack)
        if verdict is not None:
            found.by_policy[verdict.policy] += 1
        elif why is not None:
            found.by_reason[why] += 1
        else:
            found.survivors.append(f"{mutant.kind}: {mutant.title}")
    return found


@pytest.mark.parametrize(("platform", "name"), STACKS)
def test_every_mutant_is_caught_or_has_a_reason_why_not(
    platform: str, name: str, figure: Callable[[str], None]
) -> None:
    found = outcome(platform, name)
    assert found.survivors == []
    caught, harmless = found.by_policy.total(), found.by_reason.total()
    assert caught >= LEAST
    figure(f"mutants of {name} on {platform}: {caught} caught by {len(found.by_policy)} policies, {harmless} harmless")


def test_nothing_is_on_the_list_without_need() -> None:
    needed_for = {why for stack in STACKS for why in outcome(*stack).by_reason}
    assert [pattern for pattern, _ in HARMLESS if pattern not in needed_for] == []
