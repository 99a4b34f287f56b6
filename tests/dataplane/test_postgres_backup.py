"""PostgreSQL archived to an object store and taken back to a moment, with real PostgreSQL and barman's own programs.

S3 is moto's. Where backups lie, how they are packed, for how long they are kept and what a restore begins with are read
from the objects that the program declares; the restore is that of docs/runbooks/restore-postgresql.md.

Not run: CloudNativePG and its plugin, so neither their gRPC between operator, instance and sidecar, nor the Job that
restores, nor roles by Pod Identity. What they do in Go with barman is played: the arguments, WAL files that are moved
several at once, the choice of a backup by its time. Left out of that: the mark that ends a restore at the first WAL
file that is not there yet, WAL on a volume of its own, a base backup from a replica, TLS, the schedule.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dataplane.barman_sidecar import WAL
from tests.dataplane.conftest import Start
from tests.dataplane.object_store import BUCKET, Store
from tests.dataplane.postgres_archive import Declared, Instance
from tests.unit.docs_pages import page
from tests.unit.recorder import record_stack

SMALL = {"primary": {"resources": {"requests": {"memory": "1Gi"}}}}
RUNBOOK = "docs/runbooks/restore-postgresql.md"


def declared(store: Store, more: dict[str, Any], **postgresql: Any) -> Declared:
    """Home on a cluster of one's own, with this object store."""
    s3 = {"endpoint": store.endpoint, "bucket": BUCKET, "access_key_id": "key", "secret_access_key": "secret"}
    overrides = {"backups": {"s3": s3}, "postgresql": {**SMALL, **postgresql}, **more}
    return Declared(record_stack("us-east", overrides=overrides), "us-east")


def restoring(store: Store, moment: str) -> Declared:
    """What the runbook has one write, for another moment."""
    project, stack, *_ = (yaml.safe_load(one.text) for one in page(RUNBOOK).blocks if one.language == "yaml")
    restore = stack["config"]["somafractalmemory:postgresql"]["restore"]
    assert restore["target_time"]
    (own,) = (one for one in project["multiregion"]["regions"] if one["name"] == "us-east")
    assert own["generation"] == restore["generation"] + 1
    return declared(store, project, restore={**restore, "target_time": moment})


class Home:
    """A server with a base backup, and rows that came and went since."""

    def __init__(self, store: Store, folder: Path, start: Start) -> None:
        self.store, self._folder, self._start = store, folder, start
        self.declared = declared(store, {})
        self.server = Instance("home", self.declared, folder, start)
        self.server.initialise()
        self.server.sql("CREATE TABLE memories (id int PRIMARY KEY, at timestamptz DEFAULT clock_timestamp())")
        self._write(1, 100)
        self.server.sql("CHECKPOINT")  # a base backup waits for one that is spread over minutes
        self.server.told("cloud_backup", *self.declared.own.base_backup("backup-1"))
        self._write(101, 150)
        self.first_since = self.server.switch()
        self._write(151, 180)
        self.moment = self.server.sql(
            "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        )
        self.restore = restoring(store, self.moment)
        self.server.sql("DELETE FROM memories WHERE id <= 60")
        self.server.switch()
        self._write(181, 200)
        self.server.switch()

    def _write(self, first: int, last: int) -> None:
        self.server.sql(f"INSERT INTO memories SELECT generate_series({first}, {last})")

    def objects(self, generation: int = 1) -> list[str]:
        """Of one server's archive, from its folder on."""
        place = re.sub(r"-g\d+$", f"-g{generation}", self.declared.own.server)
        prefix = f"{self.declared.own.place[-2].removeprefix(f's3://{BUCKET}/')}/{place}/"
        return [key.removeprefix(prefix) for key in self.store.objects() if key.startswith(prefix)]

    def key(self, name: str) -> str:
        (key,) = (one for one in self.store.objects() if one.endswith(f"{self.declared.own.server}/{name}"))
        return key

    def restored(self, declared: Declared | None = None) -> Instance:
        """An instance that has begun to restore."""
        made = declared or self.restore
        instance = Instance(made.own.server, made, self._folder, self._start)
        instance.restore()
        instance.start()
        return instance


@pytest.fixture(scope="module")
def home(start_module: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = Path(tempfile.mkdtemp(prefix="soma-archive-"))  # where PostgreSQL's user may come in
    folder.chmod(0o755)
    yield Home(Store(start_module, tmp_path_factory.mktemp("store")), folder, start_module)
    shutil.rmtree(folder, ignore_errors=True)


def rows(instance: Instance) -> list[int]:
    return [int(one) for one in instance.sql("SELECT id FROM memories ORDER BY id").splitlines()]


def test_backups_and_wal_lie_packed_where_the_objects_say(home: Home) -> None:
    names = home.objects()
    segments = [name for name in names if WAL.search(name) and ".backup" not in name]
    assert len(segments) >= 4
    assert {Path(name).suffix for name in segments} == {".zst"}
    assert [name for name in names if name.endswith("/data.tar.gz")]


def test_a_restore_has_exactly_the_rows_of_the_moment(home: Home) -> None:
    before = home.objects()
    again = home.restored()
    again.await_writes()
    assert rows(again) == list(range(1, 181))
    # It goes on in a place of its own.
    again.sql("INSERT INTO memories VALUES (1000)")
    again.switch()
    assert any("00000002" in name for name in home.objects(2))
    assert home.objects() == before
    # And nobody else may begin there.
    code, said = again.barman("cloud_check_wal_archive", *again.declared.own.place)
    assert code != 0
    assert "Expected empty archive" in said


@pytest.fixture
def hole(home: Home) -> Iterator[None]:
    """The WAL file with the first rows since the base backup is not in the archive."""
    (name,) = (one for one in home.objects() if home.first_since in one and ".backup" not in one)
    key = home.key(name)
    body = home.store.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    home.store.s3.delete_object(Bucket=BUCKET, Key=key)
    yield
    home.store.s3.put_object(Bucket=BUCKET, Key=key, Body=body)


@pytest.mark.usefixtures("hole")
def test_a_hole_before_the_moment_ends_a_restore_with_an_error(home: Home) -> None:
    broken = home.restored(home.restore.changed(3, home.moment))
    assert broken.postgres.wait(60) != 0
    assert "recovery ended before configured recovery target was reached" in broken.log()
    assert not home.objects(3)


@pytest.mark.usefixtures("hole")
def test_a_restore_that_names_no_moment_ends_at_a_hole_without_a_word(home: Home) -> None:
    """So the runbook says to name one."""
    short = home.restored(home.restore.changed(4, None))
    short.await_writes()
    assert rows(short) == list(range(1, 101))


def test_nothing_goes_that_the_last_thirty_days_need(home: Home) -> None:
    before = home.objects()
    home.server.told("cloud_backup_delete", *home.declared.own.kept)
    assert home.objects() == before
    gone, needed = (aged(home, days) for days in (41, 35))
    home.server.told("cloud_backup_delete", *home.declared.own.kept)
    left = home.objects()
    assert not [name for name in left if gone in name]
    assert [name for name in left if needed in name]
    assert set(before) <= set(left) | unneeded(home, before)


def unneeded(home: Home, names: list[str]) -> set[str]:
    """WAL from before the first base backup: no restore begins there."""
    begin = re.search(r"begin_wal=(\w+)", info(home, backups(home)[0]))
    assert begin
    return {name for name in names if (wal := WAL.search(Path(name).name)) and wal[0] < begin[1]}


def backups(home: Home) -> list[str]:
    return sorted({name.split("/")[1] for name in home.objects() if name.startswith("base/")})


def info(home: Home, backup: str) -> str:
    return home.store.s3.get_object(Bucket=BUCKET, Key=home.key(f"base/{backup}/backup.info"))["Body"].read().decode()


def aged(home: Home, days: int) -> str:
    """A copy of the newest base backup that ended so many days ago; its id."""
    backup = backups(home)[-1]
    then = datetime.now(UTC) - timedelta(days=days)
    made = then.strftime("%Y%m%dT%H%M%S")
    text = re.sub(r"^(begin|end)_time=.*$", rf"\1_time={then.isoformat(' ')}", info(home, backup), flags=re.MULTILINE)
    folder = home.key(f"base/{backup}/backup.info").removesuffix(f"{backup}/backup.info")
    home.store.s3.put_object(Bucket=BUCKET, Key=f"{folder}{made}/backup.info", Body=text.encode())
    home.store.s3.put_object(Bucket=BUCKET, Key=f"{folder}{made}/data.tar.gz", Body=b"of no matter")
    return made
