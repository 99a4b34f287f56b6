"""What can be watched."""

from typing import Literal

from pydantic import Field

from settings.model import Model

Dashboard = Literal["scaling-overview", "regional-performance", "shard-distribution"]


class Grafana(Model):
    """The guide's dashboards."""

    dashboards: tuple[Dashboard, ...] = Field(
        default=("scaling-overview", "regional-performance", "shard-distribution"),
        description="Dashboards of the region, put where Grafana of kube-prometheus-stack finds them.",
    )
