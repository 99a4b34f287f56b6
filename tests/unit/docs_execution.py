"""What carries out each command of the pages, the runbooks and the examples: a test, or nothing that is here.

It is told from the command itself and read from the tests. Listed by hand is only what no test can run: of the pages
here, with the reason; of a runbook behind its step, which a step that a test runs must not say.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import yaml

from tests.unit import docs_kubectl, docs_pulumi, docs_walk
from tests.unit.docs_objects import ELSEWHERE, Cluster, kind_of
from tests.unit.docs_pages import ROOT, Block, Page, page, pages
from tests.unit.docs_reading import RUNBOOKS
from tests.unit.docs_rooms import PYTHONS, make_targets, makefile
from tests.unit.docs_shell import Command, commands, is_placeholder, lines, parsed
from tests.unit.docs_walk import Walk
from tests.unit.recorder import PROJECT

TESTS: Final = ROOT / "tests"


class Way(Enum):
    """How a command is executed, or why it is not. A line of several needs what stands last here of theirs."""

    HERE = "as it stands, in a scratch copy: tests/unit/test_docs_execution.py"
    PROGRAM = "on the program itself, without a cluster: tests/unit/test_docs.py (docs_walk.py)"
    MAKE = "through the Makefile, by a test that names the target and every option"
    EXAMPLE = "as it stands, from the example's page: tests/rehearsal/test_example_*.py"
    REGION = "as it stands, on regions of `make up`: tests/rehearsal/aws/test_regions.py"
    SIMULATED = "as it stands in a runbook, on simulated nodes: tests/rehearsal/test_runbooks.py"
    NODES = "as it stands in a runbook, on real nodes: tests/dataplane/cluster/test_runbooks.py"
    NOWHERE = "by no test, for a reason"


CLOUD: Final = "needs a real cloud"
CLI: Final = "needs the Pulumi CLI"
"""Comments of steps of a runbook that no test runs. The CLI's own are taken apart, and no program is behind them."""
REASONS: Final[Mapping[tuple[str, ...], str]] = {
    ("make", "test"): "runs the tests",
    ("make", "test-data"): "runs tests",
    ("make", "bench"): "measures for minutes; tests/rehearsal/test_bench.py has its parts",
    ("make", "calibrate"): "measures for an hour; tests/dataplane/test_calibration.py has its parts",
    ("pulumi", "login"): "needs a bucket in a real account; tests/engine/test_cli_state.py has one that is simulated",
    ("export", "AWS_REGION"): "says something to the shell alone",
    ("kubectl", "logs"): "needs a kubelet: nodes of the rehearsal are simulated",
    ("kubectl", "port-forward"): "needs a kubelet: nodes of the rehearsal are simulated",
    ("aws", "ec2"): "needs an account of AWS",
    ("docker", "build"): "needs Docker; .github/workflows/gateways.yml builds the same",
    ("docker", "push"): "needs a registry of yours",
    ("curl", "-i"): "needs a host of yours; tests/dataplane/test_edge_proxy.py asks the proxy the same",
}
"""First words of what no test runs of the other pages. The second is the verb, the flags before it left out."""
AFTER_A_PROMOTION: Final = ("docs/runbooks/promote-and-fail-back.md", "How to know that it worked")
"""Page and section whose steps find us-west home: tests/rehearsal/test_promotion.py carries them out."""
QDRANT: Final = "127.0.0.1:6333"
"""Where a node of Qdrant answers whose port was forwarded."""
JOBS: Final[Mapping[str, str]] = {
    "look": "qdrant-report",
    "backup-now": "qdrant-backup",
    "restore": "qdrant-restore-us-east",
}
"""Jobs that runbooks make, to their CronJobs."""
_WALKED: Final = (
    ("up",), ("preview",), ("config", "set"), ("config", "get"), ("config", "rm"), ("stack", "init"),
    ("stack", "output"),
)  # fmt: skip
"""Commands of Pulumi that docs_pulumi.py carries out on the walk."""
_PROMETHEUS: Final = ("dashboards",)
"""Targets that ask a Prometheus, which is played."""
_ALONE: Final = ("capacity", ("rehearsal", "pack-config"))
"""Packages, and commands of packages, that read files and ask at most a Prometheus."""
_OF_OPERATORS: Final = ("certificate", "certificaterequest")
_OF_CONTAINERS: Final = ("logs", "exec", "port-forward")


@dataclass(frozen=True)
class Run:
    """What a file of tests, or a folder of them below a tier's, runs through the Makefile."""

    place: Path
    targets: frozenset[str]
    options: frozenset[str]
    """Every `--option` that it names."""


@dataclass(frozen=True)
class Step:
    """One line of a runbook."""

    block: Block
    place: str
    text: str
    commands: tuple[Command, ...]
    mark: str
    """Its comment; empty where it has none."""

    @property
    def way(self) -> Way:
        order = list(Way)
        return max((way(command) or Way.NOWHERE for command in self.commands), key=order.index)

    @property
    def after_a_promotion(self) -> bool:
        section = self.block.page.section_of(self.block.line)
        return section is not None and (self.block.page.name, section.title) == AFTER_A_PROMOTION

    @property
    def fault(self) -> str:
        """What is wrong with its mark; empty where nothing is."""
        wanted = "" if self.way is not Way.NOWHERE else CLI if _is_for_the_cli(self.commands) else CLOUD
        if self.mark == wanted:
            return ""
        if wanted:
            return f"{self.place}: no test runs `{self.text}`: write `# {wanted}` behind it"
        return f"{self.place}: a test runs `{self.text}`: take `# {self.mark}` away"


def steps(page: Page) -> Iterator[Step]:
    """Of a page, in its order. StaleError where a shell would not take a line."""
    for block in page.blocks:
        if block.language == "console":
            for line in lines(block):
                yield Step(block, line.place, line.text, tuple(parsed(line.text, line.place)), line.comment)


def runbooks() -> tuple[Page, ...]:
    """Every page of them."""
    return tuple(page for page in pages() if page.name.startswith(RUNBOOKS))


def way(command: Command) -> Way | None:
    """How a command is executed; None where nothing does."""
    in_runbook = command.place.startswith(RUNBOOKS)
    if not in_runbook and _first(command) in REASONS:
        return Way.NOWHERE
    if any(" ".join(command.words) in lines for lines in _of_examples().values()):
        return Way.EXAMPLE
    match command.program:
        case "pulumi":
            return _way_of_pulumi(docs_pulumi.asked(command), in_runbook)
        case "make":
            return _way_of_make(command)
        case "kubectl":
            return _way_of_kubectl(docs_kubectl.asked(command)) if in_runbook else Way.REGION
        case "curl":
            return Way.NODES if QDRANT in command.words[-1] else None
        case "export" | "base64" | "git" | "cp":
            return Way.SIMULATED if in_runbook else None
        case _:
            alone = command.program in PYTHONS and (command.words[2] in _ALONE or command.words[2:4] in _ALONE)
            return Way.HERE if alone else None


def commands_of(how: Way) -> list[Command]:
    """Each command that is executed so, once, in the order of the pages."""
    found = {command.words: command for command in every() if way(command) is how}
    return list(found.values())


def every() -> Iterator[Command]:
    """Every command of every fenced block."""
    for each in (*pages(), *_examples()):
        yield from of(each)


def of(page: Page) -> Iterator[Command]:
    """The commands of a page's blocks."""
    for block in page.blocks:
        if block.language == "console":
            yield from commands(block)


def runs_make(target: str) -> list[Path]:
    """Tests that run a make target."""
    return [run.place for run in _runs() if target in run.targets]


def _is_for_the_cli(found: Iterable[Command]) -> bool:
    return all(
        one.program == "pulumi" and docs_pulumi.asked(one).words not in docs_pulumi.NEEDS_A_CLOUD for one in found
    )


def _way_of_pulumi(of: docs_pulumi.Asked, in_runbook: bool) -> Way | None:
    if in_runbook and "--refresh" in of.flags:
        return Way.SIMULATED
    return Way.PROGRAM if of.words in _WALKED else None


def _way_of_make(command: Command) -> Way | None:
    """A target that another one needs is run with it."""
    target = command.arguments[0]
    if target in _PROMETHEUS:
        return Way.HERE
    options = set(re.findall(r"--[a-z][a-z-]+", " ".join(command.arguments[1:])))
    runs = any(target in run.targets and options <= run.options for run in _runs())
    return Way.MAKE if runs else None


def _way_of_kubectl(of: docs_kubectl.Asked) -> Way | None:
    """In a runbook."""
    if of.namespace in ELSEWHERE:
        return None
    if of.verb == "cnpg":
        # What `psql` does is known (docs/src/kubectl-plugin.md): it runs in the primary. The others ask the operator.
        return Way.NODES if of.rest[0] == "psql" and of.flags.get("--context") is None else None
    if of.verb in _OF_CONTAINERS:
        return Way.NODES if _on_the_stand(of) else None
    asked = of.rest[0].split(",") if of.rest else []
    return None if any(kind_of(kind) in _OF_OPERATORS for kind in asked) else Way.SIMULATED


def _on_the_stand(of: docs_kubectl.Asked) -> bool:
    """Whether the region on real nodes has the containers: it stands alone, and has no backups."""
    if of.flags.get("--context") == "us-west" or "--previous" in of.flags:
        return False
    container = of.flags.get("-c", "")
    if of.selector is not None:
        return _stand().selected(of.selector) and container != "plugin-barman-cloud"
    kind, _, name = (of.rest[0] if "/" in of.rest[0] else f"pod/{of.rest[0]}").partition("/")
    if kind == "job" and name in JOBS:
        kind, name = "cronjob", JOBS[name]
    return (is_placeholder(name) and not name.endswith("-…")) or bool(_stand().named(kind_of(kind), name))


@cache
def _stand() -> Cluster:
    """What the program makes of the stack file of the tests on real nodes."""
    walk = docs_walk.begin()
    file = yaml.safe_load((TESTS / "dataplane" / "cluster" / "Pulumi.us-east.yaml").read_text())
    values = cast(dict[str, Any], file["config"])
    alone = Walk(walk.project, {"us-east": {key.removeprefix(f"{PROJECT}:"): one for key, one in values.items()}})
    alone.up("us-east", "the stack file of real nodes")
    return Cluster(alone)


def _first(command: Command) -> tuple[str, ...]:
    """The program and its verb: `kubectl -n monitoring get pods` is kubectl's `get`."""
    if command.program == "export":
        return command.program, command.arguments[0].partition("=")[0]
    words = list(command.arguments)
    while command.program == "kubectl" and words and words[0].startswith("-"):
        del words[: 1 if "=" in words[0] else 2]
    return (command.program, *words[:1])


@cache
def _examples() -> tuple[Page, ...]:
    files = sorted((ROOT / "examples").glob("*/README.md"))
    return tuple(page(file.relative_to(ROOT).as_posix()) for file in files)


@cache
def _of_examples() -> Mapping[str, frozenset[str]]:
    """Example to the lines that its test takes from its page."""
    by_test = {
        name: (TESTS / "rehearsal" / f"test_example_{name.replace('-', '_')}.py")
        for name in (each.name.split("/")[1] for each in _examples())
    }
    walked = {name for name, test in by_test.items() if test.exists() and "block(EXAMPLE)" in test.read_text()}
    return {
        each.name: frozenset(" ".join(command.words) for command in of(each))
        for each in _examples()
        if each.name.split("/")[1] in walked
    }


@cache
def _runs() -> tuple[Run, ...]:
    files = [file for file in sorted(TESTS.rglob("test_*.py")) if not file.name.startswith("test_docs")]
    places = dict.fromkeys(file if file.parent.parent == TESTS else file.parent for file in files)
    return tuple(run for run in map(_run, places) if run.targets)


def _run(place: Path) -> Run:
    """Calls of a function or method `make` with a target among their arguments."""
    texts = [file.read_text(encoding="utf-8") for file in (place.glob("*.py") if place.is_dir() else [place])]
    nodes = [node for text in texts for node in ast.walk(ast.parse(text))]
    called = [node for node in nodes if isinstance(node, ast.Call)]
    made = [one for one in called if getattr(one.func, "id", getattr(one.func, "attr", "")) == "make"]
    words = {one.value for call in made for one in call.args if isinstance(one, ast.Constant)}
    said = [one.value for one in nodes if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    options = {option for text in said for option in re.findall(r"--[a-z][a-z-]+", text)}
    return Run(place, frozenset(_with_needed(frozenset(map(str, words)) & make_targets())), frozenset(options))


def _with_needed(targets: Iterable[str]) -> Iterator[str]:
    """Targets with those that they need."""
    for target in targets:
        yield target
        needed = re.search(rf"^{target}:([a-z -]+)", makefile(), re.MULTILINE)
        yield from needed[1].split() if needed else ()
