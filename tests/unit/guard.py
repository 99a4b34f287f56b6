"""A run whose NetworkPolicies are one policy alone: what it forbids is not forbidden by another one too."""

from dataclasses import replace

from tests.unit.recorded import Recorded


def guarded_by(run: Recorded, policy: str) -> Recorded:
    """The run with this NetworkPolicy and no other."""
    kept = (r for r in run.resources if r.kind != "NetworkPolicy" or r.object_name == policy)
    return replace(run, resources=tuple(kept))
