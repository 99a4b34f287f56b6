"""The command that calibrates: what it keeps of an earlier run, and what it says when there is none."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from capacity.calibration import FILE
from rehearsal.calibration import __main__ as command
from rehearsal.calibration import redis_server
from rehearsal.calibration.postgresql import Bytes
from rehearsal.progress import Progress


@pytest.fixture(autouse=True)
def nothing_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "NEEDED", ())
    monkeypatch.setattr(redis_server, "programs", lambda: ["valkey-server"])


def test_rows_of_an_earlier_run_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[int, list[Bytes]]] = []

    def measure(_: Progress, memories: int, known: Sequence[Bytes]) -> dict[str, Any]:
        asked.append((memories, list(known)))
        return {"memories": memories}

    monkeypatch.setattr(command, "measure", measure)
    file = tmp_path / "calibration.json"
    file.write_text(FILE.read_text(encoding="utf-8"), encoding="utf-8")
    stored = json.loads(file.read_text(encoding="utf-8"))
    assert command.main(["--keep-rows", "--memories", "7", "--write", str(file)]) == 0
    ((memories, known),) = asked
    assert [row.parts for row in known] == [row["parts"] for row in stored["measured"]["postgresql"]]
    assert memories == stored["memories"]
    assert json.loads(file.read_text(encoding="utf-8")) == {"memories": memories}


@pytest.mark.parametrize("text", [None, "no JSON", "{}", '{"measured": {"postgresql": [{"rows": 1}]}}'])
def test_a_file_that_is_no_earlier_run_is_left_as_it_is(
    text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "calibration.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert command.main(["--keep-rows", "--write", str(file)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("nothing measured: ")
    assert "leave out --keep-rows" in said
    assert (file.read_text(encoding="utf-8") if file.exists() else None) == text
