"""Lets volumes grow to what the settings state: asks for more in their claims, and looks until they have it.

A StatefulSet does not: its claim templates cannot be changed (k8s.io/kubernetes, pkg/apis/apps/validation,
ValidateStatefulSetUpdate), and are for claims that are still to be made. So each claim is asked for by its name.
Nothing is ever made smaller, and no pod is touched: the driver grows the disk and the kubelet its file system while
they are in use. Standard library only.
"""

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from components.files import api_server

PAUSE = 5.0
"""Seconds from one look to the next."""
NO_SUCH, FORBIDDEN, INVALID = 404, 403, 422
_UNITS = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": 1024**power for power, unit in enumerate("KMGTPE", 1)},
}
_QUANTITY = re.compile(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)")


class CannotGrowError(Exception):
    """What a claim is refused, in words with a remedy."""


def main() -> int:
    """Exit code 0 once every claim has its size, 1 where one is refused it or has it not in time.

    CLAIMS names a file with the size of each claim by its name, WAIT_SECONDS says for how long to look.
    """
    sizes: dict[str, str] = json.loads(Path(os.environ["CLAIMS"]).read_text(encoding="utf-8"))
    deadline = time.monotonic() + float(os.environ["WAIT_SECONDS"])
    said: dict[str, str] = {}
    while True:
        lagging, refused = _look(sizes, said)
        if refused:
            return 1
        if not lagging:
            say(f"every claim of {len(sizes)} has what is stated")
            return 0
        if time.monotonic() >= deadline:
            say(f"not in time: {', '.join(lagging)}: see docs/runbooks/grow-a-volume.md")
            return 1
        time.sleep(PAUSE)


def _look(sizes: Mapping[str, str], said: dict[str, str]) -> tuple[list[str], list[str]]:
    """Claims that have not their size yet, and those that are refused it; tells what is new of each."""
    lagging: list[str] = []
    refused: list[str] = []
    for name, size in sizes.items():
        try:
            there, words = _step(name, size, said)
        except CannotGrowError as error:
            there, words = False, f"is refused it: {error}"
            refused.append(name)
        except (OSError, ValueError, KeyError) as error:
            there, words = False, f"cannot be asked for: {error}"
        if not there:
            lagging.append(name)
        _tell(said, name, words)
    return lagging, refused


def _step(name: str, size: str, said: dict[str, str]) -> tuple[bool, str]:
    """Whether a claim has its size, and how it stands with it. Asks for it where nobody did."""
    path = f"/api/v1/namespaces/{api_server.namespace()}/persistentvolumeclaims/{name}"
    try:
        claim = api_server.get(path)
    except api_server.RefusedError as error:
        if error.status == NO_SUCH:
            return False, "is not there yet"
        raise
    if claim.get("status", {}).get("phase") != "Bound":
        return False, "has no volume yet"
    asked, wanted = claim["spec"]["resources"]["requests"]["storage"], amount(size)
    if amount(asked) > wanted:
        return True, f"asks for {asked}, more than the {size} that is stated: left so, for volumes only grow"
    if amount(asked) < wanted:
        claim = _ask(path, asked, size)
        _tell(said, name, f"is asked to grow from {asked} to {size}")
    capacity = claim["status"]["capacity"]["storage"]
    if amount(capacity) < wanted:
        return False, f"has {capacity} of {size}{''.join(_conditions(claim))}"
    return True, f"has {size}"


def _ask(path: str, has: str, size: str) -> dict[str, Any]:
    try:
        return api_server.patch(path, {"spec": {"resources": {"requests": {"storage": size}}}})
    except api_server.RefusedError as error:
        if error.status not in (FORBIDDEN, INVALID):
            raise
        raise CannotGrowError(
            f"stays at {has}: {error}: its storage class has to say allowVolumeExpansion: true, and quotas to allow it"
        ) from None


def _conditions(claim: Mapping[str, Any]) -> Iterator[str]:
    """What the driver and the kubelet say of it (PersistentVolumeClaimCondition)."""
    for condition in claim["status"].get("conditions") or []:
        if condition.get("status") == "True":
            yield f"; {condition['type']} {condition.get('message') or ''}".rstrip()


def amount(quantity: str) -> Decimal:
    """Bytes. Raises ValueError for what Kubernetes would not write."""
    found = _QUANTITY.fullmatch(quantity)
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"{quantity!r} is no amount of storage")
    return Decimal(found[1]) * _UNITS[found[2]]


def _tell(said: dict[str, str], name: str, words: str) -> None:
    if said.get(name) != words:
        said[name] = words
        say(f"{name} {words}")


def say(text: str) -> None:
    """One line of the Job's log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
