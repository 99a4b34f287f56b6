"""What peers check, and what none does, beside policies of ours: policies/union.yaml, read and held to the rules."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import yaml

FILE: Final = Path(__file__).parent / "union.yaml"


@dataclass(frozen=True)
class Row:
    """One thing that is checked."""

    check: str
    peers: str
    """Who checks it; empty where nobody does."""
    by: tuple[str, ...]
    """Policies of ours, as `pack/policy`."""
    why: str
    """Why there is none, or how it differs."""


@dataclass(frozen=True)
class Area:
    title: str
    rows: tuple[Row, ...]


class UnionError(Exception):
    """The file names a policy that is none, or leaves a row without policy and reason."""


def load(packs: Mapping[str, Sequence[str]], file: Path = FILE) -> tuple[Area, ...]:
    """The areas of the file. `packs` is pack to the names of its policies. Raises UnionError with every fault."""
    stated = cast(list[dict[str, Any]], yaml.safe_load(file.read_text(encoding="utf-8")))
    faults: list[str] = []
    areas = tuple(Area(one["area"], tuple(_row(row, packs, faults) for row in one["rows"])) for one in stated)
    if faults:
        raise UnionError("\n".join(faults))
    return areas


def _row(stated: Mapping[str, Any], packs: Mapping[str, Sequence[str]], faults: list[str]) -> Row:
    check, named, why = str(stated["check"]), [str(name) for name in stated.get("by", ())], str(stated.get("why", ""))
    if not named and not why:
        faults.append(f"{check}: names neither a policy nor a reason")
    found: list[str] = []
    for name in named:
        places = list(_places(name, packs))
        if len(places) != 1:
            faults.append(f"{check}: {name} is a policy of {' and '.join(places) if places else 'no pack'}")
        found += places[:1]
    return Row(check, str(stated.get("peers", "")), tuple(found), why)


def _places(name: str, packs: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Every `pack/policy` that a name stands for."""
    of, _, policy = name.rpartition("/")
    for pack, policies in packs.items():
        if policy in policies and of in ("", pack):
            yield f"{pack}/{policy}"
