"""Replays the states of earlier releases against today's program: nothing that holds data may go or be made anew."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from rehearsal import paths
from rehearsal.engine import diff, program
from rehearsal.engine.model import Change, Plan, Value
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
    outputs = {path.stem: State(path).outputs for path in region.parent.glob("*.json")}
    state = State(region)
    # protection would stop at the first loss; all are wanted here
    held = {urn: replace(one, resource=replace(one.resource, protect=False)) for urn, one in state.resources.items()}
    actions = diff.actions(_today(region.stem, state, outputs), held)
    return [
        f"{action.step.change.value} {action.step.urn}"
        for action in actions
        if action.step.change in (Change.DELETE, Change.REPLACE) and action.step.type.rsplit(":", 1)[-1] in HOLDS_DATA
    ]


def test_a_state_of_every_region_is_recorded() -> None:
    assert {state.stem for state in STATES} == {"us-east", "us-west"}


@pytest.mark.parametrize("state", STATES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_upgrade_keeps_what_holds_data(state: Path) -> None:
    assert _lost(state) == []


def test_the_replay_sees_a_store_that_would_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """The positive control: a program without its stores loses them."""
    monkeypatch.setattr(program, "directory", lambda _: lambda: None)
    assert any("StatefulSet" in lost for lost in _lost(STATES[0]))
