"""Secrets change by one version at a time: clients may still show what was current one version ago, and none older."""

from collections.abc import Mapping
from typing import Any, cast

from settings import Settings

OUTPUT = "secret_versions"
"""Stack output: path of a version in the settings to the one that this run has brought everywhere."""


def of(settings: Settings) -> dict[str, int]:
    """Every version by its path in the settings."""
    return {
        "memory.token_version": settings.memory.token_version,
        "postgresql.password_version": settings.postgresql.password_version,
        "qdrant.api_key_version": settings.qdrant.api_key_version,
        "redis.password_version": settings.redis.password_version,
    }


def faults(settings: Settings, outputs: Mapping[str, Any]) -> list[str]:
    """Why this run may not have its versions after the run that left `outputs`, with remedies."""
    before = cast(Mapping[str, float], outputs.get(OUTPUT) or {})
    return [fault for path, wanted in of(settings).items() if (fault := _fault(path, wanted, before.get(path)))]


def _fault(path: str, wanted: int, before: float | None) -> str | None:
    if before is None or wanted in (before, before + 1):
        return None
    if wanted < before:
        why = f"{before:.0f} is in use, and what was before it does not come back: set it to {before:.0f}"
    else:
        why = f"clients show {before:.0f}: set it to {before + 1:.0f}, run pulumi up, then raise it again"
    return f"{path} = {wanted}   {why}"
