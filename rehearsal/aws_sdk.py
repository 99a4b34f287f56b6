"""What pulumi_aws says of the types that the simulation knows: `python -m rehearsal.aws_sdk` writes aws/schema.json.

The simulation reads that file, for importing the SDK takes longer than the simulation itself. A test holds the two
together. Forms of properties: `string`, `integer`, `number`, `boolean`, `any`, `[string]` (list), `{string}` (map),
`eks/ClusterVpcConfig` (an object of `types`); a `!` after it marks inputs that have to be stated and outputs that are
always there.
"""

import collections.abc
import importlib
import inspect
import json
import re
import typing
from pathlib import Path
from typing import Any, Final

from pulumi import Output
from pulumi import _types as sdk

from rehearsal.aws.catalogue import KINDS

SCHEMA: Final = Path(__file__).parent / "aws" / "schema.json"
_PLAIN: Final[dict[Any, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "any",
    Any: "any",
}
Forms = dict[str, str]


def describe() -> dict[str, Any]:
    """The whole document; ImportError or AttributeError where the SDK has no such type."""
    nested: dict[str, Forms] = {}
    found = {token: _resource(token, nested) for token in sorted(KINDS)}
    provider = importlib.import_module("pulumi_aws.provider").ProviderArgs
    document = {"provider": _inputs(provider, nested), "resources": found, "types": dict(sorted(nested.items()))}
    return typing.cast(dict[str, Any], document)


def text(document: dict[str, Any]) -> str:
    """The document with a line for each type."""
    parts = [f' "provider": {json.dumps(document["provider"])}']
    for part in ("resources", "types"):
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in document[part].items())
        parts.append(f' "{part}": {{\n{lines}\n }}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _resource(token: str, nested: dict[str, Forms]) -> dict[str, Forms]:
    _, module, kind = token.split(":")
    package, file = module.split("/")
    # The SDK loads a package when it is first asked for something. Loaded on behalf of one of its files instead, it
    # would stay empty for whoever asks later.
    getattr(importlib.import_module(f"pulumi_aws.{package}"), kind)
    loaded = importlib.import_module(f"pulumi_aws.{package}.{_snake(file)}")
    # where an object of another type is called so already, the SDK says InitArgs
    arguments = getattr(loaded, f"{kind}InitArgs", None) or getattr(loaded, f"{kind}Args")
    return {
        "inputs": _inputs(arguments, nested),
        "outputs": _outputs(getattr(loaded, kind)),
    }


def _snake(file: str) -> str:
    """`vpcEndpoint` to the name of its file in the SDK, `vpc_endpoint`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", file).lower()


def _inputs(arguments: type, nested: dict[str, Forms]) -> Forms:
    names = sdk.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters
    space = vars(inspect.getmodule(arguments))
    return {
        names[name]: _form(parameter.annotation, space, nested) + ("!" if parameter.default is parameter.empty else "")
        for name, parameter in sorted(parameters.items())
        if name in names
    }


def _outputs(resource: type) -> Forms:
    found: Forms = {}
    for name, hint in sorted(sdk._raw_return_hints(resource).items()):
        (inside,) = typing.get_args(hint) if typing.get_origin(hint) is Output else (hint,)
        optional = type(None) in typing.get_args(inside)
        found[name] = _output_form(inside) + ("" if optional else "!")
    return found


def _output_form(hint: Any) -> str:
    members = [part for part in typing.get_args(hint) if part is not type(None)]
    origin = typing.get_origin(hint)
    if origin is typing.Union:
        return _output_form(members[0])
    if origin is collections.abc.Sequence:
        return f"[{_output_form(members[0])}]"
    if origin is collections.abc.Mapping:
        return f"{{{_output_form(members[1])}}}"
    return _PLAIN.get(hint, "object")


def _form(hint: Any, space: dict[str, Any], nested: dict[str, Forms]) -> str:
    """The form of an input's annotation, unions with Awaitable, Output and None opened; objects go to `nested`."""
    if isinstance(hint, typing.ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):
        module, dot, name = hint.rpartition(".")
        hint = getattr(space[module], name) if dot else space[name]
    origin, members = typing.get_origin(hint), typing.get_args(hint)
    if origin is collections.abc.Sequence:
        return f"[{_form(members[0], space, nested)}]"
    if origin is collections.abc.Mapping:
        return f"{{{_form(members[1], space, nested)}}}"
    if members:
        return _union([part for part in members if not _is_wrapping(part)], space, nested)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if not sdk.is_input_type(hint):  # an enumeration of texts
        return "string"
    name = f"{hint.__module__.split('.')[1]}/{hint.__name__.removesuffix('Args')}"
    if name not in nested:
        nested[name] = {}
        nested[name] = _inputs(hint, nested)
    return name


def _union(members: list[Any], space: dict[str, Any], nested: dict[str, Forms]) -> str:
    forms = list(dict.fromkeys(_form(part, space, nested) for part in members))
    return forms[0] if len(forms) == 1 else "any"


def _is_wrapping(part: Any) -> bool:
    """Whether a member of a union says how a value may come rather than what it is."""
    if part is type(None) or typing.get_origin(part) in (collections.abc.Awaitable, Output):
        return True
    name = part.__forward_arg__ if isinstance(part, typing.ForwardRef) else ""
    return name == "Output[T]" or name.endswith("ArgsDict")


if __name__ == "__main__":
    SCHEMA.write_text(text(describe()))
