"""The commands of a `console` block, as a shell would take them apart. Nothing is run."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tests.unit.docs_pages import Block

_BETWEEN = frozenset({"|", "&&", "||", ";", "&"})
_REDIRECT = frozenset({">", ">>", "<", ">&"})
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
PLACEHOLDER = re.compile(r"…|‹[a-z -]+›|^[A-Z][A-Z_]{2,}$")
"""What a reader fills in: `…`, `<name>`, `NAME`."""


class StaleError(Exception):
    """A block that does not hold what its page promises; the text says what and where."""


@dataclass(frozen=True)
class Command:
    """One program with its arguments."""

    place: str
    """Page and line."""
    words: tuple[str, ...]
    stdin: bool = False
    """Whether it reads what another one writes."""

    @property
    def program(self) -> str:
        return self.words[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.words[1:]

    def stale(self, why: str) -> StaleError:
        return StaleError(f"{self.place}: {' '.join(self.words)}: {why}")


def is_placeholder(word: str) -> bool:
    """Whether a word is, or has in it, what the reader fills in."""
    return PLACEHOLDER.search(word) is not None


def commands(block: Block) -> Iterator[Command]:
    """The commands of a `console` block. In a transcript, whose commands begin with `$`, the rest is their output."""
    for line in lines(block):
        yield from parsed(line.text, line.place)


def parsed(text: str, place: str) -> Iterator[Command]:
    """The commands of one line. StaleError where a shell would not take it."""
    lexer = shlex.shlex(re.sub(r"<([a-z][a-z -]*)>", r"‹\1›", text), posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, ""
    held: list[str] = []
    stdin = False
    try:
        words = list(lexer)
    except ValueError as error:
        raise StaleError(f"{place}: {text}: {error}") from None
    skip = False
    for word in (*words, ";"):
        if skip:
            skip = False
        elif word in _REDIRECT:
            skip = True
        elif word in _BETWEEN:
            if held and not all(_ASSIGNMENT.fullmatch(one) for one in held):
                yield Command(place, tuple(_without_environment(held)), stdin)
            held, stdin = [], word == "|"
        else:
            held.append(word)


def _without_environment(words: list[str]) -> list[str]:
    """`AWS_REGION=us-east-1 pulumi up` runs `pulumi`."""
    first = next(index for index, word in enumerate(words) if not _ASSIGNMENT.fullmatch(word))
    return words[first:]


@dataclass(frozen=True)
class Line:
    """One line of a block as a reader runs it: continued lines joined, its comment taken off."""

    place: str
    """Page and line."""
    text: str
    comment: str


def lines(block: Block) -> Iterator[Line]:
    """The lines of a `console` block that are run."""
    raw = block.text.splitlines()
    transcript = any(line.startswith("$ ") for line in raw)
    held, first = "", 0
    for number, line in enumerate(raw, block.line):
        if transcript and not held:
            if not line.startswith("$ "):
                continue
            line = line.removeprefix("$ ")
        text, _, comment = re.sub(r"(^|\s+)#( .*)?$", r"\n\2", line).partition("\n")
        text = text.rstrip()
        first = number if not held else first
        held += text.removesuffix("\\")
        if not text.endswith("\\") and held:
            if held.strip():
                yield Line(f"{block.page.name}:{first}", held.strip(), comment.strip())
            held = ""
