"""Faults are told under the file in which the faulty value stands, each once."""

from pathlib import Path

import pytest

from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError

REGIONS = "regions: [{name: us-east, primary: true}, {name: us-west}]"
STACK = """\
config:
  soma:memory: {image: 'soma:1'}
  soma:images: {postgresql_gateway: 'gateway:1', redis_gateway: 'gateway:1'}
  soma:ingress: {rules: [{host: memory.example.com}]}
"""


def faults(directory: Path, project: str, **stacks: str) -> list[str]:
    """The lines with which the settings are refused, where Pulumi.yaml and the stack files say more than is needed."""
    (directory / "Pulumi.yaml").write_text(f"name: soma\nruntime: python\nconfig:\n{project}")
    for stack, more in stacks.items():
        (directory / f"Pulumi.{stack.replace('_', '-')}.yaml").write_text(STACK + more)
    with pytest.raises(RehearsalError) as refused:
        Project.load(directory).settings()
    return str(refused.value).splitlines()


@pytest.mark.parametrize(
    ("project", "fault"),
    [
        (
            "  multiregion: {default: {regions: [{name: us-east}, {name: us-west}]}}\n",
            "multiregion.home   no home region: name one here, or set primary: true on one of multiregion.regions",
        ),
        (
            f"  multiregion: {{default: {{{REGIONS}, internal_domain: x}}}}\n",
            'multiregion.internal_domain = "x"   not a DNS name: write a full host name in lower case, such as '
            '"memory.example.com"',
        ),
        (
            f"  multiregion: {{default: {{{REGIONS}}}}}\n  qdrnat: {{default: {{}}}}\n",
            'qdrnat = {}   unknown key: did you mean "qdrant"?',
        ),
        (
            f"  multiregion: {{default: {{{REGIONS}}}}}\n  qdrant: {{default: {{replicas: 4.5}}}}\n",
            "qdrant.replicas = 4.5   expected a whole number",
        ),
    ],
)
def test_a_fault_of_the_project_file_is_told_there_and_once(tmp_path: Path, project: str, fault: str) -> None:
    assert faults(tmp_path, project, us_east="", us_west="") == ["Pulumi.yaml", f"  {fault}"]


def test_a_value_of_the_project_file_that_one_stack_cannot_have_names_that_stack(tmp_path: Path) -> None:
    project = f"  multiregion: {{default: {{{REGIONS}}}}}\n"
    assert faults(tmp_path, project, us_east="", us_west="", mars="") == [
        "Pulumi.yaml",
        '  multiregion.regions = [us-east, us-west]   the stack "mars" is none of these regions: add it, or use a '
        "stack named like one of them (stack mars)",
    ]


def test_a_stack_that_states_the_key_itself_keeps_its_own_faults(tmp_path: Path) -> None:
    project = f"  multiregion: {{default: {{{REGIONS}}}}}\n  qdrant: {{default: {{replicas: 4.5}}}}\n"
    assert faults(tmp_path, project, us_east="", us_west="  soma:qdrant: {replicas: 3.5}\n") == [
        "Pulumi.yaml",
        "  qdrant.replicas = 4.5   expected a whole number",
        "Pulumi.us-west.yaml",
        "  qdrant.replicas = 3.5   expected a whole number",
    ]


def test_what_an_empty_default_lacks_is_missing_in_the_stack_file(tmp_path: Path) -> None:
    project = f"  multiregion: {{default: {{{REGIONS}}}}}\n  sharding: {{default: {{}}}}\n"
    assert faults(tmp_path, project, us_east="  soma:qdrant: {replicas: 9}\n", us_west="") == [
        "Pulumi.us-east.yaml",
        "  sharding.shards = 4 (default)   with 2 copies each it leaves 1 of 9 Qdrant nodes empty: raise this, or "
        "lower qdrant.replicas",
    ]


def test_the_faults_of_the_project_file_and_of_the_stack_files_come_at_once(tmp_path: Path) -> None:
    project = f"  multiregion: {{default: {{{REGIONS}}}}}\n  qdrant: {{defualt: {{replicas: 4.5}}}}\n"
    assert faults(tmp_path, project, us_east="  soma:redis: 5\n", us_west="") == [
        "Pulumi.yaml",
        '  config.qdrant.defualt = {…}   unknown key: did you mean "default"?',
        "  qdrant.replicas = 4.5   expected a whole number",
        "Pulumi.us-east.yaml",
        "  redis = 5   expected a block of keys",
    ]
