"""What a region's settings ask of the policy packs, in the form of Pulumi's `--policy-pack-config` file."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from policies.rules import Rule
from settings import Settings

_OF_LOSS = ("high-availability", "data-safety")


def values(settings: Settings) -> dict[str, Any]:
    """Values of the region for every policy that declares them; zones as the cluster labels them."""
    return {
        "min_replicas": settings.high_availability.min_replicas,
        "zones": list(zones(settings)),
        "retention_days": settings.backups.retention_days,
    }


def zones(settings: Settings) -> tuple[str, ...]:
    """The zones as the cluster labels them."""
    return tuple(settings.zone_values.values())


def level(pack: str, settings: Settings) -> dict[str, Any]:
    """Without high availability a region may lose its data with a zone: what demands more than that only advises.

    Who gets in is another matter.
    """
    advises = not settings.high_availability.enabled and pack in _OF_LOSS
    return {"all": "advisory"} if advises else {}


def configuration(pack: Path, settings: Settings) -> dict[str, Any]:
    """The whole file for one pack, by the name of its policies."""
    rules: Sequence[Rule] = importlib.import_module(f"policies.{pack.name.replace('-', '_')}").RULES
    known = values(settings)
    by_policy = {rule.name: {key: known[key] for key in rule.parameters if key in known} for rule in rules}
    return {**level(pack.name, settings), **{name: told for name, told in by_policy.items() if told}}
