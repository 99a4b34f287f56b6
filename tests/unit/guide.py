"""The scaling guide's YAML blocks: as kept in tests/data, and as a guide's Markdown states them."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

KEPT = Path(__file__).parents[1] / "data" / "guide.yaml"


@dataclass(frozen=True)
class Block:
    """One YAML block with the headings above it."""

    heading: str
    content: Mapping[str, Any]


def kept() -> tuple[Block, ...]:
    """The blocks of tests/data/guide.yaml."""
    entries = cast(list[dict[str, Any]], yaml.safe_load(KEPT.read_text()))
    return tuple(Block(entry["heading"], entry["block"]) for entry in entries)


def stated(markdown: str) -> Iterator[Block]:
    """The ```yaml blocks of a Markdown text, in order."""
    headings: dict[int, str] = {}
    lines = iter(markdown.splitlines())
    for line in lines:
        if heading := re.match(r"(#{2,4}) (.+)", line):
            headings = {level: text for level, text in headings.items() if level < len(heading[1])}
            headings[len(heading[1])] = heading[2]
        elif item := re.match(r"\d+\. \*\*(.+)\*\*$", line):
            headings[5] = item[1]
        elif line.strip() == "```yaml":
            body: list[str] = []
            for inner in lines:
                if inner.strip() == "```":
                    break
                body.append(inner)
            yield Block(" / ".join(headings.values()), yaml.safe_load(textwrap.dedent("\n".join(body))))
        elif line.startswith("```"):
            next((inner for inner in lines if inner.startswith("```")), None)
