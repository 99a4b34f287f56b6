"""The directories that the controller manager's host-path provisioner makes, found again and removed."""

import re
import shutil
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

_MADE = re.compile(rb"/tmp/hostpath_pv/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
"""The provisioner's place, fixed in its code (k8s.io/kubernetes, pkg/volume/hostpath/host_path.go)."""
PLACE = Path("/tmp/hostpath_pv")  # noqa: S108 not ours to choose


def remove(etcd_data: Path) -> None:
    """Removes every directory that was ever provisioned for the cluster whose etcd kept its data here.

    Read from etcd's files, where the paths of PersistentVolumes stand in plain text: so it needs no server that runs,
    and finds volumes whose object is gone (reclaim policy Retain) or that a crash left.
    """
    for name in provisioned(etcd_data):
        shutil.rmtree(PLACE / name, ignore_errors=True)
    try:
        PLACE.rmdir()
    except OSError:
        return  # not there, or another cluster's volumes are still in it


def provisioned(etcd_data: Path) -> set[str]:
    """Names of the directories below PLACE that etcd's files mention."""
    return {match.decode() for file in _files(etcd_data) for match in _mentions(file)}


def _files(etcd_data: Path) -> Iterator[Path]:
    yield from etcd_data.glob("member/snap/db")
    yield from etcd_data.glob("member/wal/*.wal")


def _mentions(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return []
        with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            return _MADE.findall(content)
