"""Names that users come by: each is claimed once."""

from collections.abc import Iterator
from typing import Final

from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import at, list_at, text_at
from policies.checks.tokens import INGRESS, VIRTUAL_SERVER
from policies.checks.whole import Whole, each

_ALL: Final = ""
"""Stands for every path of a host: a VirtualServer takes it whole."""


def claimed_once(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Of two that claim a host the controller serves the older one and leaves the other out, without an error
    (docs.nginx.com/nginx-ingress-controller: handling host and listener collisions). Several Ingresses may share a host
    by paths of their own.
    """
    del limits
    holders: dict[tuple[str, str], dict[str, Resource]] = {}

    def check(resource: Resource) -> Iterator[str]:
        for place, path in _claims(resource):
            paths = holders.setdefault(place, {})
            taken = paths.get(path) or paths.get(_ALL) or (next(iter(paths.values()), None) if path == _ALL else None)
            if taken is None:
                paths[path] = resource
            else:
                yield f"claims the host {place[1]}{path}, which {taken.name} claims already"

    yield from each(whole.of(VIRTUAL_SERVER, INGRESS), check)


def _claims(resource: Resource) -> Iterator[tuple[tuple[str, str], str]]:
    """Class and host, and the path."""
    spec = at(resource.inputs, "spec")
    controller = text_at(spec, "ingressClassName")
    if resource.type == VIRTUAL_SERVER:
        yield (controller, text_at(spec, "host")), _ALL
        return
    for rule in list_at(spec, "rules"):
        for path in list_at(rule, "http", "paths"):
            yield (controller, text_at(rule, "host")), text_at(path, "path", default="/")
