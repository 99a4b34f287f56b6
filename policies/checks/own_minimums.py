"""The pack judges by the minimums that the region itself was set up with."""

from collections.abc import Iterator

from policies.checks.model import Minimums, SettingsRecord, Stack, Violation

REMEDY = "pass --policy-pack-config FILE, which `python -m rehearsal pack-config REGION` writes"


def same(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """An engine does not tell a pack the settings of a stack: without them it judges by its defaults, too leniently."""
    for record in stack.records:
        if record.highly_available:
            for fault in _faults(record, minimums):
                yield Violation(record.urn, f"the region of {record.name} {fault}: {REMEDY}")


def _faults(record: SettingsRecord, minimums: Minimums) -> Iterator[str]:
    if record.min_replicas > minimums.min_replicas:
        yield f"asks for {record.min_replicas} pods of everything, this pack for {minimums.min_replicas} only"
    if minimums.zone_names and record.zones != frozenset(minimums.zone_names):
        yield "has other zones than those that this pack was given"
    if not minimums.zone_names and len(record.zones) != minimums.zones:
        yield f"has {len(record.zones)} zones, this pack expects {minimums.zones}"
