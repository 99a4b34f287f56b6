"""YAML that people write, read strictly: what stands twice and what JSON does not know is refused with its line.

The reader of Pulumi (gopkg.in/yaml.v3) refuses keys that stand twice; PyYAML alone would take the last one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import yaml
from yaml.reader import ReaderError

from rehearsal.errors import RehearsalError
from settings.faults import ABSENT, Fault, Place, bare, harmless, told, written
from settings.json_text import DEEPEST

MOST: Final = 100_000
"""Values in one file, those of aliases counted as often as they are used."""
_LARGEST: Final = 10**18
_TAG: Final = "tag:yaml.org,2002:"
_MERGE: Final = f"{_TAG}merge"
_TEXT: Final = f"{_TAG}str"

Spoken = Callable[[Place], Place]
"""From a place in a file to the one that faults name; places with one name are one and the same setting."""


class FaultyFileError(RehearsalError):
    """One file's faults."""

    def __init__(self, file: str, faults: Sequence[Fault]) -> None:
        super().__init__(told(file, faults))
        self.file = file
        self.faults = tuple(faults)


def read(file: Path, spoken: Spoken = lambda place: place) -> dict[str, Any]:
    """The mapping in a file; that of an empty one is empty. RehearsalError with every fault of its YAML."""
    text = _text(file)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return {}
        inspection = _Inspection(loader, spoken)
        inspection.look(node, (), ())
        if inspection.faults:
            raise FaultyFileError(file.name, inspection.faults)
        document = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise RehearsalError(f"{file.name}: not YAML ({_why(error, text)})") from None
    except RecursionError:
        raise RehearsalError(f"{file.name}: not YAML that can be used (nested too deeply)") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise RehearsalError(f"{file.name}: not a mapping of keys to values")
    return cast(dict[str, Any], document)


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        if file.is_symlink():
            raise RehearsalError(f"{file.name}: a link that leads nowhere: mend it or remove it") from None
        raise RehearsalError(f"{file.name}: not in {file.parent}: is this a Pulumi program?") from None
    except IsADirectoryError:
        raise RehearsalError(f"{file.name}: a directory, not a file: move it away or give it another name") from None
    except OSError as error:
        raise RehearsalError(f"{file.name}: cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RehearsalError(f"{file.name}: not UTF-8 (line {line}): save it in that encoding") from None


def _why(error: yaml.YAMLError, text: str) -> str:
    """What is wrong, without the lines around it: they may hold secrets."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"line {line}: a character that is not allowed, #x{ord(text[error.position]):04x}"
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "cannot be understood"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else str(problem)


@dataclass
class _Inspection:
    """A walk over what a file says, before anything is made of it."""

    loader: yaml.SafeLoader
    spoken: Spoken
    faults: list[Fault] = field(default_factory=list)
    seen: int = 0

    def look(self, node: yaml.Node, place: Place, above: tuple[int, ...]) -> None:
        """Notes the faults of a value and of all in it; `above` are the blocks and lists that it is in."""
        self.seen += 1
        if self.seen > MOST:
            if self.seen == MOST + 1:
                message = f"aliases multiply it to more than {MOST} values: write out what is meant"
                self._note(place[:2], ABSENT, message)
        elif id(node) in above:
            self._note(place, ABSENT, f"an alias of the block that it is in ({_line(node)}): write out what is meant")
        elif len(above) > DEEPEST:
            message = f"nested too deeply ({_line(node)}): no setting has more than {DEEPEST} levels"
            self._note(place[:2], ABSENT, message)
        elif isinstance(node, yaml.MappingNode):
            self._mapping(node, place, (*above, id(node)))
        elif isinstance(node, yaml.SequenceNode):
            self._expect(node, place, "seq")
            for index, item in enumerate(node.value):
                self.look(item, (*place, index), (*above, id(node)))
        else:
            self._scalar(cast(yaml.ScalarNode, node), place)

    def _mapping(self, node: yaml.MappingNode, place: Place, above: tuple[int, ...]) -> None:
        self._expect(node, place, "map")
        first: dict[Place, yaml.ScalarNode] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                self.look(value, place, above)
            elif isinstance(key, yaml.ScalarNode):
                self._key(key, value, place, first)
                self.look(value, (*place, key.value), above)
            else:
                message = f"a key that is a list or a block ({_line(key)}): write a text"
                self._note(place, _value(place, node), message)

    def _key(self, key: yaml.ScalarNode, value: yaml.Node, place: Place, first: dict[Place, yaml.ScalarNode]) -> None:
        at = (*place, key.value)
        if key.tag != _TEXT:
            self._note(at, _value(at, value), f"a key that is no text ({_line(key)}): write it in quotes")
        earlier = first.setdefault(self.spoken(at), key)
        if earlier is key:
            return
        lines = f"lines {earlier.start_mark.line + 1} and {key.start_mark.line + 1}"
        names = "" if earlier.value == key.value else f", as {earlier.value} and as {key.value}"
        self._note(at, _value(at, value), f"stated twice ({lines}){names}: keep one")

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> None:
        wrong = _wrong(self.loader, node)
        if wrong:
            rule, remedy = wrong
            self._note(place, _value(place, node), f"{rule} ({_line(node)}): {remedy}")

    def _expect(self, node: yaml.CollectionNode, place: Place, tag: str) -> None:
        if node.tag != _TAG + tag:
            rule, remedy = _unknown(node)
            self._note(place, _value(place, node), f"{rule} ({_line(node)}): {remedy}")

    def _note(self, place: Place, value: object, message: str) -> None:
        spoken = self.spoken(place)
        fault = Fault(written(spoken) or "the file", value, message)
        if fault not in self.faults[-1:]:
            self.faults.append(fault)


def _wrong(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> tuple[str, str] | None:
    """Rule and remedy for a single value that is none in JSON, or another one to Pulumi."""
    tag = node.tag.removeprefix(_TAG)
    if tag in ("str", "null"):
        return None
    if tag == "timestamp":
        return "YAML takes this for a date", "write it in quotes"
    if tag == "bool":
        return _no_truth(node.value.lower())
    if tag not in ("int", "float"):
        return _unknown(node)
    try:
        number = cast(float, loader.construct_object(node))
    except (ValueError, IndexError):
        number = math.inf if tag == "int" and node.value.strip("+-")[:1].isdecimal() else math.nan
    if tag == "int" and abs(number) >= _LARGEST:
        return "a number too large to be meant", "write one of at most 18 digits"
    return None if math.isfinite(number) else ("not a number that JSON knows", "write one")


def _no_truth(text: str) -> tuple[str, str] | None:
    """Pulumi reads YAML 1.2, to which only two words are truths."""
    if text in ("true", "false"):
        return None
    meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(text, "true or false")
    return "a text to Pulumi", f"write {meant}, or put it in quotes"


def _unknown(node: yaml.Node) -> tuple[str, str]:
    return f"the tag {node.tag.removeprefix(_TAG)} is not known here", "write plain texts, numbers, lists and blocks"


def _value(place: Place, node: yaml.Node) -> object:
    """What is shown of a value that was not made yet."""
    if isinstance(node, yaml.MappingNode):
        return harmless(place, {"": ""} if node.value else {})
    if isinstance(node, yaml.SequenceNode):
        return harmless(place, [None] * len(node.value))
    if node.tag == f"{_TAG}null":
        return None
    value = harmless(place, node.value)
    return bare(node.value) if value is node.value and value and node.tag != _TEXT else value


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"
