"""The engine that needs no Pulumi CLI: evaluates the program on the SDK's mock runtime and applies it itself.

What it leaves out, next to the types and options that it refuses by name: refresh and drift (it sees that an object is
gone, not that somebody changed it), outputs that only the cluster knows, custom waits, history, locks across machines.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from rehearsal import kube, kubeconfig, paths
from rehearsal.aws.endpoint import Endpoint
from rehearsal.engine import diff, elsewhere, evaluate, sign_in
from rehearsal.engine.apply import Update
from rehearsal.engine.clusters import Cluster, Clusters, Connect
from rehearsal.engine.model import Gate, Plan, Preview, Result, Step, Value
from rehearsal.engine.program import Program, run
from rehearsal.engine.project import Project
from rehearsal.engine.providers.answer import Elsewhere, Recorded
from rehearsal.engine.scrub import Scrubber
from rehearsal.engine.state import Held, State
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress


def connect(kubeconfig: Path, context: str | None) -> Cluster:
    """A client of the API server that a kubeconfig names."""
    return kube.Client.from_kubeconfig(kubeconfig, context)


class InProcessEngine:
    """Brings the stacks of one checkout up. Several regions may be under way at once, each in its own thread."""

    name: ClassVar[str] = "in-process"

    def __init__(
        self,
        checkout: Path = paths.CHECKOUT,
        state_dir: Path | None = None,
        kubeconfig: Callable[[str], Path] | None = None,
        connect: Connect = connect,
        program: Program | None = None,
        there: Callable[[str], Sequence[Elsewhere]] = lambda _: (),
    ) -> None:
        """`kubeconfig` tells the ambient kubeconfig of a region, `there` what a region finds on AWS that no program
        made. `program` runs in this process in place of the checkout's, for tests and measurements.
        """
        self._project = Project.load(checkout)
        self._state_dir = state_dir if state_dir is not None else paths.home()
        self._kubeconfig = kubeconfig or (lambda region: self._state_dir / region / "kubeconfig")
        self._connect = connect
        self._program = program
        self._there = there
        self._lock = threading.Lock()
        self._previewed: dict[str, Plan] = {}
        self._running: set[threading.Event] = set()

    def preview(self, region: str) -> Preview:
        """What `up` would do to the recorded state; no cluster is asked.

        A standby reads what home's state holds, else what this engine previewed of home before.
        """
        state = self._state(region)
        plan = self._evaluate(region, state, preview=True)
        with self._lock:
            self._previewed[region] = plan
        steps = tuple(action.step for action in diff.actions(plan, state.resources))
        return Preview(region, plan.resources, steps, plan.outputs)

    def up(self, region: str, progress: Progress, gate: Gate | None = None) -> Result:
        """Evaluates, asks the gate, compares with state and cluster, refuses or applies."""
        state = self._state(region)
        plan = self._evaluate(region, state, preview=False)
        if gate is not None:
            gate(region, plan.resources)
        return self._carry_out(plan, state, progress)

    def apply(self, plan: Plan, progress: Progress) -> Result:
        """`up` for a plan that was evaluated before, with the values that were generated then."""
        return self._carry_out(plan, self._state(plan.region), progress)

    def destroy(self, region: str, progress: Progress) -> Result:
        """Deletes all that the state holds, dependents first."""
        return self._carry_out(Plan(region, ()), self._state(region), progress, destroy=True)

    def interrupt(self) -> None:
        """Ends every update soon: nothing new is begun, waits end. The updates raise RehearsalError."""
        with self._lock:
            for stop in self._running:
                stop.set()

    def _carry_out(self, plan: Plan, state: State, progress: Progress, destroy: bool = False) -> Result:
        directory = self._state_dir / plan.region
        clusters = Clusters(self._kubeconfig(plan.region), directory, self._connect)
        providers = _providers(plan, state.resources)
        stop = threading.Event()
        with self._lock:
            self._running.add(stop)
        scrub = Scrubber(
            (*(one.inputs for one in plan.resources), *(held.resource.inputs for held in state.resources.values()))
        )
        try:
            absent = clusters.absent(state.resources, providers)
            actions = diff.actions(plan, state.resources, absent)
            update = Update(plan.region, state, clusters, progress, scrub, providers, stop)
            update.run(actions)
            state.finish(None if destroy else plan.outputs)
        except kube.KubeError as error:
            raise RehearsalError(
                f"{plan.region}: the API server did not answer as it should: {scrub(error.message)}"
            ) from None
        finally:
            state.close()
            with self._lock:
                self._running.discard(stop)
        return Result(plan.region, plan.resources, _in_order(actions, update.steps), plan.outputs)

    def _state(self, region: str) -> State:
        return State(self._state_dir / region / "state.json")

    def _evaluate(self, region: str, state: State, preview: bool) -> Plan:
        others = self._others(region)
        request = evaluate.ask(
            self._project.name,
            region,
            sign_in.here(self._project.config(region), self._project.name, region),
            preview,
            {
                urn: Recorded(held.resource.inputs, held.resource.outputs)
                for urn, held in state.resources.items()
                if held.resource.type.startswith(diff.REMEMBERED)
            },
            # Its own: those of its last update, none before the first, in a preview too: the CLI reads its snapshot,
            # which is there by then.
            {region: state.outputs or {}, **self._outputs(others, preview)},
            [*self._elsewhere(others, preview), *self._there(region)],
            self._endpoint(region),
        )
        if self._program is not None:
            return run(self._program, evaluate.evaluation(request))
        return evaluate.evaluate(self._project.directory, request)

    def _others(self, region: str) -> dict[str, State]:
        """The states of the other regions, empty of those that were previewed only."""
        known = {path.parent.name for path in self._state_dir.glob("*/state.*")} | set(self._previewed)
        return {other: self._state(other) for other in sorted(known) if other != region}

    def _outputs(self, others: Mapping[str, State], preview: bool) -> dict[str, dict[str, Value] | None]:
        """As recorded, in a preview else as previewed."""
        found: dict[str, dict[str, Value] | None] = {}
        for other, state in others.items():
            found[other] = state.outputs
            if found[other] is None and preview and other in self._previewed:
                found[other] = self._previewed[other].outputs
        return found

    def _elsewhere(self, others: Mapping[str, State], preview: bool) -> list[Elsewhere]:
        """What other regions have on AWS: as recorded, in a preview else as previewed."""
        found: list[Elsewhere] = []
        for other, state in others.items():
            held = [one.resource for one in state.resources.values()]
            if not held and preview and other in self._previewed:
                held = list(self._previewed[other].resources)
            found += elsewhere.made(held)
        return found

    def _endpoint(self, region: str) -> Endpoint | None:
        """Of the region's control plane, once it has one."""
        path = self._kubeconfig(region)
        if not path.exists():
            return None
        found = kubeconfig.endpoint(path)
        return None if found is None else Endpoint(*found)


def _providers(plan: Plan, held: Mapping[str, Held]) -> dict[str, dict[str, Value]]:
    """Inputs of every provider; those that left the program still lead to the objects that left with them."""
    former = [one.resource for one in held.values()]
    return {one.urn: one.inputs for one in (*former, *plan.resources) if one.type.startswith(diff.PROVIDER)}


def _in_order(actions: list[diff.Action], done: Mapping[str, Step]) -> tuple[Step, ...]:
    return tuple(done.get(action.step.urn, action.step) for action in actions)
