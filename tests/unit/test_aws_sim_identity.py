"""What AWS refuses of roles, policies, keys and logs."""

import json
from typing import Any

import pytest

from rehearsal.aws import documents
from rehearsal.aws.simulation import RefusedByAwsError
from tests.unit.aws_account import DROP, EAST, WEST, Account, policy, trust
from tests.unit.aws_whole import Refusal, clash, judge, refused, whole

LONG = "x" * 40


def trusting(**element: Any) -> Refusal:
    """The cluster's role with another element in its trust policy's statement."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "eks.amazonaws.com"}}
    statement = {key: value for key, value in {**statement, **element}.items() if value is not DROP}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return lambda account: account.refused("cluster-role", assumeRolePolicy=document)


def stating(**document: Any) -> Refusal:
    """The managed policy with another element at its top."""
    whole_document = {**json.loads(policy()), **document}
    text = json.dumps({key: value for key, value in whole_document.items() if value is not DROP})
    return lambda account: account.refused("managed", policy=text)


def with_actions(count: int) -> str:
    return policy(Action=[f"s3:{LONG}{index:04}" for index in range(count)])


def crowded(account: Account) -> str:
    """A role with more inline policies than it has room for."""
    account.another("second", "inline", name="second", policy=with_actions(150))
    return account.refused("inline", policy=with_actions(60))


def many(account: Account) -> str:
    for index in range(9):
        made = account.another(f"policy-{index}", "managed", name=f"policy-{index}")
        account.another(f"attached-{index}", "attached", policyArn=made.outputs["arn"])
    made = account.another("policy-9", "managed", name="policy-9")
    return account.clash("attached", policyArn=made.outputs["arn"])


def copied_again(account: Account) -> str:
    """The copy of a copy, in a third region."""
    with pytest.raises(RefusedByAwsError) as refusal:
        account.another("third", "shared-copy", "eu-west-1", primaryKeyArn=account["shared-copy"]["arn"])
    return str(refusal.value)


def beside(account: Account) -> str:
    """The copy of a key in that key's own region."""
    with pytest.raises(RefusedByAwsError) as refusal:
        account.another("beside", "shared-copy", EAST)
    return str(refusal.value)


RED: dict[str, tuple[Refusal, str]] = {
    "a role with a long name": (refused("node-role", name="r" * 65), "has 65 characters: AWS takes 64"),
    "a role whose name by itself is too long": (
        lambda account: account.clash("node-role", name=DROP, namePrefix="r" * 60),
        "has 67 characters: AWS takes 64",
    ),
    "a role with a slash in its name": (refused("node-role", name="a/b"), r"letters, digits and \+=,.@-_ only"),
    "a role with a path that does not end": (refused("node-role", path="/soma"), "begins and ends with a slash"),
    "two roles of one name": (clash("node-role", name="Node-Role"), "is taken by node-role"),
    "a role with short sessions": (refused("node-role", maxSessionDuration=60), "3600 to 43200 seconds"),
    "a trust policy that is no JSON": (
        refused("node-role", assumeRolePolicy='{"Version": '),
        r"assumeRolePolicy is not JSON \(line 1, column 13\)",
    ),
    "a trust policy that is a list": (refused("node-role", assumeRolePolicy="[]"), "is not a JSON object"),
    "a trust policy on a resource": (trusting(Resource="*"), "has Resource, which a trust policy has not"),
    "a trust policy without anybody": (trusting(Principal=DROP), "neither Principal nor NotPrincipal"),
    "a trust policy with a text for anybody": (trusting(Principal="eks"), 'neither "\\*" nor an object'),
    "a trust policy of a principal of no kind": (trusting(Principal={"Role": "x"}), "a Principal of Role"),
    "a trust policy of a service that is none": (trusting(Principal={"Service": "eks"}), "ec2.amazonaws.com"),
    "a trust policy that does nothing": (trusting(Action=DROP), "neither Action nor NotAction"),
    "a trust policy that is too long": (
        trusting(Condition={"StringEquals": {"aws:SourceAccount": ["1" * 12] * 200}}),
        "more than 2048 characters",
    ),
    "a condition that is no object": (trusting(Condition="always"), "a Condition that is no object"),
    "a policy within a role that is none": (
        refused("node-role", inlinePolicies=[{"name": "a", "policy": "{"}]),
        r"inlinePolicies\[0\].policy is not JSON",
    ),
    "a policy of an old form": (stating(Version="2020-01-01"), 'write "2012-10-17"'),
    "a policy without statements": (stating(Statement=[]), "has no Statement"),
    "a policy with an element of its own": (stating(Name="x"), "has Name, which no policy has"),
    "a policy for somebody": (
        refused("managed", policy=policy(Principal="*")),
        "has Principal, which a policy has not",
    ),
    "a policy with a small letter": (
        refused("managed", policy=policy(effect="Allow")),
        "has effect, which no statement",
    ),
    "a policy that neither allows nor denies": (refused("managed", policy=policy(Effect="allow")), "Allow or Deny"),
    "a policy with an action that is none": (
        refused("managed", policy=policy(Action="GetObject")),
        "as in s3:GetObject",
    ),
    "a policy on what is no ARN": (
        refused("managed", policy=policy(Resource="my-bucket")),
        "a resource that is no ARN",
    ),
    "a policy on nothing": (refused("managed", policy=policy(Resource=[])), "has an empty Resource"),
    "a policy with words for an id": (refused("managed", policy=policy(Sid="Read it")), "a Sid with other than"),
    "a managed policy that is too long": (refused("managed", policy=with_actions(150)), "AWS takes 6144"),
    "inline policies that are too long together": (crowded, "characters together: AWS takes 10240"),
    "two policies of one name": (clash("managed"), "is taken by managed"),
    "a policy attached twice": (clash("attached"), "attached attaches the same policy to the same role"),
    "more policies than a role has room for": (many, "a role has at most 10"),
    "a policy of AWS that there is not": (
        refused("attached", policyArn="arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolice"),
        "did you mean AmazonEKSWorkerNodePolicy",
    ),
    "a policy of AWS that nobody listed": (
        refused("attached", policyArn="arn:aws:iam::aws:policy/Zzz"),
        "missing in rehearsal/aws/managed.py",
    ),
    "a policy of AWS of another partition": (
        refused("attached", policyArn="arn:aws-cn:iam::aws:policy/ReadOnlyAccess"),
        "begin with arn:aws:iam::aws:policy/ here",
    ),
    "a policy for a role that there is not": (refused("attached", role="nobody"), "no such role yet"),
    "an identity provider without encryption": (refused("oidc", url="http://example.com"), "begins with https://"),
    "an identity provider twice": (clash("oidc"), "an account has one"),
    "a key policy that nobody can change": (
        refused("key", policy=policy(Action="kms:Decrypt", Principal="*")),
        "lets nobody change it",
    ),
    "a key policy that is too long": (
        refused("key", policy=policy(Action="kms:*", Principal="*", Resource=["arn:aws:kms:::" + LONG] * 700)),
        "more than 32768 characters",
    ),
    "a copy of a key that has to stay in its region": (
        lambda account: account.refused("shared-copy", primaryKeyArn=account["key"]["arn"]),
        "is a key of one region: it is made with multiRegion",
    ),
    "a copy of a key beside it": (beside, "a replica stands in another region"),
    "a copy of a key that is gone at once": (refused("shared-copy", deletionWindowInDays=6), "7 to 30 days"),
    "a copy of a key that is never gone": (refused("shared-copy", deletionWindowInDays=31), "7 to 30 days"),
    "a copy of a key that nobody can change": (
        refused("shared-copy", policy=policy(Action="kms:Decrypt", Principal="*")),
        "policy lets nobody change it",
    ),
    "a copy of a copy": (copied_again, "which is no key but a replica key"),
    "a copy of a key that nobody made": (
        lambda account: account.refused(
            "shared-copy", primaryKeyArn=f"arn:aws:kms:us-east-1:123456789012:key/mrk-{'0' * 32}"
        ),
        "there is no such key yet",
    ),
    "a key that is gone at once": (refused("key", deletionWindowInDays=1), "7 to 30 days"),
    "a key that turns too often": (refused("key", rotationPeriodInDays=30), "90 to 2560 days"),
    "an alias without its prefix": (refused("alias", name="soma"), "alias/ and at most 250"),
    "an alias of AWS": (refused("alias", name="alias/aws/soma"), "are AWS's own"),
    "two aliases of one name": (clash("alias"), "is taken by alias in us-east-1"),
    "an alias of a key of another region": (
        lambda account: account.refused("alias", targetKeyId=account["west-key"]["keyId"]),
        "which is in us-west-2, not in us-east-1",
    ),
    "a log group with a space": (refused("logs", name="my logs"), "1 to 512 letters"),
    "logs for a time that there is not": (refused("logs", retentionInDays=100), "the nearest is 90"),
    "logs under a key's id": (
        lambda account: account.refused("logs", kmsKeyId=account["key"]["keyId"]),
        "CloudWatch wants the key's ARN",
    ),
    "two log groups of one name": (clash("logs"), "is taken by logs in us-east-1"),
}


@pytest.mark.parametrize("what", RED)
def test_aws_refuses(what: str) -> None:
    judge(*RED[what])


def test_names_of_roles_are_unique_over_regions() -> None:
    account = whole()
    with pytest.raises(RefusedByAwsError, match="names are unique in an account, whatever the region"):
        account.another("west-role", "node-role", WEST)
    account.another("west-logs", "logs", WEST)


def test_a_policy_may_be_an_object_as_well_as_json() -> None:
    account = whole()
    account.change("managed", policy=json.loads(policy()))
    assert "Effect" in account.refused("managed", policy={"Version": "2012-10-17", "Statement": [{"Action": "s3:*"}]})


def test_no_text_of_a_document_is_shown() -> None:
    account = whole()
    said = account.refused("managed", policy=policy(Action="hidden-action", Resource="hidden-resource"))
    assert "hidden" not in said


def test_the_services_that_a_role_trusts_are_read() -> None:
    assert documents.trusted_services(trust("ec2.amazonaws.com")) == {"ec2.amazonaws.com"}
    assert documents.trusted_services("not json") is None
    assert documents.trusted_services({"Statement": {"Effect": "Deny", "Principal": {"Service": "a.b"}}}) == set()


def test_a_key_of_several_regions_has_an_id_of_its_own_form() -> None:
    account = whole()
    assert str(account["shared-key"]["keyId"]).startswith("mrk-")
    assert account["shared-copy"]["keyId"] == account["shared-key"]["keyId"]
    assert account["shared-copy"]["arn"] == account["shared-key"]["arn"].replace("us-east-1", WEST)
