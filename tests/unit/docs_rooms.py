"""Commands of this repository in a document, `make …` and `python -m …`, taken apart by their own parsers."""

import argparse
import importlib
import importlib.util
import inspect
import re
import shlex
import subprocess
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NoReturn
from unittest.mock import patch

from tests.unit.docs_pages import ROOT
from tests.unit.docs_shell import Command, is_placeholder, parsed

PYTHONS = ("python", ".venv/bin/python")
ROOMS = (
    "capacity",
    "components",
    "dashboards",
    "delivery",
    "observability",
    "policies",
    "promotion",
    "rehearsal",
    "settings",
    "state",
    "tests",
)
REGIONS = ("us-east", "us-west", "eu-west")
"""Stacks of this checkout, and the one that README.md adds."""

_AWS_REGION = re.compile(r"[a-z]{2}-[a-z]+-[0-9]")


class _Parsed(BaseException):
    """The arguments were taken; what comes after them is not run."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__()
        self.options = options


class _RefusedError(BaseException):
    """The parser's own words."""


@contextmanager
def _only_parsing() -> Generator[None]:
    """Whoever parses a command line hears back no more."""
    parse = argparse.ArgumentParser.parse_args

    def end(self: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> NoReturn:
        raise _Parsed(parse(self, args, namespace))

    def refuse(self: argparse.ArgumentParser, message: str) -> NoReturn:
        raise _RefusedError(message)

    with (
        patch.object(argparse.ArgumentParser, "parse_args", end),
        patch.object(argparse.ArgumentParser, "error", refuse),
    ):
        yield


def options_of(command: Command, mention: bool = False) -> argparse.Namespace | None:
    """What a room's parser makes of `python -m room …`. A mere mention in a sentence may leave arguments out: None.

    StaleError where the room does not take it, or a region is none of this checkout.
    """
    words = command.words
    if words[0] not in PYTHONS or words[1:2] != ("-m",) or len(words) < 3:
        raise command.stale("not `python -m` with a package of this repository")
    room = words[2]
    if room.partition(".")[0] not in ROOMS:
        raise command.stale(f"no package of this repository: {', '.join(ROOMS)}")
    main = main_of(room)
    if main is None:
        if words[3:]:
            raise command.stale(f"{room} takes no arguments")
        return None
    try:
        with _only_parsing():
            main(list(words[3:]))
    except _Parsed as taken:
        return _of_this_checkout(command, taken.options)
    except _RefusedError as refused:
        if mention and "required" in str(refused):
            return None
        raise command.stale(str(refused)) from None
    raise command.stale(f"{room} parses no command line")


def main_of(room: str) -> Callable[[Sequence[str]], int] | None:
    """The function that `python -m room` calls with its arguments; None where it takes none."""
    found = importlib.util.find_spec(room)
    name = f"{room}.__main__" if found is not None and found.submodule_search_locations else room
    main = getattr(importlib.import_module(name), "main", None)
    return main if main is not None and inspect.signature(main).parameters else None


def _of_this_checkout(command: Command, options: argparse.Namespace) -> argparse.Namespace:
    for name in ("region", "stack", "fence", "copy_region"):
        value = getattr(options, name, None)
        if value and value not in REGIONS and not is_placeholder(value) and not _AWS_REGION.fullmatch(value):
            raise command.stale(f"{value} is no region of this checkout")
    return options


def check_make(command: Command, mention: bool = False) -> None:
    """`make target NAME=value`: the target is there, it uses the variables, and what it runs is taken as well."""
    targets = [word for word in command.arguments if "=" not in word]
    variables = [word.partition("=")[0] for word in command.arguments if "=" in word]
    for target in targets:
        if target not in make_targets():
            raise command.stale(f"the Makefile has no target {target}")
    for name in variables:
        if f"$({name}" not in makefile() and f",{name})" not in makefile():
            raise command.stale(f"the Makefile knows no variable {name}")
    for run in rooms_of(command):
        options_of(run, mention)


def rooms_of(command: Command) -> Iterator[Command]:
    """The commands of this repository that `make …` runs, but for the preparation."""
    for line in _recipe(command):
        for run in parsed(line, command.place):
            if run.program in PYTHONS and run.words[2:3] and run.words[2].partition(".")[0] in ROOMS:
                yield run


@cache
def makefile() -> str:
    return (ROOT / "Makefile").read_text()


@cache
def make_targets() -> frozenset[str]:
    """Every target that `make help` lists, and help itself."""
    return frozenset(re.findall(r"^([a-z-]+):", makefile(), re.MULTILINE))


def _recipe(command: Command) -> Iterator[str]:
    """What `make -n` says that it would run, where a program of this repository stands at the beginning of a line."""
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", "-o", ".venv/.complete", *command.arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise command.stale(done.stderr.strip())
    joined = done.stdout.replace("\\\n", " ")
    yield from (line for line in joined.splitlines() if line.startswith(".venv/bin/python -m ") and _closed(line))


def _closed(line: str) -> bool:
    try:
        shlex.split(line)
    except ValueError:
        return False
    return True
