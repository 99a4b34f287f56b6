"""Helm releases: what a chart makes is out of sight, so it comes from a named place in a stated version."""

from collections.abc import Iterator

from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import text_at
from policies.checks.tokens import RELEASE
from policies.checks.volumes import unnamed
from policies.checks.whole import Whole, input_of


def pinned(resource: Resource, limits: Limits) -> Iterator[str]:
    """From a repository by TLS, in one version."""
    del limits
    if not text_at(resource.inputs, "version"):
        yield "has no version: the newest chart would be taken, whatever it holds"
    source = text_at(resource.inputs, "repositoryOpts", "repo") or text_at(resource.inputs, "chart")
    if not source.startswith(("https://", "oci://")):
        yield "its chart comes from no https:// or oci:// address"


def not_judged(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Said in one message, so that it is read."""
    del limits
    charts = sorted(f"{input_of(release, 'name') or release.name}" for release in whole.of(RELEASE))
    if charts:
        yield Violation("", f"not judged: what the Helm releases {', '.join(charts)} make")


def not_judged_volumes(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """The same, with the volumes of the cluster's default class."""
    yield from not_judged(whole, limits)
    claiming = unnamed(whole)
    if claiming:
        yield Violation(
            "", f"not judged: the cluster's StorageClass of {', '.join(claiming)}; see to it that it retains volumes, "
            "encrypts them, lets them grow and waits for the first consumer"
        )  # fmt: skip
