"""Where secrets are looked for, piece by piece: what is gone is still read, and what cannot be read fails."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rehearsal.processes import Process
from tests.dataplane.cluster import places
from tests.dataplane.cluster.logs import HeardLogs, LinkedLogs, spoken
from tests.dataplane.cluster.secrets import Ledger, Place, search
from tests.dataplane.cluster.stand import Pod, Stand, eventually
from tests.unit.test_secret_search import PASSWORD, secret

SAID = f"2026-11-28T10:00:00.0Z stderr F the password is {PASSWORD}\n"


def pod(restarts: int = 0, running: bool = True, name: str = "web") -> Pod:
    status = {"name": "main", "containerID": "containerd://abc", "restartCount": restarts}
    return Pod(
        {
            "metadata": {"name": name, "namespace": "soma", "uid": "u-1"},
            "spec": {"nodeName": "zone-a"},
            "status": {"containerStatuses": [{**status, "state": {"running": {}} if running else {"terminated": {}}}]},
        }
    )


def stand(*pods: Pod, **more: Any) -> Stand:
    """What the search asks of a cluster with these pods."""
    manifests = {one.name: one.manifest for one in pods}
    client = SimpleNamespace(
        list=lambda *_: list(manifests.values()), find=lambda _api, _kind, name, _namespace: manifests.get(name)
    )
    return cast(Stand, SimpleNamespace(client=client, namespace="soma", **more))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """As the runtime writes it for the pod above."""
    file = tmp_path / "nodes/zone-a/log/pods/soma_web_u-1/main/0.log"
    file.parent.mkdir(parents=True)
    file.write_text(SAID)
    return file


def found(where: Iterator[Place]) -> list[str]:
    ledger = Ledger()
    ledger.add([secret("app", password=PASSWORD)])
    return [one.place for one in search(ledger.wanted, where)]


class TestLogsOfOurOwnNodes:
    def test_a_log_is_read_after_its_pod_and_its_last_words_too(self, tmp_path: Path, log: Path) -> None:
        log.write_text("")
        logs = LinkedLogs(tmp_path)
        logs.look()
        with log.open("a") as file:
            file.write(SAID)
        log.unlink()
        assert found(logs.places(stand())) == ["log nodes/zone-a/log/pods/soma_web_u-1/main/0.log"]

    def test_new_ones_are_found_without_being_asked(self, tmp_path: Path) -> None:
        with LinkedLogs(tmp_path) as logs:
            (tmp_path / "kubelet.log").write_text(PASSWORD)
            eventually("it is linked", lambda: "kubelet.log" in logs.names, 10)
        assert found(logs.places(stand())) == ["log kubelet.log"]

    def test_one_that_appears_during_the_search_does_not_end_it(self, tmp_path: Path, log: Path) -> None:
        log.write_text(SAID)
        logs = LinkedLogs(tmp_path)
        read = logs.places(stand())
        first = next(read)
        (tmp_path / "kubelet.log").write_text("")
        logs.look()
        assert [one.name for one in (first, *read)] == ["log nodes/zone-a/log/pods/soma_web_u-1/main/0.log"]

    def test_a_program_that_starts_again_leaves_its_former_log(self, tmp_path: Path) -> None:
        program = Process(tmp_path, "operator")
        logs = LinkedLogs(tmp_path)
        try:
            program.start(["sh", "-c", "echo $0; sleep 60; true", PASSWORD])
            eventually("it has said it", lambda: PASSWORD in program.tail(), 10)
            logs.look()
            program.stop()
            program.start(["sleep", "60"])
            assert PASSWORD not in program.tail()
            assert found(logs.places(stand())) == ["log operator.log"]
        finally:
            program.stop()

    @pytest.mark.parametrize("restarts", [0, 1])
    def test_a_container_whose_log_is_not_there_fails_the_search(
        self, tmp_path: Path, log: Path, restarts: int
    ) -> None:
        logs, known = LinkedLogs(tmp_path), stand(pod(restarts))
        if restarts == 0:
            assert found(logs.places(known)) == ["log nodes/zone-a/log/pods/soma_web_u-1/main/0.log"]
            return
        with pytest.raises(AssertionError, match="no log was found of web/main"):
            list(logs.places(known))
        with pytest.raises(AssertionError, match="no log was found of web/main"):
            logs.keep(known, [pod(restarts)])

    def test_a_file_that_cannot_be_linked_fails_the_search(self, tmp_path: Path, log: Path) -> None:
        logs = LinkedLogs(tmp_path)
        (tmp_path / "kept-logs").mkdir()
        (tmp_path / "kept-logs" / str(log.stat().st_ino)).write_text("in its place")
        with pytest.raises(FileExistsError):
            logs.look()

    def test_a_long_line_and_a_key_of_several_lines_are_read_whole(self) -> None:
        written = "t stdout P begin-\nt stdout F end\nt stderr F next\nwhat is no such line\n"
        assert spoken(written) == "begin-end\nnext\nwhat is no such line\n"


class TestLogsOfAClusterThatWasGiven:
    def test_they_are_heard_before_the_pod_goes(self) -> None:
        logs, known = HeardLogs(), stand(pod(), logs=lambda *_: PASSWORD)
        logs.keep(known, [pod()])
        assert found(logs.places(stand())) == ["log soma_web_u-1/main"]

    def test_the_start_before_is_heard_too(self) -> None:
        logs = HeardLogs()
        logs.keep(stand(pod(2), logs=lambda _pod, _name, previous: PASSWORD if previous else ""), [pod(2)])
        assert found(logs.places(stand())) == ["log soma_web_u-1/main"]

    def test_one_that_cannot_be_read_fails_the_search(self) -> None:
        def refused(*_: object) -> str:
            raise AssertionError("the kubelet does not answer")

        with pytest.raises(AssertionError, match="does not answer"):
            list(HeardLogs().places(stand(pod(), logs=refused)))


class TestProcesses:
    @staticmethod
    def machines(pids: list[int]) -> SimpleNamespace:
        return SimpleNamespace(machines={"zone-a": SimpleNamespace(contained=lambda _: pids)})

    def test_a_container_without_a_process_that_can_be_seen_fails_the_search(self) -> None:
        with pytest.raises(AssertionError, match="no process of web/main could be read"):
            list(places.processes(stand(pod(), own=self.machines([])), pod()))

    def test_one_that_has_ended_meanwhile_does_not(self) -> None:
        assert list(places.processes(stand(own=self.machines([])), pod())) == []
        assert list(places.processes(stand(pod(), own=self.machines([])), pod(running=False))) == []

    def test_of_our_own_nodes_they_are_read_there(self) -> None:
        (own,) = places.processes(stand(pod(), own=self.machines([os.getpid()])), pod())
        assert own.name == "process of web/main"
        assert "python" in own.text

    def test_what_may_not_be_read_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def forbidden(_: Path) -> bytes:
            raise PermissionError("not yours")

        monkeypatch.setattr(Path, "read_bytes", forbidden)
        with pytest.raises(PermissionError):
            places.process(os.getpid())

    def test_all_that_descends_from_a_program_belongs_to_it(self) -> None:
        parents = {2: 1, 3: 2, 4: 3, 5: 1}
        assert places.family(2, lambda: parents) == [2, 3, 4]


def test_values_before_and_after_a_rotation_are_looked_for() -> None:
    ledger = Ledger()
    ledger.add([secret("app", password=PASSWORD)])
    ledger.add([secret("app", password=PASSWORD[::-1])])
    assert {PASSWORD, PASSWORD[::-1]} <= ledger.wanted["app/password"]
