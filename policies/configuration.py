"""The values that a pack may be configured with: which policies there are, what each takes, and what makes sense.

Pulumi's engine holds known values to their schema and passes on whatever else a configuration says
(pkg/resource/analyzer/config.go, applyConfig): a name that is written wrongly would leave the default in force unseen.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from policies.rules import PARAMETERS, Rule

ALL: Final = "all"
"""Stands for every policy; the engine takes a level from it and nothing else."""


def faults(pack: str, rules: Iterable[Rule], config: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    """What is wrong with a configuration, a sentence each. `config` is policy to values, without the levels."""
    known = {rule.name: rule.parameters for rule in rules}
    for policy, values in config.items():
        if policy == ALL:
            yield from (
                f"{pack}: all takes a level alone: state {name} with the policies that it is for" for name in values
            )
        elif policy not in known:
            yield f"{pack} has no policy {policy}: correct its configuration, docs/policies.md has the names"
        else:
            yield from _misstated(f"{pack}: {policy}", known[policy], values)


def _misstated(title: str, parameters: Sequence[str], values: Mapping[str, object]) -> Iterator[str]:
    for name, value in values.items():
        if name in parameters:
            yield from misfits(value, PARAMETERS[name].schema, f"{title}.{name}")
        else:
            takes = f"it takes {', '.join(parameters)}" if parameters else "it takes none"
            yield f"{title}.{name}: the policy has no such value, {takes}"


def misfits(value: object, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    """Where a value does not fit its JSON schema, as far as policies declare them. Numbers may arrive as floats."""
    said = f"{path} = {value!r}:"
    kind = schema.get("type")
    if kind == "integer" and not _whole(value):
        yield f"{said} must be a whole number"
    elif kind == "string" and not isinstance(value, str):
        yield f"{said} must be text"
    elif kind == "array" and not isinstance(value, (list, tuple)):
        yield f"{said} must be a list"
    elif kind == "array":
        yield from _items(cast(Sequence[object], value), schema, path)
    elif "minimum" in schema and cast(float, value) < schema["minimum"]:
        yield f"{said} must be {schema['minimum']:.0f} or more"
    elif "maximum" in schema and cast(float, value) > schema["maximum"]:
        yield f"{said} must be {schema['maximum']:.0f} or less"
    elif kind == "string" and len(cast(str, value)) < schema.get("minLength", 0):
        yield f"{said} must not be empty"


def _items(values: Sequence[object], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for index, item in enumerate(values):
        yield from misfits(item, schema.get("items", {}), f"{path}[{index}]")
        if schema.get("uniqueItems") and item in values[:index]:
            yield f"{path}[{index}] = {item!r}: is there twice"


def _whole(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()
