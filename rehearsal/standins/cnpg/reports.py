"""Asks real instances for their state, through the API server: their pods need not be reachable from here."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rehearsal.kube import Client, KubeError
from rehearsal.standins.cnpg.decision import Report

SECONDS = 3.0
"""Longest wait for one instance: a cut zone answers nothing, not even a refusal."""
STATUS = "/api/v1/namespaces/{namespace}/pods/https:{name}:8000/proxy/pg/status"


class Reports:
    """The states of instances."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="report")

    def ask(self, namespace: str, names: Iterable[str]) -> dict[str, Report]:
        """What each of these instances says, all asked at once; those that do not answer are left out."""
        wanted = list(names)
        found = self._pool.map(lambda name: self._one(namespace, name), wanted)
        return {name: report for name, report in zip(wanted, found, strict=True) if report is not None}

    def _one(self, namespace: str, name: str) -> Report | None:
        try:
            said = self._client.call(
                "GET", STATUS.format(namespace=namespace, name=name), idempotent=False, timeout=SECONDS
            )
        except KubeError:
            return None
        return read(said)


def read(said: Mapping[str, Any]) -> Report:
    """What an instance's status page says. WAL that was replayed counts as received: a replica that has not streamed
    since it started says nothing of what it received (pkg/management/postgres/probes.go, fillStatusFromReplica)."""
    current, received, replayed = (_number(said.get(key)) for key in ("currentLsn", "receivedLsn", "replayLsn"))
    return Report(
        primary=bool(said.get("isPrimary")),
        receiving=bool(said.get("isWalReceiverActive")),
        lsn=max(current, received, replayed),
        replayed=replayed,
        timeline=int(said.get("timeLineID") or 1),
    )


def _number(lsn: str | None) -> int:
    """A place in the WAL, `16/B374D848`, as a number; 0 for none."""
    high, _, low = (lsn or "0/0").partition("/")
    return (int(high, 16) << 32) + int(low, 16)
