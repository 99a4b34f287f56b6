"""Secrets stand in Secrets and nowhere else. No message says more of one than where it is."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence

from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Plain, Unreadable, at, list_at, object_at, text_at
from policies.checks.templates import containers
from policies.checks.tokens import CONFIG_MAP, POOLER, POSTGRESQL, SECRET, TEMPLATES
from policies.checks.whole import Whole, each, input_of

_NAME = re.compile(r"PASSW|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL|(^|_)(PWD|AUTH)$", re.IGNORECASE)
_ABOUT_A_SECRET = re.compile(r"(FILE|PATH|DIR|NAME|VERSION|SECONDS|TTL|ID|URL|HOST|PORT|ENABLED|MODE)$", re.IGNORECASE)
"""Endings of variables that only say something about a secret: where it is, how old."""
_SWITCHES = ("true", "false", "0", "1")
_VALUES = {
    "a private key": (("PRIVATE KEY",), re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    "a URL with a password": (("://",), re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@\"'$]+:[^/\s@\"'$]+@")),
    "a key of AWS": (("AKIA", "ASIA"), re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b")),
    "a signed token": (("eyJ",), re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.")),
}
"""What it is to a part of it, of which one is there and which is quickly looked for, and its whole form."""
_SHORTEST = 20
_WORD = re.compile(rf"[A-Za-z0-9_-]{{{_SHORTEST},}}")
SEARCHED = (CONFIG_MAP, *TEMPLATES, POSTGRESQL, POOLER)


def in_pods(resource: Resource, limits: Limits) -> Iterator[str]:
    """Neither in the environment nor on a command line, which anybody who may look at a pod reads."""
    del limits
    for name, container in containers(resource):
        for entry in list_at(container, "env"):
            variable = text_at(entry, "name")
            value = object_at(entry).get("value")
            secret_by_name = _NAME.search(variable) and not _ABOUT_A_SECRET.search(variable)
            if value and value not in _SWITCHES and secret_by_name:
                yield f"container {name}: {variable} states a secret: mount it as a file"
            for what in _found(value):
                yield f"container {name}: {variable} holds {what}"
            if secret_by_name and at(entry, "valueFrom", "secretKeyRef") is not None:
                yield f"container {name}: {variable} has a secret in its environment: mount it as a file"
        for field in ("command", "args"):
            for what in _found(list_at(container, field)):
                yield f"container {name}: {field} holds {what}"


def in_config_maps(resource: Resource, limits: Limits) -> Iterator[str]:
    """ConfigMaps are shown to whoever may list them, and are not encrypted like Secrets."""
    del limits
    data = at(resource.inputs, "data")
    if data is not None and not isinstance(data, Mapping):
        raise Unreadable("data is not an object")
    for key, value in (data or {}).items():
        if _NAME.search(key) and not _ABOUT_A_SECRET.search(key) and "." not in key:
            yield f"data.{key} is a secret by its name: use a Secret"
        for what in _found(value):
            yield f"data.{key} holds {what}: use a Secret"


def nowhere_else(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """What a Secret of the stack holds is found in nothing that is no Secret."""
    del limits
    known = _known(whole)

    def check(resource: Resource) -> Iterator[str]:
        if not any(word in text for text in _long_texts(resource.inputs) for word in known):
            return
        for path, text in _texts(resource.inputs, ""):
            if len(text) >= _SHORTEST and not known.isdisjoint(_WORD.findall(text)):
                yield f"{path} repeats what a Secret holds: mount the Secret"

    yield from each(whole.of(*SEARCHED), check)


def _known(whole: Whole) -> set[str]:
    """Long words with small and large letters and digits in Secrets: passwords and keys, not names or certificates."""
    return {
        word
        for secret in whole.of(SECRET)
        for field in ("stringData", "data")
        for _, stated in _texts(input_of(secret, field), field)
        for text in ((stated,) if field == "stringData" else _decoded(stated))
        if "CERTIFICATE" not in text or "PRIVATE" in text
        for word in _WORD.findall(text)
        if any(c.isdigit() for c in word) and any(c.isupper() for c in word) and any(c.islower() for c in word)
    }


def _decoded(text: str) -> Iterator[str]:
    try:
        yield base64.b64decode(text, validate=True).decode()
    except ValueError:
        return


def _found(value: Plain) -> Iterator[str]:
    for text in {text for _, text in _texts(value, "")}:
        for what, (parts, form) in _VALUES.items():
            if any(part in text for part in parts) and form.search(text):
                yield what


def _long_texts(value: Plain) -> Iterator[str]:
    """Every text in which a word may be that is looked for."""
    left: list[Plain] = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            if len(one) >= _SHORTEST:
                yield one
        elif isinstance(one, Mapping):
            left += one.values()
        elif isinstance(one, Sequence):
            left += one


def _texts(value: Plain, path: str) -> Iterator[tuple[str, str]]:
    """Every text, and where it is."""
    if isinstance(value, str):
        yield path or "it", value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}[{index}]")
