"""Users reach every memory namespace, by one host each, through one class."""

from collections.abc import Iterator

from settings.draft import Draft, Finding
from settings.faults import ABSENT
from settings.ingress import CLASS_ANNOTATION
from settings.memory import SERVICE_PORT
from settings.names import annotation_key, object_name, reason
from settings.rules.rule import Check, place, repeated, rule

ANNOTATIONS = ("ingress", "annotations")
BACKENDS = "ingress.rules[*].paths[*].backend"


def _object(host: str) -> str:
    """Name of the Kubernetes object of a host."""
    return host.replace(".", "-")


@rule("ingress.rules[*].host", "ingress.rules[*].paths[*].path")
def hosts_and_paths_are_distinct(draft: Draft) -> Iterator[Finding]:
    rules = draft.settings.ingress.rules
    for index, first in repeated(entry.host for entry in rules):
        yield draft.finding(
            place(f"ingress.rules[{index}].host"), f"named already at rules[{first}]: put its paths under one rule"
        )
    for number, entry in enumerate(rules):
        alike = next((other.host for other in rules[:number] if _object(other.host) == _object(entry.host)), entry.host)
        if alike != entry.host:
            yield draft.finding(
                place(f"ingress.rules[{number}].host"),
                f'its object would be called "{_object(entry.host)}" like that of {alike}: choose another host',
            )
        for index, first in repeated(item.path for item in entry.paths):
            yield draft.finding(
                place(f"ingress.rules[{number}].paths[{index}].path"), f"named already at paths[{first}]: keep one"
            )


@rule(BACKENDS, "memory.namespaces")
def backends_exist(draft: Draft) -> Iterator[Finding]:
    if draft.stated(place("ingress.rules")) is ABSENT:
        return  # Nobody named the default's backend: what is said is that the namespaces lack a host.
    known = draft.settings.memory.service_names
    for number, entry in enumerate(draft.settings.ingress.rules):
        for index, item in enumerate(entry.paths):
            at = f"ingress.rules[{number}].paths[{index}].backend"
            if item.backend.service not in known:
                yield draft.finding(
                    place(f"{at}.service"),
                    f"no such service: name one of {', '.join(known)}, or add its memory namespace",
                )
            if item.backend.port != SERVICE_PORT:
                yield draft.finding(place(f"{at}.port"), f"the service listens on port {SERVICE_PORT}: use that")


@rule(BACKENDS, "ingress.enabled", "memory.namespaces")
def namespaces_are_reached(draft: Draft) -> Iterator[Finding]:
    settings = draft.settings
    if not settings.ingress.enabled:
        return
    reached = {item.backend.service for entry in settings.ingress.rules for item in entry.paths}
    for namespace in dict.fromkeys(settings.memory.namespaces):
        service = settings.memory.service_name(namespace)
        if service not in reached:
            yield draft.finding(
                place(f"memory.namespaces[{settings.memory.namespaces.index(namespace)}]"),
                f"no host leads to it: add one to ingress.rules with backend.service {service}",
            )


@rule("ingress.class", "ingress.annotations")
def class_is_named_once(draft: Draft) -> Iterator[Finding]:
    ingress = draft.settings.ingress
    named = ingress.annotations.get(CLASS_ANNOTATION, ingress.class_name)
    if named == ingress.class_name:
        return
    if draft.stated(place("ingress.class")) is ABSENT:
        fault = reason(object_name, named) or ""  # Else it had become the class.
    else:
        fault = f'differs from ingress.class ("{ingress.class_name}"): state it once, or the same twice'
    yield draft.finding((*ANNOTATIONS, CLASS_ANNOTATION), fault)


@rule("ingress.annotations")
def annotations_have_keys_that_kubernetes_takes(draft: Draft) -> Iterator[Finding]:
    for key in draft.settings.ingress.annotations:
        fault = reason(annotation_key, key)
        if fault:
            yield draft.finding((*ANNOTATIONS, key), fault)


@rule("ingress.streaming_paths")
def streaming_paths_are_distinct(draft: Draft) -> Iterator[Finding]:
    for index, first in repeated(draft.settings.ingress.streaming_paths):
        yield draft.finding(
            place(f"ingress.streaming_paths[{index}]"), f"named already at streaming_paths[{first}]: keep one"
        )


@rule("ingress.streaming_paths", "ingress.rules", "ingress.enabled")
def streaming_paths_lead_somewhere(draft: Draft) -> Iterator[Finding]:
    ingress = draft.settings.ingress
    if draft.stated(place("ingress.streaming_paths")) is ABSENT or not (ingress.enabled and ingress.rules):
        return
    paths = [item for entry in ingress.rules for item in entry.paths]
    known = ", ".join(dict.fromkeys(item.path for item in paths))
    for index, stream in enumerate(ingress.streaming_paths):
        if not any(item.covers(stream) for item in paths):
            yield draft.finding(
                place(f"ingress.streaming_paths[{index}]"),
                f"under no path of ingress.rules ({known}): add one that leads to it, or remove this",
            )


RULES: tuple[Check, ...] = (
    hosts_and_paths_are_distinct,
    backends_exist,
    namespaces_are_reached,
    class_is_named_once,
    annotations_have_keys_that_kubernetes_takes,
    streaming_paths_are_distinct,
    streaming_paths_lead_somewhere,
)
