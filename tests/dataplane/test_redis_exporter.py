"""The exporter beside a Redis node, kept by the script that keeps it in pods: whatever it meets, the script goes on."""

import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from redis.exceptions import RedisError

from components import redis_exporter
from rehearsal import images
from rehearsal.ports import free_port
from tests.dataplane.conftest import FILES, Start
from tests.dataplane.redis_servers import eventually, kinds
from tests.dataplane.sidecar import QUIET

FIRST, SECOND = "letters123", "second456"


@dataclass
class Node:
    """A single server with a password, and the exporter before it."""

    port: int
    metrics_port: int
    passwords: Path
    """The mounted file."""
    log: Path
    script: "subprocess.Popen[bytes]"

    def show(self, password: str) -> None:
        """As the mounted Secret changes: another file in its place."""
        new = self.passwords.with_suffix(".new")
        new.write_text(redis_exporter.passwords(password).replace(":6379", f":{self.port}"))
        new.replace(self.passwords)

    def up(self) -> bool:
        """Whether the exporter says that it reaches the node."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
                return "redis_up 1" in answer.read().decode().splitlines()
        except OSError:
            return False

    def children(self) -> list[int]:
        """Processes that the script has started."""
        return list(map(int, Path(f"/proc/{self.script.pid}/task/{self.script.pid}/children").read_text().split()))

    def exporters(self) -> list[int]:
        """Those that are no pauses, nor a copy of the script that is about to be one."""
        program = str(images.redis_exporter(QUIET)).encode()
        return [pid for pid in self.children() if _command(pid)[0] == program]


def _command(pid: int) -> list[bytes]:
    """Empty words of one that has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return [b""]


@pytest.fixture
def node(tmp_path: Path, start: Start) -> Iterator[Node]:
    """The server takes the first password; the file is not there yet."""
    port, metrics_port = free_port(), free_port()
    start([next(iter(kinds().values())), "--port", str(port), "--dir", str(tmp_path), "--requirepass", FIRST])
    eventually(lambda: _answers(port))
    environment = {
        **{one["name"]: one["value"] for one in redis_exporter.container("any")["env"]},
        "REDIS_ADDR": f"redis://127.0.0.1:{port}",
        "REDIS_PASSWORD_FILE": str(tmp_path / "exporter.json"),
        "REDIS_EXPORTER_WEB_LISTEN_ADDRESS": f"127.0.0.1:{metrics_port}",
        "EXPORTER": str(images.redis_exporter(QUIET)),
    }
    log = tmp_path / "exporter.log"
    script = start(["sh", str(FILES / "redis-exporter.sh")], environment, log)
    yield Node(port, metrics_port, tmp_path / "exporter.json", log, script)


def _answers(port: int) -> bool:
    try:
        return bool(redis.Redis(port=port, password=FIRST).ping())
    except RedisError:
        return False


def _ended(node: Node, number: int) -> bool:
    return node.log.read_text().count("has ended with code") >= number


def test_it_waits_for_its_password_and_follows_it(node: Node) -> None:
    assert (node.exporters(), node.script.poll()) == ([], None)
    node.show(FIRST)
    eventually(node.up)
    assert redis.Redis(port=node.port, password=FIRST).config_set("requirepass", SECOND)
    assert not node.up()
    node.show(SECOND)
    eventually(node.up)
    assert node.script.poll() is None


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_exporter_that_ends_is_started_again(node: Node, how: signal.Signals) -> None:
    node.show(FIRST)
    eventually(node.up)
    (before,) = node.exporters()
    subprocess.run(["kill", f"-{how.value}", str(before)], check=True)
    eventually(lambda: node.up() and node.exporters() != [before])
    assert node.script.poll() is None


@pytest.mark.parametrize("content", ["no JSON", '["a list"]'])
def test_a_file_that_it_cannot_read_ends_the_exporter_and_not_the_script(node: Node, content: str) -> None:
    node.passwords.write_text(content)
    eventually(lambda: _ended(node, 2))
    assert node.script.poll() is None
    node.show(FIRST)
    eventually(node.up)


@pytest.mark.parametrize("shown", [True, False])
def test_it_ends_at_once_with_its_pod(node: Node, shown: bool) -> None:
    """Else every restart of a node would wait for it."""
    if shown:
        node.show(FIRST)
    eventually(node.up if shown else lambda: bool(node.children()))
    node.script.send_signal(signal.SIGTERM)
    assert node.script.wait(2) == 0


def test_the_password_is_told_nowhere(node: Node) -> None:
    node.show(FIRST)
    eventually(node.up)
    redis.Redis(port=node.port, password=FIRST).config_set("requirepass", SECOND)
    assert not node.up()
    for pid in (node.script.pid, *node.exporters()):
        for file in ("cmdline", "environ"):
            assert FIRST not in Path(f"/proc/{pid}/{file}").read_text()
    with urllib.request.urlopen(f"http://127.0.0.1:{node.metrics_port}/metrics", timeout=5) as answer:
        assert FIRST not in answer.read().decode()
    assert FIRST not in node.log.read_text()


def test_nobody_may_send_it_elsewhere(node: Node) -> None:
    node.show(FIRST)
    eventually(node.up)
    asked = f"http://127.0.0.1:{node.metrics_port}/scrape?target=redis://127.0.0.1:{node.port}"
    with pytest.raises(urllib.request.HTTPError, match="404"):
        urllib.request.urlopen(asked, timeout=5)
