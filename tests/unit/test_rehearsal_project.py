"""The rehearsal of another program: its folder, its run directory, the packs that judge it."""

import json
from pathlib import Path

import pytest

from rehearsal import packs, paths
from rehearsal.__main__ import main

THREE = paths.CHECKOUT / "examples" / "three-regions"


@pytest.fixture(autouse=True)
def _no_run_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is named; what a command names is taken back."""
    monkeypatch.setenv(paths.HOME, "")
    monkeypatch.delenv(paths.HOME)


def test_a_folder_without_a_program_is_told_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["status"], ["down"], ["up"], ["preview"], ["policies"], ["pack-config", "us-east"]):
        assert main([*command, "--project", str(tmp_path / "typo")]) == 1
        assert capsys.readouterr().err == (
            f"{tmp_path / 'typo'} holds no Pulumi.yaml: name the folder of a Pulumi program with --project\n"
        )
    assert list(tmp_path.iterdir()) == []


def test_what_runs_of_another_program_lies_in_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: other\nruntime: python\n")
    assert main(["down", "--project", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "nothing was up\n"
    assert (tmp_path / ".rehearsal" / paths.MARK).exists()


def test_a_named_run_directory_counts_for_another_program_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(paths.HOME, str(tmp_path / "run"))
    (tmp_path / "Pulumi.yaml").write_text("name: other\nruntime: python\n")
    assert main(["down", "--project", str(tmp_path)]) == 0
    assert not (tmp_path / ".rehearsal").exists()
    assert (tmp_path / "run" / paths.MARK).exists()


def test_the_packs_are_told_of_another_programs_regions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack-config", "eu-west", "--project", str(THREE)]) == 0
    assert json.loads(capsys.readouterr().out)["zone-spread"]["zones"] == ["zone-a", "zone-b", "zone-c"]
    assert main(["pack-config", "mars", "--project", str(THREE)]) == 1
    assert "name one of us-east, us-west, eu-west" in capsys.readouterr().err


def test_a_program_without_packs_of_its_own_is_judged_by_ours(tmp_path: Path) -> None:
    ours = packs.directories(paths.CHECKOUT)
    assert [pack.name for pack in ours] == ["capacity", "data-safety", "high-availability", "security"]
    assert packs.directories(THREE) == ours
    own = tmp_path / "policies" / "own"
    own.mkdir(parents=True)
    (own / "PulumiPolicy.yaml").touch()
    assert packs.directories(tmp_path) == (own,)
