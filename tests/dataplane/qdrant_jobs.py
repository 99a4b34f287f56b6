"""The Jobs on Qdrant as processes: their files, a plan, a key, and an API server that tells in which zone a pod is."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.dataplane.qdrant_cluster import KEY, Cluster

ROOT = Path(__file__).parents[2]
ZONES = ("zone-a", "zone-b", "zone-c")


def pod(node: int) -> str:
    return f"qdrant-{node}"


class Kubernetes:
    """Pods and nodes as far as the rebalancer asks for them: pod N runs on node N, in a zone by turns."""

    def __init__(self, folder: Path, zones: Sequence[str] = ZONES) -> None:
        class Api(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                number = int(self.path.rpartition("-")[2])
                labels = {"topology.kubernetes.io/zone": zones[number % len(zones)]}
                pods = "/pods/" in self.path
                body = {"spec": {"nodeName": f"node-{number}"}} if pods else {"metadata": {"labels": labels}}
                known = self.headers["authorization"] == "Bearer account-token"
                self.send_response(200 if known else 401)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._account = folder / "account"
        self._account.mkdir(exist_ok=True)
        (self._account / "token").write_text("account-token")
        (self._account / "namespace").write_text("somafractalmemory")

    @property
    def environment(self) -> dict[str, str]:
        return {
            "KUBERNETES_URL": f"http://127.0.0.1:{self._server.server_address[1]}",
            "SERVICE_ACCOUNT": str(self._account),
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def nodes(cluster: Cluster, count: int) -> dict[str, str]:
    """The nodes' URLs as a Job is told them."""
    return {pod(node): f"http://{cluster.address(node)}" for node in range(count)}


def start_job(module: str, folder: Path, plan: object, environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Starts a Job's file as its pod would; what it says stands in stdout."""
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "key").write_text(KEY + "\n")
    told = {
        "PYTHONPATH": str(ROOT),
        "COLLECTIONS_FILE": str(folder / "plan.json"),
        "REBALANCE_FILE": str(folder / "plan.json"),
        "BACKUP_FILE": str(folder / "plan.json"),
        "QDRANT_API_KEY_FILE": str(folder / "key"),
    }
    return subprocess.Popen(
        [sys.executable, "-u", "-m", f"components.files.{module}"],
        cwd=folder,
        env={**os.environ, **told, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
