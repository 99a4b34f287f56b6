"""The program on real nodes, once for all tests of the tier."""

import contextlib
import io
from collections.abc import Iterator

import pytest

from tests.dataplane.cluster import bringing
from tests.dataplane.cluster.faults import Faults
from tests.dataplane.cluster.prometheus import Prometheus
from tests.dataplane.cluster.stand import Stand

BRINGING_UP_SECONDS = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test waits for the whole program."""
    own = [item for item in items if item.path.is_relative_to(bringing.STACK.parent)]
    if own and own[0].get_closest_marker("timeout") is None:
        own[0].add_marker(pytest.mark.timeout(BRINGING_UP_SECONDS))


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """The cluster with the program up, every pod of it ready; it ends with its tests, for later ones measure too."""
    said = io.StringIO()
    with contextlib.ExitStack() as stack:
        try:
            stand = stack.enter_context(bringing.standing(tmp_path_factory.mktemp("region"), said))
        except Exception as error:
            error.add_note(said.getvalue())
            raise
        yield stand


@pytest.fixture
def faults(cluster: Stand) -> Iterator[Faults]:
    """What can go wrong in the cluster; all that the test left broken is mended after it."""
    made = Faults(cluster)
    yield made
    made.mend()


@pytest.fixture(scope="module")
def prometheus(cluster: Stand, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that watches the cluster while the tests of a module run."""
    assert cluster.own is not None
    made = Prometheus(cluster, cluster.own, tmp_path_factory.mktemp("prometheus"))
    try:
        made.start()
        yield made
    finally:
        made.stop()
