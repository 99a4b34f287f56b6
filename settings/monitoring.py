"""What is watched, and from where on somebody is told."""

import re
from typing import Annotated

from pydantic import Field

from settings.model import Model, checked
from settings.names import Label

_ADDRESS = re.compile(r"https?://[^\s?#]+")


def _docs(url: str) -> str:
    if not _ADDRESS.fullmatch(url):
        raise ValueError('not an address of a folder: write it like "https://git.example.com/infrastructure/docs"')
    return url.rstrip("/")


def _receiver(url: str) -> str:
    if not _ADDRESS.fullmatch(url):
        raise ValueError('not an address: write it like "https://prometheus.example.com/api/v1/write"')
    return url


Share = Annotated[float, Field(gt=0, lt=1)]
"""A part of a whole, such as 0.05 for five percent."""
Times = Annotated[float, Field(gt=1, lt=3)]
"""Of three alike, the fewest that a region has, one that does everything does three times its share, and none more."""


class TwoLimits(Model):
    """A share from which somebody is told, and one from which somebody is woken."""

    warning: Share = Field(description="Share from which it is a matter for working hours.")
    critical: Share = Field(description="Share from which it cannot wait.")


class Latency(Model):
    """How long requests may take, at the 95th percentile."""

    # The service's histogram ends at ten seconds: no quantile is over that, and no alert would fire.
    warning_ms: int = Field(default=200, gt=0, lt=10_000, description="Milliseconds that are a matter for work hours.")
    critical_ms: int = Field(default=500, gt=0, lt=10_000, description="Milliseconds that cannot wait.")


class Thresholds(Model):
    """From where on alerts fire. Defaults are those of the service's own documentation."""

    latency: Latency = Field(default=Latency(), description="Of requests to the service, at the 95th percentile.")
    errors: TwoLimits = Field(
        default=TwoLimits(warning=0.01, critical=0.05), description="Share of requests that the service fails."
    )
    cache_hits: TwoLimits = Field(
        default=TwoLimits(warning=0.6, critical=0.4), description="Share of Redis reads that find their key, at least."
    )
    postgresql_cache_hits: TwoLimits = Field(
        default=TwoLimits(warning=0.9, critical=0.8),
        description="Share of PostgreSQL's reads that find their block in its memory, at least.",
    )
    cpu: TwoLimits = Field(
        default=TwoLimits(warning=0.75, critical=0.85),
        description="Share of a node's CPU, or of a container's limit, in use; `critical` counts while users wait.",
    )
    memory: TwoLimits = Field(
        default=TwoLimits(warning=0.8, critical=0.9),
        description="Share of a node's memory, or of a container's limit, in use.",
    )
    storage_free: Share = Field(default=0.2, description="Share of a volume that should be free.")
    storage_free_critical: Share = Field(default=0.1, description="Share of a volume that must be free.")
    connections: TwoLimits = Field(
        default=TwoLimits(warning=0.8, critical=0.9), description="Share of PostgreSQL's connections in use."
    )
    fair_share: Times = Field(
        default=1.5, description="How many times its fair share of CPU, shards or requests a node may have."
    )


class RemoteWrite(Model):
    """Another Prometheus, or what takes its place, that has the figures of all regions."""

    url: Annotated[str, checked(_receiver)] = Field(
        description="Where it takes them, as in `https://prometheus.example.com/api/v1/write`."
    )
    secret: Label | None = Field(
        default=None,
        description="Secret in the monitoring namespace with `username` and `password`; left out, nobody is asked.",
    )


class Monitoring(Model):
    """What Prometheus collects, what it tells, and where its pages stand."""

    enabled: bool = Field(
        default=True,
        description="Have the region watched: the cluster needs kube-prometheus-stack, or at least its kinds.",
    )
    interval_seconds: int = Field(
        default=30, ge=5, le=60, description="How often figures are collected; rates over five minutes need several."
    )
    # An alert fires at 14.4 times the failures that this allows, which have to be fewer than all requests.
    availability: float = Field(
        default=0.999, ge=0.95, lt=1, description="Share of requests that must succeed over thirty days."
    )
    thresholds: Thresholds = Field(default=Thresholds(), description="From where on alerts fire.")
    retention_days: int = Field(
        default=15, ge=1, le=400, description="Days that Prometheus keeps figures, where the program installs it."
    )
    remote_write: RemoteWrite | None = Field(
        default=None,
        description="Where recorded series and alerts of this region are sent as well, so that one place shows all "
        "regions; where the program installs Prometheus.",
    )
    alertmanager_secret: Label | None = Field(
        default=None,
        description="Secret in the monitoring namespace whose `alertmanager.yaml` says who is told of alerts, where "
        "the program installs Prometheus; left out, nobody is.",
    )
    docs: Annotated[str, checked(_docs)] | None = Field(
        default=None, description="Where this project's docs/ can be read: alerts link to its pages."
    )
