"""The pack `high-availability`: the minimums of the scaling guide's `high_availability` block, rule by rule."""

from policies import (
    high_availability_containers,
    high_availability_nodes,
    high_availability_pods,
    high_availability_stores,
    high_availability_ways,
)
from policies.checks import not_judged, own_minimums, presence, seen
from policies.rules import EXCEPTIONS, Case, Level, Rule, Severity, StackRule, WholeRule

NAME = "high-availability"
DESCRIPTION = "A region survives the loss of one zone and the drain of any node."

RULES: tuple[Rule, ...] = (
    *high_availability_pods.RULES,
    *high_availability_containers.RULES,
    *high_availability_stores.RULES,
    *high_availability_ways.RULES,
    *high_availability_nodes.RULES,
    StackRule(
        name="same-minimums",
        description="The pack is configured with the minimums of the region's own settings, or with stricter ones.",
        remedy=f"With the Pulumi CLI {own_minimums.REMEDY}.",
        severity=Severity.HIGH,
        parameters=("min_replicas", "zones"),
        check=own_minimums.same,
        case=Case(
            fails="a pack that asks for 3 pods, of a region whose high_availability.min_replicas is 4",
            passes="a pack that asks for 4, or for 5",
            test="tests/unit/test_policy_minimums.py",
        ),
    ),
    StackRule(
        name="nothing-missing",
        description="The stack holds every part that a region is made of, by its program, and all could be judged.",
        remedy="Run the pack on a whole region; a rule that saw nothing has proved nothing.",
        severity=Severity.HIGH,
        check=presence.nothing_missing,
        case=Case(
            fails="a stack without the Qdrant StatefulSet that its program makes",
            passes="every part of a region",
            test="tests/unit/test_policy_data.py",
        ),
    ),
    WholeRule(
        name="every-kind",
        description="The stack holds every kind that this pack judges and that its recorded settings ask for: an "
        "autoscaler; on AWS the network and nodes unless they are there already, links to the regions before it in the "
        "list, records and health checks of public names.",
        remedy="Run the pack on a whole region; a rule that saw nothing has proved nothing.",
        severity=Severity.HIGH,
        check=seen.availability,
        case=Case(
            fails="a stack on AWS whose settings make a network, without a NatGateway",
            passes="every kind that its settings ask for",
            test="tests/unit/test_policy_seen.py",
        ),
    ),
    WholeRule(
        name="not-judged",
        description="What nobody could judge is named: what Helm charts make, but for how many pods they run.",
        remedy="Nothing is wrong: look at it yourself, or configure this policy disabled.",
        severity=Severity.MEDIUM,
        level=Level.ADVISORY,
        check=not_judged.releases,
        case=Case(
            fails="a stack with a Helm release: its name is said",
            passes="a stack without one",
            test="tests/unit/test_policy_releases.py",
        ),
    ),
    EXCEPTIONS,
)
