"""What a preview of one region said, kept in a file between the job that asks and the one that tells.

No value of a resource is in it: types, names, names of properties, and messages. Known secrets of the environment are
taken out of those.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from delivery.errors import DeliveryError
from rehearsal.engine.model import Change, Secret
from rehearsal.engine.scrub import Scrubber

FOLDER: Final = Path("previews")
_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIAL|_KEY", re.IGNORECASE)
"""Names of environment variables whose values nobody is told."""


@dataclass(frozen=True)
class Told:
    """A preview of one region."""

    region: str
    role: str
    """home or standby, as the settings say."""
    commit: str
    steps: tuple[tuple[str, str, str, tuple[str, ...]], ...] = ()
    """Change (create, update, replace, delete), type, name, names of the properties that differ."""
    violations: tuple[tuple[str, str, str, str, str], ...] = ()
    """Level, pack, policy, resource, message."""
    refused: tuple[str, ...] = ()
    """What holds data and would be lost, by the gate."""
    errors: tuple[str, ...] = ()
    """Why there is no preview, or no whole one."""
    warnings: tuple[str, ...] = ()
    packs: tuple[str, ...] = field(default=())
    """Names of the packs that were asked."""

    @property
    def mandatory(self) -> int:
        """How many violations would stop an update."""
        return sum(violation[0] == "mandatory" for violation in self.violations)

    @property
    def advisory(self) -> int:
        """How many violations are only said."""
        return len(self.violations) - self.mandatory

    @property
    def failed(self) -> bool:
        """Would an update be refused, as far as it is known?"""
        return bool(self.errors or self.refused or self.mandatory)

    def count(self, change: Change) -> int:
        """How many resources that happens to."""
        return sum(step[0] == change.value for step in self.steps)


def write(told: Told, folder: Path) -> Path:
    """Into `<folder>/<region>.json`. The messages lose what the environment keeps secret."""
    hide = Scrubber([Secret(value) for name, value in os.environ.items() if _SECRET.search(name)])
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{told.region}.json"
    file.write_text(f"{json.dumps(_mapped(asdict(told), hide), indent=1)}\n", encoding="utf-8")
    return file


def read(folder: Path, regions: Mapping[str, str], commit: str) -> tuple[Told, ...]:
    """Of every region, by its name with its role; one that left no file has failed without a word."""
    return tuple(_read(folder / f"{region}.json", region, role, commit) for region, role in regions.items())


def _read(file: Path, region: str, role: str, commit: str) -> Told:
    if not file.exists():
        return Told(region, role, commit, errors=("no preview arrived: the log of its job says why",))
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        told = Told(**{key: _frozen(value) for key, value in said.items()})
        if told.commit != commit:
            return Told(region, role, commit, errors=(f"the preview is of another commit, {told.commit[:12]}",))
        return told
    except (ValueError, TypeError, AttributeError):
        raise DeliveryError(f"{file} is no preview that `make previews` wrote: remove it, and preview again") from None


def _mapped(value: Any, hide: Scrubber) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {key: _mapped(one, hide) for key, one in value.items()}
    return [_mapped(one, hide) for one in value] if isinstance(value, Sequence) else value


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
