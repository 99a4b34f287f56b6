"""A simulated account with one good resource of every type, so that a test breaks one thing of one of them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.aws import tokens as aws
from tests.unit.aws_account import ACCOUNT, EAST, WEST, Account, policy, trust

Refusal = Callable[[Account], str]
"""Breaks something of a good account and answers what is said of it."""


def refused(name: str, /, **changes: Any) -> Refusal:
    """Some inputs of a resource changed."""
    return lambda account: account.refused(name, **changes)


def clash(of: str, /, **changes: Any) -> Refusal:
    """A second resource like a first one."""
    return lambda account: account.clash(of, **changes)


def judge(refusal: Refusal, words: str) -> None:
    """Asserts that a refusal has these words (a regular expression)."""
    said = refusal(whole())
    assert re.search(words, said), said


def whole() -> Account:
    """Two regions with a network each, a cluster, buckets, names, a load balancer: every type at least once."""
    account = Account()
    _network(account, EAST, "", "10.64.0.0/16")
    _network(account, WEST, "west-", "10.65.0.0/16")
    _identities(account)
    _links(account)
    _transit(account)
    _cluster(account)
    _buckets(account)
    _names(account)
    _balancer(account)
    return account


def _network(account: Account, region: str, at: str, cidr: str) -> None:
    start = cidr.removesuffix(".0.0/16")
    account.make(aws.VPC, f"{at}vpc", region, cidrBlock=cidr, enableDnsHostnames=True, enableDnsSupport=True)
    vpc: str = account[f"{at}vpc"]["id"]
    account.make(aws.INTERNET_GATEWAY, f"{at}internet", region, vpcId=vpc)
    account.make(aws.ROUTE_TABLE, f"{at}public", region, vpcId=vpc)
    account.make(
        aws.ROUTE,
        f"{at}out",
        region,
        routeTableId=account[f"{at}public"]["id"],
        destinationCidrBlock="0.0.0.0/0",
        gatewayId=account[f"{at}internet"]["id"],
    )
    for index, letter in enumerate("ab"):
        account.make(
            aws.SUBNET,
            f"{at}subnet-{letter}",
            region,
            vpcId=vpc,
            cidrBlock=f"{start}.{index}.0/24",
            availabilityZone=f"{region}{letter}",
        )
        account.make(
            aws.ROUTE_TABLE_ASSOCIATION,
            f"{at}association-{letter}",
            region,
            subnetId=account[f"{at}subnet-{letter}"]["id"],
            routeTableId=account[f"{at}public"]["id"],
        )
    account.make(aws.SECURITY_GROUP, f"{at}group", region, vpcId=vpc, name=f"{at}group", description="Of a test")
    if at:
        return
    account.make(aws.EIP, "address", domain="vpc")
    account.make(
        aws.NAT_GATEWAY, "nat", subnetId=account["subnet-a"]["id"], allocationId=account["address"]["allocationId"]
    )
    account.make(aws.ROUTE_TABLE, "private", vpcId=vpc, routes=[_out_by_nat(account)])
    account.make(aws.DEFAULT_SECURITY_GROUP, "default-group", vpcId=vpc, ingress=[], egress=[])
    account.make(
        aws.DEFAULT_ROUTE_TABLE, "default-table", defaultRouteTableId=account["vpc"]["defaultRouteTableId"], routes=[]
    )
    rule = {"securityGroupId": account["group"]["id"], "ipProtocol": "tcp", "fromPort": 443, "toPort": 443}
    account.make(aws.INGRESS_RULE, "in", cidrIpv4="10.64.0.0/16", **rule)
    account.make(
        aws.EGRESS_RULE, "everywhere", cidrIpv4="0.0.0.0/0", securityGroupId=rule["securityGroupId"], ipProtocol="-1"
    )


def _out_by_nat(account: Account) -> dict[str, Any]:
    return {"cidrBlock": "0.0.0.0/0", "natGatewayId": account["nat"]["id"]}


def _identities(account: Account) -> None:
    for name, service in (
        ("cluster-role", "eks.amazonaws.com"),
        ("node-role", "ec2.amazonaws.com"),
        ("pod-role", "pods.eks.amazonaws.com"),
        ("log-role", "vpc-flow-logs.amazonaws.com"),
        ("copy-role", "s3.amazonaws.com"),
    ):
        account.make(aws.ROLE, name, name=name, assumeRolePolicy=trust(service))
    account.make(aws.ROLE_POLICY, "inline", name="inline", role="pod-role", policy=policy())
    account.make(aws.POLICY, "managed", name="managed", policy=policy())
    account.make(aws.ROLE_POLICY_ATTACHMENT, "attached", role="pod-role", policyArn=account["managed"]["arn"])
    for name in ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"):
        arn = f"arn:aws:iam::aws:policy/{name}"
        account.make(aws.ROLE_POLICY_ATTACHMENT, f"node-{name}", role="node-role", policyArn=arn)
    account.make(aws.INSTANCE_PROFILE, "profile", name="profile", role="node-role")
    everyone = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    account.make(aws.KEY, "key", policy=policy(Action="kms:*", Principal=everyone), enableKeyRotation=True)
    account.make(aws.KEY, "west-key", WEST)
    shared = account.make(aws.KEY, "shared-key", multiRegion=True)
    account.make(aws.REPLICA_KEY, "shared-copy", WEST, primaryKeyArn=shared.outputs["arn"])
    account.make(aws.ALIAS, "shared-copy-alias", WEST, name="alias/shared", targetKeyId=shared.outputs["keyId"])
    account.make(aws.ALIAS, "alias", name="alias/soma", targetKeyId=account["key"]["keyId"])
    account.make(aws.LOG_GROUP, "logs", name="/soma/flow", retentionInDays=90)


def _links(account: Account) -> None:
    vpc: str = account["vpc"]["id"]
    account.make(
        aws.VPC_ENDPOINT,
        "endpoint",
        vpcId=vpc,
        serviceName="com.amazonaws.us-east-1.ecr.api",
        vpcEndpointType="Interface",
        subnetIds=[account["subnet-a"]["id"], account["subnet-b"]["id"]],
        securityGroupIds=[account["group"]["id"]],
        privateDnsEnabled=True,
    )
    account.make(
        aws.VPC_ENDPOINT,
        "gateway-endpoint",
        vpcId=vpc,
        serviceName="com.amazonaws.us-east-1.s3",
        routeTableIds=[account["private"]["id"]],
    )
    account.make(
        aws.FLOW_LOG,
        "flow-log",
        vpcId=vpc,
        iamRoleArn=account["log-role"]["arn"],
        logDestination=account["logs"]["arn"],
        trafficType="ALL",
    )
    account.make(
        aws.PEERING, "peering", vpcId=vpc, peerVpcId=account["west-vpc"]["id"], peerRegion=WEST, autoAccept=False
    )
    peering = {"vpcPeeringConnectionId": account["peering"]["id"]}
    account.make(aws.PEERING_ACCEPTER, "accepter", WEST, autoAccept=True, **peering)
    resolved = {"allowRemoteVpcDnsResolution": True}
    account.make(aws.PEERING_OPTIONS, "options", requester=resolved, **peering)
    account.make(
        aws.ROUTE,
        "to-west",
        routeTableId=account["private"]["id"],
        destinationCidrBlock="10.65.0.0/16",
        **peering,
    )


def _transit(account: Account) -> None:
    for at, region in (("", EAST), ("west-", WEST)):
        account.make(aws.TRANSIT_GATEWAY, f"{at}transit", region, defaultRouteTableAssociation="disable")
        account.make(
            aws.TRANSIT_VPC,
            f"{at}attachment",
            region,
            transitGatewayId=account[f"{at}transit"]["id"],
            vpcId=account[f"{at}vpc"]["id"],
            subnetIds=[account[f"{at}subnet-a"]["id"], account[f"{at}subnet-b"]["id"]],
            transitGatewayDefaultRouteTableAssociation=False,
        )
    account.make(
        aws.TRANSIT_PEERING,
        "transit-peering",
        transitGatewayId=account["transit"]["id"],
        peerTransitGatewayId=account["west-transit"]["id"],
        peerRegion=WEST,
    )
    attachment = {"transitGatewayAttachmentId": account["transit-peering"]["id"]}
    account.make(aws.TRANSIT_ACCEPTER, "transit-accepter", WEST, **attachment)
    account.make(aws.TRANSIT_ROUTE_TABLE, "transit-table", transitGatewayId=account["transit"]["id"])
    table = {"transitGatewayRouteTableId": account["transit-table"]["id"]}
    account.make(aws.TRANSIT_ASSOCIATION, "transit-association", **table, **attachment)
    account.make(
        aws.TRANSIT_ROUTE,
        "transit-route",
        **table,
        destinationCidrBlock="10.65.0.0/16",
        **attachment,
    )
    account.make(
        aws.ROUTE,
        "to-transit",
        routeTableId=account["public"]["id"],
        destinationCidrBlock="10.65.0.0/16",
        transitGatewayId=account["transit"]["id"],
    )


def _cluster(account: Account) -> None:
    subnets = [account["subnet-a"]["id"], account["subnet-b"]["id"]]
    account.make(
        aws.CLUSTER,
        "cluster",
        name="soma",
        version="1.36",
        roleArn=account["cluster-role"]["arn"],
        accessConfig={"authenticationMode": "API"},
        enabledClusterLogTypes=["api", "audit"],
        encryptionConfig={"provider": {"keyArn": account["key"]["arn"]}, "resources": ["secrets"]},
        kubernetesNetworkConfig={"serviceIpv4Cidr": "172.20.0.0/16"},
        vpcConfig={"subnetIds": subnets, "endpointPrivateAccess": True},
    )
    account.make(
        aws.LAUNCH_TEMPLATE,
        "template",
        name="soma-nodes",
        vpcSecurityGroupIds=[account["group"]["id"]],
        userData="IyEvYmluL3NoCg==",
    )
    account.make(
        aws.NODE_GROUP,
        "nodes",
        clusterName="soma",
        nodeGroupName="nodes",
        nodeRoleArn=account["node-role"]["arn"],
        subnetIds=subnets,
        scalingConfig={"minSize": 1, "desiredSize": 2, "maxSize": 3},
        instanceTypes=["m7i.4xlarge"],
        launchTemplate={"id": account["template"]["id"], "version": "1"},
        taints=[{"key": "use", "value": "stores", "effect": "NO_SCHEDULE"}],
        version="1.36",
    )
    association = {"roleArn": account["pod-role"]["arn"], "serviceAccount": "aws-node"}
    account.make(
        aws.ADDON,
        "addon",
        clusterName="soma",
        addonName="vpc-cni",
        configurationValues="{}",
        podIdentityAssociations=[association],
        resolveConflictsOnCreate="OVERWRITE",
    )
    principal = f"arn:aws:iam::{ACCOUNT}:role/operators"
    account.make(aws.ACCESS_ENTRY, "entry", clusterName="soma", principalArn=principal)
    account.make(
        aws.ACCESS_POLICY,
        "admin",
        clusterName="soma",
        principalArn=principal,
        policyArn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        accessScope={"type": "cluster"},
    )
    account.make(
        aws.POD_IDENTITY,
        "identity",
        clusterName="soma",
        namespace="soma",
        serviceAccount="backups",
        roleArn=account["pod-role"]["arn"],
    )
    issuer = account["cluster"]["identities"][0]["oidcs"][0]["issuer"]
    account.make(aws.OIDC_PROVIDER, "oidc", url=issuer, clientIdLists=["sts.amazonaws.com"])


def _buckets(account: Account) -> None:
    for name, region in (("backups", EAST), ("copies", WEST)):
        account.make(aws.BUCKET, name, region, bucket=f"soma-{name}", objectLockEnabled=name == "copies")
        status: Mapping[str, Any] = {"status": "Enabled"}
        account.make(
            aws.BUCKET_VERSIONING, f"{name}-versions", region, bucket=f"soma-{name}", versioningConfiguration=status
        )
    bucket = {"bucket": "soma-backups"}
    by_key = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": account["key"]["arn"]}
    account.make(aws.BUCKET_ENCRYPTION, "sealed", rules=[{"applyServerSideEncryptionByDefault": by_key}], **bucket)
    account.make(aws.BUCKET_ACCESS, "private-bucket", blockPublicAcls=True, **bucket)
    denied = policy(Effect="Deny", Principal="*", Action="s3:*", Resource=f"{account['backups']['arn']}/*")
    account.make(aws.BUCKET_POLICY, "bucket-policy", policy=denied, **bucket)
    rule = {"id": "old", "status": "Enabled", "noncurrentVersionExpiration": {"noncurrentDays": 30}}
    account.make(aws.BUCKET_LIFECYCLE, "lifecycle", rules=[rule], **bucket)
    retention = {"defaultRetention": {"mode": "GOVERNANCE", "days": 7}}
    account.make(aws.BUCKET_LOCK, "lock", WEST, bucket="soma-copies", rule=retention)
    account.make(aws.BUCKET_OWNERSHIP, "owner", rule={"objectOwnership": "BucketOwnerEnforced"}, **bucket)
    account.make(
        aws.BUCKET_REPLICATION,
        "replication",
        role=account["copy-role"]["arn"],
        rules=[replication(account)],
        **bucket,
    )


def replication(account: Account, **changes: Any) -> dict[str, Any]:
    """A rule of a bucket's replication to the other region."""
    sealed = {"replicaKmsKeyId": account["west-key"]["arn"]}
    return {
        "id": "all",
        "status": "Enabled",
        "priority": 1,
        "filter": {"prefix": ""},
        "deleteMarkerReplication": {"status": "Disabled"},
        "destination": {"bucket": account["copies"]["arn"], "encryptionConfiguration": sealed},
        "sourceSelectionCriteria": {"sseKmsEncryptedObjects": {"status": "Enabled"}},
        **changes,
    }


def _names(account: Account) -> None:
    account.make(aws.ZONE, "zone", name="example.com")
    account.make(aws.ZONE, "inside", name="soma.internal", vpcs=[{"vpcId": account["vpc"]["id"]}])
    west = {"vpcId": account["west-vpc"]["id"], "vpcRegion": WEST, "zoneId": account["inside"]["zoneId"]}
    account.make(aws.ZONE_AUTHORIZATION, "authorization", **west)
    account.make(aws.ZONE_ASSOCIATION, "association", **west)
    account.make(aws.HEALTH_CHECK, "check", type="HTTPS", fqdn="us-east.example.com", port=443, resourcePath="/healthz")
    account.make(
        aws.CERTIFICATE,
        "certificate",
        domainName="example.com",
        subjectAlternativeNames=["www.example.com"],
        validationMethod="DNS",
    )
    proofs = account["certificate"]["domainValidationOptions"]
    for index, proof in enumerate(proofs):
        account.make(
            aws.RECORD,
            f"proof-{index}",
            zoneId=account["zone"]["zoneId"],
            name=proof["resourceRecordName"],
            type=proof["resourceRecordType"],
            records=[proof["resourceRecordValue"]],
            ttl=60,
        )
    account.make(
        aws.CERTIFICATE_VALIDATION,
        "issued",
        certificateArn=account["certificate"]["arn"],
        validationRecordFqdns=[account[f"proof-{index}"]["fqdn"] for index in range(len(proofs))],
    )


def _balancer(account: Account) -> None:
    account.make(
        aws.LOAD_BALANCER,
        "balancer",
        name="soma",
        loadBalancerType="network",
        subnets=[account["subnet-a"]["id"], account["subnet-b"]["id"]],
    )
    account.make(
        aws.TARGET_GROUP, "targets", name="soma", port=8443, protocol="TLS", targetType="ip", vpcId=account["vpc"]["id"]
    )
    account.make(
        aws.LISTENER,
        "listener",
        loadBalancerArn=account["balancer"]["arn"],
        port=443,
        protocol="TLS",
        certificateArn=account["issued"]["certificateArn"],
        defaultActions=[{"type": "forward", "targetGroupArn": account["targets"]["arn"]}],
    )
    leads = {
        "name": account["balancer"]["dnsName"],
        "zoneId": account["balancer"]["zoneId"],
        "evaluateTargetHealth": True,
    }
    account.make(
        aws.RECORD,
        "record",
        zoneId=account["zone"]["zoneId"],
        name="memory",
        type="A",
        aliases=[leads],
        setIdentifier="us-east",
        latencyRoutingPolicies=[{"region": EAST}],
        healthCheckId=account["check"]["id"],
    )
    account.make(
        aws.RECORD, "plain", zoneId=account["zone"]["zoneId"], name="plain", type="A", records=["192.0.2.1"], ttl=60
    )
