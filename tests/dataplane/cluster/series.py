"""How many series a region has: those of a pod, as they were measured, times the pods that its settings ask for."""

from collections.abc import Mapping
from typing import Final

from observability.scope import GATEWAYS, MEMORY

_BESIDE: Final[Mapping[str, str]] = dict[str, str].fromkeys(GATEWAYS, MEMORY)
"""Jobs whose containers run in the pods of another component."""


def of_a_region(
    each: Mapping[str, float], measured: Mapping[str, float], pods: Mapping[str, int], times: int = 1
) -> float:
    """Of the region's own jobs, given the series of a pod of each, the pods where they were measured, and the pods of
    each component elsewhere, so many times. Jobs of no component have as many pods wherever they are.
    """
    return sum(
        series * (pods[component] * times if (component := _BESIDE.get(job, job)) in pods else measured[job])
        for job, series in each.items()
    )
