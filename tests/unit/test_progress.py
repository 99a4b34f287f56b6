"""What a long step tells: that it began, now and then that it still runs, and how long it took; and each note once."""

import io
import re
import threading
import time

import pytest

from rehearsal import progress
from rehearsal.engine import evaluate
from rehearsal.progress import Progress


class Done(threading.Event):
    """The end of a step that lasts so many seconds, which whoever waits for it spends."""

    def __init__(self, lasts: float) -> None:
        super().__init__()
        self.now, self._lasts = 0.0, lasts

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0
        return self.now > self._lasts


def beats(lasts: float, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done, said = Done(lasts), io.StringIO()
    monkeypatch.setattr(progress.time, "monotonic", lambda: done.now)
    Progress(said)._tick("work", 0.0, done)
    return [line.rpartition(" after ")[2] for line in said.getvalue().splitlines()]


def test_a_step_tells_soon_that_it_still_runs_and_then_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    assert beats(9, monkeypatch) == []
    assert beats(300, monkeypatch) == ["10 s", "30 s", "70 s", "130 s", "190 s", "250 s"]


def test_a_step_tells_its_beginning_and_its_end_and_keeps_how_long_it_took() -> None:
    said = io.StringIO()
    told = Progress(said)
    with told.step("work"):
        time.sleep(0)
    assert said.getvalue() == "  work …\n  work: 0.0 s\n"
    assert told.seconds.keys() == {"work"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def shown(self) -> list[str]:
        """The lines of the screen; the last one is where the cursor is, which each writing clears first."""
        lines = [""]
        for text, end in re.findall(r"\x1b\[2K([^\r\n]*)([\r\n])", self.getvalue()):
            lines[-1:] = [text] if end == "\r" else [text, ""]
        return lines


def test_on_a_terminal_a_step_is_one_line_and_what_passes_leaves_none() -> None:
    screen = Terminal()
    told = Progress(screen)
    with told.step("apply"):
        told.passing("us-east: created Job a, of which there is much to say")
        told.note("us-east: updated Job b")
        assert screen.shown() == ["us-east: updated Job b", ""]
        told.passing("us-east: created Job c")
        assert screen.shown() == ["us-east: updated Job b", "us-east: created Job c"]
    assert screen.shown() == ["us-east: updated Job b", "  apply: 0.0 s", ""]


def test_on_a_terminal_the_step_that_failed_stays() -> None:
    screen = Terminal()
    with pytest.raises(OSError), Progress(screen).step("apply"):
        raise OSError
    assert screen.shown() == ["  apply …", ""]


def test_what_passes_is_no_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    screen = Terminal()
    Progress(screen).passing("x" * 40)
    assert screen.shown() == ["x" * 19]


def test_elsewhere_every_line_stays() -> None:
    said = io.StringIO()
    Progress(said).passing("us-east: created Job a")
    assert said.getvalue() == "us-east: created Job a\n"


def test_a_line_of_the_program_is_told_once_however_often_it_is_evaluated(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "_TOLD", set[str]())
    for printed in ("us-east has no backups\nhere\nhere\n", "us-east has no backups\n", "us-west has no backups\n"):
        evaluate._tell(printed)
    assert capsys.readouterr().err == "us-east has no backups\nhere\nhere\nus-west has no backups\n"
