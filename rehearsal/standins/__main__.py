"""Runs the stand-ins of one region until SIGTERM: `python -m rehearsal.standins --kubeconfig K --state DIR`."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from rehearsal.errors import RehearsalError
from rehearsal.kube import Client
from rehearsal.standins.cnpg.operator import Operator
from rehearsal.standins.informer import Informer
from rehearsal.standins.ingress import IngressController
from rehearsal.standins.load_balancer import LoadBalancer
from rehearsal.standins.log import note
from rehearsal.standins.loop import Loop
from rehearsal.standins.metrics import Metrics
from rehearsal.standins.volumes import Volumes

FAREWELL_SECONDS = 2.0
"""How long the end waits for the API server, which may be ending itself."""


def main() -> int:
    """Starts every stand-in and waits for the signal to end."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.standins", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="how to reach the region's API server")
    parser.add_argument("--state", type=Path, required=True, help="directory for what the stand-ins keep")
    parser.add_argument("--region", default="", help="name of the region: addresses differ from region to region")
    parser.add_argument(
        "--servers",
        choices=("simulated", "real"),
        default="simulated",
        help="whether the pods of CloudNativePG run servers",
    )
    given = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        client = Client.from_kubeconfig(given.kubeconfig)
    except RehearsalError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    given.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    metrics = _start(client, given.region, given.state, real=given.servers == "real")
    ended.wait()
    farewell = threading.Thread(target=metrics.withdraw, daemon=True)
    farewell.start()
    farewell.join(FAREWELL_SECONDS)
    note("stand-ins", "ended")
    return 0


def _start(client: Client, region: str, state: Path, real: bool) -> Metrics:
    metrics = Metrics(client, state)
    operator = Operator(client, region, real)
    standins = (LoadBalancer(client, region), IngressController(client, region), Volumes(client), operator, metrics)
    informers = [informer for standin in standins for informer in standin.informers]
    kinds = Informer(client, "apiextensions.k8s.io/v1", "CustomResourceDefinition")
    kinds.listen(lambda _: _kinds_changed(informers))
    for informer in (kinds, *informers):
        informer.start()
    for standin in standins:
        threading.Thread(target=_begin, args=(standin.informers, standin.loops), daemon=True).start()
    note("stand-ins", f"watching {client.server}")
    return metrics


def _begin(informers: Sequence[Informer], loops: Sequence[Loop]) -> None:
    """Starts the work of a stand-in when it has seen all it looks at: what is not listed yet is not missing."""
    for informer in informers:
        informer.wait()
    for loop in loops:
        loop.start()


def _kinds_changed(informers: list[Informer]) -> None:
    for informer in informers:
        informer.kinds_changed()


if __name__ == "__main__":
    sys.exit(main())
