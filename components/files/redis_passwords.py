"""Brings another password to the nodes of the Redis Cluster while they serve: pure, from what they say.

A node takes two passwords, the present one and the one before, so that nodes, clients and replicas may change over one
by one and be started again in between. What was current two changes ago opens nothing any more.
"""

from collections.abc import Sequence

from redis_decide import Command
from redis_view import View, digest


def change(view: View, passwords: Sequence[str]) -> tuple[Command, ...]:
    """The next step; none when every node is as it should be. `passwords`: the present one, then the one before."""
    present, nodes = passwords[0], view.nodes.values()
    wanted = frozenset(digest(password) for password in passwords)
    lacking = [node for node in nodes if digest(present) not in node.passwords]
    if lacking:
        return tuple(_set(node.host, "takes the new password, too", f">{present}") for node in lacking)
    if view.silent:
        return ()
    other = [node for node in nodes if node.shows != digest(present)]
    if other:
        why = "shows its master the new password"
        return tuple(Command(node.host, ("CONFIG", "SET", "masterauth", present), why) for node in other)
    rules = ("resetpass", *(f">{password}" for password in passwords))
    return tuple(
        _set(node.host, "takes no password but the new one and the one before", *rules)
        for node in nodes
        if node.passwords != wanted
    )


def _set(host: str, why: str, *rules: str) -> Command:
    return Command(host, ("ACL", "SETUSER", "default", *rules), why)
