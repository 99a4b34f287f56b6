"""Every block, command and link of README.md and docs/: a stale one is red.

What each language of a block means is in docs_reading.py. Commands that change a region are carried out on the program
itself, without a cluster (docs_walk.py); others are taken apart by their own parsers or, for kubectl, pulumi and aws,
by tables of what those have. What executes each is in docs_execution.py.
"""

import re
from pathlib import Path

import pytest
import yaml

from observability import recording
from observability.__main__ import EVERYTHING
from observability.rule import Recording
from settings.model import keys
from settings.settings import Configuration
from settings.table import markdown
from tests.unit import docs_pulumi, docs_reading, docs_walk, guide
from tests.unit.docs_pages import ROOT, Page, pages

SETTING = re.compile(rf"({'|'.join(keys(Configuration).values())})(\.[a-z0-9_]+|\[\])+")
SUFFIXES = (".py", ".md", ".sh", ".sql", ".cfg", ".toml", ".lock", ".go")


LINES = (ROOT / "tests" / "data" / "guide_lines.txt").read_text(encoding="utf-8").splitlines()
"""Headings and lines of advice of the original scaling guide."""

each_page = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)


@each_page
def test_every_block_holds(page: Page) -> None:
    docs_reading.read(page)


@each_page
def test_every_command_within_a_sentence_is_one(page: Page) -> None:
    walk = docs_walk.begin()
    for _, command in docs_reading.mentioned(page):
        if command.program == "pulumi":
            docs_pulumi.check(command, walk, mention=True)
        else:
            docs_reading.check(command, mention=True)


@each_page
def test_every_link_leads_somewhere(page: Page) -> None:
    by_name = {other.name: other for other in pages()}
    for line, target in page.links:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.folder / path).resolve() if path else ROOT / page.name
        assert there.exists(), f"{page.name}:{line}: {target} is not there"
        if anchor:
            name = there.relative_to(ROOT).as_posix()
            assert anchor in by_name[name].anchors, f"{page.name}:{line}: {name} has no heading for #{anchor}"


@each_page
def test_every_setting_that_is_named_is_one(page: Page) -> None:
    # A row a key: with what is left out of `monitoring.thresholds.latency` it is a block's.
    known = set(re.findall(r"^\| `([^`]+)`", markdown(), re.MULTILINE))
    blocks = {key[:end] for key in known for end in (found.start() for found in re.finditer(r"[.\[]", key))}
    for code in page.code:
        key = code.text.partition(": ")[0]  # `qdrant.drain_to: 3` as well
        if SETTING.fullmatch(key) and not key.endswith((".md", ".py")):
            general = re.sub(r"\[\d+\]", "[]", key)
            maps = any(general.startswith(f"{key}.") for key in known if "zones" in key or "annotations" in key)
            assert general in known | blocks or maps, f"{code.place}: no setting {key}"


@each_page
def test_every_file_that_is_named_is_there(page: Page) -> None:
    for code in page.code:
        path = code.text.rstrip("/")
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)+", path) and path.endswith(SUFFIXES) and not _of_another(path):
            assert any((folder / path).exists() for folder in _roots(page)), f"{code.place}: {path} is not there"


def _roots(page: Page) -> tuple[Path, ...]:
    """Where a page's paths begin: at the checkout, beside the page, or under a folder that it has named."""
    return (ROOT, page.folder, ROOT / "tests" / "dataplane", ROOT / "components" / "files")


def _of_another(path: str) -> bool:
    """Of another project: its repository or its name stands in front."""
    return not (ROOT / path.split("/")[0]).exists() and path.split("/")[0] not in ("cluster",)


@each_page
def test_every_recorded_series_that_is_named_is_one(page: Page) -> None:
    recorded = {
        rule.record for group in recording.groups(EVERYTHING) for rule in group.rules if isinstance(rule, Recording)
    }
    for code in page.code:
        if re.fullmatch(r"[a-z_0-9]+:[a-z_0-9]+:[a-z_0-9]+", code.text):
            assert code.text in recorded, f"{code.place}: no series {code.text}"


def test_the_picture_of_the_architecture_is_the_readmes() -> None:
    by_name = {page.name: page for page in pages()}
    (picture,) = (block.text for block in by_name["docs/architecture.md"].blocks)
    assert picture in [block.text for block in by_name["README.md"].blocks]


class TestTheScalingGuide:
    """docs/scaling-guide.md walks the chapters of the original, whose lines tests/data keeps."""

    PAGE = next(each for each in pages() if each.name == "docs/scaling-guide.md")

    def test_it_has_every_chapter_in_its_order(self) -> None:
        wanted = [line.lstrip("# ") for line in LINES if line.startswith("#")]
        assert [section.title for section in self.PAGE.sections][1:] == wanted

    @pytest.mark.parametrize("line", [line for line in LINES if not line.startswith("#")])
    def test_it_answers_every_line_of_advice(self, line: str) -> None:
        stated = re.search(rf"(^\| |\*\*|^){re.escape(line)}( \||\*\*|:)", self.PAGE.text, re.MULTILINE)
        assert stated is not None, f"nothing on: {line}"

    def test_it_has_every_block_of_configuration(self) -> None:
        blocks = [yaml.safe_load(block.text) for block in self.PAGE.blocks if block.kind == "original"]
        assert blocks == [dict(kept.content) for kept in guide.kept()]
