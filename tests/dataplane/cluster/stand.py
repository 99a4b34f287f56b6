"""The program on a cluster of real nodes, as tests see it: the Kubernetes API, commands in pods, logs.

The cluster is one of our own (rehearsal/real), or the one that $SOMA_TEST_KUBECONFIG names: any real one, with the
published images and the operators installed. Tests speak to both in the same way.
"""

import base64
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rehearsal import build
from rehearsal.errors import RehearsalError
from rehearsal.kube import Client, Manifest
from rehearsal.real.cluster import Cluster
from settings import Settings
from tests.dataplane.cluster.secrets import Ledger, Place

KUBECONFIG = "SOMA_TEST_KUBECONFIG"
"""Environment variable that names a kubeconfig; `make test-data KUBECONFIG=…` sets it."""
TOOLBOX = "toolbox"
ZONE = "topology.kubernetes.io/zone"
POLL_SECONDS = 1.0

_T = TypeVar("_T")


@dataclass(frozen=True)
class Pod:
    """A pod as it was when it was asked for."""

    manifest: Manifest

    @property
    def name(self) -> str:
        return self.manifest["metadata"]["name"]

    @property
    def uid(self) -> str:
        return self.manifest["metadata"]["uid"]

    @property
    def address(self) -> str:
        """Empty until it has one."""
        return str(self.manifest["status"].get("podIP") or "")

    @property
    def node(self) -> str:
        """Empty until it has one."""
        return str(self.manifest["spec"].get("nodeName") or "")

    @property
    def labels(self) -> Mapping[str, str]:
        return self.manifest["metadata"].get("labels") or {}

    @property
    def ready(self) -> bool:
        conditions: list[Manifest] = self.manifest["status"].get("conditions") or []
        deleted = "deletionTimestamp" in self.manifest["metadata"]
        return not deleted and any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def container_id(self, container: str) -> str:
        """The id by which the node knows a container; empty while there is none."""
        status = self.manifest["status"]
        known: list[Manifest] = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
        found = (str(one.get("containerID") or "") for one in known if one["name"] == container)
        return next(found, "").rpartition("/")[2]


class Logs(Protocol):
    """What containers, and on our own nodes all other programs, have written since the beginning (logs.py)."""

    def keep(self, stand: "Stand", pods: Sequence[Pod]) -> None:
        """Before pods are taken away, which takes their logs with them."""
        ...

    def places(self, stand: "Stand") -> Iterator[Place]:
        """Every log, of what is gone as well."""
        ...


@dataclass(frozen=True)
class Stand:
    """A cluster with the program on it."""

    client: Client
    kubeconfig: Path
    settings: Settings
    own: Cluster | None
    """Our own nodes; None on a cluster that was given."""
    up: Callable[[Mapping[str, int]], Settings]
    """The update that brought it up, once more, with numbers of the stack file changed, by path; the settings then."""
    logs_kept: Logs
    ledger: Ledger
    """Secret values of the region at all times."""
    said: Callable[[], str]
    """What the engine has said so far, errors included."""

    @property
    def namespace(self) -> str:
        """The namespace of the program."""
        return self.settings.kubernetes.namespace

    def pods(self, selector: str, namespace: str | None = None) -> list[Pod]:
        """Pods by label, by name."""
        found = self.client.list("v1", "Pod", namespace or self.namespace, label_selector=selector)
        return sorted((Pod(manifest) for manifest in found), key=lambda pod: pod.name)

    def remember_secrets(self) -> None:
        """Has the values of now looked for at the end."""
        self.ledger.add(self.client.list("v1", "Secret", self.namespace))

    def secret(self, name: str) -> dict[str, str]:
        """What a Secret of the program holds now."""
        data = self.client.get("v1", "Secret", name, self.namespace)["data"]
        return {key: base64.b64decode(text).decode() for key, text in data.items()}

    def pod(self, name: str, namespace: str | None = None) -> Pod:
        """A pod by its name; of the program where no other namespace is named."""
        return Pod(self.client.get("v1", "Pod", name, namespace or self.namespace))

    def zone_of(self, pod: Pod) -> str:
        """The zone of a pod's node."""
        return str(self.client.get("v1", "Node", pod.node)["metadata"]["labels"][ZONE])

    def exec(
        self,
        pod: str,
        container: str,
        *command: str,
        text: str | None = None,
        seconds: float = 60,
        check: bool = True,
        namespace: str | None = None,
    ) -> str:
        """Standard output of a command in a container. With `check`, a failure fails the test with what it said."""
        options = [*(["-i"] if text is not None else []), *([f"--namespace={namespace}"] if namespace else [])]
        done = self._kubectl(["exec", *options, pod, "-c", container, "--", *command], text, seconds)
        if check:
            assert done.returncode == 0, f"{pod}: {' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}"
        return done.stdout

    def logs(self, pod: str, container: str, previous: bool = False) -> str:
        """What a container has written so far; `previous`: the one before its last restart."""
        options = ["--previous"] if previous else []
        done = self._kubectl(["logs", pod, "-c", container, *options], None, 60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tool(self, *command: str, text: str | None = None, seconds: float = 60, check: bool = True) -> str:
        """A command in the toolbox: a pod with Python, redis-py, psycopg2, psql and valkey-cli."""
        return self.exec(TOOLBOX, TOOLBOX, *command, text=text, seconds=seconds, check=check)

    def popen(self, pod: str, container: str, *command: str) -> "subprocess.Popen[str]":
        """A command in a container that runs beside the test; the test ends it."""
        return subprocess.Popen(
            self._command(["exec", "-i", pod, "-c", container, "--", *command]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(),
        )

    @contextmanager
    def beside(self, pod: str, container: str, program: str, seconds: float, *given: str) -> Generator[dict[str, Any]]:
        """A program in Python that runs in a container for as long as `with` does; what it has told, as JSON, is there
        when it has ended, which it does within so many seconds of the end of its standard input.
        """
        told: dict[str, Any] = {}
        process = self.popen(pod, container, "python3", "-c", program, *given)
        try:
            yield told
            said, errors = process.communicate("", timeout=seconds)
            assert process.returncode == 0, errors
            told.update(json.loads(said))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"a program in {pod} did not end") from None
        finally:
            process.kill()
            process.wait(10)

    @contextmanager
    def forwarded(self, pod: str, port: int) -> Generator[int]:
        """A port of this machine that leads to one in a pod, also to one that listens on the pod's loopback alone."""
        command = self._command(["port-forward", f"pod/{pod}", f":{port}", "--address=127.0.0.1"])
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment()
        )
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            leads = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) ", said)
            assert leads is not None, said
            # What it says of each connection would fill the pipe.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield int(leads[1])
        finally:
            process.kill()
            process.wait(10)

    def _kubectl(
        self, arguments: Sequence[str], text: str | None, seconds: float
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self._command(arguments),
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=_environment(),
        )

    def _command(self, arguments: Sequence[str]) -> list[str]:
        built = build.directory() / "kubectl"
        program = str(built) if built.exists() else "kubectl"
        return [program, f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}", *arguments]


def eventually(what: str, holds: Callable[[], _T | None], seconds: float = 60, every: float = POLL_SECONDS) -> _T:
    """What `holds` answers once that is true; fails the test, with the last answer or error, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        said: object
        try:
            answer = holds()
        except (AssertionError, OSError, RehearsalError, subprocess.TimeoutExpired) as error:
            said = error
        else:
            if answer:
                return answer
            said = answer
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}; last seen: {said}"
        time.sleep(every)


def _environment() -> dict[str, str]:
    """Ours, without a proxy: the way to the cluster must not lead through one."""
    return {key: value for key, value in os.environ.items() if key.lower() not in ("http_proxy", "https_proxy")}
