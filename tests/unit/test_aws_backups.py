"""Backups of a region on AWS: buckets that keep what is in them, a copy elsewhere, and nobody who may do more than he
has to."""

import json
from typing import Any

import pytest

from components import copy_place
from components.aws.backups import bucket_name
from rehearsal.errors import RehearsalError
from settings import load
from tests.unit.aws_region import ACCOUNT, Regions, two
from tests.unit.recorded import Recorded, Resource
from tests.unit.test_aws_eks import before, of, one

OWN, COPY = f"somafractalmemory-backups-{ACCOUNT}-us-east", f"somafractalmemory-copies-{ACCOUNT}-us-east"


@pytest.fixture(scope="module")
def regions() -> tuple[Recorded, Recorded]:
    return two()


@pytest.fixture(scope="module")
def east(regions: tuple[Recorded, Recorded]) -> Recorded:
    return regions[0]


def named(run: Recorded, type_: str, bucket: str) -> Resource:
    """The one setting of this type that a bucket has."""
    (found,) = (setting for setting in of(run, type_) if setting.inputs["bucket"] == bucket)
    return found


def statements(run: Recorded, name: str) -> dict[str, dict[str, Any]]:
    policy = one(run, "iam/rolePolicy:RolePolicy", name)
    return {statement["Sid"]: statement for statement in json.loads(policy.inputs["policy"])["Statement"]}


def place(run: Recorded, resource: Resource) -> str:
    """AWS's region of a resource's provider."""
    assert resource.provider is not None
    return str(run.by_urn[resource.provider].inputs["region"])


@pytest.mark.parametrize("bucket", [OWN, COPY])
class TestEachBucket:
    def test_it_cannot_be_destroyed_by_the_way(self, east: Recorded, bucket: str) -> None:
        found = named(east, "s3/bucket:Bucket", bucket)
        assert found.protect
        assert found.inputs["forceDestroy"] is False

    def test_it_keeps_versions_and_cleans_up_after_itself(self, east: Recorded, bucket: str) -> None:
        versions = named(east, "s3/bucketVersioning:BucketVersioning", bucket)
        assert versions.inputs["versioningConfiguration"] == {"status": "Enabled"}
        lifecycle = named(east, "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", bucket)
        rules = {rule["id"]: rule for rule in lifecycle.inputs["rules"]}
        assert rules["old-versions"]["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
        assert rules["unfinished-uploads"]["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 3}
        assert all(rule["status"] == "Enabled" for rule in rules.values())

    def test_nothing_but_snapshots_expires(self, east: Recorded, bucket: str) -> None:
        """Which of PostgreSQL's files are still needed, only Barman knows."""
        lifecycle = named(east, "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", bucket)
        expiring = [rule for rule in lifecycle.inputs["rules"] if "days" in rule.get("expiration", {})]
        assert [(rule["filter"], rule["expiration"]) for rule in expiring] == [({"prefix": "qdrant/"}, {"days": 30})]

    def test_a_key_of_its_own_encrypts_it(self, east: Recorded, bucket: str) -> None:
        rules = named(
            east, "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", bucket
        ).inputs["rules"]
        key = rules[0]["applyServerSideEncryptionByDefault"]
        alias = one(east, "kms/alias:Alias", f"{'copies' if bucket == COPY else 'bucket'}-key-alias")
        assert key["sseAlgorithm"] == "aws:kms"
        assert key["kmsMasterKeyId"].endswith(alias.inputs["targetKeyId"])
        assert alias.inputs["name"] == f"alias/{bucket}"

    def test_nobody_gets_in_from_outside_or_in_the_clear(self, east: Recorded, bucket: str) -> None:
        access = named(east, "s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket).inputs
        doors = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        assert all(access[door] is True for door in doors)
        owner = named(east, "s3/bucketOwnershipControls:BucketOwnershipControls", bucket)
        assert owner.inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
        (statement,) = json.loads(named(east, "s3/bucketPolicy:BucketPolicy", bucket).inputs["policy"])["Statement"]
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert statement["Resource"] == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


def test_the_copy_lies_in_the_next_region_and_the_last_ones_in_the_first(regions: tuple[Recorded, Recorded]) -> None:
    places = {
        bucket.inputs["bucket"].removesuffix(f"-{run_region}").split("-")[1]: place(run, bucket)
        for run, run_region in zip(regions, ("us-east", "us-west"), strict=True)
        for bucket in of(run, "s3/bucket:Bucket")
        if run_region == "us-west"
    }
    assert places == {"backups": "us-west-2", "copies": "us-east-1"}
    assert place(regions[0], named(regions[0], "s3/bucket:Bucket", COPY)) == "us-west-2"


def test_a_single_region_says_where_copies_lie() -> None:
    run = Regions(("us-east",)).up("us-east")
    assert place(run, named(run, "s3/bucket:Bucket", COPY)) == "us-east-2"


@pytest.mark.parametrize("region", ["us-east", "us-west"])
def test_every_region_knows_the_place_that_the_list_names(region: str) -> None:
    listed = {"us-east": {"copy_region": "us-east-2"}}
    settings = load(Regions(listed=listed).configuration(region), region)
    assert copy_place.of(settings, "us-east") == "us-east-2"
    assert copy_place.of(settings, "us-west") == "us-east-1"


PLACES: list[tuple[tuple[str, ...], str, str, str | None]] = [
    (("us-east",), "us-east", "us-east-2", None),
    (("us-east", "us-west"), "us-east", "us-east-2", "us-west-2"),
    (("us-east", "us-west"), "us-east", "us-west-2", None),
    (("us-east", "us-west", "eu-west"), "us-west", "us-east-1", None),
    (("us-west", "eu-west"), "us-west", "us-east-1", "eu-west-1"),
]


@pytest.mark.parametrize(("now", "region", "before", "moved"), PLACES)
def test_copies_that_would_move_are_told_how_they_stay(
    now: tuple[str, ...], region: str, before: str, moved: str | None
) -> None:
    said = copy_place.fault(load(Regions(now).configuration(region), region), {copy_place.OUTPUT: before})
    assert (said is None) == (moved is None)
    if moved is not None:
        assert f"lie in {before} and would move to {moved}" in str(said)
        assert f"state copy_region: {before} beside {region}" in str(said)
    stays = load(
        Regions(now, listed={region: {"copy_region": before}}, more={"backups": {}}).configuration(region), region
    )
    assert copy_place.fault(stays, {copy_place.OUTPUT: before}) is None
    assert copy_place.fault(stays, {}) is None


def test_a_region_that_joins_does_not_move_the_copies_of_the_first_one() -> None:
    alone = Regions(("us-east",))
    alone.up("us-east")
    with pytest.raises(RehearsalError, match=r"would move to us-west-2.*state copy_region: us-east-2"):
        Regions().up("us-east", stacks={"us-east": alone.plans["us-east"].outputs})


def test_without_high_availability_a_single_region_may_do_without_copies() -> None:
    more = {"backups": {}, "high_availability": {"enabled": False}}
    run = Regions(("us-east",), more=more).up("us-east")
    assert [bucket.inputs["bucket"] for bucket in of(run, "s3/bucket:Bucket")] == [OWN]
    assert not of(run, "s3/bucketReplicationConfig:BucketReplicationConfig")


def test_everything_is_copied_encrypted_within_minutes(east: Recorded) -> None:
    replication = one(east, "s3/bucketReplicationConfig:BucketReplicationConfig")
    (rule,) = replication.inputs["rules"]
    target = named(east, "s3/bucket:Bucket", COPY)
    assert replication.inputs["bucket"] == OWN
    assert rule["destination"]["bucket"] == f"arn:aws:s3:::{target.inputs['bucket']}"
    assert (rule["status"], rule["filter"]) == ("Enabled", {"prefix": ""})
    assert rule["deleteMarkerReplication"] == {"status": "Enabled"}
    assert rule["destination"]["replicationTime"]["status"] == "Enabled"
    # It is refused before both keep versions, and copies in vain before the other one is closed.
    there = before(east, replication.urn)
    for bucket in (OWN, COPY):
        assert named(east, "s3/bucketVersioning:BucketVersioning", bucket).urn in there
    assert named(east, "s3/bucketPolicy:BucketPolicy", COPY).urn in there


def test_who_copies_may_do_nothing_else(east: Recorded) -> None:
    found = statements(east, "replication-role-policy")
    assert found["Read"]["Resource"] == [f"arn:aws:s3:::{OWN}/*"]
    assert found["Write"]["Resource"] == [f"arn:aws:s3:::{COPY}/*"]
    assert found["Open"]["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    assert found["Seal"]["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-west-2.amazonaws.com"}}
    trust = json.loads(one(east, "iam/role:Role", "replication-role").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Condition"]["ArnEquals"] == {"aws:SourceArn": f"arn:aws:s3:::{OWN}"}


@pytest.mark.parametrize(
    ("use", "account", "deletes"), [("postgresql", "postgresql-us-east", True), ("qdrant", "qdrant-backup", False)]
)
def test_pods_write_their_own_folder_and_read_the_same_of_others(
    east: Recorded, use: str, account: str, deletes: bool
) -> None:
    found = statements(east, f"backups-{use}-role-policy")
    others = f"somafractalmemory-copies-{ACCOUNT}-us-west"
    assert found["Write"]["Resource"] == [f"arn:aws:s3:::{OWN}/{use}/*"]
    assert ("s3:DeleteObject" in found["Write"]["Action"]) == deletes
    read = statements(east, f"backups-{use}-of-us-west")
    assert read["Read"]["Resource"] == [f"arn:aws:s3:::{others}/{use}/*"]
    assert read["Read"]["Action"] == ["s3:GetObject"]
    # Copies of us-west lie here, in the region before it in the list.
    assert read["Key"]["Condition"] == {
        "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{others}"},
    }
    association = one(east, "eks/podIdentityAssociation:PodIdentityAssociation", f"backups-{use}")
    assert (association.inputs["namespace"], association.inputs["serviceAccount"]) == ("somafractalmemory", account)


def test_names_fit_and_differ() -> None:
    longest = "a" * 20
    names = {bucket_name(use, ACCOUNT, longest) for use in ("backups", "copies")}
    assert len(names) == 2
    assert all(len(name) <= 63 for name in names)


def test_backups_that_are_switched_off_leave_nothing() -> None:
    run = Regions(more={"backups": {"enabled": False}}).up("us-east")
    assert not of(run, "s3/bucket:Bucket")
    assert "plugins" not in run.one("Cluster", "postgresql-us-east").spec


def test_the_days_are_a_setting() -> None:
    run = Regions(more={"backups": {"retention_days": 7}}).up("us-east")
    lifecycle = named(run, "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", OWN)
    assert {rule["id"]: rule for rule in lifecycle.inputs["rules"]}["expiring"]["expiration"] == {"days": 7}
