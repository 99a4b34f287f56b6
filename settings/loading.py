"""From the keys of a stack file to checked settings, or to all of its faults."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from settings.draft import Blocks, Draft, Finding
from settings.explain import explain
from settings.faults import ABSENT, Fault, SettingsError
from settings.json_text import NotJsonError, parse
from settings.model import Model
from settings.rules import RULES, workload
from settings.rules.rule import Check, place
from settings.settings import Settings

_Own = TypeVar("_Own", bound=Model)
Derivation = Callable[[Draft], Blocks]
"""What follows from the workload of a stack file whose types are sound. Raises UnderivableError."""


class UnderivableError(Exception):
    """A workload from which no settings follow; why, a line each. Paths of faults begin at the workload."""

    def __init__(self, faults: Sequence[str | Fault]) -> None:
        super().__init__(*faults)
        self.faults = tuple(faults)


def load(raw: Mapping[str, object], stack: str, derive: Derivation | None = None) -> Settings:
    """The settings of a stack.

    `raw` holds the stack's configuration without the project prefix; a block may be a mapping or its JSON text.
    `derive` is asked where the stack states a workload, for values of what it does not state. Raises SettingsError with
    every fault.
    """
    draft = Draft(_parsed(raw), stack)
    underivable: list[Finding] = []
    if derive is not None and draft.settings.workload is not None and not _faults(draft, workload.RULES):
        try:
            draft = draft.over(_parsed(derive(draft)))
        except UnderivableError as error:
            underivable = [_underivable(draft, fault) for fault in error.faults]
    faults = _faults(draft, RULES) + underivable
    if faults:
        raise SettingsError(stack, [finding.fault() for finding in draft.in_file_order(faults)])
    return draft.settings


def _underivable(draft: Draft, fault: str | Fault) -> Finding:
    if isinstance(fault, Fault):
        return draft.finding(place(f"workload.{fault.path}"), fault.message)
    return draft.finding(("workload",), fault)


def _faults(draft: Draft, rules: Sequence[Check]) -> list[Finding]:
    """Those of types, and those that rules find elsewhere."""
    named = {finding.place for finding in draft.faults}
    return draft.faults + [finding for rule in rules for finding in rule(draft) if finding.place not in named]


def load_own(model: type[_Own], raw: Mapping[str, object], stack: str) -> _Own:
    """The settings of a program that uses some of the components: `model` has a field for each block that it takes.

    `raw` is as in `load`. Types, bounds, formats and unknown keys are checked; the rules between blocks, which speak of
    a whole region, are not. Raises SettingsError with every fault.
    """
    try:
        return model.model_validate(_parsed(raw), by_alias=True, by_name=False)
    except ValidationError as error:
        raise SettingsError(stack, [_fault(model, line) for line in error.errors()]) from None


def _fault(model: type[Model], line: ErrorDetails) -> Fault:
    message, _ = explain(line, model)
    return Finding(line["loc"], ABSENT if line["type"] == "missing" else line["input"], message).fault()


def _parsed(raw: Mapping[str, object]) -> dict[str, object]:
    """Blocks that came as JSON text, parsed; a text that does not parse stays what it is. Lists become tuples."""
    return {key: _frozen(_from_json(value)) for key, value in raw.items()}


def _from_json(value: object) -> object:
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return parse(value)
    except NotJsonError:
        return value


def _frozen(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _frozen(item) for key, item in cast(Mapping[str, object], value).items()}
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in cast(Sequence[object], value))
    return value
