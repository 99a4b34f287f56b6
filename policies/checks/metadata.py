"""What an object is called and where it lives."""

from collections.abc import Mapping

from policies.checks.model import Resource
from policies.checks.plain import UNKNOWN, at, text_at

UNKNOWN_NAMESPACE = "(not known yet)"
"""Stands for a namespace that the update will name.

All of them compare equal: while a cluster does not exist yet its Namespace has no outputs, and refusing every first
preview would only teach people to leave the pack out. The update asks again with the names.
"""


def name(resource: Resource) -> str:
    return text_at(resource.inputs, "metadata", "name", default=resource.name)


def namespace(resource: Resource) -> str:
    metadata = at(resource.inputs, "metadata")
    if isinstance(metadata, Mapping) and metadata.get("namespace") is UNKNOWN:
        return UNKNOWN_NAMESPACE
    return text_at(metadata, "namespace", default="default")
