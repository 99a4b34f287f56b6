"""Keys that pods take from ConfigMaps and Secrets of the stack: each is there, or the pod never starts."""

from collections.abc import Iterator, Mapping

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Plain, at, field_of, flag_at, list_at, text_at
from policies.checks.templates import containers, pod
from policies.checks.tokens import CONFIG_MAP, SECRET, TEMPLATES
from policies.checks.whole import Whole, each

_FIELDS = ("data", "stringData", "binaryData")
_FROM = {"configMap": ("ConfigMap", "name"), "secret": ("Secret", "secretName")}
_KINDS = {"ConfigMap": CONFIG_MAP, "Secret": SECRET}


def present(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """The API server takes a pod that mounts a key which is not there; the kubelet then waits for it for ever.

    What the stack does not make, or fills only in the update, is not judged here.
    """
    del limits
    there: dict[tuple[str, str, str], frozenset[str]] = {}

    def known(resource: Resource) -> Iterator[str]:
        fields = [field_of(resource.inputs, name) for name in _FIELDS]
        if all(one is None or isinstance(one, Mapping) for one in fields):
            keys = frozenset(str(key) for one in fields if one for key in one)
            there[resource.type, metadata.namespace(resource), metadata.name(resource)] = keys
        yield from ()

    def check(resource: Resource) -> Iterator[str]:
        place = metadata.namespace(resource)
        for kind, name, key in _named(resource):
            keys = there.get((_KINDS[kind], place, name))
            if keys is not None and key not in keys:
                yield f"takes the key {key} of the {kind} {name}, which has no such key: its pods never start"

    yield from each(whole.of(CONFIG_MAP, SECRET), known)
    yield from each(whole.of(*TEMPLATES), check)


def _named(resource: Resource) -> Iterator[tuple[str, str, str]]:
    """Kind, name and key."""
    for volume in list_at(pod(resource), "volumes"):
        yield from _of_source(volume)
        for source in list_at(volume, "projected", "sources"):
            yield from _of_source(source)
    for _, container in containers(resource):
        for entry in list_at(container, "env"):
            for kind in _KINDS:
                found = at(entry, "valueFrom", f"{kind[0].lower()}{kind[1:]}KeyRef")
                if found is not None and not flag_at(found, "optional", default=False):
                    yield kind, text_at(found, "name"), text_at(found, "key")


def _of_source(source: Plain) -> Iterator[tuple[str, str, str]]:
    for field, (kind, name) in _FROM.items():
        found = at(source, field)
        if found is not None and not flag_at(found, "optional", default=False):
            for item in list_at(found, "items"):
                yield kind, text_at(found, name) or text_at(found, "name"), text_at(item, "key")
