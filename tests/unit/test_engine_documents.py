"""Files that cannot be read as settings: each told in words, with its name, and nothing read in their place."""

from pathlib import Path

import pytest

from rehearsal.engine import cli_workspace
from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError

PROJECT = "name: soma\nruntime: python\n"
SOUND = """\
config:
  soma:memory: {image: 'soma:1'}
  soma:images: {postgresql_gateway: 'gateway:1', redis_gateway: 'gateway:1'}
  soma:ingress: {rules: [{host: memory.example.com}]}
  soma:multiregion: {enabled: false}
"""
DIGITS = "9" * 5000


pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path / "run"))
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "Pulumi.yaml").write_text(PROJECT)
    (checkout / "Pulumi.us-east.yaml").write_text(SOUND)
    return checkout


def said(checkout: Path) -> str:
    """The words with which the settings of a checkout are refused."""
    with pytest.raises(RehearsalError) as refused:
        Project.load(checkout).settings()
    return str(refused.value)


STACK: dict[str, tuple[str, str]] = {
    "a list for the settings": (
        "config: [a]\n",
        "config = [a]   expected a block of keys: write a key a line, indented",
    ),
    "a text for the settings": (
        "config: memory\n",
        'config = "memory"   expected a block of keys: write a key a line, indented',
    ),
    "a key that is no text": (
        SOUND + "  5: x\n",
        '["5"] = "x"   a key that is no text (line 6): write it in quotes',
    ),
    "a key of a block that is no text": (
        SOUND + "  soma:qdrant: {yes: 1}\n",
        "qdrant.yes = 1   a key that is no text (line 6): write it in quotes",
    ),
    "a key that is a list": (
        SOUND + "  soma:qdrant:\n    [a, b]: 1\n",
        "qdrant = {…}   a key that is a list or a block (line 7): write a text",
    ),
    "an alias within what it stands for": (
        SOUND + "  soma:qdrant: &a {resources: *a}\n",
        "qdrant.resources   an alias of the block that it is in (line 6): write out what is meant",
    ),
    "a number with too many digits": (
        SOUND + f"  soma:qdrant: {{replicas: {DIGITS}}}\n",
        f"qdrant.replicas = {DIGITS[:59]}…   a number too large to be meant (line 6): write one of at most 18 digits",
    ),
    "a hexadecimal number with too many digits": (
        SOUND + f"  soma:qdrant: {{replicas: 0x{DIGITS}}}\n",
        f"qdrant.replicas = 0x{DIGITS[:57]}…   a number too large to be meant (line 6): write one of at most 18 digits",
    ),
    "no number": (
        SOUND + "  soma:qdrant: {replicas: .inf}\n",
        "qdrant.replicas = .inf   not a number that JSON knows (line 6): write one",
    ),
    "a day": (
        SOUND + "  soma:qdrant: {replicas: 2024-02-31}\n",
        "qdrant.replicas = 2024-02-31   YAML takes this for a date (line 6): write it in quotes",
    ),
    "a tag": (
        SOUND + "  soma:qdrant: !!python/name:os.system\n",
        'qdrant = ""   the tag python/name:os.system is not known here (line 6): write plain texts, numbers, lists and '
        "blocks",
    ),
    "a set": (
        SOUND + "  soma:qdrant: !!set {a, b}\n",
        "qdrant = {…}   the tag set is not known here (line 6): write plain texts, numbers, lists and blocks",
    ),
    "a key twice": (
        SOUND + "  soma:qdrant:\n    replicas: 3\n    shards: 4\n    replicas: 5\n",
        "qdrant.replicas = 5   stated twice (lines 7 and 9): keep one",
    ),
    "a block twice": (
        SOUND + "  soma:memory: {image: 'soma:2'}\n",
        "memory = {…}   stated twice (lines 2 and 6): keep one",
    ),
    "a block twice, with and without project": (
        SOUND + "  memory: {image: 'soma:2'}\n",
        "memory = {…}   stated twice (lines 2 and 6), as soma:memory and as memory: keep one",
    ),
    "nothing twice": (
        SOUND + "  soma:qdrant:\n  soma:qdrant:\n",
        "qdrant = null   stated twice (lines 6 and 7): keep one",
    ),
    "a word that is a truth to some": (
        SOUND + "  soma:sharding: {enabled: no}\n",
        "sharding.enabled = no   a text to Pulumi (line 6): write false, or put it in quotes",
    ),
    "a truth that is none": (
        SOUND + "  soma:sharding: {enabled: !!bool maybe}\n",
        "sharding.enabled = maybe   a text to Pulumi (line 6): write true or false, or put it in quotes",
    ),
    "a whole number that is none": (
        SOUND + "  soma:qdrant: {replicas: !!int many}\n",
        "qdrant.replicas = many   not a number that JSON knows (line 6): write one",
    ),
    "a secret twice": (
        SOUND + "  soma:kubernetes: {token: hunter2, token: hunter3}\n",
        "kubernetes.token = [secret]   stated twice (lines 6 and 6): keep one",
    ),
    "the settings twice": (SOUND + "config: {}\n", "config = {}   stated twice (lines 1 and 6): keep one"),
    "too deep": (
        SOUND + "  soma:qdrant: " + "{a: " * 60 + "1" + "}" * 60 + "\n",
        "nested too deeply (line 6): no setting has more than 50 levels",
    ),
}


@pytest.mark.parametrize(("text", "fault"), STACK.values(), ids=STACK.keys())
def test_what_no_stack_file_may_hold_is_told_with_its_place(checkout: Path, text: str, fault: str) -> None:
    (checkout / "Pulumi.us-east.yaml").write_text(text)
    file, *lines = said(checkout).splitlines()
    assert file == "Pulumi.us-east.yaml"
    assert any(line.startswith("  ") and line.endswith(fault) for line in lines), lines


@pytest.mark.parametrize(("text", "fault"), STACK.values(), ids=STACK.keys())
def test_the_copy_for_the_cli_is_as_strict(checkout: Path, text: str, fault: str) -> None:
    (checkout / "Pulumi.us-east.yaml").write_text(text)
    with pytest.raises(RehearsalError) as refused:
        cli_workspace.copy(checkout)
    assert str(refused.value).startswith("Pulumi.us-east.yaml\n  ")
    assert fault in str(refused.value)


PULUMI: dict[str, tuple[str, str]] = {
    "a list for the settings": (
        "config: [a]\n",
        "config = [a]   expected a block of keys: write a key a line, indented",
    ),
    "a key twice": (
        "config:\n  qdrant:\n    default: {replicas: 3, replicas: 5}\n",
        "qdrant.replicas = 5   stated twice (lines 5 and 5): keep one",
    ),
    "a default twice": (
        "config:\n  qdrant:\n    default: {}\n    default: {}\n",
        "qdrant = {}   stated twice (lines 5 and 6): keep one",
    ),
    "an alias within what it stands for": (
        "config:\n  qdrant: &a\n    default: *a\n",
        "qdrant   an alias of the block that it is in (line 4): write out what is meant",
    ),
    "a name that is none": ("name: [soma]\n", "name = [1 item]   stated twice (lines 1 and 3): keep one"),
}


@pytest.mark.parametrize(("text", "fault"), PULUMI.values(), ids=PULUMI.keys())
def test_the_project_file_is_read_as_strictly(checkout: Path, text: str, fault: str) -> None:
    (checkout / "Pulumi.yaml").write_text(PROJECT + text)
    assert f"Pulumi.yaml\n  {fault}" in said(checkout)


def test_a_project_without_a_name_is_refused(checkout: Path) -> None:
    (checkout / "Pulumi.yaml").write_text("name: [soma]\nruntime: python\n")
    assert said(checkout).startswith("Pulumi.yaml\n  name = [soma]   expected a text: ")


@pytest.mark.parametrize("name", ["Pulumi.yaml", "Pulumi.us-east.yaml"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"config: {a: \xff\xfe}\n", "not UTF-8 (line 1): save it in that encoding"),
        (b"a: [\n", "not YAML (line 2, column 1: expected the node content, but found '<stream end>')"),
        (b"a: \x07\n", "not YAML (line 1: a character that is not allowed, #x0007)"),
        (b"[" * 5000, "not YAML that can be used (nested too deeply)"),
        (b"1\n", "not a mapping of keys to values"),
        (b"[]\n", "not a mapping of keys to values"),
    ],
)
def test_a_file_that_is_no_yaml_is_named(checkout: Path, name: str, content: bytes, words: str) -> None:
    (checkout / name).write_bytes(content)
    assert said(checkout) == f"{name}: {words}"


def test_an_alias_that_multiplies_is_refused_at_once(checkout: Path) -> None:
    lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10) if n else 1}]" for n in range(12)]
    (checkout / "Pulumi.us-east.yaml").write_text(SOUND + "  soma:qdrant:\n" + "".join(f"    {x}\n" for x in lines))
    assert "aliases multiply it to more than 100000 values: write out what is meant" in said(checkout)


def test_aliases_merges_and_a_byte_order_mark_are_fine(checkout: Path) -> None:
    (checkout / "Pulumi.us-east.yaml").write_text(
        "\ufeff" + SOUND + "  soma:qdrant: {resources: &r {requests: &q {cpu: 2}, limits: *q}}\n"
        "  soma:redis: {resources: {<<: *r, requests: {cpu: 1}}}\n"
    )
    (settings,) = Project.load(checkout).settings().values()
    assert settings.redis.resources.as_kubernetes()["requests"]["cpu"] == "1"


def test_a_directory_in_the_place_of_a_stack_file_is_named(checkout: Path) -> None:
    (checkout / "Pulumi.dir.yaml").mkdir()
    words = "Pulumi.dir.yaml: a directory, not a file: move it away or give it another name"
    assert said(checkout) == words
    with pytest.raises(RehearsalError, match=words):
        cli_workspace.copy(checkout)


def test_a_link_that_leads_nowhere_is_named(checkout: Path) -> None:
    (checkout / "Pulumi.gone.yaml").symlink_to("nowhere")
    assert "Pulumi.gone.yaml: a link that leads nowhere" in said(checkout)


def test_what_is_unreadable_hides_no_fault_of_the_other_files(checkout: Path) -> None:
    (checkout / "Pulumi.a.yaml").write_bytes(b"\xff")
    (checkout / "Pulumi.b.yaml").write_text("config: [a]\n")
    (checkout / "Pulumi.us-east.yaml").write_text(SOUND + "  soma:qdrant: {replicas: many}\n")
    told = said(checkout)
    assert "Pulumi.a.yaml: not UTF-8" in told
    assert "Pulumi.b.yaml\n  config = [a]" in told
    assert 'Pulumi.us-east.yaml\n  qdrant.replicas = "many"' in told
