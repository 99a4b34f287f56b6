"""Images that stay what they are: a version or a digest, never what a name points to today."""

import re
from collections.abc import Iterator

from policies.checks.model import Limits, Resource
from policies.checks.plain import text_at
from policies.checks.templates import containers
from policies.checks.tokens import POOLER, POSTGRESQL

MOVING = frozenset({"latest", "stable", "main", "master", "edge", "nightly", "dev", "develop", "head"})
_DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")


def pinned(resource: Resource, limits: Limits) -> Iterator[str]:
    """Each with a tag that does not move, or a digest."""
    del limits
    for title, image in _images(resource):
        fault = _fault(image)
        if fault:
            yield f"the image of {title} {fault}"


def at_hand(resource: Resource, limits: Limits) -> Iterator[str]:
    """What a node has it starts without a registry, which may be what an outage took away. The default does so for
    images that `pinned` takes.
    """
    del limits
    if resource.type == POSTGRESQL:
        pulled = [("PostgreSQL", text_at(resource.inputs, "spec", "imagePullPolicy"))]
    else:
        pulled = [(f"container {name}", text_at(one, "imagePullPolicy")) for name, one in containers(resource)]
    for title, policy in pulled:
        if policy == "Always":
            yield f"{title} starts again only while its registry answers: imagePullPolicy is Always"


def _images(resource: Resource) -> Iterator[tuple[str, str]]:
    if resource.type == POSTGRESQL:
        yield "PostgreSQL", text_at(resource.inputs, "spec", "imageName")
    elif resource.type == POOLER:
        yield "PgBouncer", text_at(resource.inputs, "spec", "pgbouncer", "image")
    else:
        for name, container in containers(resource):
            yield f"container {name}", text_at(container, "image")


def _fault(image: str) -> str:
    """Empty for a sound one. A colon before a slash is a port."""
    if _DIGEST.fullmatch(image):
        return ""
    if "@" in image:
        return "has a digest that is none"
    tag = image.rpartition("/")[2].partition(":")[2]
    if not image:
        return "is not stated"
    if not tag:
        return "has no tag: what it is changes with the registry"
    return "has a tag that moves" if tag.lower() in MOVING else ""
