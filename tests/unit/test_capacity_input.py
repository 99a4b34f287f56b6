"""What is wrong with a workload or a table of prices is said at once, in clear sentences."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from capacity import documents, files, prices, workload
from capacity.workload import WorkloadError

GOOD: dict[str, Any] = {"memories_per_day": 100, "concurrent_users": 10}


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"memories_per_day": 0}, "memories_per_day = 0", "too low: must be more than 0"),
        ({"memories_per_day": -5}, "memories_per_day = -5", "too low"),
        ({"memories_per_day": float("nan")}, "memories_per_day = nan", "not a number that can be planned with"),
        ({"memories_per_day": float("inf")}, "memories_per_day = inf", "not a number that can be planned with"),
        (
            {"memories_per_day": 1e15},
            "memories_per_day = 1000000000000000.0",
            "too high: must be 1,000,000,000 or less",
        ),
        ({"memories_per_day": datetime.date(2026, 1, 31)}, "memories_per_day = 2026-01-31  ", "number"),
        ({"concurrent_users": "many"}, 'concurrent_users = "many"', "number"),
        ({"concurrent_users": True}, "concurrent_users = true", "number"),
        ({"vector_dimensions": 1.5}, "vector_dimensions = 1.5", "expected a whole number"),
        ({"payload_bytes": 10**8}, "payload_bytes = 100000000", "too high"),
        ({"start": "tomorrow"}, 'start = "tomorrow"', 'write it like "2026-01-31"'),
        ({"start": "9999-06-01"}, 'start = "9999-06-01"', "no date of this century or the next"),
        ({"start": datetime.date(1999, 6, 1)}, "start = 1999-06-01  ", "no date of this century or the next"),
        ({"memories_per_dya": 3}, "memories_per_dya = 3", 'did you mean "memories_per_day"?'),
        (
            {"regions": [{"name": "us-east", "share": float("nan")}]},
            "regions[0].share = nan",
            "not a number that can be",
        ),
        ({"regions": []}, "regions = ", "expected at least one entry"),
        ({"regions": [{"name": "us-east", "share": 0.5}]}, "regions = 0.5", "make them add up to 1"),
        (
            {"regions": [{"name": "us-east", "share": 0.5}, {"name": "us-east", "share": 0.5}]},
            'regions = "us-east"',
            "named twice",
        ),
        (
            {
                "regions": [{"name": "us-east", "share": 0.5}, {"name": "us-west", "share": 0.5}],
                "objectives": {"rpo_seconds": 0},
            },
            "objectives.rpo_seconds = 0",
            "replicated asynchronously",
        ),
        ({"objectives": {"zones_lost": 2}}, "objectives.zones_lost = 2", "leaves no majority of 3 zones"),
    ],
)
def test_a_fault_is_named_with_its_place_and_a_remedy(change: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        workload.read({**GOOD, **change}, "load.yaml")
    (line,) = str(caught.value).splitlines()[1:]
    assert line.strip().startswith(path), line
    assert words in line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            ["growth_per_month=1", "horizon_months=120", "concurrent_users=0.001", "memories_per_day=100"],
            "memories_per_day = 100.0   5.84e+39 memories on the last day, more than a plan can be made for "
            "(100,000,000,000): lower it, growth_per_month or horizon_months",
        ),
        (["memories_per_day=1e9", "concurrent_users=1e7"], "memories_per_day = 1000000000.0   4.96e+11 memories"),
        (
            ["concurrent_users=1e7", "requests_per_user_per_minute=60", "growth_per_month=0", "peak_factor=1.01"],
            "concurrent_users = 10000000.0   1.01e+07 requests a second on the last day, more than a plan can be made "
            "for (10,000,000): lower them, growth_per_month or horizon_months",
        ),
        (["objectives.latency_ms=0.001"], "objectives.latency_ms = 0.001   too low: a store takes longer where no "),
        (["objectives.latency_ms=5.5"], "allow 5.6 ms or more"),
        (["round_trip_ms=100"], "objectives.latency_ms = 500.0   too low"),
    ],
)
def test_what_no_plan_can_be_made_for_is_refused(changes: list[str], words: str) -> None:
    good = [f"{key}={value}" for key, value in GOOD.items()]
    with pytest.raises(WorkloadError) as caught:
        files.given(None, [*good, *changes])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        ["objectives.latency_ms=5.6"],
        ["memories_per_day=273e6", "growth_per_month=0"],
        ["concurrent_users=1e7", "requests_per_user_per_minute=60", "growth_per_month=0", "peak_factor=1"],
    ],
)
def test_what_is_just_within_those_bounds_is_planned_for(changes: list[str]) -> None:
    good = [f"{key}={value}" for key, value in GOOD.items()]
    assert files.given(None, [*good, *changes]).horizon_months == 12


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("memories_per_day={", "memories_per_day={: no YAML: "),
        ("memories_per_day=[1", "memories_per_day=[1: no YAML: "),
        ("start=2026-02-30", "start=2026-02-30: a value that cannot be read (day is out of range for month): correct"),
    ],
)
def test_a_change_that_cannot_be_read_is_named(change: str, words: str) -> None:
    with pytest.raises(documents.FileError) as caught:
        files.given(None, [change])
    assert str(caught.value).startswith(words) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("start: 2026-02-30", "a value that cannot be read (day is out of range for month): correct it; a date is"),
        ("workload: 5", "expected keys of a workload, such as memories_per_day: 1000"),
        ("", "expected keys of a workload"),
        ("memories_per_day: {", "no YAML"),
    ],
)
def test_a_file_that_is_no_workload_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "load.yaml"
    file.write_text(text)
    with pytest.raises(documents.FileError) as caught:
        files.given(file, [])
    assert str(caught.value).startswith(f"{file}: {words}")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("Pulumi.yaml", "", "the project has no name: write one, such as name: somafractalmemory"),
        ("Pulumi.yaml", "runtime: python", "the project has no name"),
        ("Pulumi.yaml", "name: x\nconfig: 5", "write the keys of its settings under config:"),
        (
            "Pulumi.us-east.yaml",
            "config:\n  x:workload: {start: 2026-02-30}",
            "a value that cannot be read (day is out",
        ),
        ("Pulumi.us-east.yaml", "config: {1: 2}", "config: the key 1 is no text: write it in quotes"),
    ],
)
def test_a_checkout_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: x")
    (tmp_path / "Pulumi.us-east.yaml").write_text("config: {}")
    (tmp_path / name).write_text(text)
    with pytest.raises(documents.FileError) as caught:
        files.StackFile(tmp_path, "us-east").settings()
    assert f"{name}: {words}" in str(caught.value)
    assert (tmp_path / name).read_text() == text


def test_a_plan_takes_the_place_of_a_block_of_the_project_that_is_none(tmp_path: Path) -> None:
    stated = {"images": {f"{store}_gateway": "somewhere/gateway:1" for store in ("postgresql", "redis")}}
    project = {"memory": 5, "multiregion": {"default": {"enabled": False}}}
    (tmp_path / "Pulumi.yaml").write_text(json.dumps({"name": "x", "config": project}))
    config = {f"x:{block}": keys for block, keys in stated.items()}
    (tmp_path / "Pulumi.us-east.yaml").write_text(json.dumps({"config": config}))
    target = files.StackFile(tmp_path, "us-east")
    change = target.changed({"memory": {"image": "somewhere/memory:1"}}, new=True)
    assert "somewhere/memory:1" in change.text and change.left == []


def test_all_faults_are_said_at_once() -> None:
    with pytest.raises(WorkloadError) as caught:
        workload.read({"memories_per_day": -1, "payload_bytes": 1, "objectives": {"zones_lost": 3}}, "load.yaml")
    said = str(caught.value)
    assert said.startswith("load.yaml\n")
    for part in ("memories_per_day", "payload_bytes", "concurrent_users", "objectives.zones_lost"):
        assert part in said, part


def test_a_recovery_point_of_nothing_is_kept_in_one_region() -> None:
    assert workload.read({**GOOD, "objectives": {"rpo_seconds": 0}}).objectives.rpo_seconds == 0


def test_a_whole_workload_is_read() -> None:
    read = workload.read({**GOOD, "regions": [{"name": "us-east", "share": 0.25}, {"name": "us-west", "share": 0.75}]})
    assert (read.home, read.memories_per_day) == ("us-east", 100)


def table(tmp_path: Path, **changes: Any) -> Path:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps({**json.loads(prices.FILE.read_text()), **changes}))
    return file


def test_a_table_of_prices_that_lacks_kinds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(prices.PriceError, match=r"has no price of m7i\.2xlarge, .*: add them"):
        prices.read(table(tmp_path, instance_hour={"m7i.xlarge": 1.0}))


def test_every_fault_of_a_table_of_prices_is_said(tmp_path: Path) -> None:
    with pytest.raises(prices.PriceError) as caught:
        prices.read(table(tmp_path, date="yesterday", zone_gb=-1, volume_gib_month=None))
    assert [line.split()[0] for line in str(caught.value).splitlines()[1:]] == ["date", "volume_gib_month", "zone_gb"]


@pytest.mark.parametrize("date", ["2025-13-45", "2025-02-29", "20250131", "2025-W05-5", "2025-1-31", "0001-01-01", ""])
def test_prices_are_of_a_day_that_the_calendar_has(tmp_path: Path, date: str) -> None:
    with pytest.raises(prices.PriceError) as caught:
        prices.read(table(tmp_path, date=date))
    _, said = str(caught.value).splitlines()
    assert said.split()[:3] == ["date", "=", f'"{date}"']
    assert "not a date: write it like" in said or "no date of this century" in said


@pytest.mark.parametrize("text", ["", "[", '{"date": 1}'])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.json"
    file.write_text(text)
    with pytest.raises(prices.PriceError, match=r"prices\.json"):
        prices.read(file)


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(prices.PriceError, match="No such file"):
        prices.read(tmp_path / "none.json")
