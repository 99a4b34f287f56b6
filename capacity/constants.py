"""Constants of the model, each by a name of its own, with the numbers of a plan that it shapes."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from capacity import connections, facts, postgresql, service
from capacity.facts import Fact
from capacity.plan import plan
from capacity.workload import RegionShare, Workload

ELSEWHERE: Final = {
    "BALANCED": "costs of load balancers",
    "ENDPOINTS": "costs of endpoints",
    "FREE_IOPS": "costs of volumes, and the day from which on one has more to do",
    "FREE_THROUGHPUT": "costs of volumes, and the day from which on one has more to do",
    "REDIS_CLIENTS": "the day from which on a node of Redis refuses connections, `connections-within-limits`",
    "SERVICE_CPU_LIMIT": "the limit beside the service's request in a stack file",
}
"""What shapes no number of a plan, and what it is for."""
_SAMPLE: Final = Workload(
    memories_per_day=100,
    concurrent_users=10,
    regions=(RegionShare(name="us-east", share=0.5), RegionShare(name="us-west", share=0.5)),
)
"""One that has everything."""


class Constant(NamedTuple):
    """A number of the model."""

    name: str
    """As its module has it, with the module before it unless that is `facts`."""
    fact: Fact
    shapes: tuple[str, ...]
    """Figures of `Plan.explain` in whose arithmetic it stands."""


def constants() -> list[Constant]:
    """All of them, those of capacity/facts.py first."""
    figures = plan(_SAMPLE).explain()
    return [
        Constant(name, fact, tuple(dict.fromkeys(_any_region(one.name) for one in figures if _names(one.terms, fact))))
        for name, fact in _all()
    ]


def _names(terms: Mapping[str, float | Fact], fact: Fact) -> bool:
    return any(term is fact for term in terms.values())


def _any_region(name: str) -> str:
    return re.sub(r"^edge\.[^.]+", "edge", name)


def _all() -> Iterator[tuple[str, Fact]]:
    for module in (facts, connections, postgresql, service):
        before = "" if module is facts else f"{module.__name__.rpartition('.')[2]}."
        yield from ((f"{before}{name}", one) for name, one in vars(module).items() if isinstance(one, Fact))
