"""Rules of the pack `high-availability` about nodes on AWS: which they are, what they may and who reaches them."""

from policies.checks import given_rights, group_sides, node_types, private_services
from policies.checks.tokens import NODE_GROUP
from policies.rules import Case, Example, Level, PlainRule, Rule, Severity, WholeRule

RULES: tuple[Rule, ...] = (
    PlainRule(
        name="node-types",
        description="A node group states the instance types that it takes.",
        remedy="instanceTypes with types of the same size, the preferred one first.",
        severity=Severity.MEDIUM,
        level=Level.ADVISORY,
        types=(NODE_GROUP,),
        check=node_types.stated,
        example=Example("aws.eks.NodeGroup", "instanceTypes", fails=[], passes=["m7i.4xlarge"]),
    ),
    WholeRule(
        name="security-groups-agree",
        description="A rule of a security group that names another one has its like at the other end, and what listens "
        "behind security groups of the stack is let in by its port.",
        remedy="A SecurityGroupIngressRule and a SecurityGroupEgressRule for each way; one for each listener's port.",
        severity=Severity.HIGH,
        check=group_sides.kept,
        case=Case(
            fails="a load balancer that lets out to nodes by a port that the nodes' group does not open to it",
            passes="both rules",
            test="tests/unit/test_policy_network_sides.py",
        ),
    ),
    WholeRule(
        name="eks-rights",
        description="The roles of an EKS cluster and of its nodes have the policies without which no node joins or "
        "gets an image; no role of the stack may do nothing, and each that trusts pods is given to some.",
        remedy="A RolePolicyAttachment of what is named; a RolePolicy for a role of one's own; a "
        "PodIdentityAssociation with the roleArn and the service account of its pods.",
        severity=Severity.HIGH,
        check=given_rights.there,
        case=Case(
            fails="a node group whose role is without AmazonEKSWorkerNodePolicy",
            passes="one with it, and with AmazonEC2ContainerRegistryPullOnly",
            test="tests/unit/test_policy_network_sides.py",
        ),
    ),
    WholeRule(
        name="private-services",
        description="Services of AWS that nodes call are reached within the VPC: the loss of a NAT gateway takes none "
        "of them away.",
        remedy="The VpcEndpoint that the message names: Gateway for s3, Interface with private DNS for the others.",
        severity=Severity.MEDIUM,
        level=Level.ADVISORY,
        check=private_services.reached,
        example=Example(
            "aws.ec2.VpcEndpoint",
            "serviceName",
            fails="com.amazonaws.us-east-1.sqs",
            passes="com.amazonaws.us-east-1.sts",
        ),
    ),
)
