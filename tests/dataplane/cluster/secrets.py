"""Looks for secret values where none may stand (places.py). What is found is told by name, never by its value."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rehearsal.engine import wire
from rehearsal.engine.model import Secret
from rehearsal.kube import Manifest

PUBLIC = frozenset({"ca.crt", "tls.crt", "username", "user", "dbname", "host", "port", "clientId"})
"""Keys of Secrets whose values are meant to be seen."""

LEAST = 16
"""Letters of a word that counts as secret by itself: shorter ones in a value of several parts are names and paths."""

_WORD = re.compile(rf"[A-Za-z0-9+/]{{{LEAST},}}")
_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
_BEGIN = re.compile(r"-----[A-Z ]+-----")
_BREAK = re.compile(r"\\n|\s")
"""Ends of lines, also as JSON writes them."""


@dataclass(frozen=True)
class Place:
    """Somewhere that was looked into."""

    name: str
    text: str


@dataclass(frozen=True)
class Found:
    """A secret where none may be."""

    secret: str
    place: str

    def __str__(self) -> str:
        return f"{self.secret} stands in {self.place}"


def needles(secrets: Iterable[Manifest]) -> dict[str, frozenset[str]]:
    """What to look for, by "secret/key": every word of its value that is no word of a public one.

    A value of several parts (a passfile, a configuration) is looked for part by part, one without such parts as a
    whole, a private key as a whole too, for a part of it is public; each also as base64 shows it.
    """
    values: dict[str, str] = {}
    public: set[str] = set()
    for manifest in secrets:
        for key, coded in (manifest.get("data") or {}).items():
            text = base64.b64decode(coded).decode(errors="replace")
            if key in PUBLIC:
                public |= words(text)
            else:
                values[f"{manifest['metadata']['name']}/{key}"] = text
    found = {name: frozenset(words(text) or whole(text)) - public for name, text in values.items()}
    return {name: parts | {_coded(part) for part in parts} for name, parts in found.items() if parts}


class Ledger:
    """Every value that was secret at any time: the rotated ones are looked for as well."""

    def __init__(self) -> None:
        self._found: dict[str, frozenset[str]] = {}

    def add(self, secrets: Iterable[Manifest]) -> None:
        """What these hold now."""
        for name, parts in needles(secrets).items():
            self._found[name] = self._found.get(name, frozenset()) | parts

    @property
    def wanted(self) -> Mapping[str, frozenset[str]]:
        """All of them, as `search` takes them."""
        return dict(self._found)


def words(text: str) -> set[str]:
    """Runs of letters and digits as generated values and keys have them: both kinds, so no path and no name."""
    keys = {_BREAK.sub("", body) for body in _KEY.findall(text)}
    found: list[str] = _WORD.findall(_BEGIN.sub(" ", _KEY.sub(" ", text)))
    return keys | {word for word in found if not word.islower() and any(letter.isalpha() for letter in word)}


def whole(text: str) -> set[str]:
    """A value that somebody gave; one of a few letters would be found everywhere."""
    return {text.strip()} if len(text.strip()) >= LEAST // 2 else set()


def _coded(word: str) -> str:
    """In base64, without what its neighbours would change."""
    return base64.b64encode(word.encode()).decode().rstrip("=")[:-2]


def search(wanted: Mapping[str, frozenset[str]], places: Iterable[Place]) -> list[Found]:
    """Every secret that stands somewhere."""
    return [
        Found(name, place.name)
        for place in places
        for text in [_BREAK.sub("", place.text)]
        for name, parts in wanted.items()
        if any(part in place.text or part in text for part in parts)
    ]


def in_the_clear(path: Path) -> str:
    """A file of the engine's state without what is marked as secret: JSON, or JSON lines."""
    text = path.read_text(encoding="utf-8")
    documents = [text] if path.suffix == ".json" else text.splitlines()
    return "\n".join("\n".join(_clear(wire.unmarked(json.loads(document)))) for document in documents if document)


def _clear(value: Any) -> Iterator[str]:
    if isinstance(value, Secret):
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in cast(Mapping[str, Any], value).items():
            yield key
            yield from _clear(inner)
    elif isinstance(value, (list, tuple)):
        for inner in cast(list[Any], value):
            yield from _clear(inner)
