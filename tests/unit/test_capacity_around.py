"""What stands around a region's nodes is in its cost, as far as it follows from a plan or a stack."""

from typing import Any

import pytest
from hypothesis import given

from capacity import around, cost, facts, prices
from capacity.plan import Plan, plan
from capacity.workload import Workload
from components import postgres_backups
from components.aws import endpoints
from components.backup_store import ObjectStore
from components.derivation import derived
from settings import load
from settings.backups import Backups
from tests.unit.test_capacity_model import REGIONS, SMALL, workloads
from tests.unit.test_costs import AWS, OPERATORS
from tests.unit.test_derive import LOAD
from tests.unit.test_settings import region

TABLE = prices.own()
TWO = SMALL.model_copy(update={"regions": REGIONS})


def parts(of: Plan, name: str = "us-east", has: around.Around | None = None) -> dict[str, float]:
    return {one.component: one.amount or 0 for one in cost.costs(of, TABLE, has) if one.region == name}


def of_stack(**blocks: Any) -> dict[str, float]:
    settings = load(region(**blocks), "us-east", derived)
    return {one.component: one.amount or 0 for one in cost.of_stack(settings, TABLE)}


def test_hours_are_those_of_what_the_program_makes_in_each_zone() -> None:
    found, hours = parts(plan(SMALL)), prices.HOURS
    assert found["NAT gateways"] == pytest.approx(3 * (0.045 + 0.005) * hours)
    assert found["endpoints"] == pytest.approx(27 * 0.01 * hours)
    assert found["load balancers"] == pytest.approx((0.0225 + 3 * 0.005) * hours)
    assert parts(plan(TWO))["load balancers"] == pytest.approx((2 * 0.0225 + 3 * 0.005) * hours)
    assert parts(plan(SMALL.model_copy(update={"zones": 5})))["NAT gateways"] == pytest.approx(5 * 0.05 * hours)


def test_what_users_get_is_paid_for_where_they_come_in() -> None:
    of, month = plan(TWO), facts.MONTH_DAYS * 86_400
    at = of.load
    answered = at.requests * 1024 + (at.reads + 5 * at.searches) * at.value_bytes
    east, west = (parts(of, name)["traffic to users"] for name in ("us-east", "us-west"))
    assert east == pytest.approx(3 * west) == pytest.approx(0.75 * answered / at.peak * month / 1e9 * 0.09)
    carried = (at.requests * 1024 + at.stores * at.value_bytes + answered) / at.peak
    units = parts(of, "us-west")["load balancers' units"]
    assert units == pytest.approx(0.25 * carried * 3600 / 1e9 * 0.006 * prices.HOURS)


def test_other_regions_come_by_homes_load_balancer() -> None:
    of = plan(TWO)
    more = parts(of)["load balancers' units"] - 3 * parts(of, "us-west")["load balancers' units"]
    crossing = (of.needs.network.forwarded + of.needs.network.replication) / of.load.peak
    assert more == pytest.approx(crossing * 3600 / 1e9 * 0.006 * prices.HOURS)


def test_a_bucket_and_its_copy_hold_snapshots_and_wal_for_twice_the_retention() -> None:
    of = plan(SMALL.model_copy(update={"memories": 1_000_000}))
    one_copy = of.needs.qdrant.storage * 0.8 / 1  # each of three nodes holds two of three parts, of two copies
    written = around.backups(of, home=True).written - around.backups(of, home=False).written
    share = 2 / 3
    assert written == pytest.approx(one_copy / share * 4 * facts.MONTH_DAYS)
    found = around.backups(of, home=True)
    kept = around.kept(found.written, 30) / facts.GIB * TABLE.bucket_gib_month
    assert parts(of)["backups"] > 2 * kept > 2 * 240 * one_copy / share / facts.GIB * TABLE.bucket_gib_month
    longer = around.planned(of.workload)._replace(retention=60)
    assert parts(of, has=longer)["backups"] == pytest.approx(parts(of)["backups"] + 2 * kept)


def test_wal_is_archived_after_five_minutes_or_sixteen_mebibytes() -> None:
    idle, busy = plan(SMALL), plan(SMALL.model_copy(update={"concurrent_users": 100_000.0}))
    files = [next(one.value for one in of.explain() if one.name == "backups.files") for of in (idle, busy)]
    assert files[0] == pytest.approx(12 * 24 * facts.MONTH_DAYS)
    assert files[1] == pytest.approx(busy.needs.postgresql.wal / 3 * facts.MONTH_DAYS * 86_400 / 2**24)


def test_a_standby_archives_and_takes_no_snapshots() -> None:
    of = plan(TWO.model_copy(update={"memories": 1_000_000}))
    assert 0 < 5 * parts(of, "us-west")["backups"] < parts(of)["backups"]


@given(workloads)
def test_figures_of_backups_are_those_that_are_paid_for(workload: Workload) -> None:
    of = plan(workload)
    told = {one.name: one.value for one in around.figures(of)}
    found = around.backups(of, home=True)
    assert found == pytest.approx((told["backups.requests"], told["backups.rows"] + told["backups.points"]))
    assert told["backups.kept"] == pytest.approx(around.kept(found.written, 30))
    assert around.traffic(of) == pytest.approx((told["users.asked"], told["users.answered"]))


def test_of_a_stack_what_it_has_is_counted() -> None:
    stack = {**AWS, "workload": dict(LOAD)}
    whole = of_stack(**stack, aws=OPERATORS)
    assert whole["NAT gateways"] > 0 and whole["backups"] > 0 and whole["load balancers"] > 0
    closed = of_stack(**stack, aws=OPERATORS, ingress={"enabled": False})
    assert "load balancers" not in closed and "traffic to users" not in closed
    backups = {**AWS["backups"], "retention_days": 60}
    assert of_stack(**{**stack, "backups": backups}, aws=OPERATORS)["backups"] > whole["backups"]
    none = {**AWS["backups"], "enabled": False}
    assert "backups" not in of_stack(**{**stack, "backups": none}, aws=OPERATORS)


def test_a_network_of_others_has_its_own_ways_out() -> None:
    zones = [
        {"private": f"subnet-0000000{n}", "public": f"subnet-1000000{n}", "route_table": f"rtb-0000000{n}"}
        for n in "abc"
    ]
    theirs = {**OPERATORS, "network": {"existing": {"vpc": "vpc-0000000a", "zones": zones}}}
    listed = {"regions": [{**AWS["multiregion"]["regions"][0], "cidr": "10.64.0.0/16"}]}
    found = of_stack(**{**AWS, "multiregion": listed}, workload=dict(LOAD), aws=theirs)
    assert "NAT gateways" not in found and "endpoints" not in found and found["load balancers"] > 0


def test_what_is_counted_is_what_the_program_makes() -> None:
    assert len(endpoints.SERVICES) == facts.ENDPOINTS.value
    assert Backups().retention_days == facts.RETENTION.value
    assert Backups().postgresql_schedule == "0 2 * * *" and facts.BASE_BACKUPS.value == 24 * 3600
    assert Backups().qdrant_schedule == "0 */6 * * *" and facts.SNAPSHOTS.value == 6 * 3600
    kept = postgres_backups.object_store_spec(ObjectStore("backups", "us-east-1"), 30)["configuration"]
    assert kept["wal"]["compression"] == "zstd" and kept["data"]["compression"] == "gzip"


def test_no_cost_is_left_out_of_the_words_for_what_is_left_out() -> None:
    for workload in (True, False):
        words = cost.left_out(workload=workload)
        assert "what passes NAT gateways" in words and "load balancers" not in words
    assert "traffic and backups (state a workload)" in cost.left_out(workload=False)
