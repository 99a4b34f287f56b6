"""The stream of the memory service's stand-in."""

import json
from itertools import islice

import pytest

from rehearsal.standins.memory import stream
from rehearsal.standins.memory.application import RefusedError


def test_a_heartbeat_comes_every_15_seconds_unless_others_are_asked_for() -> None:
    assert stream.heartbeat("") == 15
    assert stream.heartbeat("heartbeat=0.5") == 0.5


@pytest.mark.parametrize("asked", ["0", "-1", "inf", "nan", "often"])
def test_a_heartbeat_that_is_no_time_is_refused(asked: str) -> None:
    with pytest.raises(RefusedError, match=f"heartbeat={asked}: not a number of seconds"):
        stream.heartbeat(f"heartbeat={asked}")


def test_events_are_chunks_that_say_their_number_and_when_they_were_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    told: list[dict[str, object]] = []
    for chunk in islice(stream.chunks(2.5), 3):
        size, _, event = chunk.partition(b"\r\n")
        assert int(size, 16) == len(event) - 2
        assert event.startswith(b"event: heartbeat\ndata: ")
        assert event.endswith(b"\n\n\r\n")
        told.append(json.loads(event.partition(b"data: ")[2]))
    assert [one["number"] for one in told] == [0, 1, 2]
    assert slept == [2.5, 2.5]
    assert told[0]["sent"] <= told[1]["sent"]  # pyright: ignore[reportOperatorIssue]
