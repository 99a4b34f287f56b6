"""The page about the components, docs/api.md, made from their types and docstrings: tokens, arguments, outputs."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, cast, get_args

import pulumi
from pydantic import BaseModel

import components
from settings import Configuration

_HEAD = """\
# Components

Every component of this project, for programs that use it ([README.md](../README.md#in-another-program)). A component is
made as `Kind(name, args, opts)`: `name` begins the names of all that it makes, `opts` are Pulumi's. An argument with a
link is a value of the project, below, or a block of [the configuration](configuration.md). Quantities of bytes and CPU
are Kubernetes' own. `make docs` writes this page from the code.
"""
_REQUIRED = "**required**"
COMMON: Mapping[str, str] = {
    "account": "The twelve digits of the AWS account.",
    "after": "What must be there before the first object is made.",
    "aws_region": "What AWS calls the region, such as `us-east-1`.",
    "cidr": "Range of the VPC.",
    "cluster_name": "Name of the region's EKS cluster.",
    "database": "Name of the database.",
    "ingress_namespace": "Namespace of the ingress controller, whose pods may come in.",
    "monitoring_namespace": "Namespace of Prometheus, which reads the figures.",
    "region": "Name of the region, as in `multiregion.regions`.",
    "replicas": "Number of pods.",
    "tags": "AWS tags of everything that takes some, by name.",
    "user": "Role of PostgreSQL that owns the database.",
    "vpc_id": "Id of the VPC.",
}
"""What a name means wherever no docstring says it."""
_NOT_ARGUMENTS = ("self", "name", "opts")
_OF_INIT = re.compile(r"`(\w+)`:\s+(.*?)(?=\n\s*`\w+`:|\Z)", re.DOTALL)
"""How the docstring of an __init__ explains its parameters."""


@dataclass(frozen=True)
class Entry:
    """An argument, an output, or a field of a value."""

    name: str
    type: str
    """As written in the source."""
    hint: object
    """The same, resolved."""
    default: str
    """As written in the source; empty where it has to be given."""
    meaning: str
    """What its docstring says, else the first sentence of what its type says; empty where neither says anything."""


@dataclass(frozen=True)
class Component:
    """One component class."""

    kind: type[pulumi.ComponentResource]
    token: str
    arguments: tuple[Entry, ...]
    args: type | None
    """The class of `args`, where it takes one."""
    outputs: tuple[Entry, ...]

    @property
    def name(self) -> str:
        return self.kind.__name__


def page() -> str:
    """The whole of docs/api.md."""
    found = catalogue()
    sections = [_HEAD]
    for area in dict.fromkeys(component.token.split(":")[1] for component in found):
        sections += [f"## `soma:{area}`", *(_section(c) for c in found if c.token.split(":")[1] == area)]
    return "\n\n".join([*sections, "## Values", *map(_value, values(found))]).replace("\n\n\n", "\n\n") + "\n"


def gaps() -> list[str]:
    """What nobody explains: `RedisArgs.image`."""
    found = catalogue()
    owners = [(c.name, (*c.arguments, *c.outputs)) for c in found]
    owners += [(kind.__name__, tuple(fields(kind))) for kind in values(found)]
    return [f"{owner}.{entry.name}" for owner, entries in owners for entry in entries if not entry.meaning]


@cache
def catalogue() -> tuple[Component, ...]:
    """Every component, by its token."""
    kinds = (kind for module in _modules() for kind in _kinds_of(module))
    return tuple(sorted(map(_component, kinds), key=lambda component: component.token))


def values(found: tuple[Component, ...]) -> tuple[type, ...]:
    """The dataclasses and protocols that arguments and outputs are or hold, each once, by name."""
    seen: dict[str, type] = {}
    waiting = [hint for c in found for entry in (*c.arguments, *c.outputs) for hint in _within(entry.hint)]
    while waiting:
        kind = waiting.pop()
        if _is_value(kind) and kind.__name__ not in seen:
            seen[kind.__name__] = kind
            waiting += [hint for entry in fields(kind) for hint in _within(entry.hint)]
    return tuple(seen[name] for name in sorted(seen))


def fields(kind: type) -> Iterator[Entry]:
    """The public annotated attributes of a class, in its order."""
    hints = inspect.get_annotations(kind, eval_str=True)
    body = cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]).body
    for index, node in enumerate(body):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        name = node.target.id
        if name.startswith("_"):
            continue
        default = ast.unparse(node.value) if node.value is not None else ""
        said = _text(body[index + 1]) if index + 1 < len(body) else ""
        hint = hints[name]
        yield Entry(name, ast.unparse(node.annotation), hint, default, said or COMMON.get(name) or _of_type(hint))


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(components.__path__, f"{components.__name__}."):
        if ".files" not in found.name and not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _kinds_of(module: ModuleType) -> Iterator[type[pulumi.ComponentResource]]:
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if issubclass(kind, pulumi.ComponentResource) and kind.__module__ == module.__name__:
            yield kind


def _component(kind: type[pulumi.ComponentResource]) -> Component:
    made = ast.parse(textwrap.dedent(inspect.getsource(kind.__init__)))
    calls = (
        node for node in ast.walk(made) if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__"
    )
    token = cast(ast.Constant, next(calls).args[0]).value
    args: type | None = inspect.get_annotations(kind.__init__, eval_str=True).get("args")
    arguments = tuple(fields(args)) if args is not None else ()
    return Component(kind, str(token), (*arguments, *_parameters(kind)), args, tuple(fields(kind)))


def _parameters(kind: type) -> Iterator[Entry]:
    """What the class takes beside `args`, in words of the docstring of its __init__."""
    function = cast(Callable[..., object], cast(Any, kind).__init__)
    hints, said = (
        inspect.get_annotations(function, eval_str=True),
        dict(_OF_INIT.findall(inspect.getdoc(function) or "")),
    )
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    written = {one.arg: one.annotation for one in (*_arguments(node).args, *_arguments(node).kwonlyargs)}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in (*_NOT_ARGUMENTS, "args"):
            continue
        default = "" if parameter.default is parameter.empty else repr(parameter.default)
        annotation = written[name]
        text = ast.unparse(annotation) if annotation is not None else ""
        meaning = " ".join(said.get(name, "").split()) or _of_type(hints[name])
        yield Entry(name, text, hints[name], default, meaning)


def _arguments(node: ast.stmt) -> ast.arguments:
    return cast(ast.FunctionDef, node).args


def _text(node: ast.stmt) -> str:
    """A docstring of an attribute on one line; empty where the statement is something else."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return ""


def _of_type(hint: object) -> str:
    """The first sentence of what the one class of ours in a type says."""
    said = [_first_sentence(kind) for kind in _within(hint) if _is_ours(kind)]
    return said[0] if len(said) == 1 else ""


def _first_sentence(kind: type) -> str:
    text = " ".join((inspect.getdoc(kind) or "").split())
    return re.split(r"(?<=\.)\s", text)[0]


def _within(hint: object) -> Iterator[type]:
    """The classes in a type, however deep."""
    if isinstance(hint, type) and not get_args(hint):
        yield hint
    for inner in get_args(hint):
        yield from _within(inner)


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in ("components", "settings", "observability")


def _is_value(kind: type) -> bool:
    """A dataclass or a protocol; models are explained with the configuration, components as such."""
    if not _is_ours(kind) or issubclass(kind, (BaseModel, pulumi.ComponentResource)):
        return False
    return dataclasses.is_dataclass(kind) or getattr(kind, "_is_protocol", False)


# Markdown


def _section(component: Component) -> str:
    module = component.kind.__module__
    names = sorted([component.name] + ([component.args.__name__] if component.args is not None else []))
    lines = [
        f"### {component.name}",
        f"`{component.token}`: `from {module} import {', '.join(names)}`",
        inspect.getdoc(component.kind) or "",
    ]
    if component.arguments:
        lines.append(_table("argument", component.arguments))
    if component.outputs:
        lines.append(_table("output", component.outputs, defaults=False))
    return "\n\n".join([*lines, *_methods(component.kind)])


def _value(kind: type) -> str:
    head = [f"### {kind.__name__}", f"`from {kind.__module__} import {kind.__name__}`", inspect.getdoc(kind) or ""]
    return "\n\n".join([*head, _table("field", tuple(fields(kind))), *_methods(kind)])


def _table(what: str, entries: tuple[Entry, ...], *, defaults: bool = True) -> str:
    columns = [what, "type", *(["default"] if defaults else []), "meaning"]
    rows = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for entry in entries:
        default = [f"`{_cell(entry.default)}`" if entry.default else _REQUIRED] if defaults else []
        rows.append(f"| {' | '.join([f'`{entry.name}`', _linked(entry), *default, _cell(entry.meaning)])} |")
    return "\n".join(rows)


def _methods(kind: type) -> Iterator[str]:
    """Public methods and properties with what they say, as a list."""
    found: list[str] = []
    for name, member in vars(kind).items():
        function = member.fget if isinstance(member, property) else member
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        called = name if isinstance(member, property) else f"{name}{_called(function)}"
        said = " ".join((inspect.getdoc(function) or "").split())
        found.append(f"- `{called}`: {said}")
    if found:
        yield "\n".join(found)


def _called(function: Callable[..., object]) -> str:
    names = [name for name in inspect.signature(function).parameters if name != "self"]
    return f"({', '.join(names)})"


def _linked(entry: Entry) -> str:
    """The type, with a link to the value or the block that it is about."""
    text = f"`{_cell(entry.type.replace('pulumi.', ''))}`"
    targets = list(dict.fromkeys(filter(None, map(_target, _within(entry.hint)))))
    return f"[{text}]({targets[0]})" if len(targets) == 1 else text


def _target(kind: type) -> str | None:
    if _is_value(kind) or (_is_ours(kind) and issubclass(kind, pulumi.ComponentResource)):
        return f"#{kind.__name__.lower()}"
    if kind.__module__.startswith("settings."):
        block = _blocks().get(kind)
        return f"configuration.md#{block}" if block else "configuration.md"
    return None


@cache
def _blocks() -> Mapping[type, str]:
    """Model of a block of the configuration to the block's name."""
    return {cast(type, field.annotation): name for name, field in Configuration.model_fields.items()}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
