"""The record of a promotion that is under way. `python -m promotion` writes it and takes it out (docs/promotion.md)."""

from typing import Literal

from pydantic import Field

from settings.model import Model
from settings.names import RegionName

PromotionStep = Literal["hold", "demote", "promote", "fence"]
"""hold: the old home takes no more requests; demote: it follows the new one; promote: the new one takes writes;
fence: the old home did not answer, and is no home any more whatever it still believes."""


class Promotion(Model):
    """Stands in the stack files of the old and of the new home, and only there, until both agree with Pulumi.yaml."""

    home: RegionName | None = Field(default=None, description="Region that becomes home; with `former` and `step`.")
    former: RegionName | None = Field(default=None, description="Region that was home.")
    step: PromotionStep | None = Field(
        default=None, description="What this region does: `hold`, `demote` or `fence` the old home, `promote` the new."
    )
    token: str | None = Field(
        default=None,
        min_length=1,
        description="What the old home's PostgreSQL left behind when it stopped; with `promote`, none after a loss.",
    )

    @property
    def under_way(self) -> bool:
        """Is there a record?"""
        return self.home is not None

    @property
    def held(self) -> bool:
        """Does the region serve nobody until the promotion has ended?"""
        return self.step in ("hold", "demote")
