"""What the Pulumi CLI says, in the engines' own words: states to resources, events to steps, violations and errors.

States have the form of apitype.ResourceV3 (pulumi/pulumi, sdk/go/common/apitype/core.go): in the digest of
`preview --json` secrets are masked, in an export they are ciphertexts. Events are those of the Automation API.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from pulumi.automation import events as api

from rehearsal.engine.model import MASK, UNKNOWN, Change, PlannedResource, Secret, Step, Value
from rehearsal.packs import Violation

ROOT: Final = "pulumi:pulumi:Stack"
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""Key that marks a special value in a serialized state; next to it a secret's `ciphertext`."""
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How a value that only the update will know is written (sdk/go/common/resource/plugin: UnknownStringValue)."""
_COLOR = re.compile(r"<\{%.*?%\}>")
_NOISE = (
    "an unhandled error occurred: program exited with non-zero exit code",
    "preview failed",
    "update failed",
    "resource monitor shut down while waiting on step",
)
"""What the CLI says after an error that it has told already."""

CHANGES: Final[Mapping[str, Change]] = {
    "same": Change.SAME,
    "read": Change.SAME,
    "refresh": Change.SAME,
    "create": Change.CREATE,
    "import": Change.CREATE,
    "update": Change.UPDATE,
    "delete": Change.DELETE,
    "discard": Change.DELETE,
    "replace": Change.REPLACE,
    "create-replacement": Change.REPLACE,
    "delete-replaced": Change.REPLACE,
    "read-replacement": Change.REPLACE,
    "import-replacement": Change.REPLACE,
    "discard-replaced": Change.REPLACE,
    "remove-pending-replace": Change.REPLACE,
}
"""The engine's operations (pkg/resource/deploy/step.go); a replacement is told in up to three of them."""


def logged(log: Path) -> list[api.EngineEvent]:
    """The event log that a command left, one JSON document a line; empty when it failed before the first event."""
    if not log.exists():
        return []
    return [
        api.EngineEvent.from_json(json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines() if line
    ]


def digest(printed: str) -> Mapping[str, Any] | None:
    """The document that `preview --json` prints; None when it failed before. A failure may print more after it."""
    start = printed.find("{")
    try:
        return cast(Mapping[str, Any], json.JSONDecoder().raw_decode(printed[start:])[0]) if start >= 0 else None
    except json.JSONDecodeError:
        return None


def digest_steps(document: Mapping[str, Any]) -> list[tuple[str, str, Sequence[str]]]:
    """Operation, URN and reasons of each step of such a document."""
    return [
        (step["op"], step["urn"], tuple(step.get("detailedDiff") or step.get("diffReasons") or ()))
        for step in document.get("steps") or []
    ]


def resources(states: Iterable[Mapping[str, Any]]) -> tuple[PlannedResource, ...]:
    """The resources that the program registered: without the stack itself and the providers that the engine adds."""
    return tuple(_resource(state) for state in states if not state.get("delete") and _registered(state["urn"]))


def outputs(states: Iterable[Mapping[str, Any]]) -> dict[str, Value]:
    """The outputs of the stack among its states."""
    for state in states:
        if state["type"] == ROOT:
            return cast(dict[str, Value], value(state.get("outputs") or {}))
    return {}


def told_outputs(told: Iterable[api.EngineEvent]) -> dict[str, Value]:
    """The outputs of the stack as the last event about them tells; a preview has them nowhere else."""
    found: dict[str, Value] = {}
    for event in told:
        about = event.res_outputs_event.metadata if event.res_outputs_event is not None else None
        if about is not None and about.new is not None and about.type == ROOT:
            found = cast(dict[str, Value], value(about.new.outputs or {}))
    return found


def value(written: Any) -> Value:
    """A value as serialized, with its secrets and unknowns marked. Nothing here can tell what a secret says."""
    if isinstance(written, str):
        if written == MASK:
            return Secret(MASK)
        return UNKNOWN if written == _UNKNOWN else written
    if isinstance(written, Mapping):
        entries = cast(Mapping[str, Any], written)
        if _SIGNATURE in entries:
            return Secret(MASK) if "ciphertext" in entries or "plaintext" in entries else None
        return {key: value(item) for key, item in entries.items() if key != "__defaults"}
    if isinstance(written, list):
        return [value(item) for item in cast(list[Any], written)]
    return written


def steps(told: Iterable[tuple[str, str, Sequence[str]]]) -> tuple[Step, ...]:
    """One step a resource, in the order told, of (operation, URN, reasons).

    With `--refresh` each resource is told twice: read again, and then what is done about it.
    """
    found: dict[str, Step] = {}
    for operation, urn, reasons in told:
        change = CHANGES.get(operation)
        if change is None or not _registered(urn):
            continue
        earlier = found.get(urn)
        if earlier is None or earlier.change is Change.SAME:
            found[urn] = Step(change, urn, type_of(urn), urn.rpartition("::")[2], tuple(reasons))
        elif Change.REPLACE in (change, earlier.change):
            found[urn] = replace(earlier, change=Change.REPLACE, reasons=tuple(reasons) or earlier.reasons)
    return tuple(found.values())


def step_of(event: api.EngineEvent) -> tuple[str, str, Sequence[str]] | None:
    """Operation, URN and reasons of an event that announces a step."""
    if event.resource_pre_event is None:
        return None
    about = event.resource_pre_event.metadata
    return str(about.op.value), about.urn, tuple(about.detailed_diff or about.diffs or ())


def violations(told: Iterable[api.EngineEvent]) -> tuple[Violation, ...]:
    """What the policy packs reported."""
    return tuple(
        Violation(
            pack=event.policy_event.policy_pack_name,
            policy=event.policy_event.policy_name,
            level=event.policy_event.enforcement_level,
            urn=event.policy_event.resource_urn or "",
            message=_undescribed(_plain(event.policy_event.message).strip()),
        )
        for event in told
        if event.policy_event is not None
    )


def errors(told: Iterable[api.EngineEvent], severity: str = "error") -> list[str]:
    """The error messages of a run, or those of another severity, each once, in order, with the resource that they are
    about.
    """
    found: list[str] = []
    for event in told:
        said = event.diagnostic_event
        if said is None or said.severity != severity:
            continue
        text = _plain(said.message).strip()
        if not text or text.startswith(_NOISE):
            continue
        about = "" if not said.urn or type_of(said.urn) == ROOT else f"{said.urn.rpartition('::')[2]}: "
        if about + text not in found:
            found.append(about + text)
    return found


def type_of(urn: str) -> str:
    """The type of a resource: the last part of the qualified type in its URN."""
    return urn.split("::")[2].rpartition("$")[2]


def _registered(urn: str) -> bool:
    kind, name = type_of(urn), urn.rpartition("::")[2]
    return kind != ROOT and not (kind.startswith("pulumi:providers:") and name.startswith("default"))


def _resource(state: Mapping[str, Any]) -> PlannedResource:
    urn, parent, provider = str(state["urn"]), str(state.get("parent") or ""), str(state.get("provider") or "")
    by_property = {name: tuple(sorted(urns or ())) for name, urns in (state.get("propertyDependencies") or {}).items()}
    timeouts = cast(Mapping[str, float], state.get("customTimeouts") or {})
    return PlannedResource(
        type=str(state["type"]),
        name=urn.rpartition("::")[2],
        urn=urn,
        parent=parent if parent and type_of(parent) != ROOT else None,
        inputs=cast(dict[str, Value], value(state.get("inputs") or {})),
        protect=bool(state.get("protect")),
        depends_on=tuple(sorted({*(state.get("dependencies") or ()), *_urns(by_property)})),
        provider=_provider(provider),
        ignore_changes=tuple(state.get("ignoreChanges") or ()),
        custom=bool(state.get("custom")),
        property_dependencies=by_property,
        aliases=tuple(state.get("aliases") or ()),
        additional_secret_outputs=tuple(state.get("additionalSecretOutputs") or ()),
        retain_on_delete=bool(state.get("retainOnDelete")),
        timeouts={name: seconds for name, seconds in timeouts.items() if seconds},
        outputs=cast(dict[str, Value], value(state.get("outputs") or {})),
    )


def _urns(by_property: Mapping[str, Iterable[str]]) -> Iterator[str]:
    return (urn for urns in by_property.values() for urn in urns)


def _provider(reference: str) -> str | None:
    """The URN in a provider reference (`urn::id`); None for a provider that the engine adds."""
    urn = reference.rpartition("::")[0]
    return urn if urn and _registered(urn) else None


def _undescribed(message: str) -> str:
    """The SDK puts the policy's description, one line, before each message."""
    return message.partition("\n")[2] or message


def _plain(text: str) -> str:
    return _COLOR.sub("", text)
