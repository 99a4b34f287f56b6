"""The command that calibrates: what it keeps of an earlier run, and what it says when there is none."""

import io
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import pytest

from capacity.calibration import FILE
from rehearsal.calibration import __main__ as command
from rehearsal.calibration import fit, postgresql, redis_server
from rehearsal.calibration.earlier import Earlier
from rehearsal.calibration.postgresql import Bytes
from rehearsal.calibration.redis_server import Memory, Node
from rehearsal.progress import Progress


@pytest.fixture(autouse=True)
def nothing_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "NEEDED", ())
    monkeypatch.setattr(redis_server, "missing", lambda: "")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Earlier]]:
    """What was to be measured; nothing is."""
    found: list[tuple[int, Earlier]] = []

    def measure(_: Progress, memories: int, known: Earlier) -> dict[str, Any]:
        found.append((memories, known))
        return {"memories": memories}

    monkeypatch.setattr(command, "measure", measure)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Path(shutil.copy(FILE, tmp_path))


def test_rows_of_an_earlier_run_are_kept(asked: list[tuple[int, Earlier]], file: Path) -> None:
    stored = json.loads(file.read_text(encoding="utf-8"))
    assert command.main(["--keep-rows", "--memories", "7", "--write", str(file)]) == 0
    ((memories, known),) = asked
    assert [row.parts for row in known.rows] == [row["parts"] for row in stored["measured"]["postgresql"]]
    assert memories == stored["memories"]
    assert not (known.statements or known.spent or known.in_memory)
    assert json.loads(file.read_text(encoding="utf-8")) == {"memories": memories}


def test_cpu_of_an_earlier_run_is_kept(asked: list[tuple[int, Earlier]], file: Path) -> None:
    stored = json.loads(file.read_text(encoding="utf-8"))["measured"]
    assert command.main(["--keep-cpu", "--memories", "7", "--write", str(file)]) == 0
    ((memories, known),) = asked
    assert (memories, known.rows) == (7, ())
    assert {str(size): asdict(cost) for size, cost in known.statements.items()} == stored["statements"]
    assert {str(size): asdict(cost) for size, cost in known.spent.items()} == stored["service"]
    assert [asdict(row) for row in known.in_memory.values()] == stored["redis"]


def test_rows_that_were_not_measured_before_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each payload and number of partitions as they are stored, and of some once all were written again."""
    measured: list[tuple[int, int, int, int]] = []

    def stored_bytes(_: object, count: int, size: int, partitions: int, rewrites: int) -> list[Bytes]:
        measured.append((count, size, partitions, rewrites))
        return [Bytes(size, partitions, count, number, {}) for number in range(rewrites + 1)]

    monkeypatch.setattr(postgresql, "stored_bytes", stored_bytes)
    quiet, nowhere = Progress(io.StringIO()), cast("postgresql.Server", None)
    whole = command._rows(quiet, nowhere, 1000, Earlier())
    assert {
        (1000, size, partitions, int((size, partitions) == (1024, 8)))
        for size in (256, 1024, 4096)
        for partitions in (1, 8, 64)
    } < {*measured}
    assert {(row.memories, row.rewrites) for row in whole} == {(1000, 0), (1000, 1), (200, 0), (200, 1)}
    measured.clear()
    assert command._rows(quiet, nowhere, 1000, Earlier(rows=tuple(whole))) == whole
    assert not measured
    known = tuple(row for row in whole if (row.memories, row.rewrites) != (1000, 1))
    assert command._rows(quiet, nowhere, 1000, Earlier(rows=known)) == whole
    assert measured == [(1000, 1024, 8, 1)]


@pytest.mark.parametrize("option", ["--keep-rows", "--keep-cpu"])
@pytest.mark.parametrize("text", [None, "no JSON", "{}", '{"measured": {"postgresql": [{"rows": 1}]}}'])
def test_a_file_that_is_no_earlier_run_is_left_as_it_is(
    option: str, text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "none.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert command.main([option, "--write", str(file)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("nothing measured: ")
    assert "leave out --keep-rows" in said
    assert (file.read_text(encoding="utf-8") if file.exists() else None) == text


def test_what_the_model_counts_with_has_to_be_there(
    asked: list[tuple[int, Earlier]], file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(redis_server, "missing", lambda: "libjemalloc2, on Linux")
    before = file.read_text(encoding="utf-8")
    assert command.main(["--write", str(file)]) == 1
    assert capsys.readouterr().err == "nothing measured: install libjemalloc2, on Linux\n"
    assert not asked and file.read_text(encoding="utf-8") == before


def test_a_server_is_modelled_by_what_it_takes_for_a_memory_and_for_itself() -> None:
    """On the allocator of the images; CPU that is not known is nobody's."""
    ours, other = "Valkey 9, libjemalloc.so.2", "Valkey 9, libc"
    rows = [
        Memory(name, 256, number, 700 + 5000 / number, disk, cpu)
        for name, disk, cpu in ((ours, 600.0, None), (other, 500.0, 4e-6))
        for number in (1000, 100)
    ]
    found = fit._redis(rows, [Node(ours, 10_000), Node(other, 20_000)])
    assert found["servers"].keys() == {ours}
    assert found["servers"][ours]["memory_bytes"] == pytest.approx({256: 700})
    assert found["servers"][ours]["node_bytes"] == pytest.approx(15_000)
    assert (found["file_bytes"], found["command_cpu_seconds"]) == ({256: 600}, {256: 4e-6})
