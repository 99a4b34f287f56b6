"""A review of a region, kept for the next one to be compared with."""

import datetime
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from capacity.observed import ReviewError, Use
from capacity.steps import Step, amount, high, stuck
from capacity.tables import aligned
from settings import Settings


def last(directory: Path, stack: str) -> tuple[str, Mapping[str, float]]:
    """Moment and uses of the last review; empty where there is none. Raises ReviewError."""
    name = re.compile(rf"capacity-{re.escape(stack)}-\d{{4}}-\d\d-\d\d\D.*")
    files = sorted(file for file in directory.glob("capacity-*.json") if name.fullmatch(file.name))
    if not files:
        return "", {}
    try:
        found: Any = json.loads(files[-1].read_text(encoding="utf-8"))
        used = {str(name): float(value) for name, value in found["peaks"].items()}
        if not all(map(math.isfinite, used.values())):
            raise ValueError
        return str(found["at"]), used
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ReviewError(
            f"{files[-1]} is no review that this one compares with: move it away, then try again"
        ) from None


def written(directory: Path, stack: str, now: datetime.datetime, found: Sequence[Use], proposed: Step | None) -> Path:
    """Writes the review of a moment, in UTC. Raises ReviewError."""
    file = directory / f"capacity-{stack}-{now:%Y-%m-%dT%H%M%S}Z.json"
    kept = {
        "at": f"{now:%Y-%m-%d %H:%M:%S}Z",
        "stack": stack,
        "peaks": {use.name: use.used for use in found},
        "given": {use.name: use.given for use in found},
        "planned": {use.name: use.planned for use in found if use.planned is not None},
        "step": proposed and proposed._asdict(),
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as text:
            text.write(json.dumps(kept, indent=1) + "\n")
    except FileExistsError:
        raise ReviewError(f"{file} is there already, a review of this second: try again") from None
    except OSError as error:
        raise ReviewError(f"{file}: {error.strerror}: name another directory (--reviews)") from None
    return file


def text(found: Sequence[Use], proposed: Step | None, settings: Settings, since: str) -> str:
    """What was used, and the step."""
    head = ("peak", "used", "given", "share", "plan", f"at {since}" if since else "before")
    lines = [aligned([head, *map(_row, found)]), ""]
    if short := [use.name for use in found if use.planned is not None and use.given < use.planned]:
        lines.append(f"less than the plan has: {', '.join(short)} (python -m capacity apply)")
    lines += [
        f"{use.name} ({use.share:.0%}): no key gives more; pg_stat_activity names who holds them"
        for use in stuck(found)
    ]
    if proposed is None:
        return "\n".join([*lines, "nothing to change", ""])
    changes = ", ".join(f"{key} = {value}" for key, value in proposed.changes.items())
    lines += [
        f"change {changes}",
        f"  why: {proposed.why}",
        f"  effect: {proposed.effect}",
        f"  test: {proposed.test}",
    ]
    if later := [f"{use.name} ({use.share:.0%})" for use in high(found, settings)[1:]]:
        lines.append(f"high, too: {', '.join(later)}; the next review tells what is left of that")
    return "\n".join([*lines, ""])


def _row(use: Use) -> tuple[str, ...]:
    others = ("–" if value is None else amount(use, value) for value in (use.planned, use.before))
    return (use.name, amount(use, use.used), amount(use, use.given), f"{use.share:.0%}", *others)
