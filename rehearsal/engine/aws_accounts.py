"""The simulated accounts that several runs of the real engine share: in memory, and line by line in a file.

The file is a journal of what was put and what went, mode 0600, for inputs and outputs may be secret. One process has
it open at a time (rehearsal/processes.py, `exclusive`).
"""

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeVar

from rehearsal.aws import simulation
from rehearsal.aws.resource import Resource
from rehearsal.aws.world import World
from rehearsal.engine.model import Value
from rehearsal.engine.providers.answer import Elsewhere
from rehearsal.engine.providers.aws import resource
from rehearsal.errors import RehearsalError

ACCOUNT: Final = "account"
T = TypeVar("T")


class Accounts:
    """Every account by its number. Safe to use from several threads."""

    def __init__(self, file: Path | None = None, there: Sequence[Elsewhere] = ()) -> None:
        """`there`: what is on AWS and no program made. Without a file all is forgotten with the process.

        RehearsalError for a file that is not one of these.
        """
        self._file, self._there = file, there
        self._worlds: dict[str, World] = {}
        self._makings: dict[str, int] = {}
        self._lock = threading.RLock()
        for line in _lines(file):
            world = self._world(str(line[ACCOUNT]))
            if "put" in line:
                put = Resource(**line["put"])
                self._count(put, world.find(put.type, put.region, put.id))
                world.add(put)
            elif (gone := world.find(*line["gone"])) is not None:
                world.remove(gone)

    def look(self, account: str, look: Callable[[World], T]) -> T:
        """What `look` finds in an account, or would make of it: the world that it is given is a copy."""
        with self._lock:
            return look(self._world(account).copy())

    def change(self, account: str, work: Callable[[World], T]) -> T:
        """`work` on an account: all that it changes is kept, or nothing where it raises."""
        with self._lock:
            before = self._world(account)
            after = before.copy()
            done = work(after)
            self._worlds[account] = after
            self._note(account, before, after)
            return done

    def fork(self) -> "Accounts":
        """The same accounts to try things out on: nothing of it comes back, or into the file."""
        with self._lock:
            other = Accounts(there=self._there)
            other._worlds = {account: world.copy() for account, world in self._worlds.items()}
            other._makings = dict(self._makings)
            return other

    def makings(self, urn: str) -> int:
        """How many resources of a URN were made so far."""
        with self._lock:
            return self._makings.get(urn, 0)

    def finish(self) -> None:
        """The rules over all that there is, which no single answer can hold. RefusedByAwsError for the first broken."""
        with self._lock:
            for world in self._worlds.values():
                simulation.finish(world)

    def _world(self, account: str) -> World:
        if account not in self._worlds:
            self._worlds[account] = world = World(account)
            world.add_all(resource(one) for one in self._there)
        return self._worlds[account]

    def _count(self, one: Resource, former: Resource | None) -> None:
        if one.urn and former is None:
            self._makings[one.urn] = self._makings.get(one.urn, 0) + 1

    def _note(self, account: str, before: World, after: World) -> None:
        former, later = ({_key(one): one for one in world.all()} for world in (before, after))
        lines: list[dict[str, Any]] = []
        for key, one in later.items():
            if former.get(key) is not one:
                self._count(one, former.get(key))
                lines.append({ACCOUNT: account, "put": asdict(one)})
        lines += [{ACCOUNT: account, "gone": key} for key in former if key not in later]
        if self._file is not None and lines:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "w") as opened:
                opened.writelines(f"{json.dumps(line)}\n" for line in lines)


def _key(one: Resource) -> tuple[str, str, str]:
    return (one.type, one.region, one.id)


def _lines(file: Path | None) -> Iterator[dict[str, Value]]:
    """The lines of a journal. A last one without an end is what an ended process left, and is taken away."""
    if file is None or not file.exists():
        return
    text = file.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        os.truncate(file, len(whole.encode()))
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            yield json.loads(line)
        except ValueError:
            raise RehearsalError(f"{file}:{number}: this is no journal of the simulated account: remove it") from None
