"""The pack `high-availability`: the minimums of the scaling guide's `high_availability` block, rule by rule."""

from policies.checks import (
    autoscaling,
    budgets,
    names,
    own_minimums,
    postgresql,
    presence,
    probes,
    proof,
    qdrant,
    replicas,
    requests,
    rollouts,
    zonal,
    zones,
)
from policies.checks.tokens import RECORD
from policies.rules import EXCEPTIONS, GONE, Example, PlainRule, ResourceRule, Rule, Severity, StackRule, WholeRule

NAME = "high-availability"
DESCRIPTION = "A region survives the loss of one zone and the drain of any node."

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
    ),
    ResourceRule(
        name="zone-spread",
        description="Pods may run in all zones, on nodes of any name, and are spread over them by a rule "
        "(maxSkew 1, DoNotSchedule) that counts their own pods.",
        remedy="Give the pod template a topologySpreadConstraint on topology.kubernetes.io/zone whose labelSelector "
        "matches the template's labels; for a StatefulSet minDomains 3; for a Deployment nodeTaintsPolicy Honor and no "
        "minDomains. Let node selectors and affinity leave no zone out, and name no node.",
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
    ResourceRule(
        name="postgresql-zones",
        description="PostgreSQL has three instances or more in all zones, and every commit is in two of them.",
        remedy="instances 3, affinity on topology.kubernetes.io/zone with podAntiAffinityType required (a hard "
        "spread for more instances), postgresql.synchronous number 1 (as many as share a zone) "
        "with dataDurability required, enablePDB not switched off, no zone left out and no node named by affinity.",
        severity=Severity.CRITICAL,
        parameters=("zones",),
        example=Example("Cluster", "spec.affinity.podAntiAffinityType", fails="preferred", passes="required"),
        check=postgresql.survives_a_zone,
    ),
    StackRule(
        name="postgresql-pooler",
        description="A connection pooler stands before a PostgreSQL cluster of its stack.",
        remedy="Name the Cluster of the same namespace in the Pooler's spec.cluster.name.",
        severity=Severity.HIGH,
        example=Example("Pooler", "spec.cluster.name", fails="nobody", passes="postgresql-us-east"),
        check=postgresql.present_with_pooler,
    ),
    StackRule(
        name="qdrant-replication",
        description="Qdrant runs as a cluster; its collections, which a home region plans, have two or more replicas "
        "of each shard.",
        remedy="Set sharding.replication_factor to 2 or more, and no higher than qdrant.replicas; keep the ConfigMap "
        "of the plan at home.",
        severity=Severity.CRITICAL,
        example=Example(
            "ConfigMap",
            "data",
            fails={"collections.json": '{"parameters": {"replication_factor": 1}}'},
            passes={"collections.json": '{"parameters": {"replication_factor": 2}}'},
        ),
        check=qdrant.replicated,
    ),
    PlainRule(
        name="healthy-names",
        description="Of several records of a name Route 53 answers with those whose target is up.",
        remedy="healthCheckId for records with a routing policy, evaluateTargetHealth true for aliases.",
        severity=Severity.HIGH,
        types=(RECORD,),
        check=names.healthy,
        example=Example(
            "aws.route53.Record",
            "aliases.0.evaluateTargetHealth",
            fails=False,
            passes=True,
        ),
    ),
    WholeRule(
        name="subnets-in-zones",
        description="A network that the stack makes has subnets in three zones.",
        remedy="Name three zones in high_availability.zones, each with a zone of AWS of its own.",
        severity=Severity.CRITICAL,
        check=zonal.subnets,
    ),
    WholeRule(
        name="nat-per-zone",
        description="The subnets of each zone get out by that zone's own NAT gateway.",
        remedy="A NatGateway in a public subnet of each zone, and a private route table a zone whose default route "
        "leads to it.",
        severity=Severity.HIGH,
        check=zonal.ways_out,
        example=Example("aws.ec2.Route", "natGatewayId", fails=GONE, passes="nat-0"),
    ),
    WholeRule(
        name="nodes-in-zones",
        description="Nodes of each use are in three zones; those that hold data (tainted ones) are a group a zone and "
        "on demand.",
        remedy="A NodeGroup a zone and use, with the private subnet of its zone, minSize over zero, capacityType "
        "ON_DEMAND.",
        severity=Severity.CRITICAL,
        check=zonal.node_groups,
        example=Example("aws.eks.NodeGroup", "capacityType", fails="SPOT", passes="ON_DEMAND"),
    ),
    WholeRule(
        name="links-both-ways",
        description="A peering of two regions is accepted, resolves names on both sides, and has a route in each "
        "private route table of both.",
        remedy="VpcPeeringConnectionAccepter, PeeringConnectionOptions for both sides, and a Route in every private "
        "table of both regions.",
        severity=Severity.HIGH,
        check=zonal.links,
    ),
    PlainRule(
        name="cluster-support",
        description="An EKS cluster states its version and stays in standard support.",
        remedy="upgradePolicy.supportType STANDARD, and a version.",
        severity=Severity.MEDIUM,
        types=zonal.SUPPORTED,
        check=zonal.supported,
        example=Example(
            "aws.eks.Cluster", "upgradePolicy", fails={"supportType": "EXTENDED"}, passes={"supportType": "STANDARD"}
        ),
    ),
    StackRule(
        name="same-minimums",
        description="The pack is configured with the minimums of the region's own settings, or with stricter ones.",
        remedy=f"With the Pulumi CLI {own_minimums.REMEDY}.",
        severity=Severity.HIGH,
        parameters=("min_replicas", "zones"),
        check=own_minimums.same,
    ),
    StackRule(
        name="nothing-missing",
        description="The stack holds every part that a region is made of, by its program, and all could be judged.",
        remedy="Run the pack on a whole region; a rule that saw nothing has proved nothing.",
        severity=Severity.HIGH,
        check=presence.nothing_missing,
    ),
    EXCEPTIONS,
)
