"""Regions that are up while the tests of this folder run, brought up once: files of another part bring up their own."""

from collections.abc import Iterator

import pytest

from tests.rehearsal.aws.stand import Document, Stand
from tests.rehearsal.stand import REGIONS


@pytest.fixture(scope="package")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    stand = Stand(tmp_path_factory.mktemp("aws"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOMA_REHEARSAL_HOME", str(stand.run))
        try:
            yield stand
        finally:
            ended = stand.down()
    assert set(ended) >= set(REGIONS)


@pytest.fixture(scope="package")
def first(stand: Stand) -> Document:
    """What the first `up` ended with."""
    return stand.up()
