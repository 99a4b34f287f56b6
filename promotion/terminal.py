"""How a command speaks with whoever typed it, and ends: shared by `python -m promotion` and `python -m state`."""

import sys
from collections.abc import Callable


def ended(work: Callable[[], object], *refusals: type[Exception]) -> int:
    """Exit code: 0 when the work is done, 1 when it raises one of `refusals`, which is told, 130 when interrupted."""
    try:
        work()
    except refusals as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted: the same command goes on from here\n")
        return 130
    return 0


def say(line: str) -> None:
    """A line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def ask(question: str) -> bool:
    """True for a yes; whoever cannot answer has said no."""
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False
