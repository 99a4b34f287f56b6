"""What is to be done next to bring the Redis Cluster to its plan: pure, from what its nodes say.

Whoever is killed half-way leaves a cluster from which the same rules go on, for nothing is remembered but what the
nodes themselves know.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from redis_plan_file import Plan
from redis_shards import Shards
from redis_view import SLOTS, Node, View


@dataclass(frozen=True)
class Command:
    """One command for one node."""

    host: str
    words: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Move:
    """Slots that go from one master to another."""

    source: str
    target: str
    slots: tuple[int, ...]


@dataclass(frozen=True)
class Decision:
    """What to do now; all empty when the cluster is as planned."""

    commands: tuple[Command, ...] = ()
    moves: tuple[Move, ...] = ()
    waiting: tuple[str, ...] = ()
    """What has to come about by itself, or by somebody, first."""

    @property
    def done(self) -> bool:
        return not (self.commands or self.moves or self.waiting)

    @property
    def gives(self) -> bool:
        """It gives slots out that nobody claims."""
        return any(command.words[1] == "ADDSLOTSRANGE" for command in self.commands)


def decide(plan: Plan, view: View, forming: bool) -> Decision:
    """The next step. `forming` is the bootstrap's way: it moves slots, and lets nodes go that the plan drains."""
    shards = Shards(plan, view)
    if not forming and not shards.owners:
        return Decision(waiting=("no cluster yet: the bootstrap makes it",))
    gathered = _gathered(shards, forming)
    if not gathered.done:
        return gathered
    later = (_relieve, _settle, _move, _place, _settle, _let_go, _forget)
    if not forming:
        later = (_relieve, _place, _settle, _forget)
    return _first(shards, later)


def settled(plan: Plan, view: View) -> bool:
    """Is everybody there, in its place and in step, so that slots may move?"""
    shards = Shards(plan, view)
    return not view.silent and _gathered(shards, forming=True).done and _settle(shards).done


def _gathered(shards: Shards, forming: bool) -> Decision:
    """Every node is met and follows its master. The healer does what can be done, whoever has to wait."""
    if forming:
        return _first(shards, (_give_slots, _meet, _attach))
    decisions = [step(shards) for step in (_give_slots, _meet, _attach)]
    acting = next((decision for decision in decisions if decision.commands), None)
    return acting or Decision(waiting=tuple(line for decision in decisions for line in decision.waiting))


def _first(shards: Shards, steps: Iterable[Callable[[Shards], Decision]]) -> Decision:
    return next((decision for decision in (step(shards) for step in steps) if not decision.done), Decision())


def formed(plan: Plan, view: View) -> bool:
    """Has every planned shard slots, and all of them together every slot? Then who is away is the healer's affair."""
    shards = Shards(plan, view)
    owners = set(shards.owners.values())
    leaving = [node for node in view.nodes.values() if node.host in plan.leaving and len(node.peers) > 1]
    return len(shards.owners) == SLOTS and len(owners) == len(plan.shards) and not leaving and not shards.surplus


def _silent(shards: Shards) -> tuple[str, ...]:
    return tuple(shards.view.silent.values())


def _give_slots(shards: Shards) -> Decision:
    """Slots that nobody has: of a new cluster, of one that is half made, or of a node that lost its disk."""
    missing = [slot for slot in range(SLOTS) if slot not in shards.owners]
    if not missing:
        return Decision()
    if shards.view.silent:
        return Decision(waiting=_silent(shards))
    commands: list[Command] = []
    count = len(shards.plan.shards)
    for index in range(count):
        mine = [slot for slot in missing if index * SLOTS // count <= slot < (index + 1) * SLOTS // count]
        head = shards.head(index)
        if mine and head is None:
            return Decision(waiting=(f"{shards.plan.shards[index][0]} is no master yet",))
        if mine and head is not None:
            if len(head.peers) == 1 and head.own.epoch == 0:
                # Different epochs, so that no two masters contest.
                commands.append(Command(head.host, ("CLUSTER", "SET-CONFIG-EPOCH", str(index + 1)), ""))
            commands += _gift(head, mine)
    return Decision(tuple(commands))


def _gift(head: Node, slots: list[int]) -> list[Command]:
    gift = Command(head.host, ("CLUSTER", "ADDSLOTSRANGE", *ends(slots)), f"gets slots {told(slots)}")
    owned = [slot for slot in slots if head.sees_owned(slot)]
    if not owned:
        return [gift]
    # Who was the owner claims them no longer: a failover in the middle of a move. The node still believes in it.
    unbind = Command(head.host, ("CLUSTER", "DELSLOTSRANGE", *ends(owned)), "")
    return [unbind, gift, Command(head.host, ("CLUSTER", "BUMPEPOCH"), "")]


def _meet(shards: Shards) -> Decision:
    """Every node has to know every other one at its present address.

    When all pods came back with new addresses, every nodes.conf holds dead ones, and the cluster never re-forms by
    itself. The id, which it knows, makes a node take the new address.
    """
    view = shards.view
    anchor = max(view.nodes.values(), key=lambda node: (_known_slots(node), len(node.peers)))
    ours = [
        node
        for node in view.nodes.values()
        if node.host in shards.plan.members or node.slots or node.id in anchor.peers
    ]
    commands = tuple(
        Command(anchor.host, ("CLUSTER", "MEET", *node.address.split(":")), f"meets {node.host} at {node.address}")
        for node in ours
        if node is not anchor and not anchor.knows(node)
    )
    if commands:
        return Decision(commands)
    unknown = {one.host: [other.host for other in ours if other is not one and not one.knows(other)] for one in ours}
    return Decision(
        waiting=tuple(f"{host} does not know {', '.join(others)} yet" for host, others in unknown.items() if others)
    )


def _known_slots(node: Node) -> int:
    return sum(len(peer.slots) for peer in node.peers.values())


def _attach(shards: Shards) -> Decision:
    """Members of a shard follow its master: new ones, those that lost their disk, and those that follow another."""
    safe: list[Command] = []
    risky: list[Command] = []
    for index, head in shards.heads.items():
        for host in shards.plan.shards[index]:
            node = shards.view.nodes.get(host)
            if node is None or node is head or node.slots or node.master == head.id or not _may_leave(shards, node):
                continue
            command = Command(host, ("CLUSTER", "REPLICATE", head.id), f"becomes a replica of {head.host}")
            (safe if _is_free(shards, node) else risky).append(command)
    # The only copy of a master's slots goes elsewhere only when nothing else can be done.
    return Decision(tuple(safe or risky[:1]) or _masters_again(shards))


def _may_leave(shards: Shards, replica: Node) -> bool:
    """Not a replica whose master is away with its slots: it is about to take over."""
    gone = replica.master and shards.view.by_id(replica.master) is None
    return not gone or replica.master not in shards.owners.values()


def _is_free(shards: Shards, node: Node) -> bool:
    """Is it the only one in step with a master that has slots?"""
    master = shards.view.by_id(node.master) if node.master else None
    if master is None or not master.slots:
        return True
    return any(other is not node and other.in_step for other in shards.replicas(master.id))


def _masters_again(shards: Shards) -> tuple[Command, ...]:
    """A pod that is to be the master of a new shard but follows another's: a drain was taken back half-way."""
    if shards.view.silent:
        return ()
    commands: list[Command] = []
    for index, shard in enumerate(shards.plan.shards):
        planned = shards.view.nodes[shard[0]]
        if shards.is_new(index) and planned.master and _is_free(shards, planned) and _may_leave(shards, planned):
            commands.append(Command(planned.host, ("CLUSTER", "RESET", "SOFT"), "becomes a master of its own again"))
    return tuple(commands)


def _move(shards: Shards) -> Decision:
    """Surplus masters are emptied and the others brought to the same number of slots, moving none without need."""
    if shards.view.silent:
        return Decision(waiting=_silent(shards))
    missing = [shard[0] for index, shard in enumerate(shards.plan.shards) if shards.head(index) is None]
    if missing:
        return Decision(waiting=tuple(f"{host} is no master yet" for host in missing))
    given = [(node.host, slot) for node in shards.surplus for slot in sorted(node.slots)]
    kept = sorted(shards.heads.values(), key=lambda node: -len(node.slots))
    least, odd = divmod(SLOTS, len(kept))
    lacking: list[tuple[str, int]] = []
    for place, node in enumerate(kept):
        wanted = least + (place < odd)
        # From the end of what it has, so that ranges stay whole.
        given += [(node.host, slot) for slot in sorted(node.slots)[wanted:]]
        lacking.append((node.host, max(0, wanted - len(node.slots))))
    takers = (host for host, count in lacking for _ in range(count))
    moved: dict[tuple[str, str], list[int]] = {}
    for (source, slot), target in zip(given, takers, strict=False):
        moved.setdefault((source, target), []).append(slot)
    return Decision(moves=tuple(Move(*pair, tuple(slots)) for pair, slots in moved.items()))


def _settle(shards: Shards) -> Decision:
    """What time brings about by itself."""
    waiting: list[str] = []
    for node in shards.view.nodes.values():
        if node.host not in shards.plan.members:
            continue
        if not node.ok:
            waiting.append(f"{node.host} sees no working cluster yet")
        if node.master and not node.in_step:
            waiting.append(f"{node.host} has not copied its master yet")
        if not node.writes:
            waiting.append(f"{node.host} cannot write its append-only file: is its disk full? (redis.storage)")
    return Decision(waiting=(*waiting, *_contests(shards.view)))


def _contests(view: View) -> list[str]:
    """Masters of one epoch: until one of them has taken another, either may take a slot back from the other."""
    hosts: dict[int, list[str]] = {}
    for node in view.nodes.values():
        # A node that stands alone has none yet.
        if not node.master and len(node.peers) > 1:
            hosts.setdefault(node.own.epoch, []).append(node.host)
    return [f"{' and '.join(same)} have the same epoch yet" for same in hosts.values() if len(same) > 1]


def _relieve(shards: Shards) -> Decision:
    """A master that cannot write refuses every write: a replica that can takes over. While slots move, the bootstrap
    sees to it between two moves."""
    if any(node.movers for node in shards.view.nodes.values()):
        return Decision()
    for head in shards.heads.values():
        able = [node for node in shards.replicas(head.id) if node.in_step and node.writes]
        if not head.writes and able:
            why = f"takes over from {head.host}, which cannot write its append-only file: is its disk full?"
            return Decision((Command(able[0].host, ("CLUSTER", "FAILOVER"), why),))
    return Decision()


def _place(shards: Shards) -> Decision:
    """The planned master of a shard takes it back, so that no zone holds a majority of masters, nor a master with its
    replica. Only while everything is up, for a failover is no help to a cluster in trouble; one at a time; and not
    while slots move, for a new master does not know which."""
    nodes = shards.view.nodes.values()
    moving = any(node.movers or node.own.migrating or node.own.importing for node in nodes)
    if moving or shards.view.silent or not all(node.ok for node in nodes if node.host in shards.plan.members):
        return Decision()
    for index, head in shards.heads.items():
        planned = shards.view.nodes[shards.plan.shards[index][0]]
        if planned is not head and planned.master == head.id and planned.in_step and planned.writes:
            why = f"takes its shard back from {head.host}"
            return Decision((Command(planned.host, ("CLUSTER", "FAILOVER"), why),))
    return Decision()


def _let_go(shards: Shards) -> Decision:
    """Nodes that are drained stand alone again. That they are empty is the node's own condition, too."""
    leaving = [shards.view.nodes[host] for host in shards.plan.leaving if host in shards.view.nodes]
    return Decision(
        tuple(
            Command(node.host, ("CLUSTER", "RESET", "HARD"), "is empty and leaves the cluster")
            for node in leaving
            if len(node.peers) > 1 and not node.slots
        ),
        waiting=_silent(shards),
    )


def _forget(shards: Shards) -> Decision:
    """Ids that no pod has any more: of nodes that lost their disk, or were drained.

    Safe when every pod answers: then none of them can come back with that id. If it had slots, its pod must be one of
    the plan; a pod that the plan lacks still has its keys on its volume.
    """
    view = shards.view
    if view.silent:
        return Decision()
    gone = {peer for node in view.nodes.values() for peer in node.peers if view.by_id(peer) is None}
    commands: list[Command] = []
    waiting: list[str] = []
    for lost_id in sorted(gone):
        seen = {node.host: node.peers[lost_id] for node in view.nodes.values() if lost_id in node.peers}
        lost = [slot for slot, owner in shards.owners.items() if owner == lost_id]
        if any("handshake" in peer.flags for peer in seen.values()):
            continue  # ends by itself
        if not all(peer.dead for peer in seen.values()) or shards.replicas(lost_id):
            waiting.append(f"the cluster has not noticed yet that node {lost_id[:8]} is gone")
        elif lost and not _is_planned(shards.plan, {peer.hostname for peer in seen.values()}):
            waiting.append(
                f"slots {told(lost)} are those of {next(iter(seen.values())).hostname or lost_id[:8]}, which is no pod "
                "of the plan: set redis.cluster.nodes back to what it was and drain it first (redis.cluster.drain_to)"
            )
        else:
            why = f"forgets node {lost_id[:8]}, which no pod is any more"
            why += f"; its slots {told(lost)} were lost with its disk" if lost else ""
            for host in seen:
                commands.append(Command(host, ("CLUSTER", "FORGET", lost_id), why))
                why = ""  # said once
    return Decision(tuple(commands), waiting=() if commands else tuple(waiting))


def _is_planned(plan: Plan, hostnames: Iterable[str]) -> bool:
    known = {host.partition(":")[0] for host in plan.members}
    return any(name in known for name in hostnames)


def ranges(slots: Iterable[int]) -> list[tuple[int, int]]:
    """Slots as first and last of each run of them."""
    found: list[tuple[int, int]] = []
    for slot in sorted(slots):
        if found and found[-1][1] == slot - 1:
            found[-1] = (found[-1][0], slot)
        else:
            found.append((slot, slot))
    return found


def ends(slots: Iterable[int]) -> list[str]:
    """Slots as SLOTSRANGE commands take them: first and last of each run, one after the other."""
    return [str(end) for pair in ranges(slots) for end in pair]


def told(slots: Iterable[int]) -> str:
    """Slots for people."""
    slots = list(slots)
    if len(ranges(slots)) > 8:
        return f"{len(slots)} slots from {min(slots)} to {max(slots)}"
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges(slots)) or "none"
