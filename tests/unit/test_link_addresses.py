"""A link on the platform `kubernetes` is configured addresses: what a region states so that others reach it, and how
far pods are let out to them.
"""

from pathlib import Path
from typing import Any

from settings import differences, load, shared
from tests.unit import test_settings_agreement as agreement
from tests.unit.aws_settings import EAST, WEST, on_aws, regions
from tests.unit.recorded import Recorded
from tests.unit.recorder import record_stack
from tests.unit.test_settings import region
from tests.unit.test_settings_faults import faults

LISTED = [
    {"name": "us-east", "primary": True, "postgresql_address": "10.1.2.3"},
    {"name": "us-west"},
]


def connections(run: Recorded) -> dict[str, Any]:
    spec = next(iter(run.of("Cluster"))).spec
    return {other["name"]: other["connectionParameters"] for other in spec["externalClusters"]}


def test_every_region_connects_to_the_address_and_still_asks_for_the_hosts_certificate() -> None:
    own = {"multiregion": {"regions": LISTED}}
    home = record_stack("us-east", overrides=own)
    for run in (home, record_stack("us-west", overrides=own, stacks={"us-east": home.outputs})):
        there = connections(run)
        assert there["postgresql-us-east"]["hostaddr"] == "10.1.2.3"
        assert there["postgresql-us-east"]["host"] == "postgresql.us-east.somafractalmemory.internal"
        assert there["postgresql-us-east"]["sslmode"] == "verify-full"
        assert "hostaddr" not in there["postgresql-us-west"]


def test_what_is_no_address_is_refused() -> None:
    raw = {"multiregion": {"regions": [LISTED[0] | {"postgresql_address": "db.example.com"}, LISTED[1]]}}
    assert faults(region(**raw)) == [
        'multiregion.regions[0].postgresql_address = "db.example.com"   not an IPv4 address: write it like "10.1.2.3"'
    ]


def test_on_aws_the_program_knows_the_address_itself() -> None:
    stated = {"postgresql_address": "10.1.2.3"}
    assert faults(on_aws(**regions(EAST | stated, WEST | stated))) == [
        f'multiregion.regions[{index}].postgresql_address = "10.1.2.3"   without effect on the platform aws, where the '
        "program makes the name and what it leads to: remove it"
        for index in range(2)
    ]


def test_a_standby_that_knows_another_address_than_home_is_refused() -> None:
    own, home = (
        shared(load(region(multiregion={"regions": listed}), name))
        for listed, name in (
            ([LISTED[0] | {"postgresql_address": "10.1.2.4"}, LISTED[1]], "us-west"),
            (LISTED, "us-east"),
        )
    )
    assert differences(own, home, "us-east") == [
        'multiregion.postgresql_addresses = ["us-east 10.1.2.4"]   us-east has ["us-east 10.1.2.3"]: state that here '
        "too, or bring us-east to this first (pulumi up -s us-east)"
    ]


def test_stacks_of_one_checkout_that_state_another_address_are_told(tmp_path: Path) -> None:
    three = [*LISTED, {"name": "eu-west"}]
    own = {"multiregion": {"regions": [LISTED[0], LISTED[1] | {"postgresql_address": "10.9.2.3"}, three[2]]}}
    assert agreement.faults(tmp_path, {"us-west": own}, multiregion={"regions": three}) == [
        "Pulumi.us-west.yaml",
        "  multiregion.regions = [us-east 10.1.2.3, us-west 10.9.2.3]   the home region us-east has "
        f"[us-east 10.1.2.3]: {agreement.REMEDY}",
    ]


EAST_RANGES, WEST_RANGES = ["203.0.113.8/29", "10.1.2.0/24"], ["198.51.100.7/32"]


def ways_out(run: Recorded, policy: str, port: int) -> list[list[str]]:
    """Of each rule about a port that names no pods: its ranges; none where it is open to any address."""
    rules = [
        rule
        for rule in run.one("NetworkPolicy", policy).spec["egress"]
        if {"protocol": "TCP", "port": port} in rule["ports"]
    ]
    return [
        [peer["ipBlock"]["cidr"] for peer in rule.get("to", [])] for rule in rules if "podSelector" not in str(rule)
    ]


def both(east: dict[str, Any], west: dict[str, Any]) -> tuple[Recorded, Recorded]:
    listed = [{"name": "us-east", "primary": True} | east, {"name": "us-west"} | west]
    own = {"multiregion": {"regions": listed}}
    home = record_stack("us-east", overrides=own)
    return home, record_stack("us-west", overrides=own, stacks={"us-east": home.outputs})


def test_pods_are_let_out_to_the_ranges_that_the_other_regions_state_and_nowhere_else() -> None:
    home, standby = both({"ranges": EAST_RANGES}, {"ranges": WEST_RANGES})
    assert ways_out(home, "memory-service", 443) == [WEST_RANGES]
    assert ways_out(standby, "memory-service", 443) == [EAST_RANGES]
    assert ways_out(standby, "memory-edge", 443) == [EAST_RANGES]
    assert ways_out(home, "postgresql", 5432) == [WEST_RANGES]
    assert ways_out(standby, "postgresql", 5432) == [EAST_RANGES]


def test_the_address_of_a_postgresql_is_all_that_the_other_one_is_let_out_to() -> None:
    _, standby = both(LISTED[0] | {"ranges": EAST_RANGES}, {})
    assert ways_out(standby, "postgresql", 5432) == [["10.1.2.3/32"]]
    assert ways_out(standby, "memory-service", 443) == [EAST_RANGES]


def test_one_region_that_states_nothing_leaves_the_port_open() -> None:
    listed = [LISTED[0] | {"ranges": EAST_RANGES}, {"name": "us-west"}, {"name": "eu-west", "ranges": WEST_RANGES}]
    home = record_stack("us-east", overrides={"multiregion": {"regions": listed}})
    assert ways_out(home, "memory-service", 443) == [[]]
    assert ways_out(home, "postgresql", 5432) == [[]]


def test_ranges_have_no_effect_on_aws() -> None:
    stated = {"ranges": ["203.0.113.8/29"]}
    assert faults(on_aws(**regions(EAST | stated, WEST))) == [
        "multiregion.regions[0].ranges = [203.0.113.8/29]   without effect on the platform aws, where the program "
        "plans it: remove it"
    ]
