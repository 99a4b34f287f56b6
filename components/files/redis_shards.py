"""Which planned shard each master of the Redis Cluster is the master of: by its pods, never by slots, which move."""

from collections.abc import Callable

from redis_plan_file import Plan
from redis_view import Node, View


class Shards:
    """The planned shards and the masters that have slots, matched."""

    def __init__(self, plan: Plan, view: View) -> None:
        self.plan, self.view = plan, view
        self.owners = view.owners()
        self.surplus = [node for node in view.nodes.values() if node.slots and not node.master]
        """Masters with slots that are no planned shard's: to be emptied."""
        self._masters: dict[int, Node] = {}
        # Who is away may be the one that belongs there: then only what is certain is matched.
        likely = () if view.silent else (self._has_member, _any)
        for fits in (self._is_planned, self._is_member, *likely):
            self._match(fits)

    def head(self, index: int) -> Node | None:
        """The master of a planned shard: who has its slots, else the pod that is to have some, if it is there."""
        if index in self._masters:
            return self._masters[index]
        planned = self.view.nodes.get(self.plan.shards[index][0])
        return None if planned is None or planned.master else planned

    @property
    def heads(self) -> dict[int, Node]:
        """All that are there."""
        found = {index: self.head(index) for index in range(len(self.plan.shards))}
        return {index: node for index, node in found.items() if node is not None}

    def is_new(self, index: int) -> bool:
        """Nobody has slots for it yet."""
        return index not in self._masters

    def replicas(self, master: str) -> list[Node]:
        """Those that follow a master and answer."""
        return [node for node in self.view.nodes.values() if node.master == master]

    def _match(self, fits: Callable[[int, Node], bool]) -> None:
        for index in range(len(self.plan.shards)):
            found = next((node for node in self.surplus if index not in self._masters and fits(index, node)), None)
            if found is not None:
                self._masters[index] = found
                self.surplus = [node for node in self.surplus if node is not found]

    def _is_planned(self, index: int, node: Node) -> bool:
        return node.host == self.plan.shards[index][0]

    def _is_member(self, index: int, node: Node) -> bool:
        return node.host in self.plan.shards[index]

    def _has_member(self, index: int, node: Node) -> bool:
        return any(replica.host in self.plan.shards[index] for replica in self.replicas(node.id))


def _any(index: int, node: Node) -> bool:
    """After a change of replicas a shard may have other pods than before: these then take it over as a whole."""
    del index, node
    return True
