"""The life of an instance: prepares its data, runs PostgreSQL, and does what the Cluster's status says.

internal/management/controller/instance_controller.go. Looks once a second; what it cannot see it does not act upon.
"""

import threading
import time
from typing import Any

from . import certificates, figures, primary, web
from .api import Api, ApiError
from .config import connection, slot_name
from .data import CLONE, REWIND, Data
from .following import Following
from .layout import NO_ROOM_FOR_WAL, Layout
from .log import say
from .server import PostgresError, Server, output

TICK_SECONDS = 1.0
FRESH_SECONDS = 1.0
"""How old an answer of PostgreSQL may be for a probe or the operator."""
REFRESH_SECONDS = 3.0
"""How often secrets and settings are looked at."""
SEEN_SECONDS = 10.0
"""A primary that has seen the API server so lately is not isolated."""
REWOUND = "rewound"
STARTING = ("", "Setting up primary", "Unable to create required cluster objects")
"""Phases in which no instance has been ready yet: only then may a database be made (decision.py)."""


class Stop(Exception):  # noqa: N818
    """The pod is told to end."""


class Manager:
    """One instance."""

    def __init__(self, layout: Layout, api: Api) -> None:
        self.layout, self._api = layout, api
        self._server = Server(layout)
        self._data = Data(layout, self._server)
        self._upkeep = primary.Upkeep(self._server, api)
        self._cluster: dict[str, Any] = {}
        self._pages: web.Pages | None = None
        self._said = ""
        self._follows = Following(time.monotonic())
        self._asking = threading.Lock()
        self._state: dict[str, Any] | None = None
        self._asked = self._seen = self._refreshed = float("-inf")

    def run(self) -> int:
        """Until the pod is told to end or PostgreSQL ends; the exit code."""
        try:
            self._prepare()
            if not self._data.has_room():
                return self._full()
            self._data.configure(self._cluster, self._instances())
            self._server.start()
            self._follows.receives(time.monotonic())
            while True:
                code = self._server.ended()
                if code is not None:
                    say(f"PostgreSQL has ended with code {code}")
                    return (code or 1) if self._data.has_room() else self._full()
                if self._look() and not self._tick():
                    return 0
                time.sleep(TICK_SECONDS)
        except Stop:
            self._server.stop()
            return 0

    def _full(self) -> int:
        """By its exit code the operator knows that another primary would be of no use (cmd/manager/instance/run/cmd.go:
        asked before PostgreSQL starts and after it has ended)."""
        say("no free disk space for WALs")
        return NO_ROOM_FOR_WAL

    # Pages

    def state(self) -> dict[str, Any] | None:
        """PostgreSQL's state, at most a second old; None while it does not answer. All who ask share one answer: else
        probes that gave up waiting would leave their work behind, and a slow server would be asked ever more."""
        with self._asking:
            if time.monotonic() - self._asked > FRESH_SECONDS:
                self._state = self._ask()
                self._asked = time.monotonic()
            return self._state

    def _ask(self) -> dict[str, Any] | None:
        if self._server.pid is None:
            return None
        try:
            return primary.status(self._server)
        except PostgresError:
            return None

    def isolated(self) -> str:
        """Why this primary has to end itself; empty while it need not (probes/liveness.go)."""
        spec: dict[str, Any] = self._cluster.get("spec") or {}
        liveness: dict[str, Any] = (spec.get("probes") or {}).get("liveness") or {}
        check: dict[str, Any] = liveness.get("isolationCheck") or {}
        if (
            not check.get("enabled")
            or int(spec.get("instances") or 1) == 1
            or not (self.state() or {}).get("isPrimary")
        ):
            return ""
        try:
            self._api.cluster(self.layout.cluster)
        except ApiError as error:
            seconds = int(check.get("connectionTimeout") or 1000) / 1000
            others = {name: ip for name, ip in self._addresses().items() if name != self.layout.name}
            if not any(web.answers(ip, self.layout.status_port, seconds) for ip in others.values()):
                return f"{error}; nor does any of {', '.join(others)}"
        return ""

    def _addresses(self) -> dict[str, str]:
        reported = (self._cluster.get("status") or {}).get("instancesReportedState") or {}
        return {name: str(state["ip"]) for name, state in reported.items() if state.get("ip")}

    # Before PostgreSQL runs

    def _prepare(self) -> None:
        """Tries until there is data to start with."""
        while True:
            if self._look():
                try:
                    certificates.refresh(self._cluster, self._api, self.layout)
                    self._open_pages()
                    if self._ready_to_start():
                        return
                except (ApiError, PostgresError, KeyError) as error:
                    self._note(str(error) or repr(error))
            time.sleep(TICK_SECONDS)

    def _ready_to_start(self) -> bool:
        target = self._target()
        if not self._data.exists():
            return self._make(target)
        if target == self.layout.name:
            return True
        repair = self._data.noted_repair()
        if self._data.was_replica() and repair not in (REWIND, CLONE):
            return True
        if not self._primary_answers():
            self._note("waiting for the new primary, to come back as its replica")
            return False
        if repair == CLONE:
            self._data.clone(self._cluster)
            return True
        try:
            self._data.rewind()
        except PostgresError as error:
            say(f"{error}: a new clone it is")
            self._data.clone(self._cluster)
        else:
            self._data.note_repair(REWOUND)
        return True

    def _make(self, target: str) -> bool:
        """Data where there is none."""
        if target not in ("", self.layout.name):
            if not self._primary_answers():
                self._note("waiting for the primary, to clone it")
                return False
            self._data.clone(self._cluster)
            return True
        if str((self._cluster.get("status") or {}).get("phase") or "") not in STARTING:
            self._note("the Cluster has had a primary, but this instance has no data: it will not make a new database")
            return False
        self._data.initialise(self._cluster, self._api)
        return True

    def _primary_answers(self) -> bool:
        """Whether a primary that takes writes stands behind the read-write service."""
        source = connection(self.layout, dbname="postgres")
        try:
            said = output("psql", "-XAtqc", "SELECT pg_is_in_recovery()", source, seconds=10)
        except PostgresError:
            return False
        return said == "f"

    # While PostgreSQL runs

    def _look(self) -> bool:
        """Reads the Cluster; False while the API server does not answer."""
        try:
            self._cluster = self._api.cluster(self.layout.cluster)
        except ApiError as error:
            self._note(str(error))
            return False
        self._seen = time.monotonic()
        return True

    def _tick(self) -> bool:
        """One look at everything; False when this container has to start anew."""
        state = self.state()
        if state is None:
            return True
        target, mine = self._target(), self.layout.name
        if state["isPrimary"] and target and target != mine:
            say(f"{target} is to be the primary: this one ends, to come back as a replica")
            self._server.stop()
            return False
        try:
            if not state["isPrimary"] and target == mine:
                self._promote(state)
                return True
            due = time.monotonic() - self._refreshed > REFRESH_SECONDS
            if due:
                self._refresh()
            if state["isPrimary"]:
                self._keep(state, due)
            else:
                return self._following(state)
        except (ApiError, PostgresError, KeyError) as error:
            self._note(str(error) or repr(error))
        return True

    def _promote(self, state: dict[str, Any]) -> None:
        if state["isWalReceiverActive"]:
            self._note("to be the primary: waiting until the old one sends nothing more")
            return
        say("promoting")
        self._server.promote()
        state = primary.status(self._server)
        self._asked = float("-inf")
        self._keep(state)
        say(f"primary on timeline {state['timeLineID']} from {state['currentLsn']}")
        # pg_rewind reads the timeline from the control file, which the next checkpoint writes.
        self._server.sql("CHECKPOINT", seconds=120)

    def _refresh(self) -> None:
        """Takes over changed certificates and settings."""
        self._refreshed = time.monotonic()
        renewed = certificates.refresh(self._cluster, self._api, self.layout)
        if self._data.configure(self._cluster, self._instances()) or renewed:
            say("reading changed settings or certificates")
            self._server.reload()
        if renewed and self._pages:
            self._pages.renew()

    def _keep(self, state: dict[str, Any], roles: bool = True) -> None:
        others = {slot_name(name) for name in self._instances() if name != self.layout.name}
        self._upkeep.slots(others, set(state["slots"]))
        if roles:
            self._upkeep.roles(self._cluster)
        self._data.forget_repair()

    def _following(self, state: dict[str, Any]) -> bool:
        """A replica that cannot follow is rewound, and cloned when that did not help."""
        now = time.monotonic()
        self._upkeep.slots(set(), set(state["slots"]))  # of the time as primary: they would keep WAL for ever
        if state["isWalReceiverActive"]:
            self._follows.receives(now)
            self._data.forget_repair()
            return True
        if not self._follows.lost(now, self._primary_answers):
            return True
        how = CLONE if self._data.noted_repair() == REWOUND else REWIND
        say(f"nothing comes from the primary, which answers: {how}")
        self._data.note_repair(how)
        self._server.stop()
        return False

    def _open_pages(self) -> None:
        if self._pages is None:
            files = (str(self.layout.certificates / name) for name in ("server.crt", "server.key"))
            host = "" if self.layout.listen == "*" else self.layout.listen
            self._pages = web.Pages((host, self.layout.status_port), self, *files)
            queries = figures.read()
            figures.Figures((host, self.layout.metrics_port), lambda: figures.of_instance(self._server, queries))

    def _target(self) -> str:
        return str((self._cluster.get("status") or {}).get("targetPrimary") or "")

    def _instances(self) -> tuple[str, ...]:
        names: list[str] = (self._cluster.get("status") or {}).get("instanceNames") or []
        return tuple(sorted(names))

    def _note(self, what: str) -> None:
        """Says what holds it up, once."""
        if what != self._said:
            say(what)
            self._said = what
