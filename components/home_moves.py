"""The home region moves by a recorded promotion and in no other way: what was home and returns stays fenced.

A stack says in its outputs which region it took for home. A promotion that the old home did not answer writes the new
one there in its place (promotion/): whatever a returning checkout says, the stack knows better, and needs to ask no
other region for it.
"""

from collections.abc import Mapping
from typing import Any

from settings import Settings

OUTPUT = "home"
"""Stack output: the region that the run before took for home."""
STEP = "promotion"
"""Stack output: the step of the promotion that was under way then; empty where none was."""


def fault(settings: Settings, outputs: Mapping[str, Any]) -> str | None:
    """Why this run may not have its home region, with a remedy; None where it may."""
    promotion, own, now = settings.promotion, settings.stack, settings.home
    if promotion.step == "fence":
        return (
            f"promotion.step = fence   {promotion.home} took over while {own} did not answer, and what only {own} has "
            f"went another way: python -m promotion {promotion.home} clones it again"
        )
    before = home_before(own, outputs)
    if before in (None, now):
        return None
    if {before, now} == {promotion.home, promotion.former}:
        return None
    if own not in (before, now):
        return None  # a standby follows wherever home went; that one has to say that it is home
    if now == own:
        return (
            f"multiregion.home = {now}   home of this stack is {before} since its last update or promotion: get the "
            f"present Pulumi.yaml, or move home here (python -m promotion {now})"
        )
    return f"multiregion.home = {now}   {own} is home and has the data: move it first (python -m promotion {now})"


def home_before(stack: str, outputs: Mapping[str, Any]) -> str | None:
    """Home as the stack's last update, or a promotion since, left it; None before the first."""
    # An earlier release said its role only.
    return outputs.get(OUTPUT) or (stack if outputs.get("role") == "home" else None)
