"""One region's embedded control plane: etcd, API server, controller manager, scheduler and simulated nodes."""

import secrets
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rehearsal import certificates, kubeconfig, nodes, paths, programs, volumes
from rehearsal.binaries import Binaries
from rehearsal.errors import RehearsalError
from rehearsal.ground import LOOPBACK, Ground
from rehearsal.kube import Client, KubeError
from rehearsal.ports import free_port, is_free
from rehearsal.processes import Process, stop_all
from rehearsal.progress import Progress

ZONES = ("zone-a", "zone-b", "zone-c")
NODES_PER_ZONE = 2
STAGES = Path(__file__).resolve().parent / "stages"
ANSWER_SECONDS = 60.0
"""Longest wait for a started API server; it takes about three seconds on an idle machine."""
CHECK_SECONDS = 10.0
"""How long a control plane whose processes live may take to answer before it counts as dead."""
POLL_SECONDS = 0.05
ADMIN = "admin"
NODE = "node"
USERS = (ADMIN, "controller-manager", "scheduler", "kwok", NODE)
"""All of them administrators: what the real ones' narrower roles allow is not what a rehearsal tests."""
STORE, SERVER = "etcd", "kube-apiserver"
KWOK = "kwok"
FOLLOWERS = ("kube-controller-manager", "kube-scheduler", KWOK)


class ControlPlane:
    """The control plane of one region. Its processes and data outlive this object and are found again by the region."""

    def __init__(
        self,
        region: str,
        groups: Sequence[nodes.Group] = (nodes.Group(ZONES, NODES_PER_ZONE),),
        ground: Ground = LOOPBACK,
        home: Path | None = None,
    ) -> None:
        self.region = region
        self._groups = tuple(groups)
        self._ground = ground
        home = home or paths.home() / region
        self.kubeconfig = home / "kubeconfig"
        """For people and engines: one context, named as the region; its user may do everything. Mode 0600."""
        self.directory = home / "controlplane"
        """Data, keys, logs (`<program>.log`) and pid files."""
        self._client: Client | None = None

    def start(self, tools: Binaries, progress: Progress) -> None:
        """Brings it up, with its nodes Ready; adopts one that runs, restarts on its data one that died half way.

        RehearsalError, with no process left, when a program ends or does not answer in time.
        """
        if not self._adopt(progress):
            self._start_anew(tools, progress)
        if self._ground.simulated:
            client = self.admin()
            nodes.furnish(client, self.region, self._groups)
            nodes.await_ready(client, self.region)

    @contextmanager
    def hurried(self, tools: Binaries) -> Generator[None]:
        """Nodes that fall silent are noticed within seconds, until the block ends."""
        self._pace(tools, hurried=True)
        try:
            yield
        finally:
            self._pace(tools, hurried=False)

    def _pace(self, tools: Binaries, *, hurried: bool) -> None:
        """Nobody judges the nodes while nobody plays them; a new player would wait for the old one's leases to end."""
        place, client = self._place(), self.admin()
        judge, player = self._process("kube-controller-manager"), self._process(KWOK)
        judge.stop()
        player.stop()
        leases = ("coordination.k8s.io/v1", "Lease", "kube-node-lease")
        for lease in client.list(*leases):
            client.delete(leases[0], leases[1], lease["metadata"]["name"], leases[2])
        player.start(programs.kwok(tools, place, STAGES, hurried))
        wanted, deadline = len(nodes.simulated(client)), time.monotonic() + nodes.READY_SECONDS
        while len(client.list(*leases)) < wanted:
            if time.monotonic() > deadline:
                raise RehearsalError(f"{self.region}: the nodes have no leases{player.tail()}")
            time.sleep(POLL_SECONDS)
        judge.start(programs.controller_manager(tools, place, hurried))

    def stop(self) -> None:
        """Ends every process that it ever started and removes the directories of its volumes. Its other data stays."""
        self._end()
        volumes.remove(self.directory / "etcd")

    def halt(self) -> None:
        """Ends every process, whoever uses it at the moment; the next start goes on with its data."""
        # the store last: an API server without it takes long to end
        stop_all([process for process in self._processes() if process.name != STORE])
        self._process(STORE).stop()

    def ended(self) -> str | None:
        """Which of its processes have ended, with the last lines of the first one's log; None while all run."""
        ended = [process for process in self._processes() if not process.alive()]
        return f"{', '.join(process.name for process in ended)} ended{ended[0].tail()}" if ended else None

    def fault(self) -> str | None:
        """What is wrong with it, with the last lines of the log that tells why; None when it runs and answers."""
        ended = self.ended()
        if ended is None and not self._answers_within(CHECK_SECONDS):
            return f"{SERVER} does not answer{self._process(SERVER).tail()}"
        return ended

    def alive(self) -> bool:
        """Whether all its processes run."""
        return all(process.alive() for process in self._processes())

    def admin(self) -> Client:
        """A client that may do everything. RehearsalError when there is no control plane."""
        if self._client is None:
            self._client = Client.from_kubeconfig(self.kubeconfig)
        return self._client

    def write_kubeconfig(self, path: Path, user: str, server: str) -> None:
        """A kubeconfig, mode 0600, with which `user` reaches the API server at another of its addresses."""
        place = self._place()
        authority = (place.pki / "ca.crt").read_text()
        address = f"https://{server}:{place.port}"
        kubeconfig.write(path, self.region, address, authority, user, _tokens(place.tokens)[user])

    def _place(self) -> programs.Place:
        return programs.Place(self.directory, int((self.directory / "port").read_text()), self._ground)

    def _adopt(self, progress: Progress) -> bool:
        """Whether it runs and answers. What is left of one that does not is ended."""
        dead = [process.name for process in self._processes() if not process.alive()]
        if not dead:
            if self._answers_within(CHECK_SECONDS):
                return True
            progress.note(
                f"  {self.region}: the API server does not answer; starting the control plane again on its data"
            )
        elif len(dead) < len(self._processes()):
            progress.note(f"  {self.region}: {', '.join(dead)} had ended; starting the control plane again on its data")
        self._end()
        return False

    def _start_anew(self, tools: Binaries, progress: Progress) -> None:
        place = self._prepare(progress)
        try:
            self._process(STORE).start(programs.etcd(tools, place))
            self._process(SERVER).start(programs.api_server(tools, place))
            self._await_answer()
            self._process("kube-controller-manager").start(programs.controller_manager(tools, place))
            self._process("kube-scheduler").start(programs.scheduler(tools, place))
            if self._ground.simulated:
                self._process(KWOK).start(programs.kwok(tools, place, STAGES))
        except RehearsalError:
            self._end()
            raise

    def _prepare(self, progress: Progress) -> programs.Place:
        """Keys and tokens, made once; port and kubeconfigs, anew when the old port is taken."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = programs.Place(self.directory, self._port(progress), self._ground)
        if not (place.pki / "ca.crt").exists():
            certificates.write_all(place.pki, (programs.SERVICE_RANGE_FIRST, *self._ground.names))
        for user in _tokens(place.tokens):
            if user == ADMIN:
                self.write_kubeconfig(self.kubeconfig, user, self._ground.server)
            else:
                self.write_kubeconfig(place.kubeconfig(user), user, "127.0.0.1")
        for socket_file in (*self.directory.glob("etcd:*"), *self.directory.glob("peer:*")):
            socket_file.unlink()  # of an etcd that was killed
        self._client = None
        return place

    def _port(self, progress: Progress) -> int:
        file = self.directory / "port"
        if self._ground.port is not None:
            file.write_text(str(self._ground.port))
            return self._ground.port
        recorded = int(file.read_text()) if file.exists() else None
        if recorded is not None and is_free(recorded):
            return recorded
        chosen = free_port()
        if recorded is not None:
            progress.note(f"  {self.region}: port {recorded} is taken by another program; using {chosen}")
        file.write_text(str(chosen))
        return chosen

    def _await_answer(self) -> None:
        if self._answers_within(ANSWER_SECONDS):
            return
        for name in (STORE, SERVER):
            process = self._process(name)
            if not process.alive():
                raise RehearsalError(f"{self.region}: {name} ended while it started; run this again.{process.tail()}")
        raise RehearsalError(
            f"{self.region}: the API server does not answer after {ANSWER_SECONDS:.0f} s; "
            f"run this again.{self._process(SERVER).tail()}"
        )

    def _answers_within(self, seconds: float) -> bool:
        """Whether it says that it is ready; False at once when its process or its store ends."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._process(SERVER).alive() and self._process(STORE).alive():
            try:
                self.admin().call("GET", "/readyz", idempotent=False, timeout=2.0)
            except KubeError:
                time.sleep(POLL_SECONDS)
            else:
                return True
        return False

    def _end(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        self.halt()

    def _processes(self) -> list[Process]:
        followers = [name for name in FOLLOWERS if self._ground.simulated or name != KWOK]
        return [self._process(name) for name in (STORE, SERVER, *followers)]

    def _process(self, name: str) -> Process:
        return Process(self.directory, name)


def _tokens(path: Path) -> dict[str, str]:
    """Tokens by user, made once; the file is the API server's static token file."""
    if not path.exists():
        made = [f'{secrets.token_urlsafe(24)},{user},{user},"system:masters"\n' for user in USERS]
        path.touch(mode=0o600)
        path.write_text("".join(made))
    lines = [line.split(",") for line in path.read_text().splitlines()]
    return {user: token for token, user, *_ in lines}
