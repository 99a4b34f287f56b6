"""Pulumi.yaml and the stack files of a checkout: read as far as the command needs them, changed with comments kept."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import yaml

from components.derivation import derived
from promotion.errors import PromotionError
from settings import Promotion, Settings, load, placing

PROJECT: Final = "Pulumi.yaml"
BEGIN: Final = "  # written by python -m promotion, which takes it out again\n"


class Checkout:
    """The files in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.project = str(self._read(PROJECT).get("name") or "")

    def settings(self) -> dict[str, Settings]:
        """Of every region, in their order. PromotionError without a list of regions, SettingsError with faults."""
        regions = self._listed()
        return {region: load(self._values(region), region, derived) for region in regions}

    def record(self, region: str, record: Promotion) -> None:
        """Writes the record into the region's stack file, or takes out the one that is there."""
        file = self._directory / f"Pulumi.{region}.yaml"
        before = file.read_text(encoding="utf-8") if file.exists() else "config:\n"
        text = _without_record(before, self.project)
        if not re.search(r"^config:[^\S\n]*(#.*)?$", text, re.MULTILINE):
            raise PromotionError(f"{file.name}: write its settings under a line of its own, config:, then go on")
        if record.under_way:
            values = record.model_dump(exclude_none=True)
            lines = [f"    {key}: {json.dumps(value)}\n" for key, value in values.items()]
            block = f"{BEGIN}  {self.project}:promotion:\n{''.join(lines)}"
            head, config, rest = re.split(r"(^config:[^\S\n]*(?:#.*)?\n)", text, maxsplit=1, flags=re.MULTILINE)
            text = f"{head}{config}{block}{rest}"
        file.touch()  # none says what an empty one says
        placing.put(file, text)
        if load(self._values(region), region, derived).promotion != record:
            raise PromotionError(f"{file.name}: the key promotion stands there by hand: take it out, then go on")

    def move_home(self, target: str) -> None:
        """Names the new home in Pulumi.yaml, as home was named before."""
        self._change(
            lambda text: home_moved(text, target),
            lambda settings: settings[target].listed_home == target,
            f"name the home region by hand (multiregion.home: {target})",
        )

    def raise_generation(self, region: str, number: int) -> None:
        """States how often the region's PostgreSQL was made."""
        self._change(
            lambda text: generation_stated(text, region, number),
            lambda settings: settings[region].generations[region] == number,
            f"write `generation: {number}` to {region} by hand (multiregion.regions)",
        )

    def _change(self, change: Callable[[str], str], done: Callable[[dict[str, Settings]], bool], by_hand: str) -> None:
        """Changes Pulumi.yaml, and changes it back where its settings then do not say what was meant."""
        file = self._directory / PROJECT
        before = file.read_text(encoding="utf-8")
        placing.put(file, change(before))
        try:
            if not done(self.settings()):
                raise PromotionError(f"{PROJECT}: {by_hand}, then go on")
        except Exception:
            placing.put(file, before)
            raise

    def _listed(self) -> list[str]:
        multiregion = cast(Mapping[str, Any], self._defaults().get("multiregion") or {})
        listed = [str(region.get("name")) for region in multiregion.get("regions") or []]
        if not listed or multiregion.get("enabled") is False:
            raise PromotionError(f"{PROJECT} lists no regions (multiregion.regions): there is nothing to move")
        for file in sorted(self._directory.glob("Pulumi.*.yaml")):
            if f"{self.project}:multiregion" in (self._read(file.name).get("config") or {}):
                raise PromotionError(f"{file.name}: multiregion stands once, in {PROJECT}: move it there first")
        return listed

    def _values(self, region: str) -> dict[str, Any]:
        prefix = f"{self.project}:"
        file = f"Pulumi.{region}.yaml"
        own = _readable(self._read(file).get("config") or {}) if (self._directory / file).exists() else {}
        return {**self._defaults(), **{k.removeprefix(prefix): v for k, v in own.items() if k.startswith(prefix)}}

    def _defaults(self) -> dict[str, Any]:
        declared = cast(dict[str, Any], self._read(PROJECT).get("config") or {})
        found: dict[str, Any] = {}
        for key, value in declared.items():
            if isinstance(value, dict):
                known = cast(dict[str, Any], value)
                value = known["value"] if known.get("value") is not None else known.get("default")
            if value is not None:
                found[key.removeprefix(f"{self.project}:")] = value
        return found

    def _read(self, name: str) -> dict[str, Any]:
        try:
            document = yaml.safe_load((self._directory / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise PromotionError(f"no {name} here: run the command in the checkout of the project") from None
        except yaml.YAMLError as error:
            raise PromotionError(f"{name} cannot be read: {str(error).splitlines()[0]}") from None
        return cast(dict[str, Any], document or {})


def _readable(value: Any) -> Any:
    """Secrets are the CLI's to open: a text stands for each."""
    if isinstance(value, dict):
        known = cast(dict[str, Any], value)
        if [*known] == ["secure"]:
            return "secret"
        return {key: _readable(one) for key, one in known.items()}
    return [_readable(one) for one in cast(list[Any], value)] if isinstance(value, list) else value


def _without_record(text: str, project: str) -> str:
    """A stack file's text without what `record` writes."""
    block = re.escape(f"{BEGIN}  {project}:promotion:\n") + r"(?:    .*\n)*"
    return re.sub(block, "", text)


def home_moved(text: str, target: str) -> str:
    """Pulumi.yaml with another home: `home: …` is changed; `primary: true` moves to the region's entry."""
    stated = re.compile(r"^(\s+home:\s*)([\"']?)[a-z0-9-]+\2", re.MULTILINE)
    if stated.search(text):
        return stated.sub(rf"\g<1>{target}", text, count=1)
    text = re.sub(r"^[^\S\n]+primary:\s*true[^\S\n]*(?:#.*)?\n", "", text, flags=re.MULTILINE)
    text = re.sub(r",\s*primary:\s*true", "", text)
    flow = re.compile(rf"(\{{\s*name:\s*[\"']?{re.escape(target)}[\"']?)(?=\s*[,}}])")
    if flow.search(text):
        return flow.sub(r"\1, primary: true", text, count=1)
    return re.sub(
        rf"^(\s*)- name: ([\"']?){re.escape(target)}\2([^\S\n]*(?:#.*)?)\n",
        r"\g<0>\g<1>  primary: true\n",
        text,
        count=1,
        flags=re.MULTILINE,
    )


def generation_stated(text: str, region: str, number: int) -> str:
    """Pulumi.yaml with a region's `generation`, in place of the one that its entry has."""
    name = rf"name:\s*(?P<quote>[\"']?){re.escape(region)}(?P=quote)(?![\w-])"
    flow = re.search(rf"\{{[^{{}}]*{name}[^{{}}]*", text)
    if flow is not None:
        return f"{text[: flow.start()]}{_flow(flow[0], number)}{text[flow.end() :]}"
    block = re.search(rf"^([^\S\n]*)- {name}[^\n]*\n(?:\1  [^\n]*\n)*", text, re.MULTILINE)
    if block is None:
        return text
    stated = re.compile(rf"^({block[1]}  generation:\s*)\d+", re.MULTILINE)
    first, rest = block[0].split("\n", 1)
    raised = stated.sub(rf"\g<1>{number}", rest) if stated.search(rest) else f"{block[1]}  generation: {number}\n{rest}"
    return f"{text[: block.start()]}{first}\n{raised}{text[block.end() :]}"


def _flow(entry: str, number: int) -> str:
    stated = re.compile(r"(generation:\s*)\d+")
    if stated.search(entry):
        return stated.sub(rf"\g<1>{number}", entry, count=1)
    return re.sub(r"(name:\s*[\"']?[a-z0-9-]+[\"']?)", rf"\1, generation: {number}", entry, count=1)
