"""What a region's settings ask of the policy packs, in the form of Pulumi's `--policy-pack-config` file."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from policies.rules import Rule
from settings import Settings


def values(settings: Settings) -> dict[str, Any]:
    """Values of the region for every policy that declares them; zones as the cluster labels them."""
    return {"min_replicas": settings.high_availability.min_replicas, "zones": list(zones(settings))}


def zones(settings: Settings) -> tuple[str, ...]:
    """The zones as the cluster labels them."""
    return tuple(settings.zone_values.values())


def level(settings: Settings) -> dict[str, Any]:
    """Without high availability the packs advise, and refuse nothing."""
    return {} if settings.high_availability.enabled else {"all": "advisory"}


def configuration(pack: Path, settings: Settings) -> dict[str, Any]:
    """The whole file for one pack, by the name of its policies."""
    rules: Sequence[Rule] = importlib.import_module(f"policies.{pack.name.replace('-', '_')}").RULES
    known = values(settings)
    by_policy = {rule.name: {key: known[key] for key in rule.parameters} for rule in rules if rule.parameters}
    return {**level(settings), **by_policy}
