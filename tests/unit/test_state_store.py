"""The bucket of the stacks' state: lost with no single region, open to nobody else, and made whatever interrupts it."""

import json
from functools import cache

import pytest

from components.aws.state_store import StateStore, StateStoreArgs
from state import store
from state.errors import StateError
from tests.unit.aws_region import ACCOUNT, record
from tests.unit.recorded import Recorded
from tests.unit.test_aws_backups import named, place
from tests.unit.test_aws_eks import of, one

ARGS = StateStoreArgs(ACCOUNT, "us-east-1", "us-west-2", {"project": "somafractalmemory"})
OWN, COPY = f"somafractalmemory-state-{ACCOUNT}", f"somafractalmemory-state-copies-{ACCOUNT}"


@cache
def made() -> Recorded:
    return record(lambda: (StateStore("state", ARGS), None)[1])


class TestTheBuckets:
    def test_they_stand_in_two_regions_and_keep_what_they_have(self) -> None:
        places = {bucket.inputs["bucket"]: place(made(), bucket) for bucket in of(made(), "s3/bucket:Bucket")}
        assert places == {OWN: "us-east-1", COPY: "us-west-2"}
        assert all(bucket.protect for bucket in of(made(), "s3/bucket:Bucket"))
        for bucket in (OWN, COPY):
            versions = named(made(), "s3/bucketVersioning:BucketVersioning", bucket)
            assert versions.inputs["versioningConfiguration"] == {"status": "Enabled"}

    def test_all_that_is_written_is_copied(self) -> None:
        (copying,) = of(made(), "s3/bucketReplicationConfig:BucketReplicationConfig")
        (rule,) = copying.inputs["rules"]
        assert copying.inputs["bucket"] == OWN
        assert (rule["filter"], rule["status"]) == ({"prefix": ""}, "Enabled")
        assert rule["destination"]["bucket"] == f"arn:aws:s3:::{COPY}"

    @pytest.mark.parametrize("bucket", [OWN, COPY])
    def test_no_state_expires_by_itself(self, bucket: str) -> None:
        lifecycle = named(made(), "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", bucket)
        rules = {rule["id"]: rule for rule in lifecycle.inputs["rules"]}
        assert not any("days" in rule.get("expiration", {}) for rule in rules.values())
        assert rules["old-versions"]["noncurrentVersionExpiration"] == {"noncurrentDays": 365}

    @pytest.mark.parametrize("bucket", [OWN, COPY])
    def test_nobody_gets_in_from_outside(self, bucket: str) -> None:
        access = named(made(), "s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket)
        assert all(access.inputs[key] for key in access.inputs if key != "bucket")
        policy = json.loads(named(made(), "s3/bucketPolicy:BucketPolicy", bucket).inputs["policy"])
        assert [(one["Effect"], one["Principal"]) for one in policy["Statement"]] == [("Deny", "*")]


def test_what_one_region_closed_the_other_opens() -> None:
    key, copy = one(made(), "kms/key:Key", "state-secrets"), one(made(), "kms/replicaKey:ReplicaKey")
    assert key.inputs["multiRegion"] is True
    assert copy.inputs["primaryKeyArn"].startswith(f"arn:aws:kms:us-east-1:{ACCOUNT}:key/mrk-")
    assert (place(made(), key), place(made(), copy)) == ("us-east-1", "us-west-2")
    assert key.protect and copy.protect
    aliases = [(place(made(), alias), alias.inputs["name"]) for alias in of(made(), "kms/alias:Alias")]
    assert ARGS.secrets_provider == "awskms://alias/somafractalmemory-state-secrets"
    for region in ("us-east-1", "us-west-2"):
        assert (region, ARGS.secrets_provider.removeprefix("awskms://")) in aliases


def test_where_pulumi_logs_in() -> None:
    assert ARGS.backend() == "s3://somafractalmemory-state-123456789012?region=us-east-1"
    assert ARGS.backend(copy=True) == "s3://somafractalmemory-state-copies-123456789012?region=us-west-2"


def test_every_key_stays_for_a_month_and_is_its_accounts_alone() -> None:
    """What it has encrypted is lost with it, and a key of which nobody is the keeper can never be changed."""
    keys = [*of(made(), "kms/key:Key"), *of(made(), "kms/replicaKey:ReplicaKey")]
    assert len(keys) == 4  # of each bucket, of the secrets, and the copy of that
    for key in keys:
        assert key.inputs["deletionWindowInDays"] == 30
        (statement,) = json.loads(key.inputs["policy"])["Statement"]
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Allow", ["kms:*"], ["*"])


class Stack:
    """The stack of the bucket, without the CLI; it breaks at a step if it is told to."""

    def __init__(self, breaks_at: str = "") -> None:
        self.breaks_at = breaks_at
        self.here, self.there, self.up_at = False, False, list[bool]()

    def moved(self) -> bool:
        return self.there

    def up(self, moved: bool) -> None:
        self._break("up")
        assert moved == self.there
        self.here |= not moved
        self.up_at.append(moved)

    def move(self) -> None:
        self._break("move")
        assert self.here
        self.there = True

    def forget(self) -> None:
        self._break("forget")
        assert self.there
        self.here = False

    def _break(self, step: str) -> None:
        if self.breaks_at == step:
            raise StateError(step)


@pytest.mark.parametrize("step", ["up", "move", "forget"])
def test_interrupted_at_any_step_the_same_command_goes_on(step: str) -> None:
    stack = Stack(step)
    with pytest.raises(StateError, match=step):
        store.make(stack, ARGS, lambda _: None, lambda _: True)
    assert stack.here or step == "up"
    stack.breaks_at = ""
    store.make(stack, ARGS, lambda _: None, lambda _: True)
    assert (stack.here, stack.there) == (False, True)


def test_once_it_is_there_it_is_kept_by_its_own_state() -> None:
    stack, said = Stack(), list[str]()
    for _ in range(2):
        store.make(stack, ARGS, said.append, lambda _: True)
    assert stack.up_at == [False, True]
    assert [line for line in said if "in account" in line] == [
        f"makes in account {ACCOUNT}:",
        f"keeps in account {ACCOUNT}:",
    ]
    assert f"  pulumi login 's3://{OWN}?region=us-east-1'" in said
    assert f"  pulumi login 's3://{COPY}?region=us-west-2'" in said
    assert said.index("  export AWS_REGION=us-east-1") < said.index("  export AWS_REGION=us-west-2")


def test_without_a_yes_nothing_is_changed() -> None:
    stack = Stack()
    with pytest.raises(StateError, match="nothing was changed"):
        store.make(stack, ARGS, lambda _: None, lambda _: False)
    assert stack.up_at == []
