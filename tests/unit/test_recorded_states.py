"""Replays the states of earlier releases against today's program: nothing that holds data may go or be made anew."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import pytest

from rehearsal import paths, record
from rehearsal.engine import diff, program
from rehearsal.engine.model import Change, Plan, Secret, Value
from rehearsal.engine.program import Evaluation
from rehearsal.engine.project import Project
from rehearsal.engine.providers import Recorded
from rehearsal.engine.state import State

STATES = sorted((Path(__file__).parent.parent / "data" / "states").glob("*/*.json"))
HOLDS_DATA = ("StatefulSet", "PersistentVolumeClaim", "Cluster", "Namespace", "RandomPassword", "PrivateKey")
"""Kinds whose loss is a loss of data, or of the key to it."""


def _today(region: str, state: State, outputs: Mapping[str, dict[str, Value] | None]) -> Plan:
    project = Project.load(paths.CHECKOUT)
    recorded = {
        urn: Recorded(held.resource.inputs, held.resource.outputs)
        for urn, held in state.resources.items()
        if held.resource.type.startswith(diff.GENERATED)
    }
    evaluation = Evaluation(
        project=project.name,
        stack=region,
        config=project.config(region),
        preview=False,
        recorded=recorded,
        stacks=outputs,
    )
    return program.run(program.directory(paths.CHECKOUT), evaluation)


def _lost(region: Path) -> list[str]:
    states = {path.stem: State(path) for path in region.parent.glob("*.json")}
    outputs = {name: state.outputs for name, state in states.items()}
    home = next(name for name, said in outputs.items() if (said or {}).get("role") == "home")
    if region.stem != home:
        outputs[home] = _today(home, states[home], outputs).outputs  # an upgrade begins there
    state = states[region.stem]
    # protection would stop at the first loss; all are wanted here
    held = {urn: replace(one, resource=replace(one.resource, protect=False)) for urn, one in state.resources.items()}
    actions = diff.actions(_today(region.stem, state, outputs), held)
    return [
        f"{action.step.change.value} {action.step.urn}"
        for action in actions
        if action.step.change in (Change.DELETE, Change.REPLACE) and action.step.type.rsplit(":", 1)[-1] in HOLDS_DATA
    ]


def test_every_release_recorded_both_regions_and_this_one_is_among_them() -> None:
    releases = {state.parent.name for state in STATES}
    assert metadata.version("somafractalmemory-infrastructure") in releases
    for release in releases:
        assert {state.stem for state in STATES if state.parent.name == release} == {"us-east", "us-west"}, release


@pytest.mark.parametrize("state", STATES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_upgrade_keeps_what_holds_data(state: Path) -> None:
    assert _lost(state) == []


def test_the_replay_sees_a_store_that_would_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """The positive control: a program without its stores loses them."""
    monkeypatch.setattr(program, "directory", lambda _: lambda: None)
    assert any("StatefulSet" in lost for lost in _lost(STATES[0]))


def test_a_secret_keeps_its_shape_and_nothing_else() -> None:
    held = {"tokens": Secret({"default": "s3cret", "more": ["s3cret", 5]}), "name": "plain", "list": [Secret("s3cret")]}
    kept = record.without_secrets(held)
    assert kept == {
        "tokens": Secret({"default": "recorded", "more": ["recorded", "recorded"]}),
        "name": "plain",
        "list": [Secret("recorded")],
    }


@pytest.mark.parametrize("state", STATES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_state_holds_no_secret(state: Path) -> None:
    secrets = [text for held in State(state).resources.values() for text in _secret_texts(held.resource.inputs)]
    assert set(secrets) == {record.STAND_IN}
    assert "PRIVATE KEY" not in state.read_text()


def _secret_texts(value: Any, secret: bool = False) -> Iterator[str]:
    if isinstance(value, Secret):
        yield from _secret_texts(value.value, secret=True)
    elif isinstance(value, dict):
        for item in cast(dict[str, Any], value).values():
            yield from _secret_texts(item, secret)
    elif isinstance(value, list):
        for item in cast(list[Any], value):
            yield from _secret_texts(item, secret)
    elif secret:
        yield str(value)
