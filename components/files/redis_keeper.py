"""Keeps the Redis Cluster as planned: `bootstrap` until it is (a Job), `heal` for a while (a CronJob).

Both do the same, step by step, from what the nodes say at that moment; both may be killed and repeated at any time. The
bootstrap also gives slots out, moves them when there are more or fewer masters, and lets drained nodes go.

Environment: PLAN and PASSWORD_FILE (files), WAIT_SECONDS (of the bootstrap: without any progress; default 600),
LEAVE_SECONDS (before a drained node may leave or a password changes, so that a healer that knows what was before
has ended; default 60),
HEAL_SECONDS (how long the healer goes on; default 45), HEAL_EVERY (seconds between its looks; default 5).
"""

import os
import sys
import time
from pathlib import Path

from redis_decide import Command, Decision, decide, formed, settled, told
from redis_passwords import change
from redis_plan_file import Plan
from redis_slots import Mover
from redis_view import View, look
from redis_wire import Link, RefusedError, UnreachableError, passwords

SURE_SECONDS = 2.0
"""Between two looks that must agree that a slot of a living cluster is nobody's."""
HANDOVER_SECONDS = 6.0
"""For a replica to take over: it gives up after 5 s (CLUSTER_MF_TIMEOUT of Redis and Valkey, cluster.h)."""


def say(text: str) -> None:
    """A line of the log, at once."""
    print(text, flush=True)  # noqa: T201  (a pod's log)


def complain(text: str) -> None:
    """Why it ends without success."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201  (the same)


def seconds(name: str, default: float) -> float:
    """A number of seconds from the environment."""
    return float(os.environ.get(name, default))


class Keeper:
    """The cluster, its plan, and what was said of it last."""

    def __init__(self) -> None:
        self.plan = Plan.read(Path(os.environ["PLAN"]))
        self._password_file = Path(os.environ["PASSWORD_FILE"])
        self._said: tuple[str, ...] = ()
        self._whole = False
        self._began = time.monotonic()

    def look(self) -> View:
        return look(self.plan.hosts, self._password_file)

    def bootstrap(self) -> int:
        """Until the cluster is as planned. Returns the exit code."""
        patience, seen = seconds("WAIT_SECONDS", 600), set[Decision]()
        deadline = time.monotonic() + patience
        while True:
            view, decision = self._decide(forming=True)
            if decision.done and self._whole:
                say(f"the cluster is as planned: {len(self.plan.members)} nodes, {len(self.plan.shards)} masters")
                return 0
            if view.silent and formed(self.plan, view) and self._change_password(view) is None:
                say("the cluster has all its masters and slots; left to the healer: " + told_away(view))
                return 0
            trouble = self._step(view, decision)
            if decision not in seen:
                # What comes back, and comes back again, is no progress.
                seen.add(decision)
                deadline = time.monotonic() + patience
            if time.monotonic() > deadline:
                reasons = "; ".join([*trouble, *decision.waiting, *(c.why for c in decision.commands if c.why)])
                complain(f"gave up after {patience:.0f} s without progress: {reasons}")
                return 1
            time.sleep(0.5)

    def _decide(self, forming: bool) -> tuple[View, Decision]:
        view = self.look()
        decision = self._change_password(view) or decide(self.plan, view, forming)
        if not decision.gives or not view.owners():
            return view, decision
        # Nodes are not asked all at one moment: while slots change hands it may seem that nobody has them. To give
        # them away then would have their owner delete its keys.
        time.sleep(SURE_SECONDS)
        view = self.look()
        sure = decision == decide(self.plan, view, forming)
        return view, decision if sure else Decision(waiting=("slots change hands: looking again",))

    def _change_password(self, view: View) -> Decision | None:
        commands = change(view, passwords(self._password_file))
        return Decision(commands) if commands else None

    def _step(self, view: View, decision: Decision) -> list[str]:
        """Does what was decided. Returns what went wrong."""
        if not decision.commands and settled(self.plan, view) and (not self._whole or _open(view)):
            trouble = self._with_mover(view, Decision())
            self._whole = not trouble
            return trouble
        if decision.moves:
            return self._with_mover(view, decision)
        if any(_undone_by_healers(command) for command in decision.commands):
            time.sleep(max(0.0, self._began + seconds("LEAVE_SECONDS", 60) - time.monotonic()))
        self.note(decision.waiting)
        return self.carry_out(decision.commands)

    def _with_mover(self, view: View, decision: Decision) -> list[str]:
        """Repairs, or moves slots."""
        try:
            with Mover(view, self._password_file, say) as mover:
                if not decision.moves:
                    mover.repair()
                for move in decision.moves:
                    say(f"slots {told(move.slots)} go from {move.source} to {move.target}")
                    mover.move(move)
        except (RefusedError, UnreachableError) as error:
            say(f"moving slots was interrupted, and is taken up again: {error}")
            self._whole = False
            return [str(error)]
        return []

    def carry_out(self, commands: tuple[Command, ...]) -> list[str]:
        """Each on its node. A refusal is told; the next look tells whether it matters."""
        trouble: list[str] = []
        for command in commands:
            try:
                with Link(command.host, self._password_file) as link:
                    link.call(*command.words)
                    if command.why:
                        say(f"{command.host} {command.why}")
                    if command.words == ("CLUSTER", "FAILOVER"):
                        _await_handover(link)
            except (RefusedError, UnreachableError) as error:
                trouble.append(f"{command.host} {command.why or command.words[1]}: {error}")
                say(f"not now: {trouble[-1]}")
        return trouble

    def note(self, lines: tuple[str, ...]) -> None:
        """Says what is waited for, once."""
        for line in lines:
            if line not in self._said:
                say(f"waiting: {line}")
        self._said = lines

    def heal(self) -> int:
        """For a while. What is not well by then is for the next run. Returns the exit code."""
        end, view = time.monotonic() + seconds("HEAL_SECONDS", 45), View({}, {})
        while True:
            view, decision = self._decide(forming=False)
            self.note((*view.silent.values(), *(line for line in decision.waiting if line not in view.silent.values())))
            self.carry_out(decision.commands)
            if time.monotonic() + seconds("HEAL_EVERY", 5) > end:
                break
            time.sleep(seconds("HEAL_EVERY", 5))
        if not view.nodes and any("refuses the password" in why for why in view.silent.values()):
            complain("no node takes the password: raise redis.password_version by one at a time (docs/redis.md)")
            return 1
        return 0


def _undone_by_healers(command: Command) -> bool:
    """Whether a healer that still runs with the plan, or the passwords, before would take it back."""
    return command.words[0] == "ACL" or ("RESET" in command.words and "HARD" in command.words)


def _await_handover(link: Link) -> None:
    """Until the replica is a master, or has given up. Told again before, it begins anew, and its writes wait on."""
    end = time.monotonic() + HANDOVER_SECONDS
    while time.monotonic() < end:
        answer = link.call("ROLE")
        if isinstance(answer, list) and answer[0] == b"master":
            return
        time.sleep(0.2)


def _open(view: View) -> list[int]:
    return [
        slot for node in view.nodes.values() if not node.master for slot in (*node.own.migrating, *node.own.importing)
    ]


def told_away(view: View) -> str:
    """Who does not answer, for people."""
    return "; ".join(view.silent.values())


if __name__ == "__main__":
    sys.exit(Keeper().bootstrap() if sys.argv[1:] == ["bootstrap"] else Keeper().heal())
