"""The rules that look at all regions at once. `make policies` asks them, which has every region's plan; no engine does:
it shows a pack one stack."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from policies.checks import regions, standby
from policies.checks.model import Limits, Violation
from policies.checks.regions import Regions
from policies.rules import Case, Rule, Severity

NAME: Final = "regions"
DESCRIPTION: Final = (
    "All regions together: each of them could be home and carry its load, and users are led to all of them."
)


@dataclass(frozen=True, kw_only=True)
class RegionsRule(Rule):
    """Judges the plans of all regions of one platform together."""

    check: Callable[[Regions, Limits], Iterable[Violation]]


RULES: Final = (
    RegionsRule(
        name="same-size",
        description="Whatever several regions run they run in the same number, and every region has every store.",
        remedy="Give each stack file the same numbers, or state them once in Pulumi.yaml.",
        severity=Severity.HIGH,
        check=regions.same_size,
        case=Case(
            fails="us-west with two Qdrant nodes beside three of us-east",
            passes="three in both",
            test="tests/unit/test_policy_regions.py",
        ),
    ),
    RegionsRule(
        name="same-postgresql",
        description="All regions run the same image of PostgreSQL.",
        remedy="State the image once in Pulumi.yaml; update the standbys before home.",
        severity=Severity.CRITICAL,
        check=regions.same_postgresql,
        case=Case(
            fails="a Cluster with another imageName in one region",
            passes="one image in all",
            test="tests/unit/test_policy_regions.py",
        ),
    ),
    RegionsRule(
        name="standby-carries-home",
        description="Each standby has standby_percent of home's CPU and memory or more, component by component and in "
        "what its nodes on AWS leave for pods; volumes with home's data hold all of it.",
        remedy="Raise the key that the message names, or state less at home.",
        severity=Severity.HIGH,
        parameters=("standby_percent",),
        check=standby.carries_home,
        case=Case(
            fails="a standby whose Redis requests a tenth of home's memory",
            passes="half of it",
            test="tests/unit/test_policy_standby.py",
        ),
    ),
    RegionsRule(
        name="records-of-a-name",
        description="A public name has a record of each region, all by one routing policy: of failover one is PRIMARY "
        "and another SECONDARY, of geolocation one is for the country *.",
        remedy="The same aws.dns in every stack file, and one region that is home.",
        severity=Severity.HIGH,
        check=regions.one_set_of_records,
        case=Case(
            fails="two records of a name with failover type PRIMARY",
            passes="one PRIMARY and one SECONDARY",
            test="tests/unit/test_policy_regions.py",
        ),
    ),
)
