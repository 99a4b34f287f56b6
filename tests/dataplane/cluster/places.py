"""Every place where a secret of the region could stand and must not: objects, events, logs, processes, engine, state.

What cannot be read fails the search. Not places, because they are where secrets are kept: Secrets in the API server and
its etcd (a real platform encrypts that: docs/aws.md), files that are mounted from them, and what the engine's state has
under its mark of a secret.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rehearsal.processes import recorded
from rehearsal.real.cluster import Cluster
from tests.dataplane.cluster import agent
from tests.dataplane.cluster.logs import statuses
from tests.dataplane.cluster.secrets import Place, in_the_clear
from tests.dataplane.cluster.stand import Pod, Stand

_NOT_HERE = ("Secret", "Lease", "Event")
"""Kinds that are not read as objects: Secrets may hold what is looked for, events are read by themselves."""

_OF_CONTAINER = """
import json, pathlib, sys
def text(process):
    try:
        if sys.argv[1] not in (process / "cgroup").read_text():
            return ""
        parts = [(process / file).read_bytes().decode(errors="replace") for file in ("cmdline", "environ")]
        return "\\n".join(parts)
    except (FileNotFoundError, ProcessLookupError):
        return ""
print(json.dumps([said for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() for said in [text(p)] if said]))
"""


def everywhere(stand: Stand, state: Iterable[Path] = ()) -> Iterator[Place]:
    """All places of a region; `state`: files in which the engine keeps what it knows."""
    yield from objects(stand)
    yield from events(stand)
    yield from stand.logs_kept.places(stand)
    for pod in (Pod(manifest) for manifest in stand.client.list("v1", "Pod", stand.namespace)):
        yield from processes(stand, pod)
    if stand.own is not None:
        yield from programs(stand.own)
    yield Place("output of the engine", stand.said())
    yield from (Place(f"state file {path.name}", in_the_clear(path)) for path in state)


def objects(stand: Stand) -> Iterator[Place]:
    """Every object of the cluster but Secrets, as the API shows it: ConfigMaps, environment of pods, status."""
    for resource in stand.client.resources():
        if resource.kind in _NOT_HERE or "list" not in resource.verbs:
            continue
        for manifest in stand.client.list(resource.api_version, resource.kind):
            yield Place(f"{resource.kind} {manifest['metadata']['name']}", json.dumps(manifest, ensure_ascii=False))


def events(stand: Stand) -> Iterator[Place]:
    """All of them, wherever they are."""
    for event in stand.client.list("v1", "Event"):
        yield Place(f"event of {event['involvedObject'].get('name')}", json.dumps(event, ensure_ascii=False))


def processes(stand: Stand, pod: Pod) -> Iterator[Place]:
    """Command lines and environments of every process of every container that runs, as their node sees them.

    Fails where a container runs and none of its processes is seen.
    """
    for status in statuses(pod):
        if "running" not in (status.get("state") or {}):
            continue
        name, read = str(status["name"]), _on_machine if stand.own is not None else _by_agent
        found = read(stand, pod, name)
        if not any(found):
            now = stand.client.find("v1", "Pod", pod.name, pod.manifest["metadata"]["namespace"])
            gone = now is None or Pod(now).container_id(name) != pod.container_id(name)
            assert gone, f"no process of {pod.name}/{name} could be read"
        yield from (Place(f"process of {pod.name}/{name}", text) for text in found)


def _on_machine(stand: Stand, pod: Pod, container: str) -> list[str]:
    assert stand.own is not None
    return [process(pid) for pid in stand.own.machines[pod.node].contained(pod.container_id(container))]


def _by_agent(stand: Stand, pod: Pod, container: str) -> list[str]:
    """Not from within: images without a shell have nothing to read with."""
    name = agent.ensure(stand, pod.node)
    try:
        said: list[str] = json.loads(agent.run(stand, name, _OF_CONTAINER, pod.container_id(container)))
    finally:
        agent.dismiss(stand, name)
    return said


def programs(own: Cluster) -> Iterator[Place]:
    """Command lines and environments of the control plane, the stand-ins and every node, with all that they started."""
    home = own.directory / own.region
    for folder in (own.directory, home, home / "controlplane", *sorted((own.directory / "nodes").glob("*"))):
        for known in recorded(folder):
            first = known.pid()
            for pid in [] if first is None else family(first):
                yield Place(f"process of {known.name} in {folder.name}", process(pid))


def family(pid: int, parents: Callable[[], dict[int, int]] | None = None) -> list[int]:
    """A process and all that descend from it."""
    known, found = (parents or _parents)(), [pid]
    for one in found:  # grows meanwhile
        found += [child for child, parent in known.items() if parent == one]
    return found


def _parents() -> dict[int, int]:
    found: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return found


def process(pid: int) -> str:
    """Command line and environment; nothing of one that has ended. What may not be read is an error."""
    try:
        parts = [Path(f"/proc/{pid}/{file}").read_bytes().decode(errors="replace") for file in ("cmdline", "environ")]
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "\n".join(parts).replace("\0", "\n").strip()
