"""Pages of README.md and docs/ as a reader meets them: blocks, links, anchors and the code within a line."""

import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from rehearsal import paths

ROOT = paths.CHECKOUT
CLOUD = re.compile(r"^ *Needs a real cloud: \S", re.MULTILINE)
"""Begins the line of a section that says what of it no test can run, and why."""

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`]*)$")
_HEADING = re.compile(r"^(#{1,6}) +(.+?) *#*$")
_LINK = re.compile(r"(?<!!)\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: "Page"
    line: int
    """Of its first line of text, as editors count."""
    language: str
    """The first word after the fence; empty where there is none."""
    kind: str
    """What stands behind the language: what a fragment of YAML is of."""
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True)
class Code:
    """Code within a line of text."""

    page: "Page"
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it, up to the next one of its level or a higher one."""

    level: int
    title: str
    text: str
    """Sections below it included."""
    lines: range

    @property
    def needs_a_cloud(self) -> bool:
        return CLOUD.search(self.text) is not None


@dataclass(frozen=True)
class Page:
    """One Markdown file; `name` is its path from the checkout."""

    name: str
    text: str

    @property
    def folder(self) -> Path:
        return (ROOT / self.name).parent

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Every fenced block, in order."""
        return tuple(self._fenced())

    @cached_property
    def prose(self) -> tuple[tuple[int, str], ...]:
        """Lines outside of blocks with their numbers, as editors count."""
        return tuple((number, line) for number, line, inside in self._lines() if not inside)

    @property
    def code(self) -> Iterator[Code]:
        """Code within lines. A paragraph may break it: such a piece is joined by a blank."""
        for number, text in self._paragraphs():
            for found in _CODE.finditer(text):
                yield Code(self, number + text[: found.start()].count("\n"), found[1])

    @property
    def links(self) -> Iterator[tuple[int, str]]:
        """Targets of links with their lines."""
        for number, line in self.prose:
            plain = _CODE.sub("", line)
            yield from ((number, target) for target in _LINK.findall(plain))

    @cached_property
    def anchors(self) -> frozenset[str]:
        """What `#…` may lead to, as GitHub makes it of headings."""
        seen: Counter[str] = Counter()
        found: set[str] = set()
        for title in (heading[2] for _, line in self.prose if (heading := _HEADING.match(line))):
            slug = slug_of(title)
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        return frozenset(found)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Every heading with what is below it."""
        lines = self.text.splitlines()
        headings = [(n, len(h[1]), h[2]) for n, line in self.prose if (h := _HEADING.match(line))]
        found: list[Section] = []
        for index, (start, level, title) in enumerate(headings):
            end = next((n for n, deep, _ in headings[index + 1 :] if deep <= level), len(lines) + 1)
            found.append(Section(level, title, "\n".join(lines[start : end - 1]), range(start, end)))
        return tuple(found)

    def section_of(self, line: int) -> Section | None:
        """The innermost section around a line."""
        return next((s for s in reversed(self.sections) if line in s.lines), None)

    def needs_a_cloud(self, line: int) -> bool:
        """Whether a section around a line, whichever, says that no test can run all of it."""
        return any(s.needs_a_cloud for s in self.sections if line in s.lines and s.level > 1)

    def _lines(self) -> Iterator[tuple[int, str, bool]]:
        closing: str | None = None
        for number, line in enumerate(self.text.splitlines(), 1):
            fence = _FENCE.match(line)
            if closing is None and fence:
                closing = fence["ticks"]
                yield number, line, True
            elif closing is not None:
                yield number, line, True
                if line.strip() == closing:
                    closing = None
            else:
                yield number, line, False

    def _fenced(self) -> Iterator[Block]:
        lines = iter(enumerate(self.text.splitlines(), 1))
        for number, line in lines:
            fence = _FENCE.match(line)
            if not fence:
                continue
            body: list[str] = []
            for _, inner in lines:
                if inner.strip() == fence["ticks"]:
                    break
                body.append(inner)
            language, _, kind = fence["info"].strip().partition(" ")
            yield Block(self, number + 1, language, kind.strip(), textwrap.dedent("\n".join(body)))

    def _paragraphs(self) -> Iterator[tuple[int, str]]:
        """Text that belongs together, so that code may go on in the next line, with the number of its first line."""
        first, held = 0, list[str]()
        for number, line in (*self.prose, (0, "")):
            if held and (number != first + len(held) or not line.strip() or line.lstrip().startswith("|")):
                yield first, "\n".join(held)
                held = []
            if line.strip():
                first, held = (number, [line]) if not held else (first, [*held, line])


def slug_of(title: str) -> str:
    """GitHub's anchor of a heading: its text in small letters, without signs, blanks as hyphens."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
    kept = "".join(sign for sign in text.lower() if sign.isalnum() or sign in " -_")
    return kept.replace(" ", "-")


def page(name: str) -> Page:
    """A page by its path from the checkout."""
    return Page(name, (ROOT / name).read_text(encoding="utf-8"))


@cache
def pages() -> tuple[Page, ...]:
    """README.md, every page under docs/, and those of the images."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "images").rglob("*.md"))]
    return tuple(page(file.relative_to(ROOT).as_posix()) for file in files)
