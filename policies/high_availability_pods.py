"""Rules of the pack `high-availability` about how many pods there are, where they run and how they are replaced."""

from policies.checks import (
    autoscaled,
    autoscaling,
    budgets,
    node_spread,
    presence,
    proof,
    replicas,
    rollouts,
    zones,
)
from policies.checks.tokens import STATEFUL_SET
from policies.rules import Case, Example, PlainRule, ResourceRule, Rule, Severity, StackRule, WholeRule

_CONTAINER = "spec.template.spec.containers.0"

RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="readable",
        description="Whatever runs or scales pods is of a kind that this pack reads, and every field that it judges is "
        "known and has the shape that Kubernetes gives it.",
        remedy="State the field as a plain value, or let it come from a resource that exists already; declare each "
        "object by itself, in the API version that the message names.",
        severity=Severity.HIGH,
        example=Example("Deployment", f"{_CONTAINER}.resources.limits.cpu", fails="much", passes="1"),
        check=presence.readable,
        refuses_unreadable=True,
    ),
    ResourceRule(
        name="enough-replicas",
        description="Deployments, StatefulSets and Poolers run min_replicas pods or more; every pod has a controller.",
        remedy="Raise replicas (instances of a Pooler) to high_availability.min_replicas.",
        severity=Severity.CRITICAL,
        parameters=("min_replicas",),
        example=Example("Deployment", "spec.replicas", fails=2, passes=3),
        check=replicas.enough,
    ),
    StackRule(
        name="enough-replicas-together",
        description="StatefulSets that share a data set have min_replicas pods together; "
        "a Deployment without replicas has an autoscaler.",
        remedy="Add pods to the group, or state replicas or a HorizontalPodAutoscaler for the Deployment.",
        severity=Severity.CRITICAL,
        parameters=("min_replicas",),
        check=replicas.enough_together,
        case=Case(
            fails="a Deployment without spec.replicas that no HorizontalPodAutoscaler scales",
            passes="the same with an autoscaler",
            test="tests/unit/test_policy_replicas.py",
        ),
    ),
    ResourceRule(
        name="zone-spread",
        description="Pods may run in all zones, on nodes of any name, and are spread over them by a rule "
        "(maxSkew 1, DoNotSchedule) that counts their own pods, of a Deployment those of one revision.",
        remedy="Give the pod template a topologySpreadConstraint on topology.kubernetes.io/zone whose labelSelector "
        "matches the template's labels; for a StatefulSet minDomains 3; for a Deployment nodeTaintsPolicy Honor, "
        "matchLabelKeys pod-template-hash and no minDomains. Let node selectors and affinity leave no zone out, "
        "and name no node.",
        severity=Severity.CRITICAL,
        parameters=("zones",),
        example=Example(
            "Deployment",
            "spec.template.spec.topologySpreadConstraints.0.whenUnsatisfiable",
            fails="ScheduleAnyway",
            passes="DoNotSchedule",
        ),
        check=zones.spread,
    ),
    StackRule(
        name="zones-together",
        description="StatefulSets of which each is in one zone are in three of them; no spread counts another "
        "workload's pods.",
        remedy="Pin one StatefulSet to each zone; let each spread select by app.kubernetes.io/instance.",
        severity=Severity.CRITICAL,
        parameters=("zones",),
        example=Example(
            "StatefulSet",
            "spec.template.spec.topologySpreadConstraints.0.labelSelector.matchLabels",
            fails={},
            passes={"app.kubernetes.io/instance": "qdrant"},
        ),
        check=zones.spread_together,
    ),
    StackRule(
        name="zone-loss",
        description="Whatever runs serves on without any one zone, in every placement that the scheduler may choose: "
        "a majority of what votes is left, of PostgreSQL what a commit needs, of the rest a pod.",
        remedy="Choose a number of members that leaves a majority without the fullest zone (3, 5, 6 over three "
        "zones, not 4); spread pods over the zones by a hard rule that counts just them.",
        severity=Severity.CRITICAL,
        parameters=("zones",),
        example=Example("StatefulSet", "spec.replicas", fails=4, passes=3),
        check=proof.survives_a_zone,
    ),
    PlainRule(
        name="node-spread",
        description="Pods of a Deployment, and of a StatefulSet with volumes, are kept on different nodes where there "
        "are some to choose from.",
        remedy="A topologySpreadConstraint on kubernetes.io/hostname whose labelSelector matches the template's labels "
        "(ScheduleAnyway will do), or podAntiAffinity by it.",
        severity=Severity.MEDIUM,
        types=node_spread.SPREAD,
        example=Example(
            "Deployment",
            "spec.template.spec.topologySpreadConstraints.1.topologyKey",
            fails="topology.kubernetes.io/rack",
            passes="kubernetes.io/hostname",
        ),
        check=node_spread.apart,
    ),
    StackRule(
        name="disruption-budgets",
        description="Each pod has exactly one PodDisruptionBudget, which allows an eviction and keeps a majority, of "
        "pods that do not vote min_replicas - 1.",
        remedy="One PodDisruptionBudget a workload (one for all StatefulSets of a group) in its namespace, all of "
        "whose labels its pods have, with maxUnavailable 1 and unhealthyPodEvictionPolicy AlwaysAllow.",
        severity=Severity.HIGH,
        parameters=("min_replicas",),
        example=Example("PodDisruptionBudget", "spec.maxUnavailable", fails="100%", passes=1),
        check=budgets.fit,
    ),
    StackRule(
        name="rollouts",
        description="A Deployment or Pooler keeps pods while it is rolled out.",
        remedy="Leave the strategy at RollingUpdate, and maxUnavailable under the number of pods.",
        severity=Severity.HIGH,
        example=Example("Deployment", "spec.strategy", fails={"type": "Recreate"}, passes={"type": "RollingUpdate"}),
        check=rollouts.keep_pods,
    ),
    PlainRule(
        name="stateful-rollouts",
        description="A StatefulSet is rolled out by itself, to all of its pods, one after the other; of one with "
        "volumes the next follows when the last has been ready for some seconds.",
        remedy="updateStrategy.type RollingUpdate, without partition, maxUnavailable left out; minReadySeconds 10.",
        severity=Severity.HIGH,
        types=(STATEFUL_SET,),
        example=Example(
            "StatefulSet", "spec.updateStrategy", fails={"type": "OnDelete"}, passes={"type": "RollingUpdate"}
        ),
        check=rollouts.reach_all,
    ),
    PlainRule(
        name="members-start-together",
        description="Members of a store that were all lost start at once.",
        remedy="podManagementPolicy Parallel of a StatefulSet with volumes.",
        severity=Severity.HIGH,
        types=(STATEFUL_SET,),
        example=Example("StatefulSet", "spec.podManagementPolicy", fails="OrderedReady", passes="Parallel"),
        check=rollouts.together,
    ),
    ResourceRule(
        name="autoscaler-minimum",
        description="A HorizontalPodAutoscaler never goes under min_replicas, may go that far up, and never scales a "
        "quorum set.",
        remedy="Raise minReplicas, and maxReplicas to it at least; target Deployments only.",
        severity=Severity.HIGH,
        parameters=("min_replicas",),
        example=Example("HorizontalPodAutoscaler", "spec.minReplicas", fails=2, passes=3),
        check=autoscaling.keeps_minimum,
    ),
    StackRule(
        name="autoscaler-target",
        description="A HorizontalPodAutoscaler scales something of the stack, and nothing has two of them.",
        remedy="Correct scaleTargetRef, or remove the autoscaler.",
        severity=Severity.MEDIUM,
        example=Example("HorizontalPodAutoscaler", "spec.scaleTargetRef.name", fails="nobody", passes="memory-service"),
        check=autoscaling.has_one_target,
    ),
    WholeRule(
        name="autoscaled-replicas",
        description="An update leaves the number of pods to the autoscaler of a Deployment.",
        remedy='ResourceOptions(ignore_changes=["spec.replicas"]), or state no replicas.',
        severity=Severity.HIGH,
        example=Example("Deployment", "ignoreChanges", fails=[], passes=["spec.replicas"]),
        check=autoscaled.left_alone,
    ),
)
