"""The command that records what the stacks are now."""

import json
from pathlib import Path

import pytest

from rehearsal import overlay, paths, record, replay
from rehearsal.__main__ import main
from rehearsal.engine import diff
from rehearsal.engine.model import Change
from rehearsal.engine.state import Held
from tests.rehearsal.command import clone, make


def test_what_is_recorded_now_is_the_present_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is kept whole nothing would change; and no secret of it is read again."""
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path / "run"))
    recorded = make(clone(tmp_path / "copy"), "record", "--json", variables=("NAME=now",), seconds=400)
    assert recorded.returncode == 0, recorded.stderr
    counted = json.loads(recorded.stdout)
    assert set(counted) == {
        f"{platform}/{region}" for platform in ("kubernetes", "aws") for region in ("us-east", "us-west")
    }
    for platform in ("kubernetes", "aws"):
        folder = tmp_path / "copy" / "tests" / "data" / "states" / "now" / platform
        kept = {path.stem: record.read(path) for path in folder.glob("*.json")}
        assert {region: len(one.resources) for region, one in kept.items()} == {
            region: counted[f"{platform}/{region}"] for region in ("us-east", "us-west")
        }
        for region, plan in replay.plans(kept, overlay.on(platform, paths.CHECKOUT)).items():
            assert replay.losses(plan, kept[region]) == []
            held = {one.urn: Held(one) for one in kept[region].resources}
            changed = [
                action.step.urn
                for action in diff.actions(plan, held)
                if action.step.type in replay.STAYS and action.step.change is not Change.SAME
            ]
            assert changed == []


def test_a_name_that_is_taken_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "0.1.0"]) == 1
    assert capsys.readouterr().err == (
        "0.1.0 is recorded already, and what was recorded stays: give the new one another name\n"
    )
