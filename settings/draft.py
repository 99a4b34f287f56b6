"""A stack file under check: what is faulty in it, and settings to try the rules on."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from settings.explain import explain, nearest
from settings.faults import ABSENT, Fault, Place, harmless, written
from settings.json_text import NotJsonError, parse
from settings.model import LENIENT, FormatError, Model, keys
from settings.settings import Configuration, Settings

Blocks = Mapping[str, object]
"""Values by key, blocks within each other, as a stack file states them."""

_STAND_INS: Mapping[str, Mapping[str, object]] = {"memory": {"image": "stand-in:0"}}
"""Values of required keys, so that the rules can be tried on a block that lacks them."""


@dataclass(frozen=True)
class Finding:
    """A fault whose place is still a tuple, so that it can be put in order."""

    place: Place
    value: object
    message: str
    default: bool = False
    derived: bool = False

    def fault(self) -> Fault:
        message = " ".join(self.message.split())  # One line, whatever names it repeats.
        value = harmless(self.place, self.value)
        return Fault(written(self.place), value, message, self.default, self.derived, key=str(self.place[0]))


class Draft:
    """The parsed stack file, the faults of its types, and settings that hold everything which is not faulty.

    Rules say what they read; a rule that reads something faulty is left out, since it would speak of a stand-in.
    """

    def __init__(self, raw: Mapping[str, object], stack: str, derived: Blocks | None = None) -> None:
        """`derived` are values for what the file does not state; where it states something, that holds."""
        self.raw = raw
        self.stack = stack
        self._values = raw if derived is None else _under(derived, raw)
        self._derived = frozenset[str]() if derived is None else _added(derived, raw)
        self.faults: list[Finding] = []
        self._tainted: set[Place] = set()
        known = tuple(Configuration.model_fields)
        for key in (key for key in raw if key not in known):
            guess = nearest(key, known)
            self.faults.append(Finding((key,), raw[key], guess.message))
            self._tainted.update({(guess.meant,)} if guess.meant else ())
        blocks: dict[str, Any] = {key: self._block(key) for key in Configuration.model_fields}
        paths = None if derived is None else tuple(sorted(self._derived))
        self.settings = Settings.model_construct(stack=stack, derived=paths, **blocks)

    def over(self, derived: Blocks) -> "Draft":
        """The same file with values for what it does not state."""
        return Draft(self.raw, self.stack, derived)

    def sound(self, reads: Iterable[Place]) -> bool:
        """Is nothing of this faulty?"""
        return not any(_nested(read, fault) for read in reads for fault in self._tainted)

    def stated(self, place: Place) -> object:
        """What the file states at a place, ABSENT where it states nothing."""
        value: object = self.raw
        for part in place:
            if isinstance(part, int):
                known = isinstance(value, Sequence) and not isinstance(value, str) and part < len(cast(Any, value))
            else:
                known = isinstance(value, Mapping) and part in value
            if not known:
                return ABSENT
            value = cast(Any, value)[part]
        return value

    def finding(self, place: Place, message: str) -> Finding:
        """A fault at a place, with the value that stands there or the default that holds."""
        value = self.stated(place)
        if value is not ABSENT:
            return Finding(place, value, message)
        value = self._default(place)
        return Finding(place, value, message, default=value is not ABSENT, derived=written(place) in self._derived)

    def in_file_order(self, findings: Iterable[Finding]) -> list[Finding]:
        """Findings in the order of the file; one about a missing key stands at the head of its block."""
        return sorted(findings, key=lambda finding: self._position(finding.place))

    def _default(self, place: Place) -> object:
        value: object = self.settings
        for part in place:
            if isinstance(part, int):
                value = cast(Sequence[object], value)[part] if part < len(cast(Sequence[object], value)) else ABSENT
            elif isinstance(value, BaseModel):
                value = getattr(value, _field(type(value), part), ABSENT)
            elif isinstance(value, Mapping):
                value = cast(Mapping[str, object], value).get(part, ABSENT)
            else:
                return ABSENT
        return ABSENT if value is None or isinstance(value, BaseModel) else value

    def _position(self, place: Place) -> tuple[int, ...]:
        position: list[int] = []
        value: object = self.raw
        for depth, part in enumerate(place):
            known = [*value] if isinstance(value, Mapping) else []
            if isinstance(part, str) and part in known:
                position.append(known.index(part))
            elif isinstance(part, int) and self.stated(place[: depth + 1]) is not ABSENT:
                position.append(part)
            else:
                if depth == 0 and part in Configuration.model_fields:
                    position.append(len(self.raw) + list(Configuration.model_fields).index(part))
                break
            value = self.stated(place[: depth + 1])
        return tuple(position)

    def _block(self, key: str) -> object:
        """The validated block; where it is faulty, what is left of it over the defaults."""
        field = Configuration.model_fields[key]
        adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
        given = self._values.get(key, {} if _is_model(field.annotation) else ABSENT)
        if given is ABSENT:
            return field.get_default()
        if isinstance(given, str) and _is_model(field.annotation):
            self.faults.append(Finding((key,), given, _not_json(given)))
            self._tainted.add((key,))
            self._note_missing(key, adapter, given)
            return self._salvaged(key, adapter, {}, ())
        try:
            return adapter.validate_python(given, by_alias=True, by_name=False)
        except ValidationError as error:
            removed = [place for line in error.errors() if (place := self._fault(key, line)) is not None]
            self._note_missing(key, adapter, given)
            return self._salvaged(key, adapter, given, removed)

    def _note_missing(self, key: str, adapter: TypeAdapter[Any], given: object) -> None:
        """A key without a value (which the CLI hands over as an empty text) lacks what its block requires."""
        if given not in (None, ""):
            return
        try:
            adapter.validate_python({}, by_alias=True, by_name=False)
        except ValidationError as error:
            for line in error.errors():
                self._fault(key, line)

    def _fault(self, key: str, line: ErrorDetails) -> Place | None:
        """Notes a fault; the place of what the rules cannot be tried on, None where they can."""
        message, meant = explain(line, Configuration.model_fields[key].annotation)
        place = (key, *_without_markers(line["loc"]))
        if line["type"] == "too_short" and line["input"]:
            return place  # Not short: its entries are faulty, and were named.
        self.faults.append(Finding(place, ABSENT if line["type"] == "missing" else line["input"], message))
        if line["type"] == "extra_forbidden":
            # Harms no other key but the one that was probably meant: its default would mislead.
            self._tainted.update({(*place[:-1], meant)} if meant else ())
            return place
        if isinstance(line.get("ctx", {}).get("error"), FormatError):
            return None
        removable = place[:-1] if isinstance(place[-1], int) else place
        self._tainted.add(removable)
        return removable

    def _salvaged(self, key: str, adapter: TypeAdapter[Any], given: object, removed: Sequence[Place]) -> object:
        """The block without its faulty values; without the lists that hold them, where it takes that."""
        stand_ins = _STAND_INS.get(key, {})
        for cut in (_exact, _up_to_list):
            self._tainted.update(cut(place) for place in removed if cut is not _exact)
            kept = given
            for place in removed:
                kept = _without(kept, cut(place)[1:])
            block = {**stand_ins, **kept} if isinstance(kept, Mapping) else stand_ins
            with suppress(ValidationError):
                return adapter.validate_python(block, context=LENIENT, by_alias=True, by_name=False)
        self._tainted.add((key,))
        field = Configuration.model_fields[key]
        return adapter.validate_python(stand_ins, by_alias=True) if field.is_required() else field.get_default()


def _under(derived: Blocks, stated: Blocks) -> dict[str, object]:
    """Both, where what is stated wins, key by key."""
    found = dict(stated)
    for key, value in derived.items():
        own = stated.get(key)
        if isinstance(value, Mapping) and isinstance(own, Mapping):
            found[key] = _under(cast(Blocks, value), cast(Blocks, own))
        else:
            found.setdefault(key, value)
    return found


def _added(derived: Blocks, stated: Blocks, before: Place = ()) -> frozenset[str]:
    """Paths of the values that only the derivation has."""
    found = frozenset[str]()
    for key, value in derived.items():
        own = stated.get(key, ABSENT)
        if isinstance(value, Mapping):
            inner = cast(Blocks, own) if isinstance(own, Mapping) else {}
            found |= _added(cast(Blocks, value), inner, (*before, key))
        elif own is ABSENT:
            found |= {written((*before, key))}
    return found


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Model)


def _field(model: type[BaseModel], key: str) -> str:
    return next((name for name, known in keys(model).items() if known == key), key)


def _not_json(text: str) -> str:
    try:
        parse(text)
    except NotJsonError as error:
        if text.lstrip().startswith("{"):
            return f"JSON that does not parse ({error}): write it as YAML keys"
    return "expected a block of keys"


def _nested(one: Place, other: Place) -> bool:
    """Is one of the places within the other? "*" stands for any entry of a list."""
    return all(mine == its or "*" in (mine, its) for mine, its in zip(one, other, strict=False))


def _exact(place: Place) -> Place:
    return place


def _up_to_list(place: Place) -> Place:
    """The list that a place is in: without one of its items it would speak of others."""
    index = next((depth for depth, part in enumerate(place) if isinstance(part, int)), len(place))
    return place[:index]


def _without_markers(location: tuple[int | str, ...]) -> Place:
    """Pydantic marks a faulty key of a mapping by a further part."""
    return tuple(part for part in location if part != "[key]")


def _without(block: object, place: Place) -> object:
    """The block without what stands at a place."""
    if not place:
        return {}
    head, rest = place[0], place[1:]
    if isinstance(head, int):
        entries = list(cast(Sequence[object], block)) if isinstance(block, tuple) else []
        return tuple(_without(entry, rest) if index == head else entry for index, entry in enumerate(entries))
    if not isinstance(block, Mapping):
        return block
    items = cast(Mapping[str, object], block).items()
    if not rest:
        return {key: value for key, value in items if key != head}
    return {key: _without(value, rest) if key == head else value for key, value in items}
