"""Which properties a type has: what is not among them is refused, with the nearest that is.

`schema.json` says it as the SDK does (see rehearsal/aws_sdk.py, which writes it, for the forms).
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from rehearsal.engine.model import Unknown, Value

FILE: Final = Path(__file__).with_name("schema.json")
Forms = Mapping[str, str]
_PLAIN: Final = ("string", "integer", "number", "boolean")


@cache
def document() -> Mapping[str, Any]:
    """`provider`, `resources` and `types` of the file."""
    return cast(Mapping[str, Any], json.loads(FILE.read_text()))


def inputs_of(type_: str) -> Forms:
    """Input name to form of a type that the file knows."""
    return cast(Forms, document()["resources"][type_]["inputs"])


def outputs_of(type_: str) -> Forms:
    """Output name to form."""
    return cast(Forms, document()["resources"][type_]["outputs"])


def faults(type_: str, inputs: Mapping[str, Value]) -> Iterator[str]:
    """What is wrong with the names and forms of a resource's inputs."""
    yield from _object(inputs_of(type_), inputs, "")


def provider_faults(inputs: Mapping[str, Value]) -> Iterator[str]:
    """What is wrong with a provider's inputs. Their values came as JSON texts and are not looked into."""
    yield from _unknown_names(cast(Forms, document()["provider"]), inputs, "")


def _object(forms: Forms, values: Mapping[str, Value], at: str) -> Iterator[str]:
    yield from _unknown_names(forms, values, at)
    for name, form in forms.items():
        value = values.get(name)
        if value is None:
            if form.endswith("!"):
                yield f"{at}{name} is not stated, and has to be"
        else:
            yield from _value(form.removesuffix("!"), value, f"{at}{name}")


def _unknown_names(forms: Forms, values: Mapping[str, Value], at: str) -> Iterator[str]:
    for name in values:
        if name not in forms and not name.startswith("__"):  # marks that the SDK itself adds
            near = difflib.get_close_matches(name, forms, 1, 0.5)
            guess = f"did you mean {at}{near[0]}?" if near else f"it has {', '.join(sorted(forms))}"
            yield f"there is no property {at}{name}: {guess}"


def _value(form: str, value: Value, at: str) -> Iterator[str]:
    if isinstance(value, Unknown) or form == "any":
        return
    if form.startswith("["):
        if not isinstance(value, list):
            yield f"{at} is no list: write one"
            return
        for index, item in enumerate(cast(list[Value], value)):
            yield from _value(form[1:-1], item, f"{at}[{index}]")
    elif form.startswith("{"):
        if not isinstance(value, Mapping):
            yield f"{at} is no map of texts: write one"
            return
        for key, item in cast(Mapping[str, Value], value).items():
            yield from _value(form[1:-1], item, f'{at}["{key}"]')
    elif form in _PLAIN:
        if not _is_plain(form, value):
            yield f"{at} is no {form}"
    elif not isinstance(value, Mapping):
        yield f"{at} is no object: write one"
    else:
        nested = cast(Forms, document()["types"][form])
        yield from _object(nested, cast(Mapping[str, Value], value), f"{at}.")


def _is_plain(form: str, value: Value) -> bool:
    """As the provider's bridge takes them: texts that read as a number or a truth do, and the other way about."""
    if not isinstance(value, (str, int, float)):
        return False
    if form == "boolean":
        return isinstance(value, bool) or str(value).lower() in ("true", "false")
    if form in ("integer", "number"):
        try:
            number = float(value)
        except ValueError:
            return False
        return not isinstance(value, bool) and (form == "number" or number.is_integer())
    return True
