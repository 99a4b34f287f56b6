"""What a region on AWS states beside its network: of its cluster, its nodes, its tags; nothing of other platforms."""

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from typing import Final

from settings import networks
from settings.aws import ADDONS, NodeGroup, is_arm
from settings.draft import Draft, Finding
from settings.explain import nearest
from settings.faults import ABSENT
from settings.rules.rule import Check, place, repeated, rule
from settings.settings import Settings

RETENTIONS: Final = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)
"""Days for which CloudWatch keeps logs (CloudWatch Logs, API PutRetentionPolicy), of those that `Count` takes."""
SHORTEST_PREFIX: Final = 8
"""Of a range that reaches the API server: a shorter one is a good part of the internet and nobody's network."""
MOST_TAGS, LONGEST_KEY, LONGEST_VALUE = 40, 128, 256
"""AWS takes 50 tags on a resource, of these lengths; ten are left for the program's own
(docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html)."""

_TAG_TEXT: Final = re.compile(r"[\w .:/=+@-]*")
"""Letters, digits, spaces and signs that every service takes (IAM, API Tag)."""
OF_KUBERNETES: Final = {
    "context": "the program makes the cluster and knows the way to it: remove it",
    "kubeconfig": "the program makes the cluster and knows the way to it: remove it",
    "zones": "aws.zones gives zones their letters: state that instead",
    "api_server_ranges": "the program makes the cluster and its network, and knows them: remove it",
}
_OF_A_NEW_CLUSTER: Final = (
    "cluster.version",
    "cluster.addons",
    "cluster.admins",
    "cluster.public_access_cidrs",
    "cluster.log_days",
    "cluster.token_command",
    "nodes",
)
_WAY_TO_THE_CLUSTER: Final = ("context", "kubeconfig")
"""Keys that lead to a cluster which is there already."""
_OF_THE_NETWORK: Final = ("api_server_ranges",)
"""Keys about a network which is there already: a cluster of yours is in one, and so may be one that is new."""


def on_aws(*reads: str) -> Callable[[Check], Check]:
    """Marks a rule that holds on the platform `aws` alone, with all that it reads."""

    def mark(check: Check) -> Check:
        @rule("platform", *reads)
        def guarded(draft: Draft) -> Iterator[Finding]:
            if draft.settings.platform == "aws":
                yield from check(draft)

        return guarded

    return mark


def range_of(text: str) -> IPv4Network | None:
    """A stated range; None where it is none, which its own check says."""
    try:
        return networks.network(text)
    except ValueError:
        return None


@rule("platform")
def nothing_of_another_platform_is_stated(draft: Draft) -> Iterator[Finding]:
    platform = draft.settings.platform
    if platform != "aws":
        if draft.stated(("aws",)) not in (ABSENT, None, "", {}):
            yield draft.finding(
                ("aws",), f'without effect on the platform {platform}: remove it, or set platform to "aws"'
            )
        return
    cluster, network = (
        draft.stated(("aws", of_what, "existing")) not in (ABSENT, None) for of_what in ("cluster", "network")
    )
    taken = (*(_WAY_TO_THE_CLUSTER if cluster else ()), *(_OF_THE_NETWORK if network else ()))
    for key, why in OF_KUBERNETES.items():
        if key not in taken and draft.stated(("kubernetes", key)) not in (ABSENT, None, {}, [], ()):
            yield draft.finding(("kubernetes", key), f"without effect on the platform aws, where {why}")


@on_aws("aws.account")
def the_account_is_known(draft: Draft) -> Iterator[Finding]:
    if draft.settings.aws.account is None:
        yield draft.finding(
            place("aws.account"), "missing: state the account's twelve digits, so that no other one is ever touched"
        )


@on_aws("aws.cluster.existing", "aws.network.existing")
def a_cluster_of_yours_comes_with_its_network(draft: Draft) -> Iterator[Finding]:
    aws = draft.settings.aws
    if aws.cluster.existing is not None and aws.network.existing is None:
        yield draft.finding(
            place("aws.cluster.existing"),
            "its nodes are in a VPC that is there already, and a new one beside it would stay empty: "
            "state that VPC in aws.network.existing",
        )


@on_aws("aws.cluster.existing", "aws.network.existing")
def nothing_is_stated_of_what_is_there_already(draft: Draft) -> Iterator[Finding]:
    aws = draft.settings.aws
    beside = {
        "cluster": _OF_A_NEW_CLUSTER if aws.cluster.existing is not None else (),
        "network": ("network.flow_log_days",) if aws.network.existing is not None else (),
    }
    for what, keys in beside.items():
        for key in keys:
            at = place(f"aws.{key}")
            if draft.stated(at) not in (ABSENT, None, "", {}, [], ()):
                yield draft.finding(
                    at, f"without effect beside aws.{what}.existing, of which nothing is made or changed: remove it"
                )


@on_aws("aws.cluster.addons")
def addons_are_those_of_the_program(draft: Draft) -> Iterator[Finding]:
    for name in draft.settings.aws.cluster.addons:
        if name not in ADDONS:
            meant = nearest(name, ADDONS).meant
            known = f'did you mean "{meant}"?' if meant else f"known are {', '.join(ADDONS)}"
            yield draft.finding(("aws", "cluster", "addons", name), f"no add-on that this release installs: {known}")


@on_aws("multiregion.regions[*].postgresql_address", "multiregion.regions[*].ranges")
def the_program_makes_the_way_to_other_regions(draft: Draft) -> Iterator[Finding]:
    """To every one: all of them are on one platform."""
    for index, region in enumerate(draft.settings.multiregion.regions):
        at = ("multiregion", "regions", index)
        if region.postgresql_address is not None:
            yield draft.finding(
                (*at, "postgresql_address"),
                "without effect on the platform aws, where the program makes the name and what it leads to: remove it",
            )
        if region.ranges:
            yield draft.finding(
                (*at, "ranges"), "without effect on the platform aws, where the program plans it: remove it"
            )


@on_aws("aws.cluster.existing", "aws.cluster.admins")
def a_new_cluster_has_administrators(draft: Draft) -> Iterator[Finding]:
    cluster = draft.settings.aws.cluster
    if cluster.existing is None and not cluster.admins:
        yield draft.finding(
            place("aws.cluster.admins"),
            "nobody could administer the cluster, not even who makes it: name roles or users of IAM, the one that "
            "runs this program among them",
        )
    for index, first in repeated(cluster.admins):
        yield draft.finding(
            place(f"aws.cluster.admins[{index}]"), f"named already at admins[{first}]: name each of them once"
        )


@on_aws("aws.cluster.public_access_cidrs")
def few_reach_the_api_server(draft: Draft) -> Iterator[Finding]:
    for index, text in enumerate(draft.settings.aws.cluster.public_access_cidrs):
        allowed = range_of(text)
        if allowed is None:
            continue
        at = place(f"aws.cluster.public_access_cidrs[{index}]")
        if allowed.prefixlen < SHORTEST_PREFIX:
            much = "all" if allowed.prefixlen == 0 else "too much"
            yield draft.finding(
                at,
                f"{much} of the internet: name the ranges from which the cluster is administered, or leave this out "
                "and reach it from the VPC",
            )
        elif any(allowed.subnet_of(private) for private in networks.PRIVATE_USE):
            yield draft.finding(
                at, "nobody on the internet has these addresses, and from the VPC they need no entry: remove it"
            )


@on_aws("aws.cluster.token_command")
def the_token_command_can_be_filled_in(draft: Draft) -> Iterator[Finding]:
    for index, part in enumerate(draft.settings.aws.cluster.token_command):
        try:
            part.format(cluster="", region="")
        except (LookupError, ValueError, AttributeError, TypeError):
            yield draft.finding(
                place(f"aws.cluster.token_command[{index}]"),
                "only {cluster} and {region} are filled in: write any other brace twice",
            )


def _one_architecture(path: str, group: Callable[[Settings], NodeGroup]) -> Check:
    """A rule: all instance types of a node group run the same images."""

    @on_aws(path)
    def check(draft: Draft) -> Iterator[Finding]:
        first, *others = group(draft.settings).instance_types
        for index, other in enumerate(others, start=1):
            if is_arm(other) != is_arm(first):
                yield draft.finding(
                    place(f"{path}[{index}]"),
                    f"{_architecture(other)}, and {first} is {_architecture(first)}: an image is built for one, so "
                    "name types of one",
                )

    return check


def _architecture(instance_type: str) -> str:
    return "arm64" if is_arm(instance_type) else "x86_64"


@on_aws("aws.tags")
def tags_are_as_aws_takes_them(draft: Draft) -> Iterator[Finding]:
    tags = draft.settings.aws.tags
    if len(tags) > MOST_TAGS:
        yield draft.finding(
            place("aws.tags"),
            f"{len(tags)} tags: AWS takes 50 on a resource, some of which are the program's: state at most {MOST_TAGS}",
        )
    folded: dict[str, str] = {}
    for key, value in tags.items():
        fault = _tag_fault(key, value)
        first = folded.setdefault(key.casefold(), key)
        if fault is None and first != key:
            fault = f'IAM takes it and "{first}" for the same: keep one'
        if fault is not None:
            yield draft.finding(("aws", "tags", key), fault)


def _tag_fault(key: str, value: str) -> str | None:
    if not key:
        return "a tag without a key: give it one"
    if max(len(key) - LONGEST_KEY, len(value) - LONGEST_VALUE) > 0:
        return f"longer than AWS takes: a key has at most {LONGEST_KEY} characters and a value {LONGEST_VALUE}"
    if any(text.lower().startswith("aws:") for text in (key, value)):
        return 'begins with "aws:", which AWS keeps for itself: choose another one'
    if not (_TAG_TEXT.fullmatch(key) and _TAG_TEXT.fullmatch(value)):
        return "not a tag that every service takes: use letters, digits, spaces and _ . : / = + - @"
    return None


def _kept_by_cloudwatch(path: str, days: Callable[[Settings], int]) -> Check:
    """A rule: CloudWatch keeps logs for this number of days."""

    @on_aws(path)
    def check(draft: Draft) -> Iterator[Finding]:
        stated = days(draft.settings)
        if stated not in RETENTIONS:
            near = [*[known for known in RETENTIONS if known < stated][-1:], *[k for k in RETENTIONS if k > stated][:1]]
            yield draft.finding(
                place(path), f"CloudWatch does not keep logs for just so long: use {' or '.join(map(str, near))}"
            )

    return check


RULES: tuple[Check, ...] = (
    nothing_of_another_platform_is_stated,
    the_account_is_known,
    a_cluster_of_yours_comes_with_its_network,
    nothing_is_stated_of_what_is_there_already,
    addons_are_those_of_the_program,
    the_program_makes_the_way_to_other_regions,
    a_new_cluster_has_administrators,
    few_reach_the_api_server,
    the_token_command_can_be_filled_in,
    _one_architecture("aws.nodes.stateful.instance_types", lambda s: s.aws.nodes.stateful),
    _one_architecture("aws.nodes.stateless.instance_types", lambda s: s.aws.nodes.stateless),
    tags_are_as_aws_takes_them,
    _kept_by_cloudwatch("aws.network.flow_log_days", lambda s: s.aws.network.flow_log_days),
    _kept_by_cloudwatch("aws.cluster.log_days", lambda s: s.aws.cluster.log_days),
)
