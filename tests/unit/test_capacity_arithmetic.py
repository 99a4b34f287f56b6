"""What `explain` tells: arithmetic that gives the number, with every constant of the model and where it comes from."""

import datetime
import importlib
import pkgutil
import re

import pytest
from hypothesis import example, given

import capacity
from capacity import facts, prices, tables
from capacity.arithmetic import FUNCTIONS
from capacity.constants import ELSEWHERE, constants
from capacity.facts import Fact
from capacity.ledger import Figure, number, shown
from capacity.plan import plan
from capacity.workload import Workload
from tests.unit.test_capacity_model import REGIONS, SMALL, workloads


@given(workloads)
def test_the_arithmetic_that_is_told_gives_the_number(workload: Workload) -> None:
    made = plan(workload)
    functions = {name: function.call for name, function in FUNCTIONS.items()}
    told = made.explain()
    for figure in told:
        terms = {name: number(term) for name, term in figure.terms.items()}
        value = eval(figure.formula, {"__builtins__": {}, **functions}, terms)
        assert value == pytest.approx(figure.value, rel=1e-6, abs=1e-12), figure
    values = {figure.name: figure.value for figure in told}
    for name in (
        "qdrant.memory",
        "postgresql.storage",
        "redis.memory",
        "postgresql.cpu",
        "redis.cpu",
        "qdrant.storage",
        "postgresql.wal_storage",
    ):
        assert values[name] == pytest.approx(made.needs.flat()[name]), name
    assert values["service.pods"] == made.needs.service.pods
    for one in made.components:
        name = one.name.removeprefix("memory-")
        asked = [values[f"{name}.requested_{what}"] for what in ("cpu", "memory")]
        assert asked == [one.cpu, one.memory], name
        assert values.get(f"{name}.requested_volumes", 0) == one.storage, name
    assert [values[f"{pool.use}.nodes"] for pool in made.pools] == [pool.per_zone for pool in made.pools]


def _printed(figure: Figure) -> float:
    """What the last line of a figure's arithmetic gives, read as it is printed."""
    _, _, line, *_ = str(figure).splitlines()
    line = re.sub(r"(?<=\d),(?=\d{3})", "", line.removeprefix("  = ")).replace("^", "**").replace("×", "*")
    return eval(line, {"__builtins__": {}, **{name: function.call for name, function in FUNCTIONS.items()}})


@given(workloads)
@example(Workload(memories_per_day=20_000, concurrent_users=500, retention_days=1))
def test_numbers_as_they_are_printed_give_the_number(workload: Workload) -> None:
    """Where one has to be a whole one, what is rounded in print may stand at its edge."""
    for figure in plan(workload).explain():
        edge = figure.value if re.search(r"\w\(", re.sub(r"max\(|min\(|log\(", "", figure.formula)) else 0
        assert _printed(figure) == pytest.approx(figure.value, rel=2e-3, abs=max(1e-9, edge)), str(figure)


ELSEWHERE_TOLD = {
    "memory-service.pods": "service.all_pods",
    "memory-service.min_replicas": "service.least_pods",
    "memory-service.max_replicas": "service.pods",
    "memory-service.target_cpu": "service.requested_target",
    "qdrant.pods": "qdrant.nodes",
    "qdrant.replication_factor": "qdrant.copies",
    "postgresql.pods": "postgresql.instances",
    "postgresql.wal_storage": "postgresql.requested_wal",
    "postgresql.poolers": "connections.poolers",
    "postgresql.connections": "connections.clients",
    "postgresql.server_connections": "connections.requested_server",
    "load.value_bytes": "load.value",
}
"""Numbers of an estimate to the figure that tells them, where its name does not say so."""
STATED = {"memory-service.namespaces", "memory-service.storage", "load.day", "load.peak"}


def _told_by(place: str) -> str:
    """The name of the figure that tells a number of a component."""
    component, _, what = place.partition(".")
    asked = {"cpu": "cpu", "memory": "memory", "storage": "volumes", "iops": "iops", "throughput": "throughput"}
    name = f"{component.removeprefix('memory-')}.{f'requested_{asked[what]}' if what in asked else what}"
    return ELSEWHERE_TOLD.get(place, name)


@given(workloads)
def test_every_number_of_an_estimate_is_told(workload: Workload) -> None:
    made = plan(workload)
    values = {figure.name: figure.value for figure in made.explain()}
    whole = tables.as_json(made, prices.own(), datetime.date(2026, 1, 1))
    numbers = {f"{name}.{what}": value for name, one in whole["components"].items() for what, value in one.items()}
    for part in ("load", "network", "connections"):
        numbers |= {f"{part}.{what}": value for what, value in whole[part].items()}
    for place, value in numbers.items():
        name = _told_by(place)
        if place not in STATED and (value or name in values):
            assert values[name] == pytest.approx(value), place
    for use, group in whole["nodes"].items():
        assert values[f"{use}.nodes"] == group["per_zone"]
    for region, edge in whole["edges"].items():
        names = (f"edge.{region}.{name}" for name in ("pods", "requested_cpu", "requested_memory"))
        assert [values[name] for name in names] == list(edge.values()), region


def test_every_number_has_a_unit_and_every_constant_a_source() -> None:
    for figure in plan(SMALL).explain():
        assert figure.unit, figure.name
        assert all(term.source for term in figure.terms.values() if isinstance(term, facts.Fact)), figure.name
        assert str(figure).startswith(f"{figure.name} = ")


def test_every_constant_stands_in_the_arithmetic_of_a_number_or_says_what_it_is_for() -> None:
    found = constants()
    assert {one.name for one in found if not one.shapes} == set(ELSEWHERE)
    assert len({one.name for one in found}) == len(found)
    modules = [importlib.import_module(f"capacity.{one.name}") for one in pkgutil.iter_modules(capacity.__path__)]
    everywhere = {id(value) for module in modules for value in vars(module).values() if isinstance(value, Fact)}
    assert everywhere == {id(one.fact) for one in found}


def test_functions_of_the_arithmetic_are_told_in_words() -> None:
    figures = {figure.name: str(figure) for figure in plan(SMALL.model_copy(update={"regions": REGIONS})).explain()}
    assert "least: 3 pods, high_availability.min_replicas" in figures["service.pods"]
    assert "fewest(): the fewest, and no fewer than" in figures["service.pods"]
    assert "cores(): the next quarter of a core" in figures["qdrant.requested_cpu"]
    assert "(1 + 0.05) ^ (" in figures["load.growth"]
    assert "(): " not in figures["service.processes"]


def test_nodes_are_told_by_what_each_pod_of_a_zone_takes() -> None:
    made = plan(SMALL)
    figures = {figure.name: figure for figure in made.explain()}
    for pool in made.pools:
        closing = figures[f"{pool.use}.nodes"].terms
        assert len(closing) == len(pool.pods)
        assert all(f"{pool.use}.closed_by_{name}" in figures for name in closing)
    assert "pods: 10 pods a zone, assumed" in str(figures["stateless.closed_by_other_services"])


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (1, "pods", "1 pod"),
        (1.0, "memories", "1 memory"),
        (1, "processes a namespace", "1 process a namespace"),
        (1, "fsyncs/s", "1 fsync/s"),
        (1, "requests/s", "1 request/s"),
        (1, "s a commit", "1 s a commit"),
        (1, "of a core", "1 of a core"),
        (1, "of a process's time", "1 of a process's time"),
        (2, "pods", "2 pods"),
        (0, "pods", "0 pods"),
        (1.5, "times", "1.5 times"),
        (1, "B", "1 B"),
    ],
)
def test_one_of_something_is_no_several(value: float, unit: str, words: str) -> None:
    assert shown(value, unit) == words
