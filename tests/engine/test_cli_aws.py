"""Regions on AWS by the real engine: the simulated account attached to it, under real control planes."""

from collections.abc import Iterator

import pytest

from rehearsal.engine import cli_workspace
from rehearsal.engine.cli import PulumiEngine
from rehearsal.engine.model import Change
from rehearsal.errors import RehearsalError
from rehearsal.overlay import ON_AWS
from rehearsal.progress import Progress
from rehearsal.summary import RegionSummary, Summary
from tests.rehearsal.stand import NAMESPACE, REGIONS, Stand, standing


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("cli-aws"), PulumiEngine.name) as stand:
        for region in REGIONS:
            stand.set(region, "platform", "aws")
            stand.set(region, "aws", ON_AWS)
        yield stand


@pytest.fixture(scope="module")
def previewed(stand: Stand) -> Summary:
    """What a preview from nothing said."""
    return stand.rehearsal().preview()


@pytest.fixture(scope="module")
def first(stand: Stand, previewed: Summary) -> Summary:
    """What the first `up` ended with."""
    del previewed
    return stand.up()


def changes(region: RegionSummary) -> set[Change]:
    """What happens to its resources; those that are only read stay the same."""
    return {step.change for step in region.outcome.steps} - {Change.SAME}


def test_a_preview_creates_all_and_keeps_nothing(previewed: Summary) -> None:
    assert [changes(region) for region in previewed.regions] == [{Change.CREATE}] * len(REGIONS)
    assert not cli_workspace.account_file().exists()


def test_both_regions_come_up_from_nothing(first: Summary) -> None:
    for region in first.regions:
        assert changes(region) == {Change.CREATE}, region.region
        assert all(zone.settled for zone in region.pods.values()), region.region


def test_a_second_up_changes_nothing(first: Summary, stand: Stand) -> None:
    del first
    assert stand.up().unchanged


@pytest.mark.parametrize("region", REGIONS)
def test_what_holds_data_cannot_be_destroyed(first: Summary, stand: Stand, region: str) -> None:
    del first
    with pytest.raises(RehearsalError, match="protected"):
        PulumiEngine(stand.directory).destroy(region, Progress(stand.said))
    assert stand.client(region).find("apps/v1", "StatefulSet", "qdrant", NAMESPACE) is not None
