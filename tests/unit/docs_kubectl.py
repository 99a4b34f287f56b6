"""Commands of kubectl in a document: verbs and flags that it has, objects that the program or an operator makes.

Flags as kubernetes.io/docs/reference/kubectl/generated lists them, and for `cnpg` CloudNativePG's
docs/src/kubectl-plugin.md; only those that an operator of this project needs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from tests.unit.docs_objects import UNDECLARED, Cluster, There, kind_of
from tests.unit.docs_shell import Command, is_placeholder

_GLOBAL: Final = ("-n", "--namespace", "--context", "--kubeconfig")
_SHOWN: Final = ("-o", "--output", "-l", "--selector", "--sort-by", "--field-selector")
VALUED: Final[Mapping[str, tuple[str, ...]]] = {
    "get": (*_SHOWN, "-L", "--label-columns"),
    "describe": ("-l", "--selector"),
    "logs": ("-c", "--container", "--tail", "--since", "-l", "--selector", "--max-log-requests"),
    "exec": ("-c", "--container"),
    "scale": ("--replicas", "-l", "--selector", "--current-replicas"),
    "rollout": ("--timeout", "--to-revision"),
    "delete": ("-l", "--selector", "--cascade", "--timeout", "--grace-period"),
    "create": ("--from", "--from-file", "--from-literal", "--cert", "--key", "--dry-run", "-o", "--output", "--image"),
    "apply": ("-f", "--filename"),
    "set": ("-f", "--filename", "-o", "--output", "-c"),
    "port-forward": ("--address",),
    "patch": ("--type", "-p", "--patch", "--subresource"),
    "annotate": (),
    "label": (),
    "cordon": ("-l", "--selector"),
    "uncordon": ("-l", "--selector"),
    "drain": ("-l", "--selector", "--timeout", "--grace-period", "--pod-selector"),
    "top": ("-l", "--selector", "--sort-by"),
    "wait": ("--for", "--timeout", "-l", "--selector"),
    "cnpg": ("-o", "--output", "--backup-name", "--method", "--plugin-name"),
    "config": (),
    "version": ("-o", "--output"),
}
BARE: Final[Mapping[str, tuple[str, ...]]] = {
    "get": ("-A", "--all-namespaces", "-w", "--watch", "--show-labels", "--no-headers"),
    "logs": ("-f", "--follow", "--previous", "-p", "--timestamps", "--prefix", "--all-containers"),
    "exec": ("-i", "-t", "-it", "-ti", "--stdin", "--tty"),
    "delete": ("--wait", "--ignore-not-found", "--all"),
    "set": ("--local",),
    "annotate": ("--overwrite",),
    "label": ("--overwrite",),
    "drain": ("--ignore-daemonsets", "--delete-emptydir-data"),
    "top": ("--containers",),
    "cnpg": ("-v", "--verbose"),
    "rollout": ("-w", "--watch"),
}
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "rollout": ("restart", "status", "undo", "history", "pause", "resume"),
    "set": ("env", "image"),
    "create": ("job", "secret"),
    "config": ("get-contexts", "current-context", "use-context"),
    "cnpg": ("status", "promote", "restart", "reload", "destroy", "backup", "psql", "report", "maintenance"),
    "top": ("pod", "pods", "node", "nodes"),
}
"""Verb to the word that has to follow it."""
CHANGES_STORES: Final = ("cluster", "statefulset", "persistentvolumeclaim", "namespace")
"""Kinds that a document may delete under the mark of a real cloud only."""


@dataclass
class Asked:
    """A command of kubectl, taken apart."""

    verb: str
    flags: dict[str, str] = field(default_factory=dict[str, str])
    rest: list[str] = field(default_factory=list[str])
    inside: list[str] = field(default_factory=list[str])
    """What runs in a container, after `--`."""

    @property
    def namespace(self) -> str | None:
        return self.flags.get("-n", self.flags.get("--namespace"))

    @property
    def selector(self) -> str | None:
        return self.flags.get("-l", self.flags.get("--selector"))


def asked(command: Command) -> Asked:
    """The command taken apart. StaleError where kubectl would not take it."""
    left = list(command.arguments)
    found = Asked("")
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if word == "--":
            found.inside, left = left, []
        elif name in _GLOBAL or name in VALUED.get(found.verb, ()):
            if not equals and not left:
                raise command.stale(f"{name} wants a value")
            found.flags[name] = value if equals else left.pop(0)
        elif name in BARE.get(found.verb, ()):
            found.flags[name] = value
        elif word.startswith("-") and word != "-":
            raise command.stale(f"`kubectl {found.verb}` has no flag {name}")
        elif not found.verb:
            found.verb = word
        else:
            found.rest.append(word)
    if found.verb not in VALUED:
        raise command.stale("no verb of kubectl that this project's documents use")
    if found.verb == "cnpg" and command.words[1] != "cnpg":
        raise command.stale("kubectl takes no flags before the name of a plugin")
    if found.verb in WORDS and (not found.rest or found.rest[0] not in WORDS[found.verb]):
        raise command.stale(f"`kubectl {found.verb}` is followed by one of {', '.join(WORDS[found.verb])}")
    return found


def check(command: Command, cluster: Cluster, mention: bool = False) -> Asked:
    """A command, and that all that it names is there. A mention may leave namespace and names out."""
    of = asked(command)
    if of.namespace is not None and of.namespace not in cluster.namespaces and not is_placeholder(of.namespace):
        raise command.stale(f"there is no namespace {of.namespace}")
    if of.selector is not None and not is_placeholder(of.selector) and not cluster.selected(of.selector):
        raise command.stale(f"nothing has the labels {of.selector}")
    if of.verb == "logs" and of.selector is not None:
        _everywhere(command, of, cluster.pods(of.selector))
    if of.verb == "cnpg":
        _cnpg(command, of, cluster)
    elif of.verb == "create":
        _create(command, of, cluster)
    elif of.verb not in ("config", "apply", "version", "top") and not (of.verb == "set" and "--local" in of.flags):
        _targets(command, of, cluster, mention)
    return of


def _everywhere(command: Command, of: Asked, pods: list[There]) -> None:
    """`logs -l` reads a container of every pod, and fails at one that has it not."""
    container = of.flags.get("-c", of.flags.get("--container"))
    without = [pod.name for pod in pods if container is not None and container not in pod.containers]
    if without:
        raise command.stale(f"{without[0]} has these labels and no container {container}")


def _cnpg(command: Command, of: Asked, cluster: Cluster) -> None:
    if of.rest[1:] and not is_placeholder(of.rest[1]) and not cluster.named("cluster", of.rest[1], of.namespace):
        raise command.stale(f"there is no Cluster {of.rest[1]}")
    for member in of.rest[2:]:
        name = f"{of.rest[1]}-{member}" if member.isdigit() else member
        if not is_placeholder(member) and not cluster.named("pod", name, of.namespace):
            raise command.stale(f"there is no instance {member}")


def _create(command: Command, of: Asked, cluster: Cluster) -> None:
    source = of.flags.get("--from")
    if of.rest[0] == "job" and source is None:
        raise command.stale("a Job is made from a CronJob: --from=cronjob/…")
    if source is not None:
        _one(command, source, of, cluster)


def _targets(command: Command, of: Asked, cluster: Cluster, mention: bool) -> None:
    words = of.rest[1:] if of.verb in WORDS else list(of.rest)
    if of.verb in ("port-forward", "annotate", "label", "set"):
        words = [word for word in words if not re.fullmatch(r"[0-9:]+|[^/]+=.*|[^/]+-", word)]
    if of.verb in ("cordon", "uncordon", "drain"):
        _nodes(command, words, of)
        return
    if of.verb in ("logs", "exec", "port-forward") and words and "/" not in words[0]:
        words = ["pod", *words]
    if not words:
        if not mention and of.selector is None and of.verb not in ("get",):
            raise command.stale("it names nothing")
        return
    if "/" in words[0]:
        for word in words:
            _one(command, word, of, cluster)
        return
    for kind in words[0].split(","):
        if kind_of(kind) not in cluster.kinds():
            raise command.stale(f"nothing here is of the kind {kind}")
    for name in words[1:]:
        _one(command, f"{words[0]}/{name}", of, cluster)


def _nodes(command: Command, words: list[str], of: Asked) -> None:
    if not words and of.selector is None:
        raise command.stale("it names no node")


def _one(command: Command, reference: str, of: Asked, cluster: Cluster) -> None:
    """One object as `kind/name`."""
    kind, _, name = reference.partition("/")
    plain = kind_of(kind)
    if plain not in cluster.kinds():
        raise command.stale(f"nothing here is of the kind {kind}")
    if cluster.is_elsewhere(plain, name, of.namespace):
        return
    found = cluster.named(plain, name, of.namespace)
    if not found and not _is_left_open(plain, name) and not _made_here(plain, name):
        raise command.stale(f"there is no {plain} {name}" + (f" in {of.namespace}" if of.namespace else ""))
    container = of.flags.get("-c", of.flags.get("--container"))
    known = {one for there in found for one in there.containers}
    if container is not None and known and container not in known:
        raise command.stale(f"{plain} {name} has no container {container}: there are {', '.join(sorted(known))}")
    for one in found[:1]:
        _fields(command, of, one)


def _is_left_open(kind: str, name: str) -> bool:
    """Whether the reader fills the name in; one with a hash has to begin as those that there are."""
    return is_placeholder(name) and not (name.endswith("-…") and kind not in UNDECLARED)


def _made_here(kind: str, name: str) -> bool:
    """Jobs that a document makes from a CronJob, and what somebody else's Kubernetes has."""
    return (kind == "job" and name in ("look", "restore", "backup-now")) or kind in ("storageclass", "crd")


def _fields(command: Command, of: Asked, there: There) -> None:
    """Fields of a JSONPath that the program declares; what a controller says under `.status` it does not know."""
    output = of.flags.get("-o", of.flags.get("--output", ""))
    for path in re.findall(r"\{\.([A-Za-z0-9_.\\-]+)\}", output):
        first, *rest = re.split(r"(?<!\\)\.", path)
        if first == "status" or not there.content:
            continue
        at: Any = there.content.get(first, there.content.get("stringData") if first == "data" else None)
        for part in rest:
            at = cast(dict[str, Any], at).get(part.replace("\\", "")) if isinstance(at, dict) else None
        if at is None:
            raise command.stale(f"{there.kind} {there.name} has no .{path}")
