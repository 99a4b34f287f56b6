"""Kubernetes objects while the program runs: outputs are the inputs; what the API server adds stays unknown.

The state of the cluster (`status`, server defaults, uid) is not known to the program under this engine, as it is
evaluated before the first object is applied. Whatever the program derives from it is unknown, and an input that
needs it is refused when it would be applied.
"""

from collections.abc import Mapping
from typing import cast

from rehearsal.engine.model import Unknown, Value
from rehearsal.engine.providers.answer import Answer, Recorded
from rehearsal.errors import RehearsalError

RELEASE = "kubernetes:helm.sh/v3:Release"
"""Recorded, and never carried out: charts are not fetched, and what they install has a stand-in or is left out."""
NOT_OBJECTS = ("kubernetes:helm.sh/", "kubernetes:yaml", "kubernetes:kustomize")
"""Types of the package that are no objects of the API."""


def answer(type_: str, name: str, inputs: dict[str, Value], recorded: Recorded | None) -> Answer:
    """`<namespace>/<name>` as id, the inputs as outputs."""
    del recorded
    if type_ == RELEASE:
        return Answer(_release(type_, name, inputs), inputs, inputs, complete=False)
    kind = type_.rsplit(":", 1)[-1]
    if type_.startswith(NOT_OBJECTS) or kind.endswith(("Patch", "List")):
        raise RehearsalError(f"the in-process engine does not imitate {type_} ({name}); use the Pulumi CLI")
    return Answer(_id(type_, name, inputs), inputs, inputs, complete=False)


def _id(type_: str, name: str, inputs: Mapping[str, Value]) -> str:
    metadata = cast(Mapping[str, Value], inputs.get("metadata") or {})
    stated = metadata.get("name")
    if stated is None:
        raise RehearsalError(f"{name} ({type_}) states no metadata.name: the in-process engine names nothing by itself")
    namespace = metadata.get("namespace")
    if isinstance(stated, Unknown) or isinstance(namespace, Unknown):
        return ""  # Pulumi's word for an id that is not known yet
    return f"{namespace}/{stated}" if namespace else str(stated)


def _release(type_: str, name: str, inputs: Mapping[str, Value]) -> str:
    for needed in ("name", "namespace"):
        if not inputs.get(needed):
            raise RehearsalError(f"{name} ({type_}) states no {needed}: the in-process engine names nothing by itself")
    return f"{inputs['namespace']}/{inputs['name']}"
