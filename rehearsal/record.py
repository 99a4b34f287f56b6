"""Keeps the state of a release, without its secrets, so that later programs are tested against it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from rehearsal.engine.model import Secret
from rehearsal.engine.state import State

STAND_IN = "recorded"
"""What every secret becomes."""


def record(source: Path, target: Path) -> int:
    """Copy a state file to `target` with every secret replaced. Returns the number of resources."""
    state = State(source)
    target.unlink(missing_ok=True)
    kept = State(target)
    for held in sorted(state.resources.values(), key=lambda held: held.resource.urn):
        resource = held.resource
        kept.put(
            replace(
                held,
                cluster=None,
                resource=replace(
                    resource, inputs=without_secrets(resource.inputs), outputs=without_secrets(resource.outputs)
                ),
            )
        )
    kept.finish(without_secrets(state.outputs or {}))
    kept.close()
    target.chmod(0o644)
    return len(kept.resources)


def without_secrets(value: Any) -> Any:
    """The value with `STAND_IN` in place of each secret, still marked as one."""
    if isinstance(value, Secret):
        return Secret(STAND_IN)
    if isinstance(value, dict):
        return {key: without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value
