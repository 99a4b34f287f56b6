"""Exceptions from policies: policies/exceptions.yaml, each entry with a reason, an owner and an end.

An exception lets the violations of one policy by the resources that it names pass. One that has expired lets nothing
pass, one that nothing needs is refused, so that the file holds what is true today and nothing else.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, cast

import yaml

FILE: Final = Path(__file__).parent / "exceptions.yaml"
LONGEST: Final = timedelta(days=366)
"""What is needed for longer is no exception: configure the policy."""
PLATFORMS: Final = ("kubernetes", "aws")
GATE: Final = "destructive-changes"
"""What approvals of policies/gate.py name as their pack."""
PACKS: Final = (*sorted(it.parent.name for it in Path(__file__).parent.glob("*/PulumiPolicy.yaml")), GATE)

_NEEDED: Final = ("pack", "policy", "urn", "reason", "owner", "expires")
_MAY: Final = (*_NEEDED, "platform")


class ExceptionsError(Exception):
    """The file cannot be used. The text has every fault, a line each."""


@dataclass(frozen=True)
class Exemption:
    """One entry of the file."""

    pack: str
    policy: str
    urn: str
    """Pattern (`*`, `?`) of the resources' URNs: `urn:pulumi:<stack>::<project>::<types>::<name>`."""
    reason: str
    owner: str
    """The role that answers for it."""
    expires: date
    """The last day on which it holds."""
    platform: str = ""
    """Only stacks on this platform need it; empty: all."""

    def covers(self, policy: str, urn: str) -> bool:
        return self.policy == policy and fnmatchcase(urn, self.urn)

    def is_for(self, stack: str, platform: str) -> bool:
        """Whether a stack should need it."""
        return fnmatchcase(stack, stack_of(self.urn)) and self.platform in ("", platform)

    def holds(self, today: date) -> bool:
        return today <= self.expires


def stack_of(urn: str) -> str:
    """The stack's name in a URN, or in a pattern of one."""
    return urn.removeprefix("urn:pulumi:").partition("::")[0]


def load(file: Path, today: date) -> tuple[Exemption, ...]:
    """The entries of a file; none where there is no file. Raises ExceptionsError."""
    if not file.exists():
        return ()
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExceptionsError(f"{file.name}: cannot be read as YAML: {error}") from None
    entries = cast(Mapping[str, Any], content).get("exceptions") if isinstance(content, Mapping) else None
    if not isinstance(entries, list) or set(cast(Mapping[str, Any], content)) != {"exceptions"}:
        raise ExceptionsError(f"{file.name}: must have one key, exceptions, with a list: `exceptions: []` for none")
    faults = [
        f"{file.name}: exceptions[{index}] {fault}"
        for index, entry in enumerate(cast(list[Any], entries))
        for fault in _faults(entry, today)
    ]
    if faults:
        raise ExceptionsError("\n".join(faults))
    return tuple(Exemption(**entry) for entry in cast(list[dict[str, Any]], entries))


def unknown_policies(exemptions: Iterable[Exemption], pack: str, policies: Iterable[str]) -> Iterator[str]:
    """What is wrong with entries for a pack that has no such policy."""
    names = set(policies)
    for exemption in exemptions:
        if exemption.pack == pack and exemption.policy not in names:
            yield f"{FILE.name}: the pack {pack} has no policy {exemption.policy}: correct the name"


def _faults(entry: Any, today: date) -> Iterator[str]:
    if not isinstance(entry, Mapping):
        yield "is not an object"
        return
    fields = cast(Mapping[str, Any], entry)
    missing = [name for name in _NEEDED if name not in fields]
    if missing:
        yield f"does not say {', '.join(missing)}"
    for name in fields:
        if name not in _MAY:
            yield f"says {name}, which means nothing here: use {', '.join(_MAY)}"
    for name in ("pack", "policy", "urn", "reason", "owner"):
        if name in fields and not (isinstance(fields[name], str) and fields[name].strip()):
            yield f"{name} is not text"
    yield from _misstated(fields, today)


def _misstated(fields: Mapping[str, Any], today: date) -> Iterator[str]:
    urn, expires, platform = fields.get("urn"), fields.get("expires"), fields.get("platform", "kubernetes")
    if isinstance(urn, str) and (not urn.startswith("urn:pulumi:") or len(urn.split("::")) < 4 or not stack_of(urn)):
        yield "urn is no pattern of URNs: write urn:pulumi:<stack>::<project>::<types>::<name>, with * for what varies"
    if isinstance(fields.get("pack"), str) and fields["pack"] not in PACKS:
        yield f"pack is none: use {', '.join(PACKS)}"
    if platform not in PLATFORMS:
        yield f"platform is none: use {' or '.join(PLATFORMS)}, or leave it out"
    if "expires" not in fields:
        return
    if not isinstance(expires, date) or isinstance(expires, datetime):
        yield "expires is not a date: write it like 2027-03-31"
    elif expires > today + LONGEST:
        yield "expires in more than a year: what is needed for longer is no exception, configure the policy"
