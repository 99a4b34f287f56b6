"""Processes that outlive their starter: found, ended, recovered; strangers left alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearsal import processes
from rehearsal.errors import RehearsalError
from rehearsal.processes import Process
from tests.rehearsal.conftest import exists

SLEEPER = ["sleep", "300"]
DEAF = ["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.05; done"]


def pid_of(process: Process) -> int:
    pid = process.pid()
    assert pid is not None
    return pid


def test_what_was_started_is_found_by_another_object_and_ended(tmp_path: Path) -> None:
    Process(tmp_path, "sleeper").start(SLEEPER)
    found = processes.recorded(tmp_path)
    assert [process.name for process in found] == ["sleeper"]
    pid = pid_of(found[0])
    assert os.getsid(pid) != os.getsid(0), "a signal to the terminal must not reach it"
    processes.stop_all(found)
    assert not exists(pid)
    assert processes.recorded(tmp_path) == []


def test_starting_what_runs_does_nothing(tmp_path: Path) -> None:
    process = Process(tmp_path, "sleeper")
    process.start(SLEEPER)
    pid = process.pid()
    process.start(SLEEPER)
    assert process.pid() == pid
    process.stop()


def test_a_stranger_with_the_recorded_pid_is_left_alone(tmp_path: Path) -> None:
    process = Process(tmp_path, "sleeper")
    process.start(SLEEPER)
    ours = pid_of(process)
    with subprocess.Popen(["sleep", "300"]) as stranger:
        record = tmp_path / "sleeper.pid"
        record.write_text(record.read_text().replace(str(ours), str(stranger.pid), 1))
        time.sleep(0.05)  # a clock tick later than ours was started
        assert not process.alive()
        process.stop()
        assert exists(stranger.pid)
        stranger.kill()
    os.kill(ours, signal.SIGKILL)


@pytest.mark.parametrize("record", ["", "\n", "999999999\n1 (x) S\n", "none\n"])
def test_a_record_that_a_crash_left_is_no_process(tmp_path: Path, record: str) -> None:
    (tmp_path / "sleeper.pid").write_text(record)
    process = Process(tmp_path, "sleeper")
    assert not process.alive()
    process.start(SLEEPER)
    assert process.alive()
    process.stop()


def test_one_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    process = Process(tmp_path, "deaf")
    process.start(DEAF)
    while "deaf" not in process.tail():
        time.sleep(0.01)
    pid = pid_of(process)
    process.stop(grace=0.2)
    assert not exists(pid)


def test_the_end_of_the_log_tells_why_it_ended(tmp_path: Path) -> None:
    process = Process(tmp_path, "broken")
    process.start(["/bin/sh", "-c", "echo no such thing as this; exit 3"])
    while process.alive():
        time.sleep(0.01)
    assert "no such thing as this" in process.tail()
    assert str(process.log) in process.tail()


def test_a_second_command_in_the_same_directory_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    program = f"""
import sys; from pathlib import Path; from rehearsal import processes
with processes.exclusive(Path({str(tmp_path)!r})): print("in", flush=True); sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"in\n"
        with pytest.raises(RehearsalError, match="another command is at work"), processes.exclusive(tmp_path):
            pass
        first.kill()
    with processes.exclusive(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
