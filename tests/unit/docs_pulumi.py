"""Commands of the Pulumi CLI in a document: words and flags that it has, keys and stacks that this project has.

Flags as pulumi.com/docs/iac/cli/commands lists them; only those that an operator of this project needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rehearsal.engine.model import Step
from settings import SettingsError
from tests.unit.docs_rooms import REGIONS
from tests.unit.docs_shell import Command, StaleError, is_placeholder
from tests.unit.docs_walk import Walk, lost
from tests.unit.recorder import PROJECT

_STACK: Final = ("-s", "--stack")


@dataclass(frozen=True)
class Form:
    """How a command of the CLI is written."""

    valued: tuple[str, ...] = ()
    """Flags that take a value, beside `--stack`."""
    bare: tuple[str, ...] = ()
    fewest: int = 0
    most: int = 0
    """Words beside flags."""


_OF_UPDATES: Final = ("--target", "-t", "--parallel", "-p", "--message", "-m", "--policy-pack", "--policy-pack-config")
_ALSO: Final = ("--yes", "-y", "--diff", "--json", "--refresh", "--suppress-outputs", "--expect-no-changes")
FORMS: Final[Mapping[tuple[str, ...], Form]] = {
    ("up",): Form((*_OF_UPDATES, "--replace"), (*_ALSO, "--skip-preview", "-f")),
    ("preview",): Form((*_OF_UPDATES, "--replace"), _ALSO),
    ("refresh",): Form(("--target", "-t"), ("--yes", "-y", "--diff", "--preview-only", "--expect-no-changes")),
    ("destroy",): Form(("--target", "-t"), ("--yes", "-y", "--preview-only", "--exclude-protected", "--refresh")),
    ("cancel",): Form((), ("--yes", "-y"), 0, 1),
    ("login",): Form((), ("--local",), 0, 1),
    ("whoami",): Form((), ("--verbose", "-v")),
    ("version",): Form(),
    ("config",): Form((), ("--show-secrets", "--json")),
    ("config", "set"): Form(("--type",), ("--path", "--secret", "--plaintext"), 2, 2),
    ("config", "get"): Form((), ("--path", "--json"), 1, 1),
    ("config", "rm"): Form((), ("--path",), 1, 1),
    ("stack",): Form((), ("--show-urns", "-u", "--show-ids", "-i", "--show-secrets", "--show-name")),
    ("stack", "init"): Form(("--secrets-provider", "--copy-config-from"), ("--no-select",), 1, 1),
    ("stack", "select"): Form((), ("--create", "-c"), 1, 1),
    ("stack", "ls"): Form((), ("--all", "-a", "--json", "-j")),
    ("stack", "output"): Form((), ("--json", "-j", "--show-secrets"), 0, 1),
    ("stack", "history"): Form((), ("--json", "-j", "--show-secrets", "--full-dates")),
    ("stack", "export"): Form(("--file", "--version"), ("--show-secrets",)),
    ("stack", "import"): Form(("--file",), ("--force", "-f")),
    ("stack", "rm"): Form((), ("--yes", "-y", "--force", "-f", "--preserve-config"), 1, 1),
    ("stack", "change-secrets-provider"): Form((), (), 1, 1),
    ("state", "unprotect"): Form((), ("--all", "--yes", "-y"), 0, 1),
    ("state", "protect"): Form((), ("--all", "--yes", "-y"), 0, 1),
    ("state", "delete"): Form((), ("--force", "--yes", "-y", "--target-dependents"), 1, 1),
}
"""Words of a command to its form."""
NEEDS_A_CLOUD: Final = (
    ("refresh",), ("destroy",), ("cancel",), ("state", "delete"), ("stack", "import"),
    ("stack", "change-secrets-provider"),
)  # fmt: skip
"""What looks at, or ends, what there is, or asks a cloud for a key: nothing that a test of the program can do."""


@dataclass(frozen=True)
class Asked:
    """A command of the CLI, taken apart."""

    words: tuple[str, ...]
    flags: Mapping[str, tuple[str, ...]]
    """Flag to its values; none for a bare one."""
    rest: tuple[str, ...]

    @property
    def stack(self) -> str:
        """The one that is named; without one, that of the home region, which was selected."""
        return next((self.flags[name][0] for name in _STACK if name in self.flags), "us-east")


def asked(command: Command, mention: bool = False) -> Asked:
    """The command taken apart; a mention may leave its words out. StaleError where the CLI would not take it."""
    arguments = list(command.arguments)
    form_of = next((tuple(arguments[:n]) for n in (2, 1) if tuple(arguments[:n]) in FORMS), None)
    if form_of is None:
        raise command.stale("no command of the CLI that this project's documents use")
    form, left = FORMS[form_of], arguments[len(form_of) :]
    flags: dict[str, tuple[str, ...]] = {}
    rest: list[str] = []
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if name in (*form.valued, *_STACK):
            if not equals and not left:
                raise command.stale(f"{name} wants a value")
            flags[name] = (*flags.get(name, ()), value if equals else left.pop(0))
        elif name in form.bare and not equals:
            flags[name] = ()
        elif word.startswith("-"):
            raise command.stale(f"`pulumi {' '.join(form_of)}` has no flag {name}")
        else:
            rest.append(word)
    if not form.fewest <= len(rest) <= form.most and not (mention and len(rest) < form.fewest):
        raise command.stale(f"{len(rest)} words where it takes {form.fewest} to {form.most}")
    return Asked(form_of, flags, tuple(rest))


def check(command: Command, walk: Walk, mention: bool = False) -> tuple[Step, ...]:
    """A command, and for those that change configuration or a region what they make of it in `walk`.

    What an update, or a preview, changes; nothing of other commands.
    """
    of = asked(command, mention)
    stack = of.stack
    if not is_placeholder(stack) and stack not in REGIONS:
        raise command.stale(f"{stack} is no stack of this project")
    for urn in (word for word in (*of.rest, *sum(of.flags.values(), ())) if word.startswith("urn:pulumi:")):
        _check_urn(command, urn, walk)
    if mention:
        return ()
    match of.words:
        case ("config", "set" | "get" | "rm"):
            _configure(command, of, walk)
        case ("up",):
            return _update(command, of, walk)
        case ("preview",):
            return _update(command, of, walk.copied())
        case ("stack", "init"):
            walk.stacks.setdefault(of.rest[0], {})
        case ("stack", "output") if of.rest and of.rest[0] not in walk.plans[stack].outputs:
            raise command.stale(f"{stack} has no output {of.rest[0]}")
        case _:
            pass
    return ()


def _check_urn(command: Command, urn: str, walk: Walk) -> None:
    stack = urn.split(":")[2]
    known = {one.urn for one in walk.plans[stack].resources} if stack in walk.plans else set[str]()
    if not is_placeholder(urn) and urn not in known:
        raise command.stale(f"the program declares nothing of the name {urn}")


def _configure(command: Command, of: Asked, walk: Walk) -> None:
    path, stack = of.rest[0], of.stack
    if stack not in walk.stacks:
        raise command.stale(f"{stack} has no stack file")
    if "--path" not in of.flags and ("." in path or "[" in path):
        raise command.stale("without --path the CLI takes the dots for a part of the name")
    secret = path.removeprefix(f"{PROJECT}:").split(".")[-1].startswith(("access_key", "secret_access"))
    if secret and of.words[1] == "set" and "--secret" not in of.flags:
        raise command.stale("a secret is set with --secret")
    try:
        if of.words[1] == "set":
            walk.put(stack, path, of.rest[1], secret="--secret" in of.flags)
        elif of.words[1] == "rm":
            walk.remove(stack, path)
    except ValueError as error:
        raise command.stale(str(error)) from None


def settled(walk: Walk, stacks: set[str], place: str) -> None:
    """StaleError where the settings of a stack have faults once a block is over."""
    for stack in sorted(stacks & set(walk.stacks)):
        try:
            walk.settings(stack)
        except SettingsError as error:
            raise StaleError(f"{place}: after it, the settings refuse\n{error}") from None


def _update(command: Command, of: Asked, walk: Walk) -> tuple[Step, ...]:
    if is_placeholder(of.stack):
        return ()
    steps = walk.up(of.stack, command.place, of.flags.get("--replace", ()), "--refresh" in of.flags)
    gone = lost(steps)
    if gone:
        raise command.stale(f"it would lose {', '.join(gone)}")
    return steps
