"""What a control plane stands on: this machine's loopback, or a network namespace with nodes of its own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ground:
    """Where the processes of a control plane run, where they listen and who plays the kubelets."""

    enter: tuple[str, ...] = ()
    """What stands before each command line, so that the process runs in another namespace."""
    server: str = "127.0.0.1"
    """The address at which the API server is reached from here."""
    bind: str = "127.0.0.1"
    """The address on which it listens."""
    advertise: str | None = None
    """The address at which pods reach it through the Service `kubernetes`; None where no pod runs anything."""
    port: int | None = None
    """Its port; None: one that is free on this machine's loopback."""
    names: tuple[str, ...] = ()
    """Further addresses that its certificate names."""
    simulated: bool = True
    """Whether KWOK plays the nodes. Otherwise nodes register themselves."""


LOOPBACK = Ground()
