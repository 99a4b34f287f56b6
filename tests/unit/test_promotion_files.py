"""What the promotion command writes into Pulumi.yaml and the stack files, with everything else kept as it is."""

import shutil
import stat
from pathlib import Path

import pytest
import yaml

from promotion.errors import PromotionError
from promotion.files import Checkout, generation_stated, home_moved
from rehearsal import paths
from settings import Promotion, SettingsError

HOLD = Promotion(home="us-west", former="us-east", step="hold")
PROMOTE = Promotion(home="us-west", former="us-east", step="promote", token="bG9uZw==")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    for file in paths.CHECKOUT.glob("Pulumi*.yaml"):
        shutil.copy(file, tmp_path)
    return Checkout(tmp_path)


def test_a_record_is_read_as_it_was_written_and_leaves_nothing_behind(checkout: Checkout, tmp_path: Path) -> None:
    before = (tmp_path / "Pulumi.us-west.yaml").read_text()
    checkout.record("us-west", PROMOTE)
    assert checkout.settings()["us-west"].promotion == PROMOTE
    assert checkout.settings()["us-west"].is_home
    checkout.record("us-west", Promotion())
    assert (tmp_path / "Pulumi.us-west.yaml").read_text() == before


def test_a_record_takes_the_place_of_the_one_before(checkout: Checkout, tmp_path: Path) -> None:
    for step in ("hold", "demote"):
        checkout.record("us-east", HOLD.model_copy(update={"step": step}))
    assert (tmp_path / "Pulumi.us-east.yaml").read_text().count("promotion:") == 1
    assert checkout.settings()["us-east"].home == "us-west"


def test_what_the_cli_writes_into_a_stack_file_stays_beside_it(checkout: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.us-east.yaml"
    file.write_text(f"{file.read_text()}encryptionsalt: v1:abc\n")
    checkout.record("us-east", HOLD)
    assert yaml.safe_load(file.read_text())["encryptionsalt"] == "v1:abc"
    assert checkout.settings()["us-east"].promotion == HOLD


def test_a_file_keeps_its_mode_and_stays_where_a_link_points(checkout: Checkout, tmp_path: Path) -> None:
    link = tmp_path / "Pulumi.us-east.yaml"
    file = link.rename(tmp_path / "kept.yaml")
    link.symlink_to(file.name)
    file.chmod(0o640)
    checkout.record("us-east", HOLD)
    assert link.is_symlink() and "promotion:" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_region_without_a_stack_file_gets_one_for_its_record(checkout: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.us-west.yaml"
    file.unlink()
    with pytest.raises(SettingsError):
        checkout.record("us-west", HOLD)
    assert "promotion:" in file.read_text()


def test_a_record_by_hand_is_not_overwritten(checkout: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.us-east.yaml"
    file.write_text(file.read_text() + "  somafractalmemory:promotion: {home: us-west, former: us-east, step: hold}\n")
    with pytest.raises(PromotionError, match="stands there by hand"):
        checkout.record("us-east", Promotion())


def test_home_moves_in_the_projects_file_and_no_comment_goes(checkout: Checkout, tmp_path: Path) -> None:
    before = (tmp_path / "Pulumi.yaml").read_text()
    checkout.move_home("us-west")
    after = (tmp_path / "Pulumi.yaml").read_text()
    assert {name: one.home for name, one in checkout.settings().items()} == {"us-east": "us-west", "us-west": "us-west"}
    assert sorted(before.splitlines()) == sorted(after.splitlines())
    checkout.move_home("us-east")
    assert (tmp_path / "Pulumi.yaml").read_text() == before


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("      home: us-east\n", "      home: us-west\n"),
        ('      home: "us-east" # here\n', "      home: us-west # here\n"),
        (
            "- {name: us-east, aws_region: a, primary: true}\n- {name: us-west, aws_region: b}\n",
            "- {name: us-east, aws_region: a}\n- {name: us-west, primary: true, aws_region: b}\n",
        ),
    ],
)
def test_home_is_named_as_it_was(text: str, moved: str) -> None:
    assert home_moved(text, "us-west") == moved


def test_a_project_without_a_list_of_regions_has_nothing_to_move(checkout: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.yaml"
    file.write_text(file.read_text().replace("enabled: true", "enabled: false"))
    with pytest.raises(PromotionError, match="lists no regions"):
        checkout.settings()


def test_a_list_of_regions_in_a_stack_file_is_refused(checkout: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.us-east.yaml"
    file.write_text(file.read_text() + "  somafractalmemory:multiregion: {home: us-east}\n")
    with pytest.raises(PromotionError, match=r"Pulumi\.us-east\.yaml: multiregion stands once"):
        checkout.settings()


LISTED = """# kept
    regions: # in order
      - name: us-east # first
        primary: true
        resources:
          requests: {cpu: "8"}
      - name: us-east-2
        generation: 7
      - name: us-west
        generation: 2 # twice
        aws_region: us-west-2
"""
IN_A_LINE = (
    "  regions: [{name: us-east-2, generation: 7}, {name: us-east, primary: true}, {generation: 2, name: us-west}]\n"
)


@pytest.mark.parametrize("text", [LISTED, IN_A_LINE])
@pytest.mark.parametrize(("region", "number"), [("us-east", 2), ("us-west", 3), ("us-east-2", 8)])
def test_a_generation_is_stated_of_one_region_and_nothing_else_changes(text: str, region: str, number: int) -> None:
    def listed(said: str) -> dict[str, dict[str, object]]:
        return {one["name"]: one for one in yaml.safe_load(said)["regions"]}

    after = generation_stated(text, region, number)
    assert listed(after) == {**listed(text), region: {**listed(text)[region], "generation": number}}
    assert after.count("#") == text.count("#")


def test_an_entry_that_is_written_in_another_way_is_left_to_the_reader(checkout: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.yaml"
    file.write_text(file.read_text().replace("- name: us-west", '- "name": us-west'))
    before = file.read_text()
    with pytest.raises(PromotionError, match="write `generation: 2` to us-west by hand"):
        checkout.raise_generation("us-west", 2)
    assert file.read_text() == before


def test_a_secret_of_a_stack_file_stays_closed_and_stops_nothing(checkout: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.us-east.yaml"
    keys = "{access_key_id: {secure: v1:abc}, secret_access_key: {secure: v1:def}}"
    s3 = f"  somafractalmemory:backups: {{s3: {{endpoint: 'https://s3.example.com', bucket: soma, {keys[1:-1]}}}}}\n"
    file.write_text(file.read_text().replace("config:\n", f"config:\n{s3}"))
    assert checkout.settings()["us-east"].backups.s3 is not None
    checkout.record("us-east", HOLD)
    assert s3 in file.read_text()


def test_home_moves_from_an_entry_with_a_word_beside_it() -> None:
    text = "regions:\n  - name: us-east\n    primary: true  # for now\n  - name: us-west\n"
    listed = yaml.safe_load(home_moved(text, "us-west"))["regions"]
    assert listed == [{"name": "us-east"}, {"name": "us-west", "primary": True}]
