"""Reports where the copies of Qdrant's shards are, and moves them to where they should be.

Open-source Qdrant moves nothing by itself: not after a scale-out, not for a changed replication factor, not to empty a
node (qdrant.tech, scaling/distributed_deployment). Steps are taken one at a time, each waited for; a run that was
killed is taken up by the next one, which looks at what is there and remembers nothing. On a cluster that is not sound
it does nothing but say why.

Reads REBALANCE_FILE (JSON: {"nodes": {"qdrant-0": "http://…:6333"}, "keep": 3, "replication_factor": 2,
"collections": ["default"]}), QDRANT_API_KEY_FILE, MOVES ("true" to move); for tests WAIT_SECONDS and PAUSE_SECONDS.
Ends with 0 when everything is in its place, 1 when it could not go on, 3 when there is something to move and moves are
off. Standard library only.
"""

import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from components.files.qdrant_rest import TROUBLE, Qdrant, RefusedError, path_of, say, told
from components.files.qdrant_state import Plan, State, look, wanted, zones_of
from components.files.rebalance_plan import NoRoomError, Step, faults, steps

SOUND, REFUSED, TO_DO = 0, 1, 3
_TRIES = 3
"""For a step that Qdrant called off."""


class Rebalancer:
    """One run."""

    def __init__(self, qdrant: Qdrant, plan: Plan, moves: bool, wait: float, pause: float) -> None:
        self._qdrant, self._plan, self._moves, self._wait, self._pause = qdrant, plan, moves, wait, pause
        self._zones: dict[str, str] = {}
        self._failed: dict[str, int] = {}

    def run(self) -> int:
        """Raises RefusedError where it cannot go on."""
        state = self._sound()
        report(state, self._plan)
        todo = self._todo(state)
        for wrong in faults(state.cluster(self._plan)):
            say(f"not as it should be: {wrong}")
        if todo and not self._moves:
            say(f"moves are off; {len(todo)} steps would put it right:")
            for text, _ in todo:
                say(f"  {text}")
            return TO_DO
        done = 0
        while todo:
            text, act = todo[0]
            say(f"step {done + 1} of {done + len(todo)}: {text}")
            self._take(text, act)
            done += 1
            todo = self._todo(self._sound())
        if done:
            report(self._sound(), self._plan)
        say(f"everything is in its place after {done} steps")
        return SOUND

    def _todo(self, state: State) -> list[tuple[str, Callable[[], None]]]:
        """Every step that is to go, with what it does: copies first, then what the collections say, then the peers."""
        try:
            planned = steps(state.cluster(self._plan))
        except NoRoomError as error:
            raise RefusedError(f"{error}: add nodes or zones, or lower the replication factor") from error
        factors = {name: wanted(self._plan, name, factor) for name, factor in state.factors.items()}
        gone = sorted(self._plan.leaving & state.peers.keys())
        return [
            *((str(step), partial(self._step, state, step)) for step in planned),
            *(
                (f"note the replication factor {factor} of {name}", partial(self._note, name, factor))
                for name, factor in factors.items()
                if factor != state.factors[name]
            ),
            *((f"remove {node} from the cluster", partial(self._remove, state.peers[node])) for node in gone),
        ]

    def _take(self, text: str, act: Callable[[], None]) -> None:
        try:
            act()
        except TROUBLE as error:
            # Another run, a restart or a time-out came between: what is there decides, not what was answered.
            say(f"Qdrant says: {told(error)}")
            self._failed[text] = self._failed.get(text, 0) + 1
            if self._failed[text] >= _TRIES:
                raise RefusedError(f"gave up after {_TRIES} tries: {text}: {told(error)}") from error
            time.sleep(self._pause)

    def _step(self, state: State, step: Step) -> None:
        """Starts it, and waits until it is over; raises OSError where nothing came of it."""
        body: dict[str, int] = {"shard_id": step.shard[1]}
        if step.what == "drop":
            operation = {"drop_replica": {**body, "peer_id": state.peers[step.source]}}
        else:
            ends = {"from_peer_id": state.peers[step.source], "to_peer_id": state.peers[step.target]}
            operation = {f"{step.what}_shard": {**body, **ends}}
        self._qdrant.call("POST", path_of(step.shard[0]) + "/cluster?timeout=60", operation)
        after = self._sound()
        nodes = after.copies.get(step.shard, {})
        if step.target and nodes.get(step.target) != "Active":
            raise OSError(f"{step}: the transfer was called off; look at the log of {step.source}")
        if step.what != "replicate" and step.source in nodes:
            raise OSError(f"{step}: {step.source} still has its copy")

    def _note(self, name: str, factor: int) -> None:
        """Has the collection say what is true; nothing follows from it in open-source Qdrant."""
        self._qdrant.call("PATCH", path_of(name) + "?timeout=60", {"params": {"replication_factor": factor}})

    def _remove(self, peer: int) -> None:
        """Asks a node that stays; Qdrant refuses while the peer holds anything."""
        member = next(node for node in list(self._plan.nodes)[: self._plan.keep])
        self._qdrant.ask(member, "DELETE", f"/cluster/peer/{peer}?timeout=60")

    def _sound(self) -> State:
        """The state once no copy is on its way and nothing speaks against going on.

        Copies on their way are waited for as long as they take, which is the Job's own deadline; everything else for
        the time that a restart takes. Raises RefusedError.
        """
        end, told_of = time.monotonic() + self._wait, ""
        while True:
            state = self._look()
            if not state.transfers and not state.faults:
                return state
            if state.transfers and not state.faults:
                end = time.monotonic() + self._wait
            now = "; ".join([*state.faults, *(f"{transfer} is on its way" for transfer in state.transfers)])
            if now != told_of:
                say(f"waiting: {now}")
                told_of = now
            if time.monotonic() > end:
                raise RefusedError(f"the cluster is not sound, so nothing is moved: {'; '.join(state.faults)}")
            time.sleep(self._pause)

    def _look(self) -> State:
        if not self._zones:
            try:
                self._zones = zones_of(list(self._plan.nodes))
            except (*TROUBLE, LookupError) as error:
                return State(faults=[f"the zones of the pods are not known: {told(error)}"])
        return look(self._qdrant, self._plan, self._zones)


def report(state: State, plan: Plan) -> None:
    """Copies and points by zone and node, and each collection's share of them, as text."""
    say(f"{len(state.peers)} nodes in {len({state.zones[node] for node in state.peers})} zones")
    for node in sorted(state.peers, key=lambda name: (state.zones[name], name)):
        here = {shard: points[node] for shard, points in state.points.items() if node in points}
        role = ", to be emptied" if node in plan.leaving else ""
        say(f"  {state.zones[node]}  {node}  {len(here)} copies, {sum(here.values())} points{role}")
    for name in sorted(state.factors):
        shards = {number: nodes for (collection, number), nodes in state.copies.items() if collection == name}
        points = sum(max(state.points.get((name, number), {}).values(), default=0) for number in shards)
        factor = wanted(plan, name, state.factors[name])
        say(f"collection {name}: {len(shards)} shards, {factor} copies wanted, {points} points")
        for number, nodes in sorted(shards.items()):
            places = ", ".join(f"{node} ({state.zones.get(node, '?')})" for node in sorted(nodes))
            say(f"  shard {number}: {places}")


def main() -> int:
    """Exit status."""
    given = json.loads(Path(os.environ["REBALANCE_FILE"]).read_text(encoding="utf-8"))
    key = Path(os.environ["QDRANT_API_KEY_FILE"]).read_text(encoding="utf-8").strip()
    plan = Plan(
        nodes=given["nodes"],
        keep=given["keep"],
        replication_factor=given["replication_factor"],
        collections=frozenset(given["collections"]),
    )
    rebalancer = Rebalancer(
        Qdrant(plan.nodes, key),
        plan,
        moves=os.environ.get("MOVES") == "true",
        wait=float(os.environ.get("WAIT_SECONDS", "600")),
        pause=float(os.environ.get("PAUSE_SECONDS", "2")),
    )
    try:
        return rebalancer.run()
    except RefusedError as error:
        say(f"rebalance: {error}")
        return REFUSED


if __name__ == "__main__":
    raise SystemExit(main())
