"""Rules of the pack `high-availability` about the stores, each by its own rules of quorum."""

from policies.checks import (
    peer_names,
    postgresql,
    qdrant,
    qdrant_zones,
    redis,
)
from policies.checks.tokens import POSTGRESQL
from policies.rules import GONE, Example, PlainRule, ResourceRule, Rule, Severity, StackRule, WholeRule

RULES: tuple[Rule, ...] = (
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
    PlainRule(
        name="postgresql-updates",
        description="An update of PostgreSQL goes on by itself, and moves the primary in place of restarting it.",
        remedy="primaryUpdateMethod switchover, primaryUpdateStrategy unsupervised.",
        severity=Severity.MEDIUM,
        types=(POSTGRESQL,),
        example=Example("Cluster", "spec.primaryUpdateMethod", fails="restart", passes="switchover"),
        check=postgresql.updated,
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
    StackRule(
        name="qdrant-zone-loss",
        description="Without any one zone every shard of Qdrant has a copy, and as many as a write waits for.",
        remedy="write_consistency_factor 1 with two copies, and never more than a zone's loss leaves; with more nodes "
        "than zones declare the rebalancer, which puts the copies of a shard into different zones.",
        severity=Severity.CRITICAL,
        parameters=("zones",),
        example=Example(
            "ConfigMap",
            "data",
            fails={"collections.json": '{"parameters": {"replication_factor": 2, "write_consistency_factor": 2}}'},
            passes={"collections.json": '{"parameters": {"replication_factor": 2, "write_consistency_factor": 1}}'},
        ),
        check=qdrant_zones.survived,
    ),
    StackRule(
        name="qdrant-shards",
        description="Every node of Qdrant has shards to serve: a collection has as many as there are nodes, or as the "
        "settings say.",
        remedy="Make collections with sharding.shards shards; their number cannot be changed later.",
        severity=Severity.MEDIUM,
        example=Example(
            "ConfigMap",
            "data",
            fails={"collections.json": '{"parameters": {"replication_factor": 2, "shard_number": 1}}'},
            passes={"collections.json": '{"parameters": {"replication_factor": 2, "shard_number": 4}}'},
        ),
        check=qdrant_zones.sharded,
    ),
    StackRule(
        name="redis-shards",
        description="No zone has so many of Redis' masters that the others are no majority, every master has its "
        "replicas in other zones, and every pod of the plan is one of a StatefulSet in one zone.",
        remedy="An odd number of masters, three or more (redis.cluster.nodes), each with a replica "
        "(redis.cluster.replicas); let components/redis_plan.py place them, and run as many pods a zone as it plans.",
        severity=Severity.CRITICAL,
        example=Example(
            "ConfigMap",
            "data",
            fails={
                "plan.json": '{"shards": [["redis-zone-a-0", "redis-zone-a-1"], ["redis-zone-b-0", "redis-zone-c-0"], '
                '["redis-zone-c-1", "redis-zone-b-1"]]}'
            },
            passes={
                "plan.json": '{"shards": [["redis-zone-a-0", "redis-zone-b-0"], ["redis-zone-b-1", "redis-zone-c-0"], '
                '["redis-zone-c-1", "redis-zone-a-1"]]}'
            },
        ),
        check=redis.placed,
    ),
    WholeRule(
        name="peer-names",
        description="The Service of a StatefulSet gives each of its pods a name, ready or not.",
        remedy='clusterIP "None", publishNotReadyAddresses true, and a selector of the labels of its pods.',
        severity=Severity.HIGH,
        example=Example("Service", "spec.clusterIP", fails=GONE, passes="None"),
        check=peer_names.resolved,
    ),
)
