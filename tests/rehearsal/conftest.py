"""One control plane for all tests of the tier, with the custom kinds that the program uses."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rehearsal import binaries, schemas
from rehearsal.controlplane import ControlPlane
from rehearsal.kube import Client
from rehearsal.progress import Progress

CUSTOM_KINDS = [
    ("k8s.nginx.org/v1", "Policy"),
    ("k8s.nginx.org/v1", "VirtualServer"),
    ("monitoring.coreos.com/v1", "PodMonitor"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
    ("postgresql.cnpg.io/v1", "Cluster"),
    ("postgresql.cnpg.io/v1", "Pooler"),
]

MakePlane = Callable[[str], ControlPlane]


def exists(pid: int) -> bool:
    """Whether a process runs; what is left of an ended one whose parent has not asked for it does not count."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.fixture(scope="session")
def tools() -> binaries.Binaries:
    return binaries.ensure(Progress(io.StringIO()))


@pytest.fixture(scope="session")
def kubectl() -> Path:
    """Built with the control plane."""
    found = binaries.ensure(Progress(io.StringIO()), (*binaries.REQUIRED, "kubectl")).kubectl
    assert found is not None
    return found


@pytest.fixture(scope="session")
def make_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakePlane]:
    """Control planes in a run directory of the tests' own; whatever runs there at the end is stopped."""
    home = tmp_path_factory.mktemp("rehearsal")
    made: list[ControlPlane] = []

    def make(region: str) -> ControlPlane:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SOMA_REHEARSAL_HOME", str(home))
            made.append(ControlPlane(region))
        return made[-1]

    yield make
    for plane in made:
        plane.stop()


@pytest.fixture(scope="session")
def control_plane(tools: binaries.Binaries, make_plane: MakePlane) -> ControlPlane:
    plane = make_plane("us-east")
    plane.start(tools, Progress(io.StringIO()))
    schemas.ensure_kinds(plane.admin(), CUSTOM_KINDS)
    return plane


@pytest.fixture(scope="session")
def kubeconfig(control_plane: ControlPlane) -> Path:
    return control_plane.kubeconfig


@pytest.fixture(scope="session")
def admin(kubeconfig: Path) -> Iterator[Client]:
    with Client.from_kubeconfig(kubeconfig) as client:
        yield client
