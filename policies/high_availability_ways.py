"""Rules of the pack `high-availability` about the ways in, out and between regions, and a region on AWS over zones."""

from policies.checks import (
    cluster_addons,
    hosts,
    names,
    places,
    services,
    store_nodes,
    targets,
    watched,
    zonal,
)
from policies.checks.tokens import HEALTH_CHECK, RECORD, TARGET_GROUP
from policies.rules import GONE, Case, Example, PlainRule, Rule, Severity, WholeRule

RULES: tuple[Rule, ...] = (
    WholeRule(
        name="services-reach-pods",
        description="Every Service selects pods of the stack that are there to stay, and each of them declares the "
        "ports, by name or number, that the Service leads to.",
        remedy="Correct spec.selector or targetPort of the Service, or state the port among the container's ports; a "
        "Service without a selector needs an EndpointSlice.",
        severity=Severity.CRITICAL,
        check=services.selecting,
        example=Example("Service", "spec.ports.0.targetPort", fails="htttp", passes="http"),
    ),
    WholeRule(
        name="ways-in-lead-to-services",
        description="Every backend of an Ingress and every upstream of a VirtualServer is a Service of the stack, by a "
        "port that it has.",
        remedy="Correct the name or the port of the backend, or declare the Service.",
        severity=Severity.CRITICAL,
        check=services.leading,
        example=Example("VirtualServer", "spec.upstreams.0.port", fails=81, passes=80),
    ),
    WholeRule(
        name="hosts-claimed-once",
        description="No two VirtualServers or Ingresses of a class claim the same host, or path of a host.",
        remedy="Correct spec.host, or put the paths into one of them.",
        severity=Severity.HIGH,
        case=Case(
            fails="two VirtualServers of a class with one spec.host, or an Ingress for a path of it",
            passes="a host of its own for each, or Ingresses for different paths of one",
            test="tests/unit/test_policy_workloads.py",
        ),
        check=hosts.claimed_once,
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
    PlainRule(
        name="quick-names",
        description="Users of a public name are led away from a region that is down within failover_seconds.",
        remedy="requestInterval 10 and failureThreshold 3 of the HealthCheck; an alias, or a ttl of 60.",
        severity=Severity.HIGH,
        parameters=("failover_seconds",),
        types=(RECORD, HEALTH_CHECK),
        case=Case(
            fails="a HealthCheck with requestInterval 30 and failureThreshold 3: 150 s with those of the answer",
            passes="requestInterval 10 and failureThreshold 3: 90 s",
            test="tests/unit/test_policy_names.py",
        ),
        check=names.quick,
    ),
    WholeRule(
        name="balancers-in-zones",
        description="A load balancer has subnets in three zones, and serves each of them with the pods of all.",
        remedy="A subnet of each zone, and enableCrossZoneLoadBalancing true.",
        severity=Severity.CRITICAL,
        example=Example("aws.lb.LoadBalancer", "enableCrossZoneLoadBalancing", fails=False, passes=True),
        check=zonal.balancers,
    ),
    PlainRule(
        name="target-health",
        description="A load balancer leads to pods, asks each whether it serves, leaves it out within 30 s of silence, "
        "and lets open connections end.",
        remedy="targetType ip; healthCheck with interval 10 or less, unhealthyThreshold 3 and, over HTTP, a path; "
        "deregistrationDelay over zero.",
        severity=Severity.HIGH,
        types=(TARGET_GROUP,),
        example=Example("aws.lb.TargetGroup", "healthCheck.interval", fails=30, passes=5),
        check=targets.healthy,
    ),
    WholeRule(
        name="targets-served",
        description="A load balancer's target group has a listener that leads to it, and something that puts pods "
        "into it.",
        remedy="A Listener whose defaultActions forward to it, and a TargetGroupBinding with its targetGroupARN.",
        severity=Severity.CRITICAL,
        check=targets.served,
        case=Case(
            fails="a TargetGroup without a TargetGroupBinding",
            passes="a TargetGroup with a Listener and a TargetGroupBinding",
            test="tests/unit/test_policy_targets.py",
        ),
    ),
    WholeRule(
        name="subnets-in-zones",
        description="A network that the stack makes has subnets in three zones.",
        remedy="Name three zones in high_availability.zones, each with a zone of AWS of its own.",
        severity=Severity.CRITICAL,
        check=zonal.subnets,
        case=Case(
            fails="a VPC all of whose Subnets are in two availability zones",
            passes="Subnets in three",
            test="tests/unit/test_policy_zonal.py",
        ),
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
        name="control-plane-zones",
        description="The API server of EKS has interfaces in three zones of the network.",
        remedy="A subnet of each zone in vpcConfig.subnetIds.",
        severity=Severity.HIGH,
        case=Case(
            fails="vpcConfig.subnetIds of two zones' subnets",
            passes="one subnet of each of three zones",
            test="tests/unit/test_policy_zonal.py",
        ),
        check=zonal.control_plane,
    ),
    WholeRule(
        name="endpoints-in-zones",
        description="An endpoint of a service of AWS has an address in three zones.",
        remedy="A subnet of each zone in subnetIds.",
        severity=Severity.HIGH,
        check=zonal.endpoints,
        case=Case(
            fails="a VpcEndpoint of type Interface with subnetIds of two zones",
            passes="a subnet of each of three zones",
            test="tests/unit/test_policy_zonal.py",
        ),
    ),
    PlainRule(
        name="zonal-shift",
        description="Traffic can be turned from a zone that is ill and not down.",
        remedy="zonalShiftConfig.enabled true of the Cluster, enableZonalShift true of the LoadBalancer.",
        severity=Severity.MEDIUM,
        types=zonal.SHIFTED,
        check=zonal.shifted,
        example=Example("aws.lb.LoadBalancer", "enableZonalShift", fails=GONE, passes=True),
    ),
    PlainRule(
        name="node-repair",
        description="A node that is up and works no more is replaced.",
        remedy="nodeRepairConfig.enabled true of the NodeGroup.",
        severity=Severity.MEDIUM,
        types=zonal.REPAIRED,
        check=zonal.repaired,
        example=Example("aws.eks.NodeGroup", "nodeRepairConfig", fails=GONE, passes={"enabled": True}),
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
        name="cluster-addons",
        description="A cluster of EKS has the add-ons without which no pod serves, and finds names without any one "
        "zone.",
        remedy="The Addon that the message names; of coredns replicaCount 3 and a topologySpreadConstraint over "
        "topology.kubernetes.io/zone (DoNotSchedule) in configurationValues.",
        severity=Severity.CRITICAL,
        check=cluster_addons.there,
        example=Example("aws.eks.Addon", "addonName", fails="adot", passes="coredns"),
    ),
    WholeRule(
        name="watched-pods",
        description="Where the settings want monitoring, the figures of all pods that stay are collected, and there "
        "are rules that tell of them.",
        remedy="A PodMonitor whose selector has labels of the pods and whose podMetricsEndpoints name one of their "
        "ports; a PrometheusRule.",
        severity=Severity.HIGH,
        check=watched.collected,
        example=Example("PodMonitor", "spec.podMetricsEndpoints.0.port", fails="none", passes="metrics"),
    ),
    WholeRule(
        name="nodes-of-stores",
        description="What keeps volumes runs on node groups that are kept for it: it selects them, they are tainted, "
        "and it tolerates that.",
        remedy="nodeSelector and tolerations of the StatefulSet's pods (affinity.nodeSelector and affinity.tolerations "
        "of a CloudNativePG Cluster) as labels and taints of the NodeGroup have it.",
        severity=Severity.HIGH,
        check=store_nodes.kept,
        example=Example(
            "StatefulSet", "spec.template.spec.nodeSelector", fails=GONE, passes={"soma.io/nodes": "stateful"}
        ),
    ),
    WholeRule(
        name="links-both-ways",
        description="A peering of two regions is accepted, resolves names on both sides, and has a route in each "
        "private route table of both.",
        remedy="VpcPeeringConnectionAccepter, PeeringConnectionOptions for both sides, and a Route in every private "
        "table of both regions.",
        severity=Severity.HIGH,
        check=zonal.links,
        case=Case(
            fails="a VpcPeeringConnection to which one private RouteTable has no Route",
            passes="a Route in every private RouteTable of both regions, an accepter, names that resolve on both sides",
            test="tests/unit/test_policy_zonal.py",
        ),
    ),
    WholeRule(
        name="right-region",
        description="Every provider of AWS states a region that this one has to do with, every resource is made by the "
        "provider of the region that it belongs in, and a peering names the region of its other side.",
        remedy="Give the resource the provider of the region that the message names; peerRegion and vpcRegion as the "
        "list of regions has it.",
        severity=Severity.HIGH,
        check=places.right_region,
        example=Example("aws.Provider", "region", fails="eu-central-1", passes="us-east-1"),
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
)
