"""Which object a resource stands for: a replacement of the same identity comes in its place, another one beside it."""

from collections.abc import Mapping
from typing import cast

from rehearsal.engine.model import PlannedResource, Value, revealed

Identity = tuple[str, str, str | None, Value]
"""API group, kind, namespace (None: none was stated), name."""


def of(resource: PlannedResource, provider: Mapping[str, Value]) -> Identity:
    """The identity within a cluster, by the inputs; `provider` holds those of its provider.

    The versions of an API group serve the same objects. A part that only the update knows equals no known one.
    """
    inputs = resource.inputs
    metadata = cast(Mapping[str, Value], inputs.get("metadata") or {})
    group = str(inputs.get("apiVersion") or "").rpartition("/")[0]
    namespace = revealed(metadata.get("namespace") or provider.get("namespace"))
    return group, str(inputs.get("kind") or ""), namespace, revealed(metadata.get("name"))
