"""What can be watched."""

from typing import Literal

from pydantic import Field

from settings.model import Model

Dashboard = Literal["scaling-overview", "regional-performance", "shard-distribution"]


class Grafana(Model):
    """The guide's dashboards."""

    dashboards: tuple[Dashboard, ...] = Field(
        default=("scaling-overview", "regional-performance", "shard-distribution"),
        description="Dashboards that a region should have: the names are checked and recorded, the dashboards "
        "themselves are not installed by this release.",
    )
