"""Names by which members of a store find each other: a headless Service of their own, before they are ready."""

from collections.abc import Iterator

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Selector, Violation
from policies.checks.plain import at, flag_at, labels_at, text_at
from policies.checks.templates import pods
from policies.checks.tokens import SERVICE, STATEFUL_SET
from policies.checks.whole import Whole, each


def resolved(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Each pod of a StatefulSet has a name, also while it is not ready: one that comes back is found by the others.

    A Service that the stack does not make is `own-references`' business.
    """
    del limits
    there: dict[tuple[str, str], Resource] = {}

    def known(service: Resource) -> Iterator[str]:
        there[metadata.namespace(service), metadata.name(service)] = service
        yield from ()

    def check(resource: Resource) -> Iterator[str]:
        found = pods(resource)
        service = there.get((found.namespace, text_at(resource.inputs, "spec", "serviceName")))
        if service is None:
            return
        spec = at(service.inputs, "spec")
        if text_at(spec, "clusterIP") != "None":
            yield f"its Service {metadata.name(service)} is not headless: pods have no names of their own"
        if not flag_at(spec, "publishNotReadyAddresses", default=False):
            yield (
                f"its Service {metadata.name(service)} leaves out pods that are not ready: members that have to find "
                "each other to become ready never do (publishNotReadyAddresses)"
            )
        chosen = labels_at(spec, "selector")
        if not chosen or not Selector(chosen, ()).matches(found.labels):
            yield f"its Service {metadata.name(service)} does not select its pods: they have no names"

    sets = whole.of(STATEFUL_SET)
    yield from each(whole.of(SERVICE) if sets else (), known)
    yield from each(sets, check)
