"""Makes the bucket of the stacks' state, and puts the state of that bucket's own making into it.

The bucket cannot hold the state of its own making before it is there. So that begins on this machine and goes over
once the bucket is; killed at any moment, the same command goes on.
"""

from collections.abc import Callable
from typing import Protocol

from components.aws.state_store import StateStoreArgs
from state.errors import StateError


class Access(Protocol):
    """The stack of the bucket, wherever its state is at the moment."""

    def moved(self) -> bool:
        """The bucket is there, and has the state of its own making. StateError when it cannot be told."""
        ...

    def up(self, moved: bool) -> None:
        """Brings the bucket up, with the state in it or on this machine."""
        ...

    def move(self) -> None:
        """Copies the state from this machine into the bucket."""
        ...

    def forget(self) -> None:
        """Removes what is left of it on this machine."""
        ...


def make(access: Access, args: StateStoreArgs, say: Callable[[str], None], agreed: Callable[[str], bool]) -> None:
    """Until it is as described; says what it does, and then what is to be done with it. StateError when refused."""
    moved = access.moved()
    say(f"{'keeps' if moved else 'makes'} in account {args.account}:")
    say(f"  {args.bucket} in {args.region}: versions, a key of its own, nobody from outside")
    say(f"  {args.copies} in {args.copy_region}: what is written above is there within minutes")
    say("  a key for the secrets in the state, in both regions")
    if not agreed("Go on? [y/N] "):
        raise StateError("nothing was changed")
    access.up(moved)
    if not moved:
        access.move()
    access.forget()
    for line in instructions(args):
        say(line)


def instructions(args: StateStoreArgs) -> list[str]:
    """How stacks come to lie there, and what to do when its region is lost."""
    return [
        "",
        "Stacks lie there once you have said, on each machine:",
        f"  export AWS_REGION={args.region}",
        f"  pulumi login '{args.backend()}'",
        "and for each new region:",
        f"  pulumi stack init REGION --secrets-provider '{args.secrets_provider}'",
        f"When {args.region} is lost, go on from the copy (docs/state.md):",
        f"  export AWS_REGION={args.copy_region}",
        f"  pulumi login '{args.backend(copy=True)}'",
    ]
