"""What a preview says that a region costs: by its workload and the sizes that it has, with the date of the prices."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from capacity import prices
from components.derivation import derived
from rehearsal import costs
from rehearsal.engine.model import Preview
from rehearsal.errors import RehearsalError
from rehearsal.summary import RegionSummary, Summary, show
from settings import Settings, load
from tests.unit.test_derive import LOAD
from tests.unit.test_settings import region

AWS: dict[str, Any] = {
    "platform": "aws",
    "multiregion": {"regions": [{"name": "us-east", "primary": True, "aws_region": "us-east-1"}]},
    "backups": {"copy_region": "us-east-2"},
}
OPERATORS = {"account": "123456789012", "cluster": {"admins": ["arn:aws:iam::123456789012:role/operators"]}}


def stack(**blocks: Any) -> Settings:
    return load(region(workload=dict(LOAD), **blocks), "us-east", derived)


def known(settings: Settings, table: Path | None = None) -> costs.RegionCost:
    found = costs.of(settings, table)
    assert found is not None
    return found


def table(directory: Path, **changes: Any) -> Path:
    file = directory / "prices.json"
    file.write_text(json.dumps({**json.loads(prices.FILE.read_text()), **changes}))
    return file


def test_on_a_cluster_of_others_no_cost_is_known_without_a_workload() -> None:
    assert costs.of(load(region(), "us-east", derived)) is None
    ids = [
        {"private": f"subnet-0000000{n}", "public": f"subnet-1000000{n}", "route_table": f"rtb-0000000{n}"}
        for n in "abc"
    ]
    theirs = {
        "account": OPERATORS["account"],
        "network": {"existing": {"vpc": "vpc-0000000a", "zones": ids}},
        "cluster": {"existing": {"name": "theirs", "security_group": "sg-0000000a"}},
    }
    listed = {"regions": [{**AWS["multiregion"]["regions"][0], "cidr": "10.64.0.0/16"}]}
    assert costs.of(load(region(**{**AWS, "multiregion": listed}, aws=theirs), "us-east", derived)) is None


def test_without_a_workload_what_stands_is_counted_and_what_is_not_is_said() -> None:
    settings = load(region(**AWS, aws=OPERATORS), "us-east", derived)
    cost, table = known(settings), prices.own()
    assert list(cost.parts) == [
        "control plane",
        "stateful nodes",
        "stateless nodes",
        "qdrant volumes",
        "postgresql volumes",
        "redis volumes",
        "NAT gateways",
        "endpoints",
        "load balancers",
    ]
    assert cost.parts["stateful nodes"] == pytest.approx(6 * table.instance_hour["m7i.4xlarge"] * prices.HOURS)
    assert cost.parts["redis volumes"] == pytest.approx(6 * 20 * table.volume_gib_month)
    assert cost.parts["qdrant volumes"] == pytest.approx(3 * 200 * table.volume_gib_month)
    assert "without traffic and backups (state a workload), what passes NAT gateways" in str(cost)
    assert "(state a workload)" not in str(known(stack())) and "without what passes NAT" in str(known(stack()))
    assert cost.as_json()["left_out"] in str(cost)


def test_a_preview_shows_the_cost_with_the_date_of_the_prices() -> None:
    cost = known(stack())
    summary = RegionSummary("us-east", "home", Preview("us-east", (), ()), (), {}, cost=cost)
    said = StringIO()
    show(Summary("in-process", [summary]), Console(file=said, width=300))
    assert f"{cost.amount:,.0f} USD a month by prices of {prices.own().date}: control plane" in said.getvalue()
    assert summary.as_json()["cost"]["date"] == prices.own().date
    assert summary.as_json()["cost"]["month"] == pytest.approx(sum(filter(None, cost.parts.values())))


def test_what_is_set_by_hand_is_what_is_paid_for() -> None:
    planned = known(stack()).parts["qdrant volumes"]
    assert planned is not None
    assert known(stack(qdrant={"storage": "900Gi"})).parts["qdrant volumes"] == pytest.approx(
        planned + 3 * 890 * prices.own().volume_gib_month
    )
    stated = {**OPERATORS, "nodes": {"stateful": {"instance_types": ["m7i.16xlarge"], "per_zone": 4}}}
    paid = known(stack(**AWS, aws=stated)).parts["stateful nodes"]
    assert paid == pytest.approx(12 * prices.own().instance_hour["m7i.16xlarge"] * prices.HOURS)


def test_a_standby_costs_its_own() -> None:
    settings = load(region(workload=dict(LOAD)), "us-west", derived)
    assert "network to home" in known(settings).parts and "network between zones" in known(stack()).parts


def test_another_table_of_prices_counts(tmp_path: Path) -> None:
    free = table(tmp_path, date="2030-01-01", volume_gib_month=0)
    cost = known(stack(), free)
    assert (cost.date, cost.parts["qdrant volumes"]) == ("2030-01-01", 0)


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match="volume_gib_month"):
        costs.of(stack(), table(tmp_path, volume_gib_month=-1))


def test_nodes_that_no_machine_is_large_enough_for_are_no_nought(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_stack(settings: Settings, table: prices.Prices) -> list[prices.Cost]:
        return [prices.Cost("us-east", "stateful nodes", None), prices.Cost("us-east", "control plane", 73)]

    monkeypatch.setattr("capacity.cost.of_stack", of_stack)
    cost, date = known(stack()), prices.own().date
    told = f"73 USD a month by prices of {date}, without stateful nodes: stateful nodes not known, control plane 73; "
    assert str(cost).startswith(told)
    assert cost.short == "73 USD (without stateful nodes)"
    found = cost.as_json()
    assert (found["month"], found["parts"]["stateful nodes"]) == (73, None)
    assert found["without"] == ["stateful nodes"] and "without" not in costs.RegionCost({}, "USD", date).as_json()


def test_nodes_without_a_price_leave_the_cost_unknown() -> None:
    cost = known(stack(**AWS, aws={**OPERATORS, "nodes": {"stateless": {"instance_types": ["c7i.large"]}}}))
    date = prices.own().date
    assert str(cost) == f"not known: the prices of {date} have none of c7i.large: add them to instance_hour"
    assert cost.as_json() == {
        "unknown": f"the prices of {date} have none of c7i.large: add them to instance_hour",
        "currency": "USD",
        "date": date,
        "left_out": cost.left_out,
    }
