"""The rules that look at all regions at once. `make policies` asks them, which has every region's plan; no engine does:
it shows a pack one stack."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from policies.checks import regions
from policies.checks.model import Violation
from policies.checks.regions import Regions
from policies.rules import Rule, Severity

NAME: Final = "regions"
DESCRIPTION: Final = "All regions together: each of them could be home, and users are led to all of them."


@dataclass(frozen=True, kw_only=True)
class RegionsRule(Rule):
    """Judges the plans of all regions of one platform together."""

    check: Callable[[Regions], Iterable[Violation]]


RULES: Final = (
    RegionsRule(
        name="same-size",
        description="Whatever several regions run they run in the same number, and every region has every store.",
        remedy="Give each stack file the same numbers, or state them once in Pulumi.yaml.",
        severity=Severity.HIGH,
        check=regions.same_size,
    ),
    RegionsRule(
        name="same-postgresql",
        description="All regions run the same image of PostgreSQL.",
        remedy="State the image once in Pulumi.yaml; update the standbys before home.",
        severity=Severity.CRITICAL,
        check=regions.same_postgresql,
    ),
    RegionsRule(
        name="records-of-a-name",
        description="A public name has a record of each region, all by one routing policy: of failover one is PRIMARY "
        "and another SECONDARY, of geolocation one is for the country *.",
        remedy="The same aws.dns in every stack file, and one region that is home.",
        severity=Severity.HIGH,
        check=regions.one_set_of_records,
    ),
)
