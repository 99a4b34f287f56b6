"""Two regions' PostgreSQL in network namespaces of their own, over a link with a delay, as the manifests declare them.

Parameters, pg_hba and what a region is told of the other one (`externalClusters`: host, user, TLS, timeouts) are the
program's; the operator's own lines are its stand-in's. Certificates are made for the names that the program asks for.
Each region has two instances of the three that are declared, so that every commit waits for another zone as declared.
Left out: the operator, the third instances, slots (between regions the operator has none), WAL archives, DNS (an
address stands beside the host's name, which TLS checks), poolers.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg2

from components.postgres_cluster import cluster_name
from rehearsal.certificates import Authority
from rehearsal.processes import Process
from rehearsal.standins.cnpg.instance import config
from rehearsal.standins.cnpg.instance.layout import Layout
from tests.dataplane.conftest import tool
from tests.dataplane.postgres_instances import eventually
from tests.unit.recorded import Recorded

REPLICA = "127.0.0.2"
"""Address of a region's second instance, within its network."""
DELAY_SECONDS = 0.03
"""Each way: 60 ms there and back, as between two coasts."""
PORT = 5432
ADDRESSES = {"us-east": ("10.201.1.2", "10.201.1.1"), "us-west": ("10.202.1.2", "10.202.1.1")}
"""Of each region's server, and of the link's end in the region's network, where the other region is reached."""


class Link:
    """Three network namespaces in a row: a region, the link, a region."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spaces = {name: Process(folder, f"net-{name}") for name in (*ADDRESSES, "link")}
        self._relays: dict[str, Process] = {}
        for space in self._spaces.values():
            space.start(["unshare", "--net", "--", "sleep", "infinity"])
        own = Path("/proc/self/ns/net").readlink()
        for name, space in self._spaces.items():
            eventually(lambda space=space: Path(f"/proc/{space.pid()}/ns/net").readlink() != own, name, 10)
            self._run(name, "ip", "link", "set", "lo", "up")
        for region, (server, end) in ADDRESSES.items():
            there = str(self._spaces[region].pid())
            self._run("link", "ip", "link", "add", region, "type", "veth", "peer", "name", "wan", "netns", there)
            self._run("link", "ip", "address", "add", f"{end}/24", "dev", region)
            self._run("link", "ip", "link", "set", region, "up")
            self._run(region, "ip", "address", "add", f"{server}/24", "dev", "wan")
            self._run(region, "ip", "link", "set", "wan", "up")
        self.join()

    def enter(self, name: str) -> list[str]:
        """What stands before a command that is to run there."""
        return ["nsenter", f"--net=/proc/{self._spaces[name].pid()}/ns/net", "--"]

    def join(self) -> None:
        """Each region reaches the other one's server at the link's end in its own network."""
        for region, (_, end) in ADDRESSES.items():
            (other,) = (each for each in ADDRESSES if each != region)
            script = str(Path(__file__).with_name("slow_link.py"))
            relay = Process(self._folder, f"relay-{region}")
            target = ADDRESSES[other][0]
            relay.start(
                [*self.enter("link"), sys.executable, script, end, str(PORT), target, str(PORT), str(DELAY_SECONDS)]
            )
            self._relays[region] = relay

    def cut(self) -> None:
        """What is under way is lost with it."""
        for relay in self._relays.values():
            relay.stop(0)

    def close(self) -> None:
        self.cut()
        for space in self._spaces.values():
            space.stop(0)

    def _run(self, name: str, *command: str) -> None:
        done = subprocess.run([*self.enter(name), *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)


class Instance:
    """One server of a region, by its number."""

    def __init__(self, region: str, number: int, address: str, run: Recorded, link: Link, folder: Path) -> None:
        self.region, self._link = region, link
        self.spec: dict[str, Any] = run.one("Cluster", cluster_name(region)).spec
        home = folder / f"{region}-{number}"
        self.layout = Layout(
            name=f"{cluster_name(region)}-{number}",
            namespace="somafractalmemory",
            cluster=cluster_name(region),
            data=home / "pgdata",
            scratch=home / "scratch",
            listen=address,
            writable=f"{ADDRESSES[region][0]}:{PORT}",
        )
        self._confirming = [f"{cluster_name(region)}-{3 - number}"]
        self.layout.certificates.mkdir(parents=True)
        self.layout.sockets.mkdir()
        self._process = Process(home, "postgres")
        subprocess.run(["chown", "-R", "postgres", str(home)], check=True)

    def clone(self, conninfo: str) -> None:
        """As the operator and the Cluster's bootstrap do: pg_basebackup from whom it follows then."""
        shutil.rmtree(self.layout.data, ignore_errors=True)
        self._do("pg_basebackup", "-D", self.layout.data, "-X", "stream", "-c", "fast", "-d", conninfo, inside=True)
        self.configure()
        self.follow(conninfo)

    def configure(self) -> None:
        """The operator's files, from the Cluster."""
        data = self.layout.data
        (data / "custom.conf").write_text(config.postgresql_conf(self.spec, self.layout, self._confirming))
        base = (data / "postgresql.conf").read_text()
        if "custom.conf" not in base:
            (data / "postgresql.conf").write_text(base + "include 'custom.conf'\ninclude_if_exists 'override.conf'\n")
        (data / "pg_hba.conf").write_text(config.pg_hba(self.spec))
        (data / "pg_ident.conf").write_text(config.pg_ident("postgres") + "local root postgres\n")

    def follow(self, conninfo: str) -> None:
        """It receives from there and takes no writes."""
        (self.layout.data / "standby.signal").touch()
        (self.layout.data / "override.conf").write_text(f"primary_conninfo = {config.quoted(conninfo)}\n")
        for name in ("standby.signal", "override.conf"):
            shutil.chown(self.layout.data / name, "postgres")

    def start(self) -> None:
        command = [*self._link.enter(self.region), *_AS_POSTGRES, tool("postgres"), "-D", str(self.layout.data)]
        self._process.start(command)
        eventually(self._answers_or_ended, f"{self.region} answers", 60)

    def kill(self) -> None:
        """The machine is gone: every process of it, at once."""
        pid = int((self.layout.data / "postmaster.pid").read_text().splitlines()[0])
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
        for each in (pid, *map(int, children.stdout.split())):
            subprocess.run(["kill", "-9", str(each)], check=False, capture_output=True)
        eventually(lambda: not self.answers(), "gone", 20)
        self._process.stop(0)
        for lock in self.layout.locks:
            lock.unlink(missing_ok=True)

    def stop(self) -> None:
        """As a demotion: everything is written and sent, then it ends."""
        self._do("pg_ctl", "-D", self.layout.data, "-m", "fast", "-w", "stop")
        self._process.stop(0)

    def promote(self) -> None:
        self._do("pg_ctl", "-D", self.layout.data, "-w", "promote")

    def answers(self) -> bool:
        try:
            self.sql("SELECT 1")
        except psycopg2.Error:
            return False
        return True

    def _answers_or_ended(self) -> bool:
        assert self._process.alive(), f"{self.region} has ended: {self._process.tail()}"
        return self.answers()

    def connect(self) -> Any:
        """As the superuser, by the server's own socket."""
        connection = psycopg2.connect(
            host=str(self.layout.sockets), user="postgres", dbname="postgres", connect_timeout=5
        )
        connection.autocommit = True
        return connection

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Rows of the last statement."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def row(self, statement: str) -> str:
        """One row as `psql -At` prints it."""
        return "|".join("" if value is None else str(value) for value in self.sql(statement)[0])

    def control(self, label: str) -> str:
        """A line of pg_controldata."""
        told = subprocess.run(
            [tool("pg_controldata"), str(self.layout.data)], capture_output=True, text=True, check=True
        )
        return next(line.partition(":")[2].strip() for line in told.stdout.splitlines() if line.startswith(label))

    def _do(self, program: str, *arguments: object, inside: bool = False) -> None:
        command = [*(self._link.enter(self.region) if inside else []), *_AS_POSTGRES, tool(program)]
        done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr


class Server(Instance):
    """The first instance of a region, which takes writes or follows that of the other one, and its replica."""

    def __init__(self, region: str, run: Recorded, link: Link, folder: Path) -> None:
        super().__init__(region, 1, ADDRESSES[region][0], run, link, folder)
        self._certificates(run)
        self.replica = Instance(region, 2, REPLICA, run, link, folder)
        shutil.copytree(self.layout.certificates, self.replica.layout.certificates, dirs_exist_ok=True)
        for file in self.replica.layout.certificates.iterdir():
            shutil.chown(file, "postgres")

    def replicate(self) -> None:
        """The replica begins anew, and is there."""
        self.replica.clone(config.connection(self.replica.layout))
        self.replica.start()
        streams = "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'"
        eventually(lambda: self.replica.sql(streams) == [(1,)], f"the replica of {self.region} streams", 60)

    def lose(self) -> None:
        """The region is gone."""
        for instance in (self, self.replica):
            if instance.answers():
                instance.kill()

    def _certificates(self, run: Recorded) -> None:
        """What the program's Secrets hold, for the names that it asks for."""
        servers, clients = Authority(f"{self.region} servers"), Authority(f"{self.region} clients")
        (request,) = (one for one in run.resources if one.name.endswith("server-ca-server-request"))
        server, replica = servers.server(request.inputs["dnsNames"], []), clients.client("streaming_replica")
        self.given = {"ca.crt": servers.certificate, "tls.crt": replica.certificate, "tls.key": replica.key}
        files = {"server.crt": server.certificate, "server.key": server.key, "client-ca.crt": clients.certificate}
        files |= {"server-ca.crt": servers.certificate}
        files |= {"streaming_replica.crt": replica.certificate, "streaming_replica.key": replica.key}
        for name, text in files.items():
            self._write(name, text)

    def copied(self, other: "Server") -> None:
        """The Secret with which the other region is followed."""
        for key, text in other.given.items():
            self._write(f"{other.region}-{key}", text)

    def _write(self, name: str, text: str) -> None:
        file = self.layout.certificates / name
        file.write_text(text)
        file.chmod(0o600)
        shutil.chown(file, "postgres")

    def conninfo(self, spec: dict[str, Any], other: str) -> str:
        """How this region reaches the other one, as its Cluster says."""
        (external,) = (one for one in spec["externalClusters"] if one["name"] == cluster_name(other))
        keys = {"sslCert": "sslcert", "sslKey": "sslkey", "sslRootCert": "sslrootcert"}
        files = {name: self.layout.certificates / f"{other}-{external[key]['key']}" for key, name in keys.items()}
        address = {"hostaddr": ADDRESSES[self.region][1], "application_name": self.layout.cluster}
        parts = {**external["connectionParameters"], **files, **address}
        return " ".join(f"{key}={value}" for key, value in parts.items())

    def initialise(self) -> None:
        self._do("initdb", "-D", self.layout.data, "-A", "trust", "-U", "postgres", "--data-checksums")
        self.configure()
        self.start()
        self.sql(
            "SET synchronous_commit TO local",  # nobody confirms yet
            "CREATE ROLE streaming_replica REPLICATION LOGIN",
            "CREATE TABLE records (id bigint PRIMARY KEY, at timestamptz)",
        )


_AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


def folder() -> Path:
    """Where PostgreSQL's user may come in."""
    made = Path(tempfile.mkdtemp(prefix="soma-regions-"))
    made.chmod(0o755)
    return made
