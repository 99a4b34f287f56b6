"""Plans side by side, what each region costs in a line, and how a plan is outgrown month by month."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from capacity import cost, growth, prices, tables
from capacity.command import main
from capacity.ledger import QUIET
from capacity.load import load
from capacity.plan import needs_of, plan
from capacity.workload import Objectives, RegionShare, Workload
from tests.unit.test_capacity_command import LOAD
from tests.unit.test_capacity_model import SMALL, workloads


def test_compare_shows_two_workloads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / name for name in ("now.yaml", "then.yaml")]
    for file, memories in zip(files, (0, 5_000_000), strict=True):
        file.write_text(f"memories_per_day: 20\nconcurrent_users: 5\nmemories: {memories}\n")
    assert main(["compare", *map(str, files)]) == 0
    said = capsys.readouterr().out
    assert "now.yaml" in said
    rows = re.findall(r"^(us-east: .+?|in all)  +([\d,]+) +([\d,]+) +[\d.]+  USD a month, prices of (\S+)$", said, re.M)
    assert [name.removeprefix("us-east: ") for name, *_ in rows] == [
        "control plane",
        "stateful nodes",
        "stateless nodes",
        "qdrant volumes",
        "postgresql volumes",
        "redis volumes",
        "NAT gateways",
        "endpoints",
        "load balancers",
        "load balancers' units",
        "traffic to users",
        "backups",
        "network between zones",
        "in all",
    ]
    assert {date for *_, date in rows} == {prices.own().date}
    for column in (1, 2):
        *parts, total = (int(row[column].replace(",", "")) for row in rows)
        assert sum(parts) == pytest.approx(total, abs=len(parts))


def test_compare_tells_regions_that_one_plan_has_and_costs_that_nobody_knows() -> None:
    bill = [prices.Cost("us-east", "stateful nodes", None), prices.Cost("us-east", "control plane", 73)]
    table = prices.own()
    rows = tables.bills_compared([bill, cost.costs(plan(_in_two_regions()), table)], ("one", "other"), table)
    found = {name: rest for name, *rest in rows}
    assert found["us-east: stateful nodes"][::2] == ["not known", "–"]
    assert found["us-west: control plane"][::2] == ["–", "–"]
    assert found["us-east: control plane"][:3] == ["73", "73", "1.00"]
    assert found["in all"][0] == "73" and found["in all"][2] == "–"
    assert found["in all"][3].endswith(f"prices of {table.date}; one without stateful nodes of us-east")


def _in_two_regions(**of: Any) -> Workload:
    regions = (RegionShare(name="us-east", share=0.7), RegionShare(name="us-west", share=0.3))
    return Workload(memories_per_day=20, concurrent_users=5, regions=regions).model_copy(update=of)


def test_a_bill_is_of_a_region_with_currency_and_date_and_what_it_lacks() -> None:
    table = prices.own()
    found = cost.costs(plan(_in_two_regions()), table)
    for name in ("us-east", "us-west"):
        amount = cost.total(one for one in found if one.region == name)
        assert tables.bill(plan(_in_two_regions()), name, table).splitlines() == [
            f"{name}: {amount:,.0f} USD a month by prices of {table.date}",
            cost.left_out(workload=True),
        ]
    large = _in_two_regions(memories_per_day=1e4, concurrent_users=1000, objectives=Objectives(latency_ms=5000))
    assert f"prices of {table.date}, without stateful nodes of us-west" in tables.bill(plan(large), "us-west", table)


def test_compare_shows_pods_of_each_namespace_and_of_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / name for name in ("one.yaml", "ten.yaml")]
    for file, namespaces in zip(files, (1, 10), strict=True):
        file.write_text(
            f"memories_per_day: 20\nconcurrent_users: 5\nobjectives: {{latency_ms: 20000}}\nnamespaces: {namespaces}\n"
        )
    assert main(["compare", *map(str, files)]) == 0
    said = capsys.readouterr().out
    one, ten = (plan(SMALL.model_copy(update={"namespaces": number})).needs.service.pods for number in (1, 10))
    assert re.search(r"^memory namespaces +1 +10 +10\.00$", said, re.M)
    assert re.search(rf"^memory-service\.pods +{one} +{ten} +[\d.]+  of each memory namespace$", said, re.M)
    assert re.search(rf"^memory-service\.pods +{one} +{10 * ten} +[\d.]+  in all$", said, re.M)
    assert re.search(r"^memory-service\.cpu +0\.25 +0\.25 +1\.00  a pod$", said, re.M)
    assert re.search(r"^stateful\.nodes +\d+ +\d+ +[\d.]+  m7i", said, re.M)


def test_compare_says_which_plan_the_service_does_not_carry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / name for name in ("late.yaml", "good.yaml")]
    for file, latency in zip(files, (500, 20_000), strict=True):
        file.write_text(
            f"memories_per_day: 200\nconcurrent_users: 10\nobjectives: {{latency_ms: {latency}}}\nstart: 2026-01-01\n"
            "horizon_months: 1\n"
        )
    assert main(["compare", *map(str, files)]) == 0
    said = capsys.readouterr().out
    assert "\nlate.yaml: NOT CARRIED from 2026-01-02 on" in said and "good.yaml: NOT CARRIED" not in said
    assert "\nlate.yaml: LIMIT OF THE SERVICE from 2026-01-02" in said


def test_growth_has_a_row_for_each_need_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "growth.png"
    assert main(["growth", "--png", str(file.with_suffix("")), *LOAD]) == 0
    said = capsys.readouterr().out
    assert said.endswith(f"\n{file} is written\n")
    assert "qdrant.memory" in said and "memory-service.store_time" in said and "!" in said
    assert file.read_bytes().startswith(b"\x89PNG")


def test_growth_shows_the_edge_that_is_fullest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["growth", *LOAD]) == 0
    assert "edge" not in capsys.readouterr().out
    made = plan(_in_two_regions(concurrent_users=500_000, memories_per_day=20, write_read_ratio=0.0))
    (edges,) = (line for line in growth.lines(made) if line.name == "edge.pods")
    east, west = (made.edges[name].number for name in ("us-east", "us-west"))
    at_first = needs_of(made.workload, load(made.workload, 0, QUIET), made.layout).edges
    assert edges.shares[0] == max(at_first[0].pods / east, at_first[1].pods / west) and edges.over is not None


@given(workloads)
def test_lines_of_the_picture_are_told_apart(workload: Workload) -> None:
    names = [line.name for line in growth.lines(plan(workload))]
    assert len({growth.style(name) for name in names}) == len(names) > 10
