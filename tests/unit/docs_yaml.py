"""Blocks of YAML in a document: configuration that the settings have to take, and the few fragments of other kinds."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import yaml

from components import service_values
from settings import SettingsError
from tests.unit import guide
from tests.unit.docs_pages import Block
from tests.unit.docs_shell import StaleError
from tests.unit.docs_walk import BLOCKS, Walk
from tests.unit.recorder import PROJECT

_FILE: Final = re.compile(r"# Pulumi(?:\.(?P<stack>[a-z0-9-]+))?\.yaml\b")
KINDS: Final = ("", "region", "kube-prometheus-stack", "alertmanager", "original")
"""What may stand behind `yaml`: nothing for configuration, else what it is a fragment of."""


def check(block: Block, walk: Walk) -> set[str]:
    """What the block says, into the walk; the stacks that it concerns. StaleError where it is not taken."""
    try:
        content = yaml.safe_load(block.text)
    except yaml.YAMLError as error:
        raise StaleError(f"{block.place}: no YAML: {error}") from None
    match block.kind:
        case "":
            return _configuration(block, content, walk)
        case "region":
            listed = walk.project["multiregion"]["regions"]
            return _stated(
                block, {"multiregion": {**walk.project["multiregion"], "regions": [*listed, *content]}}, walk
            )
        case "kube-prometheus-stack":
            _same_as_installed(block, content)
        case "alertmanager":
            _routes(block, content)
        case "original":
            if content not in [dict(kept.content) for kept in guide.kept()]:
                raise StaleError(f"{block.place}: not a block of tests/data/guide.yaml")
        case _:
            raise StaleError(f"{block.place}: `yaml {block.kind}` is none of {', '.join(KINDS[1:])}")
    return set()


def _configuration(block: Block, content: Any, walk: Walk) -> set[str]:
    if not isinstance(content, dict):
        raise StaleError(f"{block.place}: no keys of a stack file")
    keys = cast(dict[str, Any], content)
    return _stated(block, keys.get("config", keys), walk)


def _stated(block: Block, keys: Mapping[str, Any], walk: Walk) -> set[str]:
    bare = {key.removeprefix(f"{PROJECT}:"): value for key, value in keys.items()}
    unknown = sorted(set(bare) - BLOCKS)
    if unknown:
        raise StaleError(f"{block.place}: no keys of the settings: {', '.join(unknown)}")
    file = _FILE.match(block.text)
    stack = "us-east" if file is None else file["stack"]
    shared = {key: value for key, value in bare.items() if stack is None or (file is None and key == "multiregion")}
    walk.state(shared, None)
    if stack is not None:
        walk.stacks.setdefault(stack, {})
        walk.state({key: value for key, value in bare.items() if key not in shared}, stack)
    if stack is not None and bare.get("platform") == "aws":
        walk.stacks[stack].pop("backups", None)  # of the cluster of yours that this walk began with
    concerned = {"us-east"} if stack is None else {stack}
    for one in concerned:
        try:
            walk.settings(one)
        except SettingsError as error:
            raise StaleError(f"{block.place}: the settings refuse it\n{error}") from None
    return concerned


def _same_as_installed(block: Block, content: Any) -> None:
    """What the program itself says to the chart has to have all of it."""
    different = _missing(content, service_values.VALUES["kube-prometheus-stack"])
    if different:
        raise StaleError(f"{block.place}: the program's own values differ in {different}")


def _missing(wanted: Any, there: Any, path: str = "") -> str:
    """Path of the first value that is not there; empty where all are."""
    if not isinstance(wanted, dict):
        return "" if wanted == there else path
    known = cast(dict[str, Any], there) if isinstance(there, dict) else {}
    found = (_missing(value, known.get(key), f"{path}.{key}") for key, value in cast(dict[str, Any], wanted).items())
    return next((path for path in found if path), "")


def _routes(block: Block, content: Any) -> None:
    """Every route leads to a receiver that there is."""
    names = {receiver["name"] for receiver in content["receivers"]}
    wanted = {content["route"]["receiver"], *(route["receiver"] for route in content["route"]["routes"])}
    if not wanted <= names:
        raise StaleError(f"{block.place}: no receiver {', '.join(sorted(wanted - names))}")
