"""What `make calibrate` asks real servers, with few memories: that it finds what is there, not how much that is."""

from pathlib import Path

import pytest

from rehearsal.calibration import postgresql, redis_server
from rehearsal.calibration.memories import memories


@pytest.fixture(autouse=True)
def _own_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of servers of its own: a run that is up is left alone."""
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path))


def test_payloads_have_the_size_that_is_asked_for() -> None:
    short, long = (next(iter(memories(1, size))) for size in (256, 4096))
    assert len(long.data) - len(short.data) == pytest.approx(4096 - 256, abs=25)


def test_postgresql_is_measured_part_by_part() -> None:
    with postgresql.server() as server:
        stored, again = postgresql.stored_bytes(server, 400, 1024, 2, rewrites=1)
        costs = postgresql.statement_costs(server, 200, 1024, 2, tries=200)
    assert set(stored.parts) == set(postgresql.PARTS)
    assert all(stored.parts[part] > 0 for part in postgresql.PARTS)
    assert 1024 < stored.parts["heap"] < 4096
    assert again.parts["heap"] > 1.5 * stored.parts["heap"]
    assert costs.wal_bytes > 512 and costs.wal_images > 0


def test_redis_is_measured_beyond_what_an_empty_node_takes() -> None:
    for program in redis_server.programs():
        with redis_server.server(program) as client:
            stored = redis_server.stored(client, 2000, 1024)
        assert 1024 < stored.memory < 2500
        assert stored.append_only_file > 1024
