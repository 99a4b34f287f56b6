"""What is said and done when a control plane dies under the work that needs it."""

import io
import threading

import pytest

from rehearsal import watchdog
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress

ETCD = "etcd ended\nlast lines of etcd.log:\n  panic: disk full"


class FakePlane:
    """A control plane that dies when it is told to."""

    def __init__(self) -> None:
        self.region = "us-west"
        self.halted = threading.Event()
        self.dead: str | None = None
        self.silent: str | None = None

    def ended(self) -> str | None:
        return self.dead

    def fault(self) -> str | None:
        return self.dead or self.silent

    def halt(self) -> None:
        self.halted.set()


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch) -> FakePlane:
    monkeypatch.setattr(watchdog, "POLL_SECONDS", 0.01)
    return FakePlane()


def lost(plane: FakePlane, said: io.StringIO | None = None) -> str:
    """What is raised when the work sees that nobody answers, in many lines."""

    def work() -> None:
        if plane.dead:
            assert plane.halted.wait(5), "the watchdog sees it first"
        raise RehearsalError("no answer\n" * 50)

    with pytest.raises(RehearsalError) as raised:
        watchdog.watched(plane, Progress(said or io.StringIO()), work)
    return str(raised.value)


def test_the_fault_of_the_control_plane_takes_the_place_of_every_error_that_it_caused(plane: FakePlane) -> None:
    plane.dead = ETCD
    assert lost(plane) == (
        "us-west: its control plane was lost: etcd ended\nlast lines of etcd.log:\n  panic: disk full\n"
        "What was left of it was ended, and what was applied is recorded: `make up` goes on from here."
    )


def test_who_waits_is_told_at_once_what_died(plane: FakePlane) -> None:
    plane.dead, said = ETCD, io.StringIO()
    lost(plane, said)
    assert said.getvalue() == "  us-west: etcd ended; ending what is left of its control plane\n"


def test_one_that_runs_and_does_not_answer_is_ended_too(plane: FakePlane) -> None:
    plane.silent = "kube-apiserver does not answer"
    assert "us-west: its control plane was lost: kube-apiserver does not answer" in lost(plane)
    assert plane.halted.is_set()


def test_an_error_under_a_whole_control_plane_keeps_its_words_and_the_control_plane(plane: FakePlane) -> None:
    assert lost(plane) == "no answer\n" * 50
    assert not plane.halted.is_set()


def test_work_that_ends_well_answers_and_is_not_watched_any_longer(plane: FakePlane) -> None:
    before = threading.active_count()
    assert watchdog.watched(plane, Progress(io.StringIO()), lambda: 7) == 7
    assert threading.active_count() == before


def test_work_that_did_not_notice_is_lost_all_the_same(plane: FakePlane) -> None:
    plane.dead = ETCD
    with pytest.raises(RehearsalError, match="its control plane was lost: etcd ended"):
        watchdog.watched(plane, Progress(io.StringIO()), lambda: plane.halted.wait(5))
