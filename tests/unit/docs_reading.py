"""Reads a page from its top to its end and carries out, or takes apart, each block of it."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from observability import alerts
from observability.__main__ import EVERYTHING
from observability.rule import Alert
from rehearsal.engine.model import Step
from tests.unit import docs_kubectl, docs_pulumi, docs_rooms, docs_walk, docs_yaml
from tests.unit.docs_objects import Cluster, kind_of
from tests.unit.docs_pages import ROOT, Block, Code, Page
from tests.unit.docs_shell import Command, StaleError, commands, is_placeholder, parsed
from tests.unit.docs_walk import Walk

RUNBOOKS: Final = "docs/runbooks/"
EXAMPLES: Final = ROOT / "examples"
LANGUAGES: Final = ("console", "yaml", "python", "promql", "json", "text")
"""A block without a language is refused; `text` is for pictures and for what programs say."""
OTHERS: Final[Mapping[str, int]] = {"curl": 1, "base64": 0, "export": 1, "git": 1, "docker": 1, "cp": 2, "grep": 1}
"""Programs that are everywhere, to the least number of their arguments."""
AWS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("eks", "update-kubeconfig"): ("--name", "--region", "--alias"),
    ("eks", "describe-addon-versions"): ("--kubernetes-version", "--addon-name", "--region", "--query"),
    ("eks", "describe-cluster"): ("--name", "--region", "--query"),
    ("eks", "list-insights"): ("--cluster-name", "--region", "--query"),
    ("ec2", "describe-availability-zones"): ("--region", "--query"),
    ("ec2", "describe-volumes-modifications"): ("--region", "--query", "--volume-ids"),
}
"""Commands of the AWS CLI to their flags, each with a value (docs.aws.amazon.com/cli/latest/reference)."""


@dataclass
class Read:
    """What came of a page."""

    walk: Walk
    updates: list[tuple[str, tuple[Step, ...]]] = field(default_factory=list[tuple[str, tuple[Step, ...]]])
    """Each `pulumi up`: its stack, and what it changes."""
    cloud: list[Command] = field(default_factory=list[Command])
    """What only a real cloud, or real operators, can show."""


def begins_with(page: Page) -> Walk:
    """The stacks as they are where the page begins: on AWS where it sets something of AWS."""
    on_aws = any(re.search(r"\baws\.", block.text) for block in page.blocks if block.language == "console")
    return docs_walk.begin("aws" if on_aws and page.name.startswith(RUNBOOKS) else "kubernetes")


@cache
def cluster() -> Cluster:
    """The objects of both regions."""
    return Cluster(docs_walk.begin())


@cache
def read(page: Page) -> Read:
    """Every block in its order. StaleError at the first one that does not hold.

    In a runbook, each block goes on with what those before it left; alerts' sections stand for themselves, as blocks
    of YAML do on other pages, which show one thing after the other.
    """
    so_far = Read(begins_with(page))
    apart = page.name.startswith(f"{RUNBOOKS}alerts/")
    section = None
    for block in page.blocks:
        here = page.section_of(block.line)
        if apart and here is not section:
            so_far.walk, section = begins_with(page), here
        if block.language == "yaml" and not page.name.startswith(RUNBOOKS):
            docs_yaml.check(block, begins_with(page))
        else:
            _check(block, so_far)
    return so_far


def _check(block: Block, read: Read) -> None:
    match block.language:
        case "console":
            _console(block, read)
        case "yaml":
            docs_yaml.check(block, read.walk)
        case "python":
            _python(block)
        case "json":
            json.loads(block.text)
        case "promql":
            _promql(block)
        case "text":
            hidden = [line for line in block.text.splitlines() if re.match(r"(\$ )?(make|pulumi|kubectl) ", line)]
            if hidden:
                raise StaleError(f"{block.place}: a command in a block of text: {hidden[0]}")
        case _:
            raise StaleError(f"{block.place}: no language, or one that is none of {', '.join(LANGUAGES)}")


def _console(block: Block, read: Read) -> None:
    touched: set[str] = set()
    for command in commands(block):
        if command.program == "pulumi":
            of = docs_pulumi.asked(command)
            touched |= {of.stack}
            if of.words in docs_pulumi.NEEDS_A_CLOUD:
                read.cloud.append(command)
            changed = docs_pulumi.check(command, read.walk)
            if of.words == ("up",):
                read.updates.append((of.stack, changed))
        else:
            check(command)
            if command.program == "kubectl":
                _delete(docs_kubectl.asked(command), read.walk)
            read.cloud += [command] if command.program == "aws" else []
    docs_pulumi.settled(read.walk, touched, block.place)


def _delete(of: docs_kubectl.Asked, walk: Walk) -> None:
    """What a command deletes by name is gone for the updates after it."""
    if of.verb == "delete" and len(of.rest) > 1:
        for name in of.rest[1:]:
            walk.delete(kind_of(of.rest[0]), name)


def check(command: Command, mention: bool = False) -> None:
    """One command that is none of the Pulumi CLI."""
    if command.program == "make":
        docs_rooms.check_make(command, mention)
    elif command.program in docs_rooms.PYTHONS:
        docs_rooms.options_of(command, mention)
    elif command.program == "kubectl":
        docs_kubectl.check(command, cluster(), mention)
    elif command.program == "aws":
        _aws(command)
    elif len(command.arguments) < OTHERS.get(command.program, 1000):
        raise command.stale("no program that this project's documents use, or one without its arguments")


def _aws(command: Command) -> None:
    flags = AWS.get(command.arguments[:2])  # type: ignore[arg-type]
    if flags is None:
        raise command.stale("no command of the AWS CLI that this project's documents use")
    rest = command.arguments[2:]
    if len(rest) % 2 or any(flag not in flags for flag in rest[::2]):
        raise command.stale(f"it takes {', '.join(flags)}, each with a value")
    given = dict(zip(rest[::2], rest[1::2], strict=True))
    name = given.get("--name", given.get("--cluster-name", "somafractalmemory-us-east"))
    if name.removeprefix("somafractalmemory-") not in docs_rooms.REGIONS and not is_placeholder(name):
        raise command.stale(f"no cluster of this project: {name}")


def _python(block: Block) -> None:
    """Runs it; what is a part of an example runs there."""
    if any(block.text.strip() in example.read_text(encoding="utf-8") for example in EXAMPLES.glob("*/__main__.py")):
        return
    code = compile(ast.parse(block.text, block.place), block.place, "exec")
    exec(code, {"__name__": "documentation"})


def _promql(block: Block) -> None:
    known = {rule.expr for group in alerts.groups(EVERYTHING) for rule in group.rules if isinstance(rule, Alert)}
    if block.text not in known:
        raise StaleError(f"{block.place}: the expression of no alert")


def mentioned(page: Page) -> Iterator[tuple[Code, Command]]:
    """Commands within sentences. StaleError where a shell would not take one."""
    for code in page.code:
        first, _, rest = code.text.replace("\n", " ").partition(" ")
        if first in ("make", "pulumi", "kubectl", "aws", *docs_rooms.PYTHONS) and rest:
            yield from ((code, command) for command in _first(code))


def _first(code: Code) -> Iterator[Command]:
    """`rehearsal up|down` names alternatives; what comes after the first is no command."""
    found = list(parsed(code.text.replace("\n", " "), code.place))
    alternatives = re.search(r"\w\|\w", code.text) is not None
    yield from found[:1] if alternatives else found
