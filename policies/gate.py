"""The gate before an update: a plan that deletes, replaces or shrinks what holds data passes only with an approval.

`python -m policies.gate PLAN [PLAN …]` reads what `pulumi preview --json` printed. Deletions never reach a policy, so
that no pack can judge them; `protect` makes the engine refuse most, but not once a program takes it away in one step
and the resource in the next. Fewer pods of a store are a deletion, unless a run before has emptied them. An approval is
an entry of policies/exceptions.yaml for the pack `destructive-changes` and the policy `delete` or `replace`: it names
the resource, a reason, an owner, and when it ends.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, cast

from policies import exceptions, fewer
from policies.checks.plain import field_of
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


_STACK: Final = "pulumi:pulumi:Stack"


class PlanError(Exception):
    """A file that is no plan. The text says what to do."""


@dataclass(frozen=True)
class Refusal:
    """A change that nobody approved."""

    change: str
    urn: str
    why: str
    part: str = ""
    """What of it, where it is not all."""

    def __str__(self) -> str:
        part = f"{self.part} of " if self.part else ""
        return f"would {self.change} {part}{self.urn}: {self.why}"


def refusals(plan: Any, approvals: Iterable[Exemption], today: date) -> list[Refusal]:
    """What a plan does to what holds data without an approval that holds, each resource once. Raises PlanError.

    By URN: the engine's steps have no order of their own.
    """
    return sorted(_refusals(plan, approvals, today), key=lambda it: (it.urn, it.change))


def _refusals(plan: Any, approvals: Iterable[Exemption], today: date) -> Iterator[Refusal]:
    approved = [it for it in approvals if it.pack == GATE]
    steps = cast(Mapping[str, Any], plan).get("steps") if isinstance(plan, Mapping) else None
    if not isinstance(steps, list):
        raise PlanError("has no steps: give what `pulumi preview --json` printed")
    seen: set[tuple[str, str]] = set()
    outputs: dict[str, Mapping[str, Any]] = {}
    for step in cast(list[Any], steps):
        fields = cast(Mapping[str, Any], step) if isinstance(step, Mapping) else {}
        urn, op = str(fields.get("urn", "")), str(fields.get("op", ""))
        if not urn or not op:
            raise PlanError("has a step without op or urn: give what `pulumi preview --json` printed")
        if type_of(urn) == _STACK:  # the first of its steps
            outputs[exceptions.stack_of(urn)] = _outputs(fields)
        change, part = _change(fields, op, urn, outputs.get(exceptions.stack_of(urn), {}))
        if not change or (change, urn) in seen:
            continue
        seen.add((change, urn))
        covering = [it for it in approved if it.covers(change, urn)]
        if not any(it.holds(today) for it in covering):
            ends = ", ".join(f"{it.owner}'s ended on {it.expires}" for it in covering)
            why = f"the approval of {ends}" if ends else "nobody approved it"
            yield Refusal(change, urn, f"nothing has emptied them, and {why}" if part else why, part)


def _change(step: Mapping[str, Any], op: str, urn: str, outputs: Mapping[str, Any]) -> tuple[str, str]:
    """What a step does to what holds data, as approvals name it, and to what part of it; nothing to all else."""
    token = type_of(urn)
    if op == "update" and token in fewer.NUMBERS:
        try:
            part = fewer.taken(token, step, outputs)
        except ValueError as error:
            raise PlanError(f"{error}: give what `pulumi preview --json` printed") from None
        return ("delete", part) if part else ("", "")
    return (_CHANGES.get(op, ""), "") if token in STATEFUL else ("", "")


def _outputs(stack: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of the last complete update of a stack; empty before the first."""
    found = field_of(field_of(stack, "oldState"), "outputs")
    return cast(Mapping[str, Any], found) if isinstance(found, Mapping) else {}


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
    sys.stdout.write("nothing that holds data is deleted, replaced or made smaller without an approval\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
