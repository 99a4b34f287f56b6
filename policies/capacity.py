"""The pack `capacity`: what a region has carries its workload until the plan ends, and is not far more than that."""

from policies.checks import capacity, connections, node_room, sizes
from policies.rules import EXCEPTIONS, Case, Example, Level, PlainRule, Rule, Severity, WholeRule

NAME = "capacity"
DESCRIPTION = "A region that states its workload carries it until the plan ends; of others sizes are only read."

_REQUESTS = "spec.template.spec.containers.0.resources.requests"

RULES: tuple[Rule, ...] = (
    PlainRule(
        name="readable",
        description="Requests, limits, volumes and the autoscaler's target of every component are quantities.",
        remedy="State the field as a plain value.",
        severity=Severity.HIGH,
        types=sizes.READ,
        check=sizes.readable,
        example=Example("StatefulSet", f"{_REQUESTS}.memory", fails="much", passes="64Gi"),
    ),
    WholeRule(
        name="enough-pods",
        description="The service may have the pods of the peak, and stores the nodes and copies, that the workload "
        "needs on the last day of the plan; the edge of a standby has its pods.",
        remedy="Raise the key that the message names, or leave it out, so that it follows from the workload.",
        severity=Severity.HIGH,
        check=capacity.pods,
        example=Example("StatefulSet", "spec.replicas", fails=1, passes=3),
    ),
    WholeRule(
        name="enough-cpu",
        description="Each pod requests the CPU that it needs on the last day of the plan, at peak, while the zones "
        "that may be lost are away.",
        remedy="Raise the key that the message names, or leave it out.",
        severity=Severity.HIGH,
        check=capacity.processors,
        example=Example("StatefulSet", f"{_REQUESTS}.cpu", fails="1m", passes="1"),
    ),
    WholeRule(
        name="enough-memory",
        description="Each pod requests the memory that it needs on the last day of the plan; of Redis the limit "
        "counts, which decides when it evicts.",
        remedy="Raise the key that the message names, or leave it out.",
        severity=Severity.CRITICAL,
        check=capacity.memory,
        example=Example("StatefulSet", f"{_REQUESTS}.memory", fails="64Mi", passes="64Gi"),
    ),
    WholeRule(
        name="enough-storage",
        description="Each volume holds what it has to hold on the last day of the plan, with a part of it free.",
        remedy="Raise the key that the message names, or leave it out.",
        severity=Severity.CRITICAL,
        check=capacity.storage,
        example=Example("Cluster", "spec.storage.size", fails="1Gi", passes="100Gi"),
    ),
    WholeRule(
        name="connections-within-limits",
        description="The most connections that pods of the service hold are no more than poolers that are left without "
        "a zone, and nodes of Redis, take; nor are those of all poolers more than PostgreSQL has beside the "
        "superusers'. With a workload or without.",
        remedy="Raise postgresql.pooler.instances or PostgreSQL's memory, or lower memory.autoscaling.max_replicas, as "
        "the message says.",
        severity=Severity.HIGH,
        check=connections.within_limits,
        example=Example("Pooler", "spec.pgbouncer.parameters.default_pool_size", fails="500", passes="5"),
    ),
    WholeRule(
        name="scales-in-time",
        description="The service is scaled at no more CPU than a pod uses that is as busy as it may be.",
        remedy="Lower memory.autoscaling.target_cpu, or leave it out.",
        severity=Severity.HIGH,
        check=capacity.scales,
        example=Example(
            "HorizontalPodAutoscaler",
            "spec.metrics.0.containerResource.target.averageValue",
            fails="900m",
            passes="50m",
        ),
    ),
    WholeRule(
        name="not-far-over",
        description="All pods of a component together have no more than times_plan times what the plan asks for.",
        remedy="State less, or the workload that this is meant for.",
        severity=Severity.MEDIUM,
        level=Level.ADVISORY,
        parameters=("times_plan",),
        check=capacity.far_over,
        example=Example("StatefulSet", f"{_REQUESTS}.cpu", fails="60", passes="1"),
    ),
    WholeRule(
        name="service-limits",
        description="The service itself, whatever it runs on, answers in time and deletes nothing until the plan ends.",
        remedy="What the message names: more memory namespaces, another objective, or fewer memories.",
        severity=Severity.HIGH,
        level=Level.ADVISORY,
        check=capacity.service,
        case=Case(
            fails="a workload with more memories than the service keeps in time",
            passes="the same in more memory namespaces",
            test="tests/unit/test_policy_capacity.py",
        ),
    ),
    WholeRule(
        name="link-keeps-the-rpo",
        description="Where the workload says what the network from home to each standby carries, that keeps the lag "
        "under the RPO until the plan ends.",
        remedy="A faster link, or more seconds in workload.objectives.rpo_seconds.",
        severity=Severity.HIGH,
        check=capacity.link,
        case=Case(
            fails="workload with a link of 0.00001 Mbit/s",
            passes="a link of 1000 Mbit/s",
            test="tests/unit/test_policy_capacity.py",
        ),
    ),
    WholeRule(
        name="node-groups-take-the-pods",
        description="On AWS, the nodes of each zone have room for its pods, with as many of the service as its "
        "autoscaler may have, in whatever order the scheduler places them.",
        remedy="Raise aws.nodes.*.per_zone, state larger instance types, or fewer and smaller pods.",
        severity=Severity.HIGH,
        check=node_room.takes_pods,
        example=Example("aws.eks.NodeGroup", "scalingConfig.desiredSize", fails=1, passes=40),
    ),
    WholeRule(
        name="nothing-missing",
        description="The stack holds the record of its settings and, with a workload, every component of it.",
        remedy="Run the pack on a whole region; a rule that saw nothing has proved nothing.",
        severity=Severity.HIGH,
        check=capacity.nothing_missing,
        case=Case(
            fails="a region with a workload, without its Redis",
            passes="every component of it",
            test="tests/unit/test_policy_capacity.py",
        ),
    ),
    EXCEPTIONS,
)
