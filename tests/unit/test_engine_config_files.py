"""Keys of Pulumi.yaml and of stack files that nobody reads: refused where they were meant for us, else left alone."""

from pathlib import Path

import pytest

from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError

NAME = "somafractalmemory"
SOUND = f"""\
config:
  {NAME}:memory: {{image: 'soma:1'}}
  {NAME}:images: {{postgresql_gateway: 'gateway:1', redis_gateway: 'gateway:1'}}
  {NAME}:ingress: {{rules: [{{host: memory.example.com}}]}}
  {NAME}:multiregion: {{enabled: false}}
"""


def checkout(directory: Path, stack: str, project: str = "") -> Project:
    (directory / "Pulumi.yaml").write_text(f"name: {NAME}\nruntime: python\n{project}")
    (directory / "Pulumi.us-east.yaml").write_text(stack)
    return Project.load(directory)


def faults(project: Project) -> list[str]:
    """The lines with which the settings of a project are refused; none when they are sound."""
    try:
        project.settings()
    except RehearsalError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    "name", ["somafractalmemroy", "SomaFractalMemory", "soma-fractal-memory", "somamemory", "fractalmemory"]
)
def test_a_misspelt_project_is_refused_and_its_value_is_checked_as_what_was_meant(tmp_path: Path, name: str) -> None:
    project = checkout(tmp_path, SOUND + f"  {name}:qdrant: {{replicas: many}}\n")
    assert faults(project) == [
        "Pulumi.us-east.yaml",
        f'  {name}:qdrant = {{…}}   no key of this project ({NAME}): did you mean "{NAME}:qdrant"?',
        '  qdrant.replicas = "many"   expected a whole number',
    ]


def test_a_misspelt_project_is_refused_in_the_project_file_too(tmp_path: Path) -> None:
    declared = "config:\n  somafractalmemroy:qdrant: {value: {replicas: 5}}\n"
    assert faults(checkout(tmp_path, SOUND, declared)) == [
        "Pulumi.yaml",
        f'  somafractalmemroy:qdrant = {{…}}   no key of this project ({NAME}): did you mean "{NAME}:qdrant"?',
    ]


def test_a_misspelt_project_does_not_hide_the_key_itself(tmp_path: Path) -> None:
    project = checkout(tmp_path, SOUND + f"  {NAME}:qdrant: {{replicas: 5}}\n  somafractalmemroy:qdrant: {{}}\n")
    assert len(faults(project)) == 2


def test_keys_of_providers_and_of_other_projects_are_left_alone(tmp_path: Path) -> None:
    others = (
        "aws:region: us-east-1",
        "kubernetes:context: x",
        "pulumi:tags: {a: b}",
        "gcp:project: y",
        "billing:size: 3",
    )
    project = checkout(tmp_path, SOUND + "".join(f"  {line}\n" for line in others))
    assert faults(project) == []
    assert project.config("us-east")["aws:region"] == "us-east-1"


@pytest.mark.parametrize("name", ["kubernetes-soma", "pulumi-soma", "aws-memory"])
def test_providers_are_left_alone_by_a_project_that_is_called_like_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
    (tmp_path / "Pulumi.us-east.yaml").write_text(
        SOUND.replace(NAME, name) + "  kubernetes:context: x\n  pulumi:tags: {a: b}\n  aws:region: us-east-1\n"
    )
    assert faults(Project.load(tmp_path)) == []


def test_the_keys_that_the_cli_writes_into_a_stack_file_are_known(tmp_path: Path) -> None:
    written = "encryptionsalt: v1:x\nencryptedkey: y\nsecretsprovider: passphrase\nenvironment: [dev]\n"
    assert faults(checkout(tmp_path, SOUND + written)) == []


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("configs", 'unknown key: did you mean "config"?'),
        (
            "qdrant",
            "unknown key: known here are config, environment, secretsprovider, encryptionsalt, encryptedkey",
        ),
        ("environments", 'unknown key: did you mean "environment"?'),
    ],
)
def test_an_unknown_key_of_a_stack_file_is_refused(tmp_path: Path, key: str, words: str) -> None:
    assert faults(checkout(tmp_path, SOUND + f"{key}: {{a: 1}}\n")) == [
        "Pulumi.us-east.yaml",
        f"  {key} = {{…}}   {words}",
    ]


def test_settings_under_a_misspelt_config_are_checked_as_what_was_meant(tmp_path: Path) -> None:
    stack = SOUND.replace("config:", "configs:") + f"  {NAME}:qdrant: {{replicas: many}}\n"
    assert faults(checkout(tmp_path, stack)) == [
        "Pulumi.us-east.yaml",
        '  configs = {…}   unknown key: did you mean "config"?',
        '  qdrant.replicas = "many"   expected a whole number',
    ]


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ("{defualt: {}}", 'config.qdrant.defualt = {}   unknown key: did you mean "default"?'),
        (
            "{replicas: 5}",
            "config.qdrant.replicas = 5   unknown key: known here are type, description, items, secret, default, "
            "value; what the key holds stands under default",
        ),
        ("", "config.qdrant = null   declares nothing: give it a type or a default, or leave the key out"),
    ],
)
def test_a_declaration_that_is_none_is_refused(tmp_path: Path, declared: str, fault: str) -> None:
    assert faults(checkout(tmp_path, SOUND, f"config:\n  qdrant: {declared}\n")) == ["Pulumi.yaml", f"  {fault}"]


def test_a_key_that_is_declared_twice_is_refused(tmp_path: Path) -> None:
    twice = f"config:\n  {NAME}:qdrant: {{default: {{}}}}\n  qdrant: {{default: {{}}}}\n"
    assert faults(checkout(tmp_path, SOUND, twice)) == [
        "Pulumi.yaml",
        f"  qdrant = {{…}}   stated twice, as qdrant and as {NAME}:qdrant: keep one",
    ]


@pytest.mark.parametrize("declared", ["{type: object, default: null}", "{type: object, value: ~}", "{type: object}"])
def test_a_key_without_a_default_is_stated_by_every_stack(tmp_path: Path, declared: str) -> None:
    """As with the CLI: "Stack 'us-east' is missing configuration value 'qdrant'" (pkg/workspace/config.go)."""
    config = f"config:\n  qdrant: {declared}\n"
    assert faults(checkout(tmp_path, SOUND, config)) == [
        "Pulumi.us-east.yaml",
        "  qdrant   Pulumi.yaml declares it without a default: state it here, or give it a default there",
    ]
    assert faults(checkout(tmp_path, SOUND + f"  {NAME}:qdrant: {{}}\n", config)) == []


def test_a_secret_within_a_block_is_told_by_its_place(tmp_path: Path) -> None:
    """As `pulumi config set --path --secret` writes it."""
    keys = "access_key_id: {secure: v1:x}, secret_access_key: {secure: v1:y}"
    s3 = f"{{endpoint: 'https://a.example.com', bucket: soma, {keys}}}"
    project = checkout(tmp_path, SOUND + f"  {NAME}:backups: {{s3: {s3}}}\n")
    told = faults(project)
    assert [line.split("   ")[0] for line in told] == [
        "Pulumi.us-east.yaml",
        "  backups.s3.access_key_id = [encrypted]",
        "  backups.s3.secret_access_key = [encrypted]",
    ]
