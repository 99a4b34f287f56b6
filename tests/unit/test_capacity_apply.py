"""`python -m capacity apply`: a stack file with a plan in it, its comments kept, nothing taken away."""

import errno
import json
import os
import re
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from capacity import cost, files, prices
from capacity.as_set import layout, sized
from capacity.command import main
from capacity.plan import EDGE_POD, Plan, plan_on

ROOT = Path(__file__).parents[2]
LOAD = ["memories_per_day=20", "concurrent_users=5", "objectives.latency_ms=20000", "start=2026-01-01"]
SMALL = {"requests": {"cpu": "250m", "memory": "768Mi"}, "limits": {"cpu": "2", "memory": "1536Mi"}}

OPERATORS = {"account": "123456789012", "cluster": {"admins": ["arn:aws:iam::123456789012:role/operators"]}}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Pulumi.yaml", "Pulumi.us-east.yaml", "Pulumi.us-west.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def applied(checkout: Path, *more: str, stack: str = "us-east") -> int:
    return main(["apply", "--stack", stack, "--directory", str(checkout), "--new", "--yes", *LOAD, *more])


def test_apply_shows_the_difference_and_writes_nothing_unasked(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (checkout / "Pulumi.us-east.yaml").read_text()
    monkeypatch.setattr("sys.stdin", None, raising=False)
    monkeypatch.setattr("capacity.command._agreed", lambda: False)
    assert main(["apply", "--stack", "us-east", "--directory", str(checkout), "--new", *LOAD]) == 0
    said = capsys.readouterr().out
    assert "+  somafractalmemory:qdrant:" in said and "nothing was written" in said
    assert re.search(rf"^us-east: [\d,]+ USD a month by prices of {prices.own().date}$", said, re.M)
    assert (checkout / "Pulumi.us-east.yaml").read_text() == before


def test_apply_keeps_comments_and_settings_take_what_it_wrote(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = checkout / "Pulumi.us-east.yaml"
    comments = re.findall(r"#.*", file.read_text())
    arguments = ["apply", "--stack", "us-east", "--directory", str(checkout), "--new", "--yes", *LOAD]
    assert main(arguments) == 0
    assert re.findall(r"#.*", file.read_text()) == comments
    written = yaml.safe_load(file.read_text())["config"]
    assert written["somafractalmemory:memory"]["image"].startswith("ghcr.io/")
    assert written["somafractalmemory:sharding"] == {"shards": 12, "replication_factor": 2}
    capsys.readouterr()
    assert main(arguments) == 0
    assert "says all this already" in capsys.readouterr().out


def test_apply_puts_the_file_in_place_at_once_with_its_mode_and_where_a_link_points(checkout: Path) -> None:
    link = checkout / "Pulumi.us-east.yaml"
    (checkout / "kept").mkdir()
    file = link.rename(checkout / "kept" / "us-east.yaml")
    link.symlink_to(Path("kept") / file.name)
    file.chmod(0o640)
    before = file.read_text()
    with file.open() as reader:
        assert main(["apply", "--stack", "us-east", "--directory", str(checkout), "--new", "--yes", *LOAD]) == 0
        assert reader.read() == before, "who reads it meanwhile gets a file that is being written"
    assert link.is_symlink() and file.read_text() != before
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(file.parent.iterdir()) == [file]


def test_apply_to_a_disk_that_is_full_leaves_the_file_as_it_was(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file, there = checkout / "Pulumi.us-east.yaml", sorted(checkout.iterdir())
    before = file.read_text()
    monkeypatch.setattr("os.fsync", full)
    assert main(["apply", "--stack", "us-east", "--directory", str(checkout), "--new", "--yes", *LOAD]) == 1
    assert capsys.readouterr().err == f"{file}: nothing was written: No space left on device\n"
    assert (file.read_text(), sorted(checkout.iterdir())) == (before, there)


def test_apply_never_lowers_a_volume_nor_changes_shards_that_are_there(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = checkout / "Pulumi.us-east.yaml"
    file.write_text(
        f"{file.read_text()}  somafractalmemory:sharding:\n    shards: 6\n"
        "  somafractalmemory:qdrant:\n    storage: 900Gi\n"
    )
    assert main(["apply", "--stack", "us-east", "--directory", str(checkout), "--new", "--yes", *LOAD]) == 0
    written = yaml.safe_load(file.read_text())["config"]
    assert written["somafractalmemory:sharding"]["shards"] == 6
    assert written["somafractalmemory:qdrant"]["storage"] == "900Gi"
    said = capsys.readouterr().out
    assert "sharding.shards stays 6 (the plan has 12)" in said and "qdrant.storage stays 900Gi" in said


LOSING: dict[str, tuple[dict[str, Any], str]] = {
    "memories": ({"memory": {"max_memories": 500_000}}, "memory.max_memories stays 500000 (the plan has 100000)"),
    "memory": ({"redis": {"resources": {"limits": {"memory": "12Gi"}}}}, "redis.resources.limits.memory stays 12Gi"),
    "replicas of Redis": ({"redis": {"cluster": {"replicas": 2}}}, "redis.cluster.replicas stays 2 (the plan has 1)"),
    "copies": ({"sharding": {"replication_factor": 3}}, "sharding.replication_factor stays 3 (the plan has 2)"),
    "instances": ({"postgresql": {"replica": {"replicas": 4}}}, "postgresql.replica.replicas stays 4 (the plan has 2)"),
}


def stated(raw: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """One more value, however deep it stands, beside what is there."""
    there = raw.get(key)
    if isinstance(value, dict) and isinstance(there, dict):
        deeper: dict[str, Any] = {name: stated(there, name, one)[name] for name, one in value.items()}
        return {**raw, key: {**there, **deeper}}
    return {**raw, key: value}


@pytest.mark.parametrize(("block", "words"), LOSING.values(), ids=LOSING)
def test_apply_never_lowers_what_keeps_memories(
    block: dict[str, Any], words: str, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service deletes what is over max_memories, Redis evicts, and fewer copies are lost sooner."""
    file = checkout / "Pulumi.us-east.yaml"
    document = yaml.safe_load(file.read_text())
    ((name, value),) = block.items()
    document["config"] = stated(document["config"], f"somafractalmemory:{name}", value)
    file.write_text(yaml.safe_dump(document))
    assert main(["apply", "--stack", "us-east", "--directory", str(checkout), "--new", "--yes", *LOAD]) == 0
    assert words in capsys.readouterr().out
    config = yaml.safe_load(file.read_text())["config"]
    assert stated(config, f"somafractalmemory:{name}", value) == config


def test_apply_refuses_a_plan_for_other_namespaces_or_zones(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (checkout / "Pulumi.us-east.yaml").read_text()
    arguments = ["apply", "--stack", "us-east", "--directory", str(checkout), "--new", "--yes", *LOAD]
    assert main([*arguments, "namespaces=4", "zones=5"]) == 1
    assert capsys.readouterr().err == (
        "Pulumi.us-east.yaml: the stack has 1 namespace, and the workload 4: state namespaces=1, or change "
        "memory.namespaces first\n"
        "Pulumi.us-east.yaml: the stack has 3 zones, and the workload 5: state zones=3, or change "
        "high_availability.zones first\n"
    )
    assert (checkout / "Pulumi.us-east.yaml").read_text() == before


def test_apply_to_a_region_that_is_there_keeps_what_it_was_made_with(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Defaults of settings, too: nothing says that a file which states no volume has none."""
    assert main(["apply", "--stack", "us-east", "--directory", str(checkout), "--yes", *LOAD]) == 0
    written = yaml.safe_load((checkout / "Pulumi.us-east.yaml").read_text())["config"]
    assert "storage" not in written["somafractalmemory:qdrant"]
    assert written["somafractalmemory:sharding"]["shards"] == 4
    said = capsys.readouterr().out
    assert "sharding.shards stays 4" in said and "postgresql.storage stays 100Gi" in said


def test_apply_sizes_pods_and_costs_for_what_stays(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Eight copies of four shards on three nodes: one of them holds three quarters, of twelve shards two thirds."""
    load = [*LOAD, "memories=600000", "objectives.latency_ms=600000", "write_read_ratio=0.001", "round_trip_ms=0.01"]
    memory: list[str] = []
    costs: list[int] = []
    for new in ([], ["--new"]):
        shutil.copy(ROOT / "Pulumi.us-east.yaml", checkout)
        assert main(["apply", "--stack", "us-east", "--directory", str(checkout), "--yes", *new, *load]) == 0
        written = yaml.safe_load((checkout / "Pulumi.us-east.yaml").read_text())["config"]
        memory.append(written["somafractalmemory:qdrant"]["resources"]["requests"]["memory"])
        said = capsys.readouterr().out
        assert ("sharding.shards stays 4 (the plan has 12): it cannot be changed" in said) is (not new)
        (cost,) = re.findall(r"^us-east: ([\d,]+) USD", said, re.M)
        costs.append(int(cost.replace(",", "")))
    assert memory == ["2816Mi", "2560Mi"]
    volumes = (3 * (2 * 90 + 90 + 10) + 6 * 10) * prices.own().volume_gib_month  # 100Gi and 20Gi, not 10Gi
    assert costs[0] >= costs[1] + volumes - 1


def test_apply_leaves_a_file_that_settings_would_refuse(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = checkout / "Pulumi.us-east.yaml"
    file.write_text(file.read_text().replace("image:", "imago:"))
    before = file.read_text()
    assert main(["apply", "--stack", "us-east", "--directory", str(checkout), "--new", "--yes", *LOAD]) == 1
    assert file.read_text() == before
    assert "nothing was written" in capsys.readouterr().err


# A stack is one of several regions, which may have sizes of its own


def has(target: files.StackFile) -> Plan:
    """The plan of LOAD with what a stack has."""
    settings = target.settings()
    return sized(plan_on(target.suits(files.given(None, LOAD)), layout(settings)), settings)


def test_apply_plans_for_the_regions_of_the_stack_where_the_workload_names_none(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = files.StackFile(checkout, "us-west")
    suited = target.suits(files.given(None, LOAD))
    assert [(one.name, one.share) for one in suited.regions] == [("us-east", 1), ("us-west", 0)]
    assert suited.objectives.latency_ms == 20_000
    assert applied(checkout, stack="us-west") == 0
    (said,) = re.findall(r"^us-.*USD.*", capsys.readouterr().out, re.M)
    of_west = [one for one in cost.costs(has(target), prices.own()) if one.region == "us-west"]
    assert said == f"us-west: {cost.total(of_west):,.0f} USD a month by prices of {prices.own().date}"


def test_apply_sizes_the_edge_of_a_region_by_its_own_share(checkout: Path) -> None:
    shares = "regions=[{name: us-east, share: 0.01}, {name: us-west, share: 0.99}]"
    many = ["concurrent_users=100000", "write_read_ratio=0.000001", "horizon_months=1", "round_trip_ms=0.01"]
    replicas: list[int | None] = []
    for stack in ("us-east", "us-west"):
        assert applied(checkout, *many, shares, stack=stack) == 0
        config = yaml.safe_load((checkout / f"Pulumi.{stack}.yaml").read_text())["config"]
        replicas.append(config.get("somafractalmemory:edge", {}).get("replicas"))
    assert replicas[0] is None and (replicas[1] or 0) > EDGE_POD.number


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "regions=[{name: us-east, share: 0.5}, {name: eu, share: 0.5}]",
            "Pulumi.us-east.yaml: the stack's regions are us-east, us-west, and the workload has eu: name those",
        ),
        ("objectives.rpo_seconds=0", "objectives.rpo_seconds = 0   cannot be kept between regions"),
    ],
)
def test_apply_and_review_refuse_a_workload_for_other_regions(
    change: str, words: str, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (checkout / "Pulumi.us-east.yaml").read_text()
    assert applied(checkout, change) == 1
    assert words in capsys.readouterr().err
    review = ["review", "--stack", "us-east", "--directory", str(checkout), "--prometheus", "http://127.0.0.1:9"]
    assert main([*review, *LOAD, change]) == 1
    assert words in capsys.readouterr().err
    assert (checkout / "Pulumi.us-east.yaml").read_text() == before


def test_apply_says_where_a_region_has_resources_of_its_own_which_come_first(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert applied(checkout) == 0
    said = capsys.readouterr().out
    words = "multiregion.regions[0].resources comes before memory.resources: pods of the service have requests.cpu 8 "
    assert f"{words}(the plan has 250m), requests.memory 16Gi (the plan has 768Mi)" in said
    assert files.StackFile(checkout, "us-east").settings().memory_resources.requests.cpu.text == "8"
    project = yaml.safe_load((checkout / "Pulumi.yaml").read_text())
    project["config"]["multiregion"]["default"]["regions"][0]["resources"] = SMALL
    (checkout / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    assert applied(checkout) == 0
    assert "comes before" not in capsys.readouterr().out


def test_apply_makes_node_groups_for_what_the_stack_then_has(checkout: Path) -> None:
    """The region's own resources of the service, and memory of Redis that is not taken away, are more than planned."""
    file = checkout / "Pulumi.us-east.yaml"
    file.write_text(
        f"{file.read_text()}  somafractalmemory:platform: aws\n"
        f"  somafractalmemory:aws: {json.dumps(OPERATORS)}\n"
        "  somafractalmemory:redis: {resources: {requests: {memory: 12Gi}, limits: {memory: 12Gi}}}\n"
    )
    assert applied(checkout, "--aws") == 0
    target = files.StackFile(checkout, "us-east")
    groups = target.settings().aws.nodes
    for pool, group in zip(has(target).pools, (groups.stateful, groups.stateless), strict=True):
        assert (group.instance_types, group.per_zone) == ((pool.instance_type,), pool.with_spare)
