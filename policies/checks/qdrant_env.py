"""Qdrant's own settings in the environment of its pods: each says something, and its ports are those of the pod."""

import re
from collections.abc import Iterator

from policies.checks.model import Limits, Resource
from policies.checks.plain import UNKNOWN, at, field_of, list_at, number_at, text_at
from policies.checks.templates import containers

_OWN = "QDRANT__"
_PORT = re.compile(r"_+PORT$")
_TIME = re.compile(r"_(MS|SEC)$")


def said(resource: Resource, limits: Limits) -> Iterator[str]:
    """An empty value is no number and no switch: Qdrant does not start (qdrant.tech/documentation/guides/configuration:
    environment variables).
    """
    del limits
    for name, container in containers(resource):
        ports = {str(number_at(port, "containerPort")) for port in list_at(container, "ports")}
        for entry in list_at(container, "env"):
            variable = text_at(entry, "name")
            if not variable.startswith(_OWN) or at(entry, "valueFrom") is not None:
                continue
            numbered = _PORT.search(variable) or _TIME.search(variable)
            if field_of(entry, "value") is UNKNOWN and not numbered:
                continue  # something it is
            value = text_at(entry, "value")
            if not value:
                yield f"container {name}: {variable} is empty"
            elif _PORT.search(variable) and value not in ports:
                yield f"container {name}: {variable} is no port that it declares: nobody is led there"
            elif _TIME.search(variable) and value.strip("0") == "":
                yield f"container {name}: {variable} leaves no time"
