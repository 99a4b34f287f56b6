"""What AWS refuses of buckets, names, certificates and load balancers."""

from typing import Any

import pytest

from rehearsal.aws import tokens as aws
from rehearsal.aws.simulation import RefusedByAwsError
from tests.unit.aws_account import DROP, EAST, WEST, Account, policy
from tests.unit.aws_whole import Refusal, clash, judge, refused, replication, whole


def copying(**changes: Any) -> Refusal:
    """The replication with something of its one rule changed."""
    return lambda account: account.refused("replication", rules=[replication(account, **changes)])


def unversioned(name: str, **changes: Any) -> Refusal:
    """A setting that is asked of a bucket without versions."""

    def refusal(account: Account) -> str:
        account.make(aws.BUCKET, "plain-bucket", bucket="soma-plain")
        return account.clash(name, bucket="soma-plain", region=EAST, **changes)

    return refusal


def to_unversioned(account: Account) -> str:
    account.make(aws.BUCKET, "plain-bucket", bucket="soma-plain")
    target = {"bucket": account["plain-bucket"]["arn"]}
    return account.refused("replication", rules=[replication(account, destination=target, sourceSelectionCriteria={})])


def record(account: Account, name: str = "new", **inputs: Any) -> str:
    """What is said of a new record; by default one of type A with an address."""
    stated = {"zoneId": account["zone"]["zoneId"], "name": name, "type": "A", "records": ["192.0.2.1"], "ttl": 60}
    with pytest.raises(RefusedByAwsError) as refusal:
        account.make(
            aws.RECORD, "new", **{key: value for key, value in {**stated, **inputs}.items() if value is not DROP}
        )
    return str(refusal.value)


def saying(words_of: str = "new", **inputs: Any) -> Refusal:
    return lambda account: record(account, words_of, **inputs)


def failover(kind: str, **inputs: Any) -> Refusal:
    return saying(failoverRoutingPolicies=[{"type": kind}], setIdentifier="us-east", **inputs)


def two_primaries(account: Account) -> str:
    primary: dict[str, Any] = {
        "failoverRoutingPolicies": [{"type": "PRIMARY"}],
        "healthCheckId": account["check"]["id"],
    }
    account.another("first", "plain", name="new", setIdentifier="us-east", **primary)
    return record(account, setIdentifier="us-west", **primary)


def association(account: Account, zone: str, vpc: str) -> str:
    with pytest.raises(RefusedByAwsError) as refusal:
        account.make(aws.ZONE_ASSOCIATION, "new", zoneId=account[zone]["zoneId"], vpcId=account[vpc]["id"])
    return str(refusal.value)


def nameless(account: Account) -> str:
    account.change("west-vpc", enableDnsHostnames=False)
    return account.refused("association")


def listener(account: Account, **changes: Any) -> str:
    return account.clash("listener", **{"port": 8443, **changes})


def foreign_subnet(account: Account) -> str:
    vpc = account.make(aws.VPC, "other", cidrBlock="10.99.0.0/16")
    subnet = account.make(aws.SUBNET, "elsewhere", vpcId=vpc.id, cidrBlock="10.99.0.0/24", availabilityZone=f"{EAST}b")
    return account.refused("balancer", subnets=[account["subnet-a"]["id"], subnet.id])


BUCKETS: dict[str, tuple[Refusal, str]] = {
    "capitals": (refused("backups", bucket="Soma-Backups"), "3 to 63 lower-case letters"),
    "a short name": (refused("backups", bucket="so"), "3 to 63 lower-case letters"),
    "an address": (refused("backups", bucket="192.168.5.4"), "3 to 63 lower-case letters"),
    "two dots": (refused("backups", bucket="soma..backups"), "3 to 63 lower-case letters"),
    "a name of S3's own": (refused("backups", bucket="soma-s3alias"), "are kept for S3's own uses"),
    "a name that another region has": (
        lambda account: account.clash("backups", region=WEST),
        "is taken by backups: names are unique over all accounts and regions",
    ),
    "settings in another region": (
        lambda account: account.clash("owner", region=WEST),
        "backups is in us-east-1, not in us-west-2",
    ),
    "settings twice": (clash("owner"), "owner sets the same of the same bucket"),
    "settings of a bucket that there is not": (refused("owner", bucket="soma-other"), "there is no such bucket yet"),
    "a policy on another bucket": (
        refused("bucket-policy", policy=policy(Principal="*", Resource="arn:aws:s3:::other/*")),
        "statement 1 is on what is not in this bucket",
    ),
    "a policy without anybody": (refused("bucket-policy", policy=policy()), "neither Principal nor NotPrincipal"),
    "a policy that is too long": (
        refused("bucket-policy", policy=policy(Principal="*", Resource="arn:aws:s3:::soma-backups/" + "x" * 21_000)),
        "more than 20480 characters",
    ),
    "versions in a state that is none": (
        refused("backups-versions", versioningConfiguration={"status": "On"}),
        "write Enabled or Suspended",
    ),
    "no versions of locked objects": (
        refused("copies-versions", versioningConfiguration={"status": "Suspended"}),
        "locks objects, which needs versions",
    ),
    "a lock without versions": (unversioned("lock"), "keeps no versions yet"),
    "a lock of days and years": (
        refused("lock", rule={"defaultRetention": {"mode": "GOVERNANCE", "days": 1, "years": 1}}),
        "state one",
    ),
    "a lock that is none": (refused("lock", rule={"defaultRetention": {"mode": "FIRM", "days": 1}}), "GOVERNANCE or"),
    "an algorithm that there is not": (
        refused("sealed", rules=[{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aes"}}]),
        "write AES256 or aws:kms",
    ),
    "a key that is not used": (
        lambda account: account.refused(
            "sealed",
            rules=[
                {
                    "applyServerSideEncryptionByDefault": {
                        "sseAlgorithm": "AES256",
                        "kmsMasterKeyId": account["key"]["arn"],
                    }
                }
            ],
        ),
        "kmsMasterKeyId is stated with AES256",
    ),
    "two rules of one id": (
        refused("lifecycle", rules=2 * [{"id": "a", "status": "Enabled", "expiration": {"days": 1}}]),
        "ids are unique",
    ),
    "a rule in a state that is none": (
        refused("lifecycle", rules=[{"id": "a", "status": "On", "expiration": {"days": 1}}]),
        "write Enabled or Disabled",
    ),
    "a rule that does nothing": (refused("lifecycle", rules=[{"id": "a", "status": "Enabled"}]), "does nothing"),
    "copies without versions": (unversioned("replication"), "the bucket keeps no versions yet"),
    "copies to where no versions are kept": (to_unversioned, "plain-bucket keeps no versions yet"),
    "copies under a role that does not trust S3": (
        lambda account: account.refused("replication", role=account["node-role"]["arn"]),
        "node-role does not trust s3.amazonaws.com",
    ),
    "copies to a name": (copying(destination={"bucket": "soma-copies"}), "is no ARN"),
    "copies to where they come from": (
        lambda account: account.refused(
            "replication", rules=[replication(account, destination={"bucket": account["backups"]["arn"]})]
        ),
        "is the bucket itself",
    ),
    "copies to a bucket that there is not": (
        copying(destination={"bucket": "arn:aws:s3:::soma-other"}),
        "there is no such bucket yet",
    ),
    "two rules of one priority": (
        lambda account: account.refused("replication", rules=2 * [replication(account)]),
        "a rule before it has the same",
    ),
    "a filter that says nothing of deletions": (
        lambda account: account.refused(
            "replication",
            rules=[{key: value for key, value in replication(account).items() if key != "deleteMarkerReplication"}],
        ),
        "state its status",
    ),
    "sealed copies that were not chosen": (copying(sourceSelectionCriteria={}), "go together"),
    "owners that there are not": (refused("owner", rule={"objectOwnership": "Mine"}), "write BucketOwnerEnforced"),
}
NAMES: dict[str, tuple[Refusal, str]] = {
    "a zone without a name": (refused("zone", name=DROP), "state the domain"),
    "a zone with a space": (refused("zone", name="my zone.com"), "labels of 1 to 63 letters"),
    "a zone of a region that there is not": (
        lambda account: account.refused("inside", vpcs=[{"vpcId": account["vpc"]["id"], "vpcRegion": "us-east-9"}]),
        "there is no region us-east-9",
    ),
    "a zone of a VPC of another region": (
        lambda account: account.refused("inside", vpcs=[{"vpcId": account["west-vpc"]["id"]}]),
        "which is not in us-east-1: state the vpcRegion",
    ),
    "a public zone for a VPC": (lambda account: association(account, "zone", "vpc"), "zone is a public zone"),
    "a VPC that the zone has": (lambda account: association(account, "inside", "vpc"), "inside names this VPC itself"),
    "a VPC without names": (nameless, "west-vpc has to have enableDnsHostnames"),
    "a type that there is not": (saying(type="ANAME"), "Route 53 has A, AAAA"),
    "a record with a space": (saying("my host"), "labels of 1 to 63 letters"),
    "a record of a zone that there is not": (saying(zoneId="Z0123456789"), "no such hosted zone yet"),
    "a CNAME for the zone itself": (
        saying("example.com", type="CNAME", records=["example.org"]),
        "a CNAME cannot stand at the head",
    ),
    "a record of nothing": (saying(records=DROP), "aliases or records"),
    "records that live for ever": (saying(ttl=DROP), "records need one"),
    "an alias with a time to live": (
        saying(records=DROP, aliases=[{"name": "x.org", "zoneId": "Z1", "evaluateTargetHealth": True}]),
        "an alias has that of what it leads to",
    ),
    "an address that is none": (saying(records=["example.org"]), "no address of a record of type A"),
    "a CNAME to an address with a space": (saying(type="CNAME", records=["a b"]), "labels of 1 to 63"),
    "an alias in another zone than its load balancer's": (
        lambda account: record(
            account,
            records=DROP,
            ttl=DROP,
            aliases=[{"name": account["balancer"]["dnsName"], "zoneId": "Z1", "evaluateTargetHealth": True}],
        ),
        "take its zone_id",
    ),
    "two policies": (
        saying(setIdentifier="a", weightedRoutingPolicies=[{"weight": 1}], latencyRoutingPolicies=[{"region": EAST}]),
        "a record has one routing policy",
    ),
    "a policy without an identifier": (saying(weightedRoutingPolicies=[{"weight": 1}]), "needs one"),
    "an identifier without a policy": (saying(setIdentifier="a"), "without a routing policy"),
    "a failover of a third kind": (failover("TERTIARY"), "write PRIMARY or SECONDARY"),
    "a failover that nobody looks after": (failover("PRIMARY"), "is never failed over"),
    "two primaries": (two_primaries, "first is the PRIMARY of this name already"),
    "latency to a region that there is not": (
        saying(setIdentifier="a", latencyRoutingPolicies=[{"region": "us-east-9"}]),
        "there is no region us-east-9",
    ),
    "a weight that is too large": (
        saying(setIdentifier="a", weightedRoutingPolicies=[{"weight": 300}]),
        "0 to 255",
    ),
    "a second record of a name": (clash("plain"), "plain has the same name and type"),
    "a CNAME beside another record": (
        saying("plain", type="CNAME", records=["example.org"]),
        "a CNAME stands alone",
    ),
    "a policy unlike that of the name": (
        saying("memory", setIdentifier="b", weightedRoutingPolicies=[{"weight": 1}]),
        "one policy a name",
    ),
    "an identifier twice": (clash("record"), "record has the same setIdentifier"),
    "a check that there is not": (refused("check", type="PING"), "Route 53 has CALCULATED"),
    "a check of nobody": (refused("check", fqdn=DROP), "neither fqdn nor ipAddress"),
    "a check that looks for nothing": (refused("check", type="HTTPS_STR_MATCH"), "searchString is not stated"),
    "a check without a port": (refused("check", type="TCP", port=DROP), "a check of type TCP needs one"),
    "a check every minute": (refused("check", requestInterval=60), "10 or 30 seconds"),
    "a check that never fails": (refused("check", failureThreshold=11), "1 to 10"),
    "a check from one place": (refused("check", regions=[EAST]), "at least 3"),
    "a check of a long path": (refused("check", resourcePath="/" + "x" * 300), "more than 255 characters"),
}
EDGE: dict[str, tuple[Refusal, str]] = {
    "a certificate of nothing": (refused("certificate", domainName=DROP), "state the name that is certified"),
    "a certificate of a long name": (
        refused("certificate", domainName=f"{'a' * 60}.example.com"),
        "put it among subjectAlternativeNames",
    ),
    "a certificate of a name with a space": (
        refused("certificate", subjectAlternativeNames=["my host.example.com"]),
        "labels of 1 to 63",
    ),
    "a certificate that nothing proves": (refused("certificate", validationMethod=DROP), "write DNS"),
    "a certificate that is proven by phone": (refused("certificate", validationMethod="PHONE"), "write DNS"),
    "a proof of something else": (
        lambda account: account.refused(
            "issued", validationRecordFqdns=[*account["issued"]["validationRecordFqdns"], "plain.example.com"]
        ),
        "plain.example.com, which does not prove a name of certificate",
    ),
    "a proof that lacks a name": (
        lambda account: account.refused("issued", validationRecordFqdns=account["issued"]["validationRecordFqdns"][:1]),
        "lacks the record that proves www.example.com",
    ),
    "a proof without its record": (lambda account: _unproven(account), "there is no record _[0-9a-f]+.example.org yet"),
    "a proof of a certificate that there is not": (
        refused("issued", certificateArn="arn:aws:acm:us-east-1:123456789012:certificate/none"),
        "no such certificate in us-east-1 yet",
    ),
    "a load balancer with a long name": (refused("balancer", name="b" * 33), "at most 32 letters"),
    "a load balancer called internal": (refused("balancer", name="internal-soma"), "no internal- in front"),
    "two load balancers of one name": (clash("balancer"), "is taken by balancer in us-east-1"),
    "a load balancer nowhere": (refused("balancer", subnets=DROP), "one of subnets and subnetMappings"),
    "a load balancer in two VPCs": (foreign_subnet, "are of several VPCs"),
    "a load balancer with two subnets of one zone": (
        lambda account: account.refused(
            "balancer",
            subnets=[
                account["subnet-a"]["id"],
                account.another("subnet-c", "subnet-a", cidrBlock="10.64.9.0/24").id,
            ],
        ),
        "are both in us-east-1a",
    ),
    "an application's load balancer in one zone": (
        lambda account: account.refused(
            "balancer", loadBalancerType="application", subnets=[account["subnet-a"]["id"]]
        ),
        "needs two",
    ),
    "targets of a kind that there is not": (refused("targets", targetType="pod"), "write instance, ip"),
    "targets without a port": (refused("targets", port=DROP), "targets of type ip need one"),
    "targets that speak nothing": (refused("targets", protocol="SCTP"), "write one of HTTP"),
    "targets at a port that there is not": (refused("targets", port=70000), "1 to 65535"),
    "a listener of another kind": (
        lambda account: listener(account, protocol="HTTPS"),
        "is a network load balancer, which has TCP",
    ),
    "a listener without a certificate": (lambda account: listener(account, certificateArn=DROP), "of TLS needs one"),
    "a listener with a certificate too many": (lambda account: listener(account, protocol="TCP"), "of TCP has none"),
    "two listeners at one port": (clash("listener"), "port = 443 is taken by listener"),
    "targets that the load balancer does not speak with": (
        lambda account: listener(
            account,
            defaultActions=[
                {
                    "type": "forward",
                    "targetGroupArn": account.another("web", "targets", name="web", protocol="HTTP").outputs["arn"],
                }
            ],
        ),
        "web speaks HTTP",
    ),
}


def _unproven(account: Account) -> str:
    made = account.another("other", "certificate", domainName="example.org", subjectAlternativeNames=DROP)
    proof = made.outputs["domainValidationOptions"][0]["resourceRecordName"]
    return account.refused("issued", certificateArn=made.outputs["arn"], validationRecordFqdns=[proof])


@pytest.mark.parametrize("what", BUCKETS)
def test_s3_refuses(what: str) -> None:
    judge(*BUCKETS[what])


@pytest.mark.parametrize("what", NAMES)
def test_route_53_refuses(what: str) -> None:
    judge(*NAMES[what])


@pytest.mark.parametrize("what", EDGE)
def test_the_edge_refuses(what: str) -> None:
    judge(*EDGE[what])


def test_regions_write_the_record_of_a_proof_over_each_other() -> None:
    account = whole()
    with pytest.raises(RefusedByAwsError):
        account.another("west-proof", "proof-0", WEST)
    account.another("west-proof", "proof-0", WEST, allowOverwrite=True)


def test_a_name_gets_its_zones_name() -> None:
    account = whole()
    assert account["record"]["fqdn"] == "memory.example.com"
    assert account.another("full", "plain", name="full.example.com").outputs["fqdn"] == "full.example.com"
