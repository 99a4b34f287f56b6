"""Pulumi.yaml and the stack files, read as the CLI reads them."""

from pathlib import Path

import pytest

from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError

PROJECT = """
name: soma
runtime: python
config:
  size: {type: integer, description: how many, default: 3}
  memory: {type: object, default: {replicas: 3}}
  home: us-east
  undecided: {type: string, description: no default}
  kubernetes:context: {value: rehearsal}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "Pulumi.us-east.yaml").write_text("config:\n  soma:size: 5\n  flag: true\n")
    return Project.load(tmp_path)


def test_a_stack_has_the_defaults_of_the_project_under_its_own_values(project: Project) -> None:
    assert project.config("us-east") == {
        "soma:size": "5",
        "soma:memory": '{"replicas": 3}',
        "soma:home": "us-east",
        "kubernetes:context": "rehearsal",
        "soma:flag": "true",
    }


def test_a_stack_without_a_file_has_the_defaults(project: Project) -> None:
    assert project.config("us-west")["soma:size"] == "3"


def test_the_stacks_are_those_that_have_a_file(project: Project) -> None:
    assert project.stacks == ("us-east",)


def test_encrypted_values_are_refused_by_name(project: Project) -> None:
    (project.directory / "Pulumi.us-east.yaml").write_text("config:\n  soma:token:\n    secure: AAABAGx\n")
    with pytest.raises(RehearsalError, match=r"Pulumi.us-east.yaml\n  token = \[encrypted\]   is encrypted"):
        project.config("us-east")


@pytest.mark.parametrize(("text", "words"), [("a: [", "not YAML"), ("- a\n", "not a mapping")])
def test_a_file_that_is_no_project_is_told_in_plain_words(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(text)
    with pytest.raises(RehearsalError, match=f"Pulumi.yaml: {words}"):
        Project.load(tmp_path)


def test_a_directory_without_a_project_is_told(tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match="is this a Pulumi program"):
        Project.load(tmp_path)


PRODUCT = """
name: soma
runtime: python
config:
  multiregion:
    type: object
    default: {regions: [{name: us-east, primary: true}, {name: us-west}, {name: eu-west}]}
"""
SOUND = """\
config:
  soma:memory: {image: 'soma:1'}
  soma:images: {postgresql_gateway: 'gateway:1', redis_gateway: 'gateway:1'}
  soma:ingress: {rules: [{host: memory.example.com}]}
"""


def test_the_settings_of_every_region_come_in_the_order_of_the_list(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text(PRODUCT)
    for region in ("eu-west", "us-west", "us-east"):
        (tmp_path / f"Pulumi.{region}.yaml").write_text(SOUND)
    settings = Project.load(tmp_path).settings()
    assert list(settings) == ["us-east", "us-west", "eu-west"]
    assert [region for region in settings if settings[region].is_home] == ["us-east"]


def test_the_faults_of_every_stack_file_are_told_at_once(tmp_path: Path) -> None:
    """Also those of a region that is listed and has no file yet, and of a file that no region is listed for."""
    (tmp_path / "Pulumi.yaml").write_text(PRODUCT)
    (tmp_path / "Pulumi.us-east.yaml").write_text(SOUND + "  soma:qdrant: {replicas: many}\n")
    (tmp_path / "Pulumi.us-west.yaml").write_text(SOUND)
    (tmp_path / "Pulumi.mars.yaml").write_text(SOUND + "  soma:redis: {nods: 3}\n")
    with pytest.raises(RehearsalError) as refused:
        Project.load(tmp_path).settings()
    said = str(refused.value)
    for words in (
        "Pulumi.us-east.yaml\n  qdrant.replicas",
        "Pulumi.mars.yaml\n",
        "redis.nods",
        "Pulumi.eu-west.yaml\n  memory",
        'the stack "mars" is none of these regions',
    ):
        assert words in said


def test_without_a_list_every_stack_file_is_a_region(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: soma\nruntime: python\n")
    (tmp_path / "Pulumi.alone.yaml").write_text(SOUND + "  soma:multiregion: {enabled: false}\n")
    (settings,) = Project.load(tmp_path).settings().values()
    assert settings.stack == "alone"
    assert settings.is_home


def test_a_project_without_stack_files_is_told(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text(PRODUCT.partition("config")[0])
    with pytest.raises(RehearsalError, match="no stack file"):
        Project.load(tmp_path).settings()
