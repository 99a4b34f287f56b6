"""What is wrong with a workload or a table of prices is said at once, in clear sentences."""

import json
from pathlib import Path
from typing import Any

import pytest

from capacity import prices, workload
from capacity.workload import WorkloadError

GOOD: dict[str, Any] = {"memories_per_day": 100, "concurrent_users": 10}


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"memories_per_day": 0}, "memories_per_day = 0", "too low: must be more than 0"),
        ({"memories_per_day": -5}, "memories_per_day = -5", "too low"),
        ({"memories_per_day": float("nan")}, "memories_per_day = nan", "not a number that can be planned with"),
        ({"memories_per_day": float("inf")}, "memories_per_day = inf", "not a number that can be planned with"),
        ({"memories_per_day": 1e15}, "memories_per_day = 1000000000000000.0", "too high: must be 1000000000"),
        ({"concurrent_users": "many"}, 'concurrent_users = "many"', "number"),
        ({"concurrent_users": True}, "concurrent_users = true", "number"),
        ({"vector_dimensions": 1.5}, "vector_dimensions = 1.5", "expected a whole number"),
        ({"payload_bytes": 10**8}, "payload_bytes = 100000000", "too high"),
        ({"start": "tomorrow"}, 'start = "tomorrow"', 'write it like "2026-01-31"'),
        ({"memories_per_dya": 3}, "memories_per_dya = 3", 'did you mean "memories_per_day"?'),
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


@pytest.mark.parametrize("text", ["", "[", '{"date": 1}'])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.json"
    file.write_text(text)
    with pytest.raises(prices.PriceError, match=r"prices\.json"):
        prices.read(file)


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(prices.PriceError, match="No such file"):
        prices.read(tmp_path / "none.json")
