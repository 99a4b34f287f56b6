"""Keeps the state of a release, without its secrets, so that later programs are tested against it."""

import json
from collections.abc import Iterable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

from rehearsal import paths
from rehearsal.engine.model import Secret
from rehearsal.engine.state import State
from rehearsal.errors import RehearsalError

STATES = paths.CHECKOUT / "tests" / "data" / "states"
STAND_IN = "recorded"
"""What every secret becomes."""


def record_release(regions: Iterable[str], states: Path = STATES) -> dict[str, int]:
    """Keep the states of all regions that are up under this release's version. Returns resources by region."""
    version = metadata.version("somafractalmemory-infrastructure")
    kept: dict[str, int] = {}
    for region in regions:
        source = paths.region_dir(region) / "state.json"
        if not source.exists():
            raise RehearsalError(
                f"{region}: no state to record: bring it up first (make up ARGS='--engine in-process')"
            )
        kept[region] = record(source, states / version / f"{region}.json")
    return kept


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
    target.write_text(f"{json.dumps(json.loads(target.read_text()), indent=1)}\n")  # so that a review sees the lines
    target.chmod(0o644)
    return len(kept.resources)


def without_secrets(value: Any, secret: bool = False) -> Any:
    """The value with `STAND_IN` in place of each secret text or number, still marked as secret; its shape stays."""
    if isinstance(value, Secret):
        return Secret(without_secrets(value.value, secret=True))
    if isinstance(value, dict):
        return {key: without_secrets(item, secret) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item, secret) for item in value]
    return STAND_IN if secret else value
