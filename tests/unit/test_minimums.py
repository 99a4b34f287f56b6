"""What the policy packs are told of a region."""

import json
from typing import Any

import pytest

from rehearsal import minimums, packs, paths
from rehearsal.__main__ import main
from settings import Settings, load
from tests.unit.test_settings import region

PACKS = {directory.name: directory for directory in packs.directories(paths.CHECKOUT)}
PACK = PACKS["high-availability"]


def _settings(**blocks: Any) -> Settings:
    return load(region(**blocks), "us-east")


def test_every_policy_is_told_the_values_it_declares_and_no_others() -> None:
    told = minimums.configuration(PACK, _settings(kubernetes={"zones": {"zone-b": "us-east-1b"}}))
    zones = ["zone-a", "us-east-1b", "zone-c"]
    assert told["enough-replicas"] == {"min_replicas": 3}
    assert told["zone-spread"] == {"zones": zones}
    assert told["same-minimums"] == {"min_replicas": 3, "zones": zones}
    assert "probes" not in told
    assert "all" not in told


def test_without_high_availability_packs_that_demand_more_than_that_advise() -> None:
    off = _settings(high_availability={"enabled": False})
    levels = {name: minimums.configuration(directory, off).get("all") for name, directory in PACKS.items()}
    assert levels == {"high-availability": "advisory", "data-safety": "advisory", "security": None, "capacity": None}


def test_backups_are_kept_for_as_long_as_the_settings_promise() -> None:
    told = minimums.configuration(PACKS["data-safety"], _settings(backups={"retention_days": 90}))
    assert told == {"unhurried-lifecycles": {"retention_days": 90}, "postgresql-backups": {"retention_days": 90}}
    assert minimums.configuration(PACKS["security"], _settings()) == {}


def test_the_command_prints_the_file_for_the_cli(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack-config", "us-west"]) == 0
    assert json.loads(capsys.readouterr().out)["enough-replicas"] == {"min_replicas": 3}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mars"], "there is no region mars: name one of us-east, us-west"),
        (
            ["us-east", "--pack", "none"],
            "there is no pack none: name one of capacity, data-safety, high-availability, security",
        ),
    ],
)
def test_an_unknown_region_or_pack_is_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pack-config", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.err == f"{words}\n"
    assert captured.out == ""
