"""Settings of Redis: what it holds outlives its pods, and what one shard loses stops no other."""

from collections.abc import Iterator, Mapping
from typing import Final

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import labels_at, list_at, text_at
from policies.checks.templates import pod, pods
from policies.checks.tokens import CONFIG_MAP, STATEFUL_SET
from policies.checks.whole import Whole, each

_PROGRAM: Final = "redis"
_WANTED: Final[Mapping[str, tuple[str, str]]] = {
    "appendonly": ("yes", "what was written is gone with the last pod"),
    "cluster-enabled": ("yes", "each pod is a store of its own"),
    "cluster-require-full-coverage": ("no", "the loss of one shard stops all others"),
}
"""Directive to what it has to say, and what is without it (valkey.io/topics: persistence, cluster-spec)."""


def stated(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """In a file of a ConfigMap that the pods mount; of several the first that says anything of it."""
    del limits
    files = {(metadata.namespace(it), metadata.name(it)): it for it in whole.of(CONFIG_MAP)}

    def check(store: Resource) -> Iterator[str]:
        if pods(store).labels.get("app.kubernetes.io/name") != _PROGRAM:
            return
        told: dict[str, str] = {}
        for volume in list_at(pod(store), "volumes"):
            mounted = files.get((metadata.namespace(store), text_at(volume, "configMap", "name")))
            told = {**({} if mounted is None else _directives(mounted)), **told}
        for directive, (wanted, without) in _WANTED.items():
            if told.get(directive) != wanted:
                yield f"{directive} is not {wanted}: {without}"

    yield from each(whole.of(STATEFUL_SET), check)


def _directives(files: Resource) -> dict[str, str]:
    """Of all files that are called `.conf`, word by word."""
    data = labels_at(files.inputs, "data")
    lines = [line.split() for name, text in data.items() if name.endswith(".conf") for line in text.splitlines()]
    return {words[0]: words[1] for words in lines if len(words) > 1}
