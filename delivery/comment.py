"""The comment on a pull request, and the issue about drift: every region, whether its preview failed or not."""

from collections.abc import Iterator, Sequence
from typing import Final

from delivery.documents import Told
from delivery.markdown import block, code, head, row, words
from delivery.order import Stages
from rehearsal.engine.model import Change

MARK: Final = "<!-- somafractalmemory delivery: preview -->"
"""By which the comment is found again. It stands first in it."""
DRIFT_MARK: Final = "<!-- somafractalmemory delivery: drift -->"
LIMIT: Final = 65_536
"""Most characters of a comment or of an issue's text on GitHub (its API: "body is too long")."""
_CHANGES: Final = (Change.CREATE, Change.UPDATE, Change.REPLACE, Change.DELETE)
_WORST: Final = (Change.DELETE, Change.REPLACE, Change.UPDATE, Change.CREATE)
"""In this order they are told, so that what is left out is what harms least."""
_PROPERTIES: Final = 6


def preview(told: Sequence[Told], stages: Stages, commit: str) -> str:
    """The comment of one pull request, at most `LIMIT` characters."""
    order = ", then ".join(f"**{words(name)}**" for stage in stages for name in stage)
    lines = [
        MARK,
        f"### Preview of {code(commit[:12])}",
        "",
        f"After the merge, one after the other: {order}.",
        "",
    ]
    return _fitted(told, lines)


def drift(told: Sequence[Told], commit: str) -> str:
    """The text of the issue, at most `LIMIT` characters."""
    lines = [
        DRIFT_MARK,
        f"What is there differs from what {code(commit[:12])} says. Somebody changed it by hand, or a stage did not "
        "come to its end (docs/delivery.md).",
        "",
    ]
    return _fitted(told, lines)


def _fitted(told: Sequence[Told], lines: list[str]) -> str:
    """The table of all regions, then of each as much as there is room for, each getting the same share."""
    lines = [*lines, *head(("region", "role", *(change.value for change in _CHANGES), "policies", "data", "preview"))]
    text = "\n".join([*lines, *(_summary(one) for one in told), ""])
    left = LIMIT - len(text)
    for number, one in enumerate(told):
        details = _details(one, left // (len(told) - number))
        left -= len(details)
        text += details
    return text


def _summary(told: Told) -> str:
    if told.errors:
        counted, state = ["" for _ in _CHANGES], "❌ **failed**"
    else:
        counted, state = [str(told.count(change) or "") for change in _CHANGES], "✅"
    violated = f"❌ **{told.mandatory} refused**" if told.mandatory else "✅" if told.packs and not told.errors else ""
    advised = f", {told.advisory} advised" if told.advisory else ""
    kept = f"❌ **{len(told.refused)} lost**" if told.refused else "" if told.errors else "✅"
    return row((code(told.region), words(told.role), *counted, violated + advised, kept, state))


def _details(told: Told, room: int) -> str:
    """What does not fit into so many characters is counted, not shown."""
    opening = f"\n<details{' open' if told.failed else ''}><summary>{code(told.region)}</summary>\n\n"
    closing = "\n</details>\n"
    room -= len(opening) + len(closing) + _LAST
    kept: list[str] = []
    left, full = 0, False
    for line, counts in _lines(told):
        full = full or len(line) + 1 > room
        if full:
            left += counts
        else:
            kept.append(line)
            room -= len(line) + 1
    if not kept:
        return ""
    if left:
        kept += ["", f"… and {left} more, which the log of the job has."]
    return opening + "\n".join(kept) + closing


_LAST: Final = len("\n\n… and 1000000 more, which the log of the job has.\n")


def _lines(told: Told) -> Iterator[tuple[str, int]]:
    """Each line, with how much of what was said it tells: the worst first."""
    for said in (*told.errors, *told.warnings):
        yield block(said), 1
    if told.refused:
        yield "\nWould lose data, and nobody approved it:\n", 0
        for said in told.refused:
            yield f"- {words(said, 400)}", 1
    for level in ("mandatory", "advisory"):
        found = [violation for violation in told.violations if violation[0] == level]
        if found:
            yield f"\n{level.capitalize()} policies:\n", 0
        for _, pack, policy, name, message in found:
            yield f"- {code(pack)} {code(policy)} {code(name)} {words(message, 400)}", 1
    yield from _changes(told)


def _changes(told: Told) -> Iterator[tuple[str, int]]:
    steps = [step for change in _WORST for step in told.steps if step[0] == change.value]
    if steps:
        yield "\n" + "\n".join(head(("change", "type", "name", "what differs"))), 0
    for change, kind, name, reasons in steps:
        shown = ", ".join(code(reason, 80) for reason in reasons[:_PROPERTIES])
        more = f" and {len(reasons) - _PROPERTIES} more" if len(reasons) > _PROPERTIES else ""
        yield row((change, code(kind), code(name), shown + more)), 1
