"""Rights of a region that are wider than one thing: each is here with the reason why AWS demands it.

`python -m rehearsal.aws.rights` prints them as a table; --write FILE puts it into a document, --check FILE compares. A
unit test holds the table and a region's policies together. What AWS's own managed policies say is not judged here; that
they are used is what needs a reason.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

DOCUMENTS: Final = ("policy", "assumeRolePolicy")
"""Inputs that are policy documents, of whatever type of resource."""
MANAGED: Final = "policyArn"
BEGIN: Final = "<!-- begin of the generated rights: `make docs` writes them -->"
END: Final = "<!-- end of the generated rights -->"

_AUTHORIZATION: Final = "docs.aws.amazon.com/service-authorization/latest/reference"
_EKS: Final = "docs.aws.amazon.com/eks/latest/userguide"
_DEFAULT_KEY: Final = (
    "In the policy of a key `*` is the key itself, and without the account's own right nobody could ever change it "
    "(docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html)."
)
EXCEPTIONS: Final[Mapping[str, str]] = {
    "load-balancers-role-policy Read": "Describe actions of EC2 and Elastic Load Balancing know no resources "
    f"({_AUTHORIZATION}/list_amazonec2.html, list_awselasticloadbalancingv2.html).",
    "network-flow-logs-role-policy logs:DescribeLogGroups": "Log groups are listed all or none; those of this account "
    "and region (docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html).",
    "network-flow-logs-key Account": _DEFAULT_KEY,
    "network-flow-logs-key Logs": "`*` is the key itself, for CloudWatch Logs and this one log group; so AWS gives the "
    "actions (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html).",
    "eks-cluster-key Account": _DEFAULT_KEY,
    "backups-bucket-key Account": _DEFAULT_KEY,
    "backups-copies-key Account": _DEFAULT_KEY,
    "state-bucket-key Account": _DEFAULT_KEY,
    "state-copies-key Account": _DEFAULT_KEY,
    "state-secrets Account": _DEFAULT_KEY,
    "state-secrets-copy Account": _DEFAULT_KEY,
    "eks-cluster-role AmazonEKSClusterPolicy": "AWS's own: EKS asks for it on the role of a control plane "
    f"({_EKS}/cluster-iam-role.html).",
    "eks-nodes-role AmazonEKSWorkerNodePolicy": f"AWS's own: what a kubelet describes ({_EKS}/create-node-role.html).",
    "eks-nodes-role AmazonEC2ContainerRegistryPullOnly": "AWS's own: images of the add-ons are pulled with it "
    f"({_EKS}/create-node-role.html).",
    "eks-before-nodes-vpc-cni-role AmazonEKS_CNI_Policy": "AWS's own: network interfaces have names that only EC2 "
    f"gives ({_EKS}/cni-iam-role.html).",
    "eks-on-nodes-aws-ebs-csi-driver-role AmazonEBSCSIDriverPolicy": "AWS's own: volumes are told by the driver's tags "
    f"({_EKS}/ebs-csi.html).",
    "eks-cluster-admin AmazonEKSClusterAdminPolicy": "AWS's own, within the cluster: for those whom "
    f"`aws.cluster.admins` names ({_EKS}/access-policy-permissions.html).",
}
"""Resource, without region and platform in front, and statement to the reason."""


def wide(resource: str, inputs: Mapping[str, Any]) -> Iterator[str]:
    """What a resource allows that is wider than one thing, as EXCEPTIONS names it.

    An action with `*`, all resources or all of a service's, `Not…` of either, anybody as principal, and a policy that
    AWS keeps.
    """
    for name in DOCUMENTS:
        if isinstance(inputs.get(name), str):
            for statement in _statements(json.loads(inputs[name])):
                if statement["Effect"] == "Allow" and _is_wide(statement):
                    yield f"{resource} {statement.get('Sid') or ', '.join(_texts(statement.get('Action')))}"
    arn = inputs.get(MANAGED)
    if isinstance(arn, str):
        name = arn.rsplit("/", 1)[-1]
        yield f"{resource.removesuffix(f'-{name}')} {name}"


def _statements(document: Any) -> list[dict[str, Any]]:
    found = document["Statement"]
    return cast(list[dict[str, Any]], found if isinstance(found, list) else [found])


def _is_wide(statement: Mapping[str, Any]) -> bool:
    if {"NotAction", "NotResource", "NotPrincipal"} & statement.keys():
        return True
    principal = statement.get("Principal")
    anybody = "*" in _texts(principal) or (
        isinstance(principal, Mapping) and any("*" in _texts(one) for one in cast(Any, principal).values())
    )
    return (
        anybody
        or any("*" in action for action in _texts(statement.get("Action")))
        or any(_is_all(resource) for resource in _texts(statement.get("Resource")))
    )


def _is_all(resource: str) -> bool:
    """`*`, or an ARN that names nothing within its service, account and region."""
    return resource == "*" or resource.split(":", 5)[-1] == "*"


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value] if isinstance(value, list) else []


def markdown() -> str:
    """The table."""
    rows = (f"| `{name.split(' ', 1)[0]}` | `{name.split(' ', 1)[1]}` | {why} |" for name, why in EXCEPTIONS.items())
    return "\n".join(["| resource | statement or policy | why |", "|---|---|---|", *rows])


def with_table(document: str) -> str:
    """The document with the table between its markers renewed. ValueError without markers."""
    head, begun, rest = document.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not (begun and ended):
        raise ValueError(f"has no place for the table: put the lines {BEGIN} and {END} where it belongs")
    return f"{head}{BEGIN}\n\n{markdown()}\n\n{END}{tail}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.aws.rights", description=__doc__)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", type=Path, metavar="FILE", help="exit 1 when the table in the document is stale")
    action.add_argument("--write", type=Path, metavar="FILE", help="renew the table in the document")
    chosen = parser.parse_args(arguments)
    document: Path | None = chosen.check or chosen.write
    if document is None:
        sys.stdout.write(markdown() + "\n")
        return 0
    before = document.read_text()
    after = with_table(before)
    if chosen.write:
        document.write_text(after)
    elif before != after:
        sys.stderr.write(f"{document}: the table is not that of the rights any more: run `make docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
