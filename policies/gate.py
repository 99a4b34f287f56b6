"""The gate before an update: a plan that deletes or replaces what holds data passes only with an approval.

`python -m policies.gate PLAN [PLAN …]` reads what `pulumi preview --json` printed. Deletions never reach a policy, so
that no pack can judge them; `protect` makes the engine refuse most, but not once a program takes it away in one step
and the resource in the next. An approval is an entry of policies/exceptions.yaml for the pack `destructive-changes`
and the policy `delete` or `replace`: it names the resource, a reason, an owner, and when it ends.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, cast

from policies import exceptions
from policies.checks.protection import HOLD_DATA
from policies.checks.tokens import NAMESPACE
from policies.exceptions import GATE, ExceptionsError, Exemption

STATEFUL: Final = frozenset({*HOLD_DATA, NAMESPACE})

_CHANGES: Final = {
    "delete": "delete",
    "discard": "delete",
    "read-discard": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "discard-replaced": "replace",
    "remove-pending-replace": "replace",
}
"""Operations of the engine that end a resource (pkg/resource/deploy/step.go), as approvals name them."""


class PlanError(Exception):
    """A file that is no plan. The text says what to do."""


@dataclass(frozen=True)
class Refusal:
    """A change that nobody approved."""

    change: str
    urn: str
    why: str

    def __str__(self) -> str:
        return f"would {self.change} {self.urn}: {self.why}"


def refusals(plan: Any, approvals: Iterable[Exemption], today: date) -> Iterator[Refusal]:
    """What a plan does to what holds data without an approval that holds, each resource once. Raises PlanError."""
    approved = [it for it in approvals if it.pack == GATE]
    steps = cast(Mapping[str, Any], plan).get("steps") if isinstance(plan, Mapping) else None
    if not isinstance(steps, list):
        raise PlanError("has no steps: give what `pulumi preview --json` printed")
    seen: set[tuple[str, str]] = set()
    for step in cast(list[Any], steps):
        fields = cast(Mapping[str, Any], step) if isinstance(step, Mapping) else {}
        urn, op = str(fields.get("urn", "")), str(fields.get("op", ""))
        if not urn or not op:
            raise PlanError("has a step without op or urn: give what `pulumi preview --json` printed")
        change = _CHANGES.get(op, "")
        if not change or type_of(urn) not in STATEFUL or (change, urn) in seen:
            continue
        seen.add((change, urn))
        covering = [it for it in approved if it.covers(change, urn)]
        if not any(it.holds(today) for it in covering):
            ends = ", ".join(f"{it.owner}'s ended on {it.expires}" for it in covering)
            yield Refusal(change, urn, f"the approval of {ends}" if ends else "nobody approved it")


def type_of(urn: str) -> str:
    """The type token in a URN: the last of those that its parents' types stand before."""
    parts = urn.split("::")
    return parts[2].rpartition("$")[2] if len(parts) > 3 else ""


def approvals(today: date) -> tuple[Exemption, ...]:
    """Every entry of policies/exceptions.yaml. ExceptionsError for one of this gate's that names no change."""
    entries = exceptions.load(exceptions.FILE, today)
    faults = list(exceptions.unknown_policies(entries, GATE, sorted(set(_CHANGES.values()))))
    if faults:
        raise ExceptionsError("\n".join(faults))
    return entries


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 when nothing is lost without an approval, 1 when something would be, 2 for what cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m policies.gate", description=__doc__)
    parser.add_argument("plan", type=Path, nargs="+", help="file with what `pulumi preview --json` printed")
    options = parser.parse_args(arguments)
    today = datetime.now(UTC).date()
    refused: list[Refusal] = []
    for file in options.plan:
        try:
            approved = approvals(today)
            refused += refusals(json.loads(file.read_text(encoding="utf-8")), approved, today)
        except (OSError, ValueError, PlanError, ExceptionsError) as error:
            sys.stderr.write(f"{file}: {error}\n")
            return 2
    for refusal in refused:
        sys.stdout.write(f"{refusal}\n")
    if refused:
        sys.stdout.write(
            f"{len(refused)} changes would lose data: approve them in policies/{exceptions.FILE.name}, as pack {GATE}\n"
        )
        return 1
    sys.stdout.write("nothing that holds data is deleted or replaced without an approval\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
