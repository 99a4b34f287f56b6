"""The queue and the writer under the stand-ins."""

import queue
import time
from typing import cast

import pytest

from rehearsal.kube import Client, KubeError, Manifest
from rehearsal.standins import loop as loops
from rehearsal.standins.informer import Key
from rehearsal.standins.writer import Writer

KEY = ("soma", "db")
WAIT = 2.0


def running(work: loops.Work) -> loops.Loop:
    loop = loops.Loop("test", work)
    loop.start()
    return loop


def test_a_key_that_is_put_in_twice_is_worked_on_once() -> None:
    seen: queue.Queue[Key] = queue.Queue()
    loop = loops.Loop("test", lambda key: seen.put(key))
    loop.put(KEY)
    loop.put(KEY)
    loop.start()
    assert seen.get(timeout=WAIT) == KEY
    with pytest.raises(queue.Empty):
        seen.get(timeout=0.1)


def test_an_earlier_request_is_served_before_a_later_one() -> None:
    seen: queue.Queue[float] = queue.Queue()
    loop = running(lambda _: seen.put(time.monotonic()))
    loop.put(KEY, after=60)
    loop.put(KEY)
    assert seen.get(timeout=WAIT) <= time.monotonic()


def test_a_later_request_does_not_postpone_an_earlier_one() -> None:
    seen: queue.Queue[Key] = queue.Queue()
    loop = loops.Loop("test", lambda key: seen.put(key))
    loop.put(KEY)
    loop.put(KEY, after=60)
    loop.start()
    assert seen.get(timeout=WAIT) == KEY


@pytest.mark.parametrize("failure", [KubeError(500, "Internal", "no"), ValueError("nobody foresaw this")])
def test_work_that_fails_is_tried_again(failure: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    tries: queue.Queue[int] = queue.Queue()

    def work(_: Key) -> None:
        tries.put(1)
        if tries.qsize() < 2:
            raise failure

    running(work).put(KEY)
    deadline = time.monotonic() + WAIT
    while tries.qsize() < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert tries.qsize() == 2
    assert str(failure) in capsys.readouterr().err


class Recording:
    """A client that notes what is applied."""

    def __init__(self) -> None:
        self.applied: list[Manifest] = []

    def apply(self, obj: Manifest, manager: str, subresource: str | None = None) -> Manifest:
        self.applied.append(obj)
        return obj


OBJECT: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "a", "namespace": "soma", "uid": "1"},
    "spec": {},
}


def test_an_unchanged_object_is_written_once() -> None:
    client = Recording()
    writer = Writer(cast(Client, client), "test")
    assert writer.apply(OBJECT) is not None
    assert writer.apply(OBJECT) is None
    assert len(client.applied) == 1


def test_a_status_is_written_again_for_a_new_object_of_the_same_name() -> None:
    client = Recording()
    writer = Writer(cast(Client, client), "test")
    again = {**OBJECT, "metadata": {**OBJECT["metadata"], "uid": "2"}}
    assert writer.status(OBJECT, {"ready": True}) is not None
    assert writer.status(again, {"ready": True}) is not None


def test_all_is_written_again_to_a_server_that_may_be_another() -> None:
    client = Recording()
    writer = Writer(cast(Client, client), "test")
    writer.apply(OBJECT)
    writer.forget_all()
    assert writer.apply(OBJECT) is not None
