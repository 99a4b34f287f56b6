"""Deployments that an autoscaler scales: an update leaves their number of pods to it."""

from collections.abc import Iterator

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import at, text_at
from policies.checks.tokens import AUTOSCALER, DEPLOYMENT
from policies.checks.whole import Whole, each

_LEFT_ALONE = ("spec.replicas", "spec")


def left_alone(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Otherwise every update sets them back to the stated number, in the middle of a peak, too."""
    del limits
    scaled: set[tuple[str, str]] = set()

    def target(scaler: Resource) -> Iterator[str]:
        if text_at(scaler.inputs, "spec", "scaleTargetRef", "kind") == "Deployment":
            scaled.add((metadata.namespace(scaler), text_at(scaler.inputs, "spec", "scaleTargetRef", "name")))
        yield from ()

    def check(resource: Resource) -> Iterator[str]:
        if (metadata.namespace(resource), metadata.name(resource)) not in scaled:
            return
        if at(resource.inputs, "spec", "replicas") is not None and not set(resource.ignored) & set(_LEFT_ALONE):
            yield "states replicas beside an autoscaler: an update sets it back to them, whatever the load"

    yield from each(whole.of(AUTOSCALER), target)
    yield from each(whole.of(DEPLOYMENT) if scaled else (), check)
