"""The checkout on another platform: its own regions, a run directory of their own, nothing of it changed."""

import io
import os
from pathlib import Path

import pytest
import yaml

from capacity import facts
from rehearsal import nodes, overlay, paths, run
from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from settings import Quantity
from settings.aws import STATELESS
from tests.engine.checkouts import checkout


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path / "run"))
    return checkout(tmp_path / "checkout")


def state(file: Path, key: str, value: object) -> None:
    document = yaml.safe_load(file.read_text())
    document["config"][f"somafractalmemory:{key}"] = value
    file.write_text(yaml.safe_dump(document))


def test_every_region_is_on_the_platform_and_says_all_else_as_before(source: Path) -> None:
    before = Project.load(source).settings()
    after = Project.load(overlay.on("aws", source)).settings()
    assert list(after) == list(before) == ["us-east", "us-west"]
    assert {settings.platform for settings in after.values()} == {"aws"}
    for region, settings in after.items():
        assert settings.aws.account == overlay.ACCOUNT
        assert settings.memory == before[region].memory
        assert settings.multiregion == before[region].multiregion
    assert {settings.platform for settings in Project.load(source).settings().values()} == {"kubernetes"}


def test_nodes_of_a_region_that_moves_have_room_for_all_pods_that_its_autoscaler_may_have(source: Path) -> None:
    for settings in Project.load(overlay.on("aws", source)).settings().values():
        stateless = next(group for group in nodes.groups(settings, 0) if group.use == STATELESS)
        a_pod = float(settings.memory_resources.requests.cpu.value) + facts.GATEWAYS_CPU.value
        a_node = int(float(Quantity(stateless.capacity["cpu"]).value) / a_pod)
        zones = len(stateless.zones)
        assert stateless.per_zone * a_node >= -(-settings.memory.autoscaling.max_replicas // zones)


def test_nodes_that_a_workload_plans_or_a_stack_of_aws_leaves_open_are_its_own(source: Path) -> None:
    state(source / "Pulumi.us-east.yaml", "workload", {"memories_per_day": 1})
    state(source / "Pulumi.us-west.yaml", "platform", "aws")
    after = Project.load(overlay.on("aws", source))
    for region in ("us-east", "us-west"):
        assert "nodes" not in after.values(region)["somafractalmemory:aws"]


def test_an_account_that_is_stated_stands(source: Path) -> None:
    state(source / "Pulumi.us-east.yaml", "aws", {"account": "210987654321"})
    after = Project.load(overlay.on("aws", source))
    assert after.values("us-east")["somafractalmemory:aws"]["account"] == "210987654321"


ELSEWHERE = {
    "aws": {
        "backups": {"retention_days": 40, "s3": {"endpoint": "https://objects.example.com", "bucket": "soma"}},
        "kubernetes": {"context": "mine", "zones": {"zone-a": "a", "zone-b": "b", "zone-c": "c"}},
    },
    "kubernetes": {"platform": "aws", "aws": {"account": "210987654321"}, "backups": {"copy_region": "us-east-2"}},
}


@pytest.mark.parametrize("platform", ELSEWHERE)
def test_what_only_another_platform_knows_is_left_out(source: Path, platform: str) -> None:
    for key, value in ELSEWHERE[platform].items():
        state(source / "Pulumi.us-east.yaml", key, value)
    listed = Project.load(source).values("us-east")["somafractalmemory:multiregion"]
    if platform == "aws":
        file = yaml.safe_load((source / "Pulumi.yaml").read_text())
        for number, region in enumerate(file["config"]["multiregion"]["default"]["regions"]):
            region |= {"address": f"memory-{number}.example.com", "postgresql_address": f"10.{number}.0.1"}
        (source / "Pulumi.yaml").write_text(yaml.safe_dump(file))
    after = Project.load(overlay.on(platform, source))
    assert {settings.platform for settings in after.settings().values()} == {platform}
    assert after.values("us-east")["somafractalmemory:multiregion"] == listed


@pytest.mark.parametrize(("platform", "said"), [("aws", "kubernetes.zones"), ("kubernetes", "aws")])
def test_on_the_platform_that_it_states_a_checkout_is_judged_as_it_is(source: Path, platform: str, said: str) -> None:
    for file in source.glob("Pulumi.us-*.yaml"):
        if platform == "aws":
            state(file, "platform", "aws")
    stated = {"aws": {"kubernetes": ELSEWHERE["aws"]["kubernetes"]}, "kubernetes": {"aws": {"account": "210987654321"}}}
    for key, value in stated[platform].items():
        state(source / "Pulumi.us-east.yaml", key, value)
    with pytest.raises(RehearsalError, match=rf"{said} .*without effect on the platform {platform}"):
        Project.load(overlay.on(platform, source)).settings()


def test_a_region_without_a_file_has_one(source: Path) -> None:
    (source / "Pulumi.us-west.yaml").unlink()
    assert (overlay.on("kubernetes", source) / "Pulumi.us-west.yaml").exists()


def test_the_program_is_the_checkouts_and_the_run_directory_is_not(source: Path, tmp_path: Path) -> None:
    overlaid = overlay.on("aws", source)
    assert (overlaid / "__main__.py").resolve() == source / "__main__.py"
    assert paths.home() == tmp_path / "run-aws"
    assert overlaid.is_relative_to(paths.home())
    os.environ["SOMA_REHEARSAL_HOME"] = str(tmp_path / "run")
    (source / "Pulumi.us-west.yaml").write_text((source / "Pulumi.us-west.yaml").read_text() + "# more\n")
    assert overlay.on("aws", source) == overlaid, "again, over what is there"


def test_it_is_taken_for_no_region(source: Path) -> None:
    overlaid = overlay.on("aws", source)
    (paths.home() / "us-east").mkdir()
    standing = run.Rehearsal(Progress(io.StringIO()), "in-process", overlaid).status()
    assert [one.region for one in standing] == ["us-east", "us-west"]
    assert run.down(Progress(io.StringIO())) == ("us-east",)


def test_a_command_that_runs_in_it_misses_nothing_while_another_one_writes_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlaid = overlay.on("aws", source)
    names = {file.name for file in overlaid.iterdir()}
    assert {"__main__.py", "Pulumi.yaml", "Pulumi.us-east.yaml", "Pulumi.us-west.yaml", "components"} <= names
    seen: list[set[str]] = []
    texts: list[str] = []
    replace = Path.replace

    def look() -> None:
        seen.append({name for name in names if (overlaid / name).exists()})
        texts.extend(one.read_text() for one in overlaid.glob("Pulumi*.yaml"))

    def looking(new: Path, file: Path) -> Path:
        look()
        replaced = replace(new, file)
        look()
        return replaced

    monkeypatch.setattr(Path, "replace", looking)
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path / "run"))
    state(source / "Pulumi.us-east.yaml", "aws", {"account": "210987654321"})
    assert overlay.on("aws", source) == overlaid
    assert len(seen) == 2 * len(names)
    assert all(found == names for found in seen)
    assert all(text.endswith("\n") for text in texts), "no file is half there"
    assert "210987654321" in (overlaid / "Pulumi.us-east.yaml").read_text()


def test_what_left_the_checkout_leaves_it_too(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "notes.md").write_text("more\n")
    overlaid = overlay.on("aws", source)
    assert (overlaid / "notes.md").exists()
    (source / "notes.md").unlink()
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path / "run"))
    overlay.on("aws", source)
    assert not (overlaid / "notes.md").is_symlink()
    assert not [file.name for file in overlaid.iterdir() if file.name.startswith(".new-")]
