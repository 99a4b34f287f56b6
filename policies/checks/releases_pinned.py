"""Helm releases: what a chart makes is out of sight, so it comes from a named place in a stated version."""

from collections.abc import Iterator

from policies.checks.model import Limits, Resource
from policies.checks.plain import text_at


def pinned(resource: Resource, limits: Limits) -> Iterator[str]:
    """From a repository by TLS, in one version."""
    del limits
    if not text_at(resource.inputs, "version"):
        yield "has no version: the newest chart would be taken, whatever it holds"
    source = text_at(resource.inputs, "repositoryOpts", "repo") or text_at(resource.inputs, "chart")
    if not source.startswith(("https://", "oci://")):
        yield "its chart comes from no https:// or oci:// address"
