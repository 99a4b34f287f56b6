"""Files that are no plain keys and values: each command says where, ends with 1, and leaves everything as it was."""

import json
from pathlib import Path

import pytest

from capacity import prices
from capacity.command import main

LOAD = "memories_per_day: 20\nconcurrent_users: 5\nstart: 2026-01-01\n"
DEEP = 20_000
"""The parser takes seconds for so many."""
ODD: dict[str, tuple[str, str]] = {
    "an alias of itself": ("objectives: &a {latency_ms: *a}", "objectives.latency_ms: an alias of what it stands in"),
    "an alias further in": ("regions: &a [{name: *a}]", "regions[0].name: an alias of what it stands in"),
    "a list in itself": ("regions: &a [*a]", "regions[0]: an alias of what it stands in"),
    "aliases of aliases": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "more than 10,000 values, counted where aliases stand",
    ),
    "an ordered mapping": ("objectives: !!omap [latency_ms: 5]", "objectives: !!omap: write its keys as a block"),
    "pairs": ("objectives: !!pairs [latency_ms: 5]", "objectives"),
    "a set": ("regions: !!set {us-east}", "regions: !!set: write a list"),
    "a moment": ("start: 2026-01-01T00:00:00Z", "start: a moment: write it in quotes, or a date like 2026-01-31"),
    "bytes": ("start: !!binary aGVsbG8=", "start: !!binary: write a text"),
    "a tag": ("start: !day 2026-01-01", "start: the tag !day: write the value without one"),
    "a tagged block": ("objectives: !!python/object:os.system {}", "objectives: the tag"),
    "a number for a key": ("objectives: {5: 6}", "objectives: the key 5 is no text: write it in quotes"),
    "a list for a key": ("? [a, b]\n: 5", "the key ('a', 'b') is no text"),
    "nothing for a key": ("objectives: {null: 6}", "objectives: the key null is no text"),
    "a truth that is none": ("start: !!bool maybe", "no YAML: a tag or an alias that cannot be read"),
    "many digits": (f"memories: {'9' * 5000}", "a value that cannot be read"),
    "deep lists": (f"regions: {'[' * DEEP}", "more than 20 blocks one in the other: write fewer"),
    "deep blocks": (f"objectives: {'{a: ' * 21}1{'}' * 21}", "objectives.a.a.a"),
    "a key twice": ("memories: 5\nmemories: 6", "no YAML: while constructing a mapping"),
    "two documents": ("memories: 5\n---\nmemories: 6", "no YAML: expected a single document"),
    "a merge of itself": ("objectives: &a {<<: *a}", "no YAML: a tag or an alias that cannot be read"),
    "control characters": ("start: \x00", "no YAML: "),
}
"""What to the lines of a workload, and what is said of them."""
WORKLOAD_COMMANDS = (
    ["estimate"],
    ["estimate", "--json"],
    ["estimate", "--yaml"],
    ["explain"],
    ["growth"],
    ["apply", "--stack", "us-east"],
    ["review", "--stack", "us-east", "--prometheus", "http://127.0.0.1:9"],
)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: x\n")
    (tmp_path / "Pulumi.us-east.yaml").write_text(
        "config:\n  x:images: {postgresql_gateway: a/b:1, redis_gateway: a/b:1}\n  x:memory: {image: a/b:1}\n"
        "  x:multiregion: {enabled: false}\n"
    )
    return tmp_path


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What it says: in the first line what is wrong, and nothing else of it anywhere."""
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.endswith("\n") and "Traceback" not in said.err
    return said.err


@pytest.mark.parametrize(("lines", "words"), ODD.values(), ids=ODD)
def test_a_workload_of_odd_values_is_refused_with_its_place(
    lines: str, words: str, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "load.yaml").write_text(f"memories_per_day: 20\nconcurrent_users: 5\n{lines}\n")
    said = refused(["estimate", "--workload", "load.yaml"], capsys)
    assert said.startswith("load.yaml") and words in said


@pytest.mark.parametrize("command", WORKLOAD_COMMANDS, ids=" ".join)
def test_every_command_refuses_them(command: list[str], checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "load.yaml").write_text(f"{LOAD}regions: &a [*a]\n")
    before = sorted(file.read_bytes() for file in checkout.iterdir())
    said = refused([*command, "--workload", "load.yaml"], capsys)
    assert said == "load.yaml: regions[0]: an alias of what it stands in: write what is meant\n"
    assert sorted(file.read_bytes() for file in checkout.iterdir()) == before


def test_compare_refuses_them(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "good.yaml").write_text(LOAD)
    (checkout / "odd.yaml").write_text(f"{LOAD}regions: !!set {{us-east}}\n")
    for files in (["good.yaml", "odd.yaml"], ["odd.yaml", "good.yaml"]):
        assert refused(["compare", *files], capsys).startswith("odd.yaml: regions: !!set")


def test_changes_are_read_with_the_same_care(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["estimate", "memories_per_day=20", "concurrent_users=5"]
    for change, words in (("regions=&a [*a]", "[0]: an alias of"), ("start=!!binary aGVsbG8=", "!!binary: write a")):
        assert refused([*given, change], capsys).startswith(f"{change}: {words}")


@pytest.mark.parametrize("name", ["Pulumi.yaml", "Pulumi.us-east.yaml"])
@pytest.mark.parametrize(("lines", "words"), ODD.values(), ids=ODD)
def test_a_checkout_of_odd_values_is_refused_with_its_place(
    name: str, lines: str, words: str, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = checkout / name
    block = "".join(f"    {line}\n" for line in lines.split("\n"))
    file.write_text(f"{file.read_text().removesuffix('config: {}')}other:\n  x:workload:\n{block}")
    before = file.read_text()
    said = refused(["apply", "--stack", "us-east", "--yes", *LOAD.replace(": ", "=").split()], capsys)
    assert said.startswith(name) and words.partition(":")[0].partition("[")[0] in said
    assert file.read_text() == before


def test_a_review_of_a_checkout_of_odd_values_writes_none(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("Pulumi.us-east.yaml", "Pulumi.yaml"):
        with (checkout / name).open("a") as file:
            file.write("other: !!set {a}\n")
        assert refused(WORKLOAD_COMMANDS[-1], capsys) == f"{name}: other: !!set: write a list\n"
    assert not (checkout / "reviews").exists()


def test_a_stack_file_that_is_no_text_is_refused(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "Pulumi.us-east.yaml").write_bytes(b"config: \xff\xfe")
    said = refused(["apply", "--stack", "us-east", *LOAD.replace(": ", "=").split()], capsys)
    assert said.startswith("Pulumi.us-east.yaml: no YAML: ") and said.endswith("save it as UTF-8\n")


TABLES: dict[str, tuple[str, str]] = {
    "deep": ("[" * DEEP, "no JSON: maximum recursion depth exceeded"),
    "a price twice": (
        prices.FILE.read_text().replace('"zone_gb"', '"zone_gb": 5, "zone_gb"'),
        "no JSON: zone_gb is stated twice",
    ),
    "YAML": ("date: 2026-01-01", "no JSON: "),
    "a list": ("[]", "expected a block of keys"),
    "a number": ("5", "expected a block of keys"),
    "nothing": ("null", "expected a block of keys"),
    "a list of machines": (
        json.dumps({**json.loads(prices.FILE.read_text()), "instance_hour": [1]}),
        "instance_hour   expected keys",
    ),
    "many digits": (prices.FILE.read_text().replace("0.045", "9" * 5000), "no JSON: "),
    "a large number": (prices.FILE.read_text().replace("0.045", "9" * 400), "nat_hour"),
    "no number": (prices.FILE.read_text().replace("0.045", "NaN"), "nat_hour = nan   not a number: write a price"),
}


@pytest.mark.parametrize(("text", "words"), TABLES.values(), ids=TABLES)
def test_a_table_of_prices_that_is_none_is_refused_with_its_place(
    text: str, words: str, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "prices.json").write_text(text)
    (checkout / "load.yaml").write_text(LOAD)
    of = ["--workload", "load.yaml"]
    for command in (*WORKLOAD_COMMANDS, ["compare", "load.yaml", "load.yaml"]):
        inputs = [] if command[0] == "compare" else of
        said = refused([*command, *inputs, "--prices", "prices.json"], capsys)
        assert said.startswith("prices.json") and words in said
