"""Many clients of the gateway beside them in a pod (tests/dataplane/redis_stress.py)."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.dataplane import redis_stress
from tests.dataplane.cluster.stand import Stand
from tests.dataplane.redis_stress import LAST_SECONDS, Counted

PROGRAM = Path(redis_stress.__file__).read_text()


@contextmanager
def stress(stand: Stand, pod: str, container: str) -> Generator[Counted]:
    """They work for as long as `with` does; what they counted is there when they have ended."""
    counted = Counted()
    with stand.beside(pod, container, PROGRAM, 2 * LAST_SECONDS) as said:
        yield counted
    counted.__dict__.update(said)
