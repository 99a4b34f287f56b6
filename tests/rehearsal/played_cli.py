"""Commands of the Pulumi CLI in a document, played by the engine in process: for machines without the CLI."""

import argparse
import io
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from rehearsal import packs
from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.model import Preview, Result
from rehearsal.progress import Progress


class PlayedCli:
    """One folder after the other, as `cd` leads; a command that is not known here is an error."""

    def __init__(self, folder: Path, state: Path, kubeconfig: Path) -> None:
        self.folder = folder
        self._state, self._kubeconfig = state, kubeconfig
        self.done: list[Preview | Result] = []
        self.reports: list[packs.Report] = []

    def run(self, block: str) -> None:
        """Every line of a block."""
        for line in block.splitlines():
            program, *arguments = shlex.split(line)
            if program == "cd":
                (self.folder,) = (self.folder / argument for argument in arguments)
            else:
                assert program == "pulumi", line
                options = _parser(self).parse_args(arguments)
                options.command(options)

    def install(self, options: argparse.Namespace) -> None:
        """What pip makes of the requirements, without installing it: each is there, and is a Python project."""
        del options
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps", "--no-build-isolation"]
        requirements = self.folder / "requirements.txt"
        subprocess.run([*command, "--requirement", requirements.name], cwd=self.folder, check=True)

    def init(self, options: argparse.Namespace) -> None:
        assert self._file(options.stack).is_file(), f"no stack file of {options.stack}"

    def set(self, options: argparse.Namespace) -> None:
        """`--path` leads into a block."""
        block, key = options.key.split(".")
        file = self._file(options.stack)
        document = yaml.safe_load(file.read_text())
        project = yaml.safe_load((self.folder / "Pulumi.yaml").read_text())["name"]
        document["config"].setdefault(f"{project}:{block}", {})[key] = options.value
        file.write_text(yaml.safe_dump(document))

    def preview(self, options: argparse.Namespace) -> None:
        self._judged(options, self._engine().preview(options.stack))

    def up(self, options: argparse.Namespace) -> None:
        self._judged(options, self._engine().preview(options.stack))
        self.done.append(self._engine().up(options.stack, Progress(io.StringIO())))

    def _judged(self, options: argparse.Namespace, preview: Preview) -> None:
        pack = self.folder / options.policy_pack
        config: Any = json.loads((self.folder / options.policy_pack_config).read_text())
        report = packs.ask(pack, preview.resources, "redis-alone", options.stack, config)
        assert report.mandatory == ()
        self.done.append(preview)
        self.reports.append(report)

    def _engine(self) -> InProcessEngine:
        return InProcessEngine(self.folder, self._state, lambda _: self._kubeconfig)

    def _file(self, stack: str) -> Path:
        return self.folder / f"Pulumi.{stack}.yaml"


def _parser(cli: PlayedCli) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("pulumi", exit_on_error=False)
    commands = parser.add_subparsers(required=True)

    def command(among: Any, name: str, play: Callable[[argparse.Namespace], None], *flags: str) -> Any:
        sub = among.add_parser(name)
        sub.set_defaults(command=play)
        for flag in flags:
            sub.add_argument(flag, required=True)
        return sub

    command(commands, "install", cli.install)
    stacks = commands.add_parser("stack").add_subparsers(required=True)
    command(stacks, "init", cli.init).add_argument("stack")
    configuration = commands.add_parser("config").add_subparsers(required=True)
    of_set = command(configuration, "set", cli.set, "--stack")
    of_set.add_argument("--path", action="store_true", required=True)
    for name in ("key", "value"):
        of_set.add_argument(name)
    flags: Sequence[str] = ("--stack", "--policy-pack", "--policy-pack-config")
    command(commands, "preview", cli.preview, *flags)
    command(commands, "up", cli.up, *flags)
    return parser
