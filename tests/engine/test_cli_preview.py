"""The real Pulumi CLI previews the program, with the policy pack, without a cluster."""

import os
import subprocess
from pathlib import Path

import pytest

from rehearsal import paths
from rehearsal.engine import cli, cli_workspace
from rehearsal.engine.cli import JudgedPreview, PulumiEngine
from rehearsal.engine.model import Secret
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from tests.engine.checkouts import LONELY, checkout

REGIONS = ("us-east", "us-west")
FAULTY = """\
config:
  somafractalmemory:memory:
    replicas: 1
  somafractalmemory:qdrant:
    resources: {requests: {memory: 8gb}}
  somafractalmemory:sharding:
    replication_factor: 5
"""


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(autouse=True)
def _at_home(run_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(run_directory))


@pytest.fixture(scope="module")
def previews(run_directory: Path) -> dict[str, JudgedPreview]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOMA_REHEARSAL_HOME", str(run_directory))
        engine = PulumiEngine()
        return {region: engine.preview(region) for region in REGIONS}


@pytest.mark.parametrize("region", REGIONS)
def test_a_new_region_is_all_to_create(previews: dict[str, JudgedPreview], region: str) -> None:
    changes = {change: number for change, number in previews[region].changes.items() if number and change != "same"}
    assert set(changes) == {"create"}
    assert changes["create"] > 50


@pytest.mark.parametrize("region", REGIONS)
def test_the_shipped_regions_satisfy_the_packs(previews: dict[str, JudgedPreview], region: str) -> None:
    """They name no object store, and a cluster that is there is not the program's to judge."""
    found = {(violation.policy, violation.mandatory) for violation in previews[region].violations}
    assert found == {("any-backups", False), ("not-judged", False)}


def test_every_object_goes_to_the_provider_of_its_region(previews: dict[str, JudgedPreview]) -> None:
    objects = [resource for resource in previews["us-east"].resources if resource.type.startswith("kubernetes:")]
    assert objects
    assert {(resource.provider or "").rpartition("::")[2] for resource in objects} == {"us-east-platform-provider"}


def test_no_secret_is_told(previews: dict[str, JudgedPreview]) -> None:
    held = [
        resource.inputs["stringData"]
        for resource in previews["us-east"].resources
        if resource.type == "kubernetes:core/v1:Secret" and "stringData" in resource.inputs
    ]
    assert held
    assert all(isinstance(data, Secret) or any(isinstance(value, Secret) for value in data.values()) for data in held)


def test_a_preview_leaves_the_checkout_as_it_was(previews: dict[str, JudgedPreview]) -> None:
    assert previews
    for file in paths.CHECKOUT.glob("Pulumi*.yaml"):
        assert "encryptionsalt" not in file.read_text(), file.name


def test_a_workload_that_violates_the_pack_is_refused_with_nothing_created(tmp_path: Path) -> None:
    program = (paths.CHECKOUT / "__main__.py").read_text() + LONELY
    engine = PulumiEngine(checkout(tmp_path / "checkout", {"__main__.py": program}))
    (violation,) = [found for found in engine.preview("us-east").violations if found.policy == "enough-replicas"]
    assert violation.mandatory
    assert violation.urn.endswith("::lonely")
    with pytest.raises(RehearsalError, match="nothing was applied") as refused:
        engine.up("us-east", Progress())
    assert "enough-replicas" in str(refused.value)
    assert "lonely" not in cli_workspace.state_file("somafractalmemory", "us-east").read_text()


def test_settings_at_fault_are_all_told_without_a_traceback(tmp_path: Path) -> None:
    faulty = checkout(tmp_path / "checkout", {"Pulumi.us-east.yaml": FAULTY})
    with pytest.raises(RehearsalError) as refused:
        PulumiEngine(faulty, judge=False).preview("us-east")
    said = str(refused.value)
    assert said.startswith("Pulumi.us-east.yaml\n")
    for path in ("memory.image", "memory.replicas", "qdrant.resources.requests.memory", "sharding.replication_factor"):
        assert path in said
    assert "Traceback" not in said


def test_settings_at_fault_end_the_command_itself_with_words(tmp_path: Path) -> None:
    """As a user runs it: `pulumi preview -s us-east`."""
    faulty = checkout(tmp_path / "checkout", {"Pulumi.us-east.yaml": FAULTY})
    workspace = cli_workspace.prepare(faulty, "us-east", tmp_path / "kubeconfig")
    workspace.select_stack("us-east")
    command = ["pulumi", "preview", "--stack", "us-east", "--non-interactive", "--color", "never"]
    ended = subprocess.run(
        command,
        cwd=workspace.work_dir,
        env={**os.environ, **workspace.env_vars},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "sharding.replication_factor = 5" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


def test_a_program_that_fails_is_told_by_its_last_line(tmp_path: Path) -> None:
    broken = checkout(tmp_path / "checkout", {"__main__.py": 'raise ValueError("no such thing")\n'})
    with pytest.raises(RehearsalError, match="no such thing"):
        PulumiEngine(broken, judge=False).preview("us-east")


def test_the_engine_says_by_name_what_it_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    assert "pulumi-language-python" in cli.missing()
    with pytest.raises(RehearsalError, match="pulumi-language-python"):
        PulumiEngine()
