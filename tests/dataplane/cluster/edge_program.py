"""What users of the service do at its ingress; runs in the toolbox (edge_users.py), with the standard library alone.

The first line of standard input says what: a document that becomes `Given`. What came of it is printed. Jobs without
an end go on until there is a file `stop`. No request is repeated: what is not answered as it should be has failed.
"""

import contextlib
import functools
import http.client
import itertools
import json
import os
import pathlib
import socket
import ssl
import sys
import threading
import time
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

SECONDS = 120
"""Longest wait for a byte."""
ROUND = 10
"""Requests of a round: one memory is stored, one is looked for, and what was stored is read by the others."""
BEGAN = time.time()
"""Tells what is stored now from what an earlier run has stored in the same place."""

Given = SimpleNamespace
"""`address`, `host`, `token` and `authority` (PEM) of the ingress; `job`, one of JOBS; `stop`, a file; and of each job:

- use: `users`, `pause` (seconds between two requests of a user)
- read: `times`, `path`, `pause`, `cookie`
- visit: `times`, `keep` (whether the cookie of a visit is shown at the next)
- listen: `heartbeats` (seconds between two events of each stream)
"""
READERS = 8

trust = functools.cache(lambda authority: ssl.create_default_context(cadata=authority))


class Connection(http.client.HTTPSConnection):
    """To the address of the ingress, for the host of the service."""

    def __init__(self, given: Given) -> None:
        super().__init__(given.host, timeout=SECONDS)
        self._address, self._trust = given.address, trust(given.authority)

    def connect(self) -> None:
        plain = socket.create_connection((self._address, 443), timeout=SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)


def send(connection: Connection, given: Given, method: str, path: str, body: object = None, cookie: str = "") -> None:
    headers = {"Authorization": f"Bearer {given.token}", "Content-Type": "application/json"}
    if cookie:
        headers["Cookie"] = cookie
    connection.request(method, path, None if body is None else json.dumps(body), headers)


def answer(connection: Connection) -> Any:
    """The document of an answer 200; raises ValueError."""
    response = connection.getresponse()
    text = response.read()
    if response.status != 200:
        raise ValueError(f"{response.status} {text[:200]!r}")
    return json.loads(text)


class Account:
    """What users were told."""

    def __init__(self) -> None:
        self.requests, self.longest = 0, 0.0
        self.failed: list[str] = []
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def request(self, what: str) -> Generator[None]:
        """Counts a request, and how it failed."""
        began, fault = time.monotonic(), ""
        try:
            yield
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            fault = f"{time.strftime('%X')} {what}: {type(error).__name__}: {error}"
        with self._guard:
            self.requests += 1
            self.longest = max(self.longest, time.monotonic() - began)
            self.failed += [fault] if fault else []


def call(given: Given, account: Account, stop: threading.Event, number: int) -> None:
    """A user who keeps a connection (even numbers) or makes one for each request."""
    kept, connection = number % 2 == 0, Connection(given)
    for count in itertools.count():
        at, text = f"{9000 + number},{count // ROUND % ROUND},1", f"{BEGAN}: {count // ROUND}"
        stored = {"coord": at, "payload": {"text": text}}
        calls = [("POST", "/memories", stored), ("POST", "/memories/search", {"query": "anything", "top_k": 1})]
        method, path, body = calls[count % ROUND] if count % ROUND < len(calls) else ("GET", f"/memories/{at}", None)
        with account.request(f"{'kept' if kept else 'new'} connection, {method} {path}"):
            try:
                send(connection, given, method, path, body)
                found = answer(connection)
            except BaseException:
                connection.close()  # what is still to come on it belongs to no other request
                raise
            if method == "GET" and found["memory"]["text"] != text:
                raise ValueError(f"read {found}, stored {text}")
        if not kept:
            connection.close()
        if stop.wait(given.pause):
            connection.close()
            return


def events(given: Given, heartbeat: float, cookie: str = "") -> Generator[dict[str, Any]]:
    """The events of one stream, each with the time of its arrival and the cookie that the stream's answer set."""
    connection = Connection(given)
    try:
        send(connection, given, "GET", f"/memories/stream?heartbeat={heartbeat}", cookie=cookie)
        response = connection.getresponse()
        if response.status != 200:
            raise ValueError(f"{response.status} {response.read()[:200]!r}")
        for line in response:
            if line.startswith(b"data: "):
                told = json.loads(line[6:])
                yield {**told, "received": time.time(), "cookie": response.getheader("Set-Cookie") or ""}
        raise ValueError("the stream has ended")
    finally:
        connection.close()


def come(given: Given, account: Account, visits: list[dict[str, Any]], cookie: str = "") -> str:
    """One visit to the stream until its first event; the cookie for the next one."""
    with account.request("stream"), contextlib.closing(events(given, 1, cookie)) as stream:
        event = next(stream)
        visits.append({"pod": event["pod"], "at": event["received"], "cookie": event["cookie"]})
        return event["cookie"].partition(";")[0] or cookie
    return cookie


def use(given: Given, account: Account) -> list[dict[str, Any]]:
    """Users of the API, and one of the stream who comes back again and again."""
    stop, visits = threading.Event(), list[dict[str, Any]]()
    users = [threading.Thread(target=call, args=(given, account, stop, number)) for number in range(given.users)]
    users.append(threading.Thread(target=keep_coming, args=(given, account, stop, visits)))
    for user in users:
        user.start()
    await_stop(given)
    stop.set()
    for user in users:
        user.join(SECONDS)
    return visits


def keep_coming(given: Given, account: Account, stop: threading.Event, visits: list[dict[str, Any]]) -> None:
    cookie = ""
    while not stop.wait(0.5):
        cookie = come(given, account, visits, cookie)


def visit(given: Given, account: Account) -> list[dict[str, Any]]:
    visits, cookie = list[dict[str, Any]](), ""
    for _ in range(given.times):
        cookie = come(given, account, visits, cookie if given.keep else "")
    return visits


def listen(given: Given, account: Account) -> list[list[dict[str, Any]]]:
    """Users of the stream who stay: what each has heard."""

    def stay(heartbeat: float, heard: list[dict[str, Any]]) -> None:
        with account.request(f"stream with a heartbeat every {heartbeat:g} s"):
            for event in events(given, heartbeat):
                heard += [event]

    streams = [list[dict[str, Any]]() for _ in given.heartbeats]
    for heartbeat, heard in zip(given.heartbeats, streams, strict=True):
        threading.Thread(target=stay, args=(heartbeat, heard), daemon=True).start()
    await_stop(given)
    return streams


def read(given: Given, account: Account) -> None:
    """Users who read one memory, all together so many times."""

    def again() -> None:
        with contextlib.closing(Connection(given)) as connection:
            for _ in range(given.times // READERS):
                with account.request(f"GET {given.path}"):
                    send(connection, given, "GET", given.path, cookie=given.cookie)
                    answer(connection)
                time.sleep(given.pause)

    readers = [threading.Thread(target=again) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()


def await_stop(given: Given) -> None:
    while not pathlib.Path(given.stop).exists():
        time.sleep(0.2)


JOBS = {"use": use, "visit": visit, "listen": listen, "read": read}

if __name__ == "__main__":
    asked = Given(**json.loads(sys.stdin.readline()))
    kept = Account()
    found = JOBS[asked.job](asked, kept)
    told = {"requests": kept.requests, "longest": kept.longest, "failed": kept.failed, "found": found}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    os._exit(0)  # streams that are still open do not hold it up
