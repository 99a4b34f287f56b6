"""Text of programs in Markdown, where it says what it says and does nothing.

Names of resources and messages come from the branch that is looked at: no table, link, mention, image or HTML of theirs
may come about, on GitHub (github.github.com/gfm, docs.github.com: "autolinked references").
"""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

CELL: Final = 200
"""Characters of a text in a table; what is longer is cut."""
BLOCK: Final = 1500
"""Characters of a block."""
_PLAIN = re.compile(r"[^A-Za-z0-9 ,/-]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def code(text: str, limit: int = CELL) -> str:
    """In a line, as code: neither mentions nor references are made in it. A character reference makes no structure."""
    return f"<code>{words(text, limit)}</code>" if text.strip() else ""


def words(text: str, limit: int = CELL) -> str:
    """In a line, each character that could mean anything as its number."""
    line = cut(" ".join(_CONTROL.sub("", text).split()), limit)
    return _PLAIN.sub(lambda found: found[0] if found[0] > "\x7f" else f"&#{ord(found[0])};", line)


def block(text: str, limit: int = BLOCK) -> str:
    """Lines as they are. Nothing is read as Markdown up to the end of `pre` (HTML block of kind 1)."""
    return f"<pre>{html.escape(cut(_CONTROL.sub('', text).strip(), limit))}</pre>"


def cut(text: str, limit: int) -> str:
    """The text, or so much of it, with a word about the rest."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def row(cells: Iterable[str]) -> str:
    """One row of a table."""
    return f"| {' | '.join(cells)} |"


def head(names: Sequence[str]) -> list[str]:
    """The first two rows of a table."""
    return [row(names), row("---" for _ in names)]
