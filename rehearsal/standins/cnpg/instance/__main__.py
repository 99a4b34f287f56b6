"""`manager bootstrap FILE`, `manager instance run`, `manager pgbouncer run`: as the operator's pods call it."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from .api import Api
from .bouncer import Bouncer
from .layout import Layout
from .manager import Manager, Stop

USAGE = "usage: manager bootstrap FILE | instance run | pgbouncer run"
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> int:
    """Does what the command line says; options after it are the operator's and change nothing here."""
    match sys.argv[1:]:
        case ["bootstrap", target]:
            return _bootstrap(Path(target))
        case ["instance", "run", *_]:
            return _as_first_process(_instance)
        case ["pgbouncer", "run", *_]:
            return _as_first_process(_pooler)
        case _:
            sys.stderr.write(USAGE + "\n")
            return 2


def _bootstrap(target: Path) -> int:
    """Copies this program to the volume that the other container runs it from."""
    shutil.copyfile(sys.argv[0], target)
    target.chmod(0o755)
    return 0


def _instance() -> int:
    _raise_on_end()
    layout = Layout.of()
    try:
        return Manager(layout, Api(layout.namespace)).run()
    except Stop:
        return 0


def _pooler() -> int:
    _raise_on_end()
    layout = Layout.of()
    bouncer = Bouncer(layout, Api(layout.namespace))
    try:
        return bouncer.run()
    except Stop:
        bouncer.stop()
        return 0


def _raise_on_end() -> None:
    """The first signal to end is an exception in the main thread, further ones are nothing new."""

    def end(number: int, _: object) -> None:
        for each in FORWARDED:
            signal.signal(each, signal.SIG_IGN)
        raise Stop(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def _as_first_process(work: Callable[[], int]) -> int:
    """Runs the work in a process of its own. The first process of a container has to collect the dead of others:
    PostgreSQL's processes, when the postmaster was killed, become its children."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = work()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    for number in FORWARDED:
        signal.signal(number, lambda given, _: os.kill(child, given))
    while True:
        ended, status = os.wait()
        if ended == child:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1


if __name__ == "__main__":
    sys.exit(main())
