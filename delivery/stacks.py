"""The seam to the stacks: everything that is asked of the Pulumi CLI, as the machine is set up for it.

Sign in, backend and credentials are the environment's. A test puts another `pulumi` on PATH.
"""

import json
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from delivery.errors import DeliveryError
from promotion import stacks
from rehearsal import minimums, packs
from rehearsal.engine import cli_report
from rehearsal.engine.model import Change, Step
from rehearsal.packs import Violation
from settings import Settings

LOCKED: Final = re.compile(r"currently locked by|another update is currently in progress|conflict: Another", re.I)
"""What the CLI says of a stack that an update is under way of (pkg/backend/diy/lock.go, pkg/backend/httpstate)."""
NO_STACK: Final = "no stack named"
HISTORY: Final = 20
"""Updates that are looked through for the newest that is no refresh and no import."""


@dataclass(frozen=True)
class Previewed:
    """What an update of a stack would do."""

    document: Mapping[str, Any]
    """As `pulumi preview --json` prints it; empty where it printed none."""
    steps: tuple[Step, ...]
    violations: tuple[Violation, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def changed(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if step.change is not Change.SAME)


class Stacks:
    """The stacks of the project in a directory."""

    def __init__(self, directory: Path, settings: Mapping[str, Settings], say: Callable[[str], None]) -> None:
        self._directory, self._settings, self._say = directory.resolve(), settings, say
        self._packs = packs.directories(self._directory)

    @property
    def packs(self) -> tuple[str, ...]:
        """Names of the packs that are asked."""
        return tuple(pack.name for pack in self._packs)

    def preview(self, region: str, refresh: bool = False) -> Previewed:
        """What an update would do, by the packs' word too; with `refresh`, compared with what is there.

        Never an error of its own but without the CLI: what failed is in it.
        """
        with tempfile.TemporaryDirectory() as scratch:
            log = Path(scratch) / "events"
            arguments = ["preview", "--json", "--color", "never", "--event-log", str(log), "--stack", region]
            arguments += ["--refresh"] if refresh else []
            done = self._run([*arguments, *self._judges(region, Path(scratch))])
            told = cli_report.logged(log)
        document = cli_report.digest(done.stdout) or {}
        violated, errors = cli_report.violations(told), cli_report.errors(told)
        if done.returncode != 0 and not errors and not any(one.mandatory for one in violated):
            errors = [_unexplained(region, "preview", f"{done.stderr}\n{'' if document else done.stdout}")]
        elif done.returncode == 0 and not document:
            errors = [f"{region}: pulumi preview printed no plan"]
        return Previewed(
            document,
            cli_report.steps(cli_report.digest_steps(document)),
            violated,
            tuple(errors),
            tuple(cli_report.errors(told, "warning")),
        )

    def up(self, region: str) -> None:
        """Brings the stack to what its files say, the packs asked again. Every line is said as it comes.

        An interrupt is handed on once, and the CLI's end is waited for: what it has made has to be recorded.
        """
        with tempfile.TemporaryDirectory() as scratch:
            arguments = ["up", "--yes", "--skip-preview", "--suppress-outputs", "--color", "never", "--stack", region]
            arguments += self._judges(region, Path(scratch))
            code, last = self._streamed(arguments)
        if code != 0:
            raise DeliveryError(_unexplained(region, "up", "\n".join(last)))

    def outputs(self, region: str) -> Mapping[str, Any]:
        """Of the last complete update, secrets encrypted; empty before the first. PromotionError without an answer."""
        exported = stacks.export(self._directory, region)
        roots = (one for one in stacks.resources(exported) if one.get("type") == cli_report.ROOT)
        return cast(Mapping[str, Any], next(roots, {}).get("outputs") or {})

    def commit(self, region: str) -> str:
        """The commit that the last update brought the stack to; empty where that failed, or there was none."""
        arguments = ["stack", "history", "--json", "--page-size", str(HISTORY), "--page", "1", "--stack", region]
        printed = stacks.run(self._directory, region, *arguments)
        updates = [one for one in json.loads(printed or "[]") if one.get("kind") == "update"]
        newest: Mapping[str, Any] = updates[0] if updates else {}
        environment: Mapping[str, Any] = newest.get("environment") or {}
        return str(environment.get("git.head") or "") if newest.get("result") == "succeeded" else ""

    def _judges(self, region: str, scratch: Path) -> list[str]:
        """Every pack, told this region's minimums."""
        arguments: list[str] = []
        for pack in self._packs:
            file = scratch / f"{pack.name}.json"
            file.write_text(json.dumps(minimums.configuration(pack, self._settings[region])), encoding="utf-8")
            arguments += ["--policy-pack", str(pack), "--policy-pack-config", str(file)]
        return arguments

    def _run(self, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        command = ["pulumi", "--non-interactive", *arguments]
        try:
            return subprocess.run(command, cwd=self._directory, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise DeliveryError(stacks.NO_CLI) from None

    def _streamed(self, arguments: Sequence[str]) -> tuple[int, list[str]]:
        """Exit code and all lines. A session of its own: a Ctrl-C of the terminal would reach it a second time."""
        command = ["pulumi", "--non-interactive", *arguments]
        try:
            process = subprocess.Popen(
                command,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise DeliveryError(stacks.NO_CLI) from None
        lines: list[str] = []

        def follow() -> int:
            for line in process.stdout or ():
                lines.append(line.rstrip("\n"))
                self._say(lines[-1])
            return process.wait()

        try:
            return follow(), lines
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            follow()
            raise


def _unexplained(region: str, command: str, said: str) -> str:
    """The error for people where no event explains it: the end of what the CLI printed, or what that means."""
    if LOCKED.search(said):
        return (
            f"{region}: another update of this stack is under way, nothing was changed: wait until it has ended, then "
            "run this again. Only one that was killed leaves the lock behind: pulumi cancel takes it off"
        )
    if NO_STACK in said:
        return f"{region}: there is no such stack in this backend: pulumi stack init {region} (docs/state.md)"
    return "\n".join([f"{region}: pulumi {command} failed and said", *stacks.last_lines(said)])
