"""What changed since the last run: its document beside this one."""

from collections.abc import Iterator, Mapping, Sequence

from report.document import Change, Changed, Document, Kept, Since

Resources = Mapping[str, Mapping[str, Kept]]
"""By region and URN."""
Steps = Mapping[str, Mapping[str, tuple[Change, Sequence[str]]]]
"""By region and URN, what an engine did in this run, and why."""


def since(last: Document | None, now: Resources, steps: Steps) -> Since | None:
    """None where there is no last run.

    What the engine did counts, too: a secret input that changed, or a replacement, is in no digest.
    """
    if last is None:
        return None
    regions = dict.fromkeys([*now, *last.kept])
    return Since(at=last.at, changed=tuple(change for region in regions for change in _of(region, last, now, steps)))


def _of(region: str, last: Document, now: Resources, steps: Steps) -> Iterator[Changed]:
    before, after, done = last.kept.get(region, {}), now.get(region, {}), steps.get(region, {})
    for urn, kept in after.items():
        step, reasons = done.get(urn, (None, ()))
        change = step or _compared(before.get(urn), kept)
        if change is not None:
            yield Changed(region=region, kind=kept.kind, name=kept.name, change=change, reasons=tuple(reasons))
    for urn in before.keys() - after.keys():
        kept = before[urn]
        yield Changed(region=region, kind=kept.kind, name=kept.name, change="delete")


def _compared(before: Kept | None, after: Kept) -> Change | None:
    if before is None:
        return "create"
    return None if before.digest == after.digest else "update"
