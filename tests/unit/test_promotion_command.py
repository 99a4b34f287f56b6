"""The promotion command as its user meets it: the plan, the question, refusals; regions are imagined."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from promotion import losses
from promotion.__main__ import main
from promotion.errors import PromotionError
from promotion.files import Checkout
from promotion.losses import Lag
from rehearsal import paths
from settings.shared import shared

SECRETS = {"memory_tokens": "[secret]", "postgresql_replication": "[secret]"}


class Imagined:
    """Regions whose clusters do at once what their stacks declare."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.away: set[str] = set()
        self.behind = "4096|140|140"
        self.received: dict[str, str] = {}
        self.taken: dict[str, Any] | None = None
        self.done: list[tuple[str, str]] = []
        self.said: dict[str, dict[str, Any]] = {
            name: {**SECRETS, "home": "us-east", "promotion": "", "role": role}
            for name, role in (("us-east", "home"), ("us-west", "standby"))
        }
        self.clusters: dict[str, dict[str, Any] | None] = {name: self._cluster(name, "us-east") for name in self.said}

    def _cluster(self, name: str, home: str, **status: str) -> dict[str, Any]:
        replica = {"self": f"postgresql-{name}", "primary": f"postgresql-{home}"}
        return {"spec": {"replica": replica}, "status": {"readyInstances": 3, **status}}

    def outputs(self, region: str) -> Mapping[str, Any]:
        return self.said[region]

    def up(self, region: str) -> None:
        settings = Checkout(self.directory).settings()[region]
        self.done.append(("up", region))
        role = "home" if settings.is_home else "standby"
        step = settings.promotion.step or ""
        self.said[region] = {**SECRETS, "home": settings.home, "role": role, "promotion": step}
        self.said[region]["shared"] = shared(settings)
        left = {"demotionToken": "dG9rZW4="} if step == "demote" else {}
        self.clusters[region] = self._cluster(region, settings.home, **left)

    def fence(self, region: str, outputs: Mapping[str, str]) -> None:
        self.done.append(("fence", region))
        self.said[region] |= outputs

    def forget_cluster(self, region: str) -> None:
        self.done.append(("forget", region))

    def answers(self, region: str) -> bool:
        return region not in self.away

    def cluster(self, region: str) -> Mapping[str, Any] | None:
        assert region not in self.away
        return self.clusters[region]

    def snapshots(self, region: str) -> Mapping[str, Any] | None:
        if region in self.away:
            raise PromotionError(f"{region} does not answer")
        return self.taken

    def service_pods(self, region: str) -> list[Mapping[str, Any]]:
        assert region not in self.away
        return []

    def delete_cluster(self, region: str) -> None:
        self.done.append(("delete", region))
        self.clusters[region] = None

    def query(self, region: str, statement: str) -> str | None:
        assert region not in self.away
        if statement == losses.RECEIVED:
            return self.received.get(region, "4096|0")
        return self.behind if statement == losses.BEHIND else "4096"


@pytest.fixture
def regions(tmp_path: Path) -> Imagined:
    for file in paths.CHECKOUT.glob("Pulumi*.yaml"):
        shutil.copy(file, tmp_path)
    return Imagined(tmp_path)


def run(regions: Imagined, *arguments: str) -> int:
    return main([*arguments, "--directory", str(regions.directory)], lambda _: regions)


def files(regions: Imagined) -> dict[str, str]:
    return {file.name: file.read_text() for file in regions.directory.iterdir()}


def test_it_shows_what_the_handbook_shows(
    regions: Imagined, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    regions.away = {"us-east"}
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "n")
    before = files(regions)
    assert run(regions, "us-west") == 1
    shown = capsys.readouterr()
    handbook = (paths.CHECKOUT / "docs" / "promotion.md").read_text()
    assert f"```text\n{shown.out}{asked[0].rstrip()}\n```" in handbook
    assert shown.err == "nothing was changed\n"
    assert files(regions) == before
    assert regions.done == []


def test_a_switchover_ends_with_home_moved_and_no_record_left(
    regions: Imagined, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(regions, "us-west", "--yes") == 0
    assert "nothing is lost: it catches up before it takes over" in capsys.readouterr().out
    assert [said["home"] for said in regions.said.values()] == ["us-west", "us-west"]
    assert not [name for name, text in files(regions).items() if "python -m promotion" in text]
    assert [region for _, region in regions.done] == ["us-east", "us-east", "us-west", "us-west", "us-east"]


def test_a_standby_that_is_too_far_behind_is_refused_unless_the_loss_is_accepted(
    regions: Imagined, capsys: pytest.CaptureFixture[str]
) -> None:
    regions.away, regions.behind = {"us-east"}, "4096||301"
    before = files(regions)
    assert run(regions, "us-west", "--yes") == 1
    assert "at most 301 s behind, multiregion.rpo_seconds allows 300" in capsys.readouterr().err
    assert files(regions) == before
    assert run(regions, "us-west", "--yes", "--accept-loss") == 0
    assert "us-east stays fenced and does not answer" in capsys.readouterr().out
    assert ("fence", "us-east") in regions.done


def test_a_failover_while_home_is_still_heard_needs_a_word_of_its_own(
    regions: Imagined, capsys: pytest.CaptureFixture[str]
) -> None:
    regions.away, regions.received = {"us-east"}, {"us-west": "4096|1"}
    before = files(regions)
    assert run(regions, "us-west", "--yes", "--accept-loss") == 1
    assert "us-west   still streams from home" in capsys.readouterr().err
    assert files(regions) == before
    assert regions.done == []
    assert run(regions, "us-west", "--yes", "--though-streaming") == 0
    assert ("fence", "us-east") in regions.done


def test_a_switchover_is_free_to_stream(regions: Imagined) -> None:
    regions.received = {"us-west": "4096|1"}
    assert run(regions, "us-west", "--yes") == 0


def test_a_fenced_region_is_deleted_made_known_as_gone_and_brought_up(regions: Imagined) -> None:
    regions.away = {"us-east"}
    assert run(regions, "us-west", "--yes") == 0
    regions.away.clear()
    regions.done.clear()
    assert run(regions, "us-west", "--yes") == 0
    assert regions.done == [("delete", "us-east"), ("forget", "us-east"), ("up", "us-east")]
    assert Checkout(regions.directory).settings()["us-west"].generations == {"us-east": 2, "us-west": 1}


def test_the_second_time_that_one_is_cloned_its_generation_is_raised_by_one_more(regions: Imagined) -> None:
    for home, lost in (("us-west", "us-east"), ("us-east", "us-west"), ("us-west", "us-east")):
        regions.away = {lost}
        assert run(regions, home, "--yes") == 0
        regions.away = set()
        regions.clusters[lost] = regions._cluster(lost, lost)
        assert run(regions, home, "--yes") == 0
    assert Checkout(regions.directory).settings()["us-west"].generations == {"us-east": 3, "us-west": 2}


def test_of_two_homes_one_is_given_up_by_name(regions: Imagined, capsys: pytest.CaptureFixture[str]) -> None:
    regions.clusters["us-west"] = regions._cluster("us-west", "us-west")
    assert run(regions, "us-east", "--yes") == 1
    assert "both believe to be home" in capsys.readouterr().err
    assert run(regions, "us-east", "--yes", "--fence", "us-west") == 0
    assert ("delete", "us-west") in regions.done
    replica = (regions.clusters["us-west"] or {})["spec"]["replica"]
    assert replica["primary"] == "postgresql-us-east"


def test_an_unknown_region_and_a_folder_without_a_project_are_told(
    regions: Imagined, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(regions, "us-wets", "--yes") == 1
    assert "name one of us-east, us-west" in capsys.readouterr().err
    assert main(["us-west", "--directory", str(tmp_path / "elsewhere")], lambda _: regions) == 1
    assert "run the command in the checkout of the project" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "home", "lag"),
    [
        ("4096|2|9", "us-east", Lag(0, 0.0)),
        ("1024|2|9", "us-east", Lag(3072, 2.0)),
        ("1024||9", None, Lag(None, 9.0)),
        ("||", None, Lag(None, None)),
        (None, "us-east", Lag(None, None)),
    ],
)
def test_how_far_a_standby_is_behind(regions: Imagined, row: str | None, home: str | None, lag: Lag) -> None:
    regions.behind = row  # pyright: ignore[reportAttributeAccessIssue]  (None: it does not say)
    assert losses.lag(regions, "us-west", home) == lag


def test_a_postgresql_that_cannot_be_promoted_ends_the_wait(
    regions: Imagined, capsys: pytest.CaptureFixture[str]
) -> None:
    up = regions.up

    def broken(region: str) -> None:
        up(region)
        if region == "us-west":
            phase = "Cluster is unrecoverable and needs manual intervention"
            cluster = regions._cluster("us-west", "us-west", phase=phase, phaseReason="the token")
            cluster["spec"]["replica"]["promotionToken"] = "dG9rZW4="
            regions.clusters["us-west"] = cluster

    regions.up = broken
    assert run(regions, "us-west", "--yes") == 1
    assert "us-west: PostgreSQL: Cluster is unrecoverable" in capsys.readouterr().err


NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (None, "none is taken: "),
        ({"status": {}}, "none has been finished yet: "),
        ({"status": {"lastSuccessfulTime": "2026-03-01T02:29:31Z"}}, "9 h 30 min old"),
        ({"status": {"lastSuccessfulTime": "2026-03-01T12:00:05Z"}}, "0 h 0 min old"),
    ],
)
def test_how_old_the_newest_snapshot_is(regions: Imagined, job: dict[str, Any] | None, words: str) -> None:
    regions.taken = job
    assert losses.newest_snapshot(regions, "us-east", NOW).startswith(words)


def test_of_a_home_that_does_not_answer_nobody_says_how_old_its_snapshots_are(regions: Imagined) -> None:
    regions.away.add("us-east")
    for home in ("us-east", None):
        assert losses.newest_snapshot(regions, home, NOW).startswith("nobody says: the old home does not answer")
