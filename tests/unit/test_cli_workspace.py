"""The CLI works on copies: the checkout, the user's cluster and the user's passphrase stay out of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.engine import cli, cli_workspace
from rehearsal.errors import RehearsalError

PROJECT = """\
name: somafractalmemory
runtime: {name: python, options: {virtualenv: .venv}}
"""
STACK = """\
config:
  somafractalmemory:memory: {image: "example.com/memory:1"}
  somafractalmemory:kubernetes: {context: production, kubeconfig: /home/me/production, namespace: soma}
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path / "run"))
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "Pulumi.yaml").write_text(PROJECT)
    (checkout / "Pulumi.us-east.yaml").write_text(STACK)
    return checkout


def _stack_copy(project: Path) -> dict[str, Any]:
    return yaml.safe_load((project / "Pulumi.us-east.yaml").read_text())


def test_the_copy_runs_the_program_of_the_checkout(checkout: Path) -> None:
    document = yaml.safe_load((cli_workspace.copy(checkout) / "Pulumi.yaml").read_text())
    assert Path(document["main"]) == checkout
    assert document["runtime"]["name"] == "python"


def test_a_stack_file_that_names_a_cluster_does_not_lead_there(checkout: Path) -> None:
    config = _stack_copy(cli_workspace.copy(checkout))["config"]
    assert config["somafractalmemory:kubernetes"] == {"namespace": "soma"}
    assert config["somafractalmemory:memory"] == {"image": "example.com/memory:1"}


def test_what_the_cli_wrote_into_its_copy_stays_there_and_only_there(checkout: Path) -> None:
    project = cli_workspace.copy(checkout)
    written = (project / "Pulumi.us-east.yaml").read_text() + "encryptionsalt: v1:ours\n"
    (project / "Pulumi.us-east.yaml").write_text(written)
    (checkout / "Pulumi.us-east.yaml").write_text(STACK.replace("memory:1", "memory:2") + "encryptionsalt: v1:user\n")
    document = _stack_copy(cli_workspace.copy(checkout))
    assert document["encryptionsalt"] == "v1:ours"
    assert document["config"]["somafractalmemory:memory"] == {"image": "example.com/memory:2"}


def test_an_encrypted_value_is_refused_by_its_name(checkout: Path) -> None:
    (checkout / "Pulumi.us-east.yaml").write_text("config: {somafractalmemory:key: {secure: AAAB}}\n")
    with pytest.raises(RehearsalError, match=r"Pulumi\.us-east\.yaml\n  key = \[encrypted\]   is encrypted"):
        cli_workspace.copy(checkout)


def test_a_stack_file_that_is_no_yaml_is_named(checkout: Path) -> None:
    (checkout / "Pulumi.us-east.yaml").write_text("config: [")
    with pytest.raises(RehearsalError, match=r"Pulumi\.us-east\.yaml: not YAML"):
        cli_workspace.copy(checkout)


def test_the_passphrase_is_made_once_and_private(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    first = Path(cli_workspace.environment(checkout)["PULUMI_CONFIG_PASSPHRASE_FILE"])
    text = first.read_text()
    assert first.stat().st_mode & 0o777 == 0o600
    assert len(text) > 20
    assert Path(cli_workspace.environment(checkout)["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text() == text


def test_a_passphrase_of_the_user_is_not_used(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "the user's")
    assert cli_workspace.environment(checkout)["PULUMI_CONFIG_PASSPHRASE"] != "the user's"


def test_the_user_s_cluster_is_hidden_even_where_the_rehearsal_has_none(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/me/production")
    absent = checkout / "no-such-kubeconfig"
    assert cli_workspace.environment(absent)["KUBECONFIG"] == str(absent)


def test_what_is_missing_is_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("pulumi", "pulumi-language-python", "pulumi-resource-tls"):
        (tmp_path / tool).touch(mode=0o755)
    (tmp_path / "home" / "plugins" / "resource-random-v4.21.4").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    assert cli.missing() == ["pulumi-resource-kubernetes"]
    assert not cli.available()
