"""Cuts a zone off from the others and from the control plane, and heals it: packets are lost, nobody is told."""

from rehearsal.real import addresses
from rehearsal.real.namespace import Namespace


class Links:
    """The links between zones. Inside a cut zone pods go on to reach each other, and its kubelet goes on to probe."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def cut(self, number: int) -> None:
        """Cuts a node off."""
        self._namespace.run("nft", "-f", "-", text=rules(number))

    def heal(self, number: int) -> None:
        """Joins it again; a zone that is not cut is left as it is."""
        self._namespace.run(
            "nft", "-f", "-", text=f"add table inet {_table(number)}\ndelete table inet {_table(number)}"
        )


def rules(number: int) -> str:
    """Drops what crosses the border of a zone: between its pods and all others, and between its node and the server.

    Rules come before those of kube-proxy and also meet packets that its Services have led elsewhere.
    """
    pods, node = addresses.pods(number), addresses.node(number)
    chains = "".join(
        f"  chain {hook} {{\n    type filter hook {hook} priority filter - 10\n"
        f"    ip saddr {pods} ip daddr != {pods} drop\n"
        f"    ip daddr {pods} ip saddr != {pods} drop\n"
        f"    ip daddr {node} drop\n  }}\n"
        for hook in ("input", "forward", "output")
    )
    return f"table inet {_table(number)} {{\n{chains}}}\n"


def _table(number: int) -> str:
    return f"cut-zone-{number}"
