"""What a region uses, by its Prometheus, beside what its plan gives: one step at a time, and how to test it."""

import datetime
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from capacity import rounding
from capacity.ledger import plain, shown
from capacity.plan import COMPONENTS, SERVICE, Plan
from capacity.stack import cpu, quantity

HIGH, LOW = 0.8, 1 / 3
"""Shares of what there is above which there should be more, and under which there may be less."""
ROOM: Final = 0.6
"""The share that a step aims at."""
_PATIENCE: Final = 10.0
Ask = Callable[[str], Mapping[str, float]]
"""Answers a query: value by component."""


class ReviewError(Exception):
    """No review, and what to do."""


class Use(NamedTuple):
    """The most that a component used, of all its pods, in the window."""

    component: str
    what: str
    used: float
    given: float
    before: float | None
    """The same at the last review."""

    @property
    def share(self) -> float:
        return self.used / self.given


class Step(NamedTuple):
    """One thing to change."""

    key: str
    value: str
    why: str
    effect: str
    test: str


def prometheus(url: str) -> Ask:
    """Asks a Prometheus. Raises ReviewError."""

    def ask(query: str) -> Mapping[str, float]:
        address = f"{url.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        if not address.startswith(("http://", "https://")):
            raise ReviewError(f"{url}: write the address of Prometheus like http://127.0.0.1:9090")
        try:
            with urllib.request.urlopen(address, timeout=_PATIENCE) as answer:  # noqa: S310 (http or https)
                said: Any = json.load(answer)
            found = said["data"]["result"]
            return {str(one["metric"].get("component", "")): float(one["value"][1]) for one in found}
        except urllib.error.HTTPError as error:
            raise ReviewError(f"{url} answers {error.code} to a query: is it a Prometheus?") from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise ReviewError(f"{url} does not answer ({reason}): forward its port, then try again") from None
        except (ValueError, KeyError, TypeError, IndexError):
            raise ReviewError(f"{url} does not answer as a Prometheus does: name its address") from None

    return ask


def uses(ask: Ask, of: Plan, region: str, days: int, before: Mapping[str, float]) -> list[Use]:
    """What was used. Raises ReviewError where a series is missing."""
    window = f'{{region="{region}"}}[{days}d:5m]'
    queries = {
        "cpu": f"max_over_time(component:cpu_used:cores_rate5m{window})",
        "memory": f"max_over_time(component:memory_used:bytes{window})",
    }
    found: list[Use] = []
    lacking: list[str] = []
    for what, query in queries.items():
        told = ask(query)
        for name in COMPONENTS:
            one = of.component(name)
            if name not in told:
                lacking.append(f'{query.partition("(")[2].partition("{")[0]} of component="{name}"')
                continue
            given = one.pods * (one.cpu if what == "cpu" else one.memory)
            found.append(Use(name, what, told[name], given, before.get(f"{name}.{what}")))
    if lacking:
        raise ReviewError(
            f'Prometheus has no series of region="{region}" for:\n'
            + "\n".join(f"  {one}" for one in lacking)
            + "\nare the region's recording rules there (docs/monitoring.md), and is the name right?"
        )
    return found


_KEYS: Final = {
    "memory-service": "memory.resources.requests",
    "qdrant": "qdrant.resources.requests",
    "postgresql": "postgresql.primary.resources.requests",
    "redis": "redis.resources.limits",
}


def steps(found: list[Use], of: Plan) -> list[Step]:
    """What to change, the most pressing first. Only the first is to be made; then look, and ask again."""
    high = sorted((use for use in found if use.share > HIGH), key=lambda use: -use.share)
    low = sorted((use for use in found if use.share < LOW), key=lambda use: use.share)
    return [_more(use, of) for use in high] or [_less(use, of) for use in low if _may_shrink(use)]


def _may_shrink(use: Use) -> bool:
    """A little more than little is no reason to start pods again."""
    return use.given - use.used > (0.5 if use.what == "cpu" else 2**30)


def _more(use: Use, of: Plan) -> Step:
    if use.component == SERVICE and use.what == "cpu":
        pods = rounding.whole(use.used / ROOM / of.component(use.component).cpu)
        return Step(
            "memory.autoscaling.max_replicas",
            str(pods),
            f"its pods used {use.share:.0%} of their CPU",
            "more processes wait for fewer requests; a store takes as long as before",
            "the dashboard scaling-overview: latency and ready pods at the next peak",
        )
    return Step(
        *_resized(use, of),
        f"its pods used {use.share:.0%} of their {use.what}",
        f"use falls to about {ROOM:.0%} of its {use.what}; pods start again one by one",
        "alerts stay quiet for a day; use and latency on the dashboard scaling-overview",
    )


def _less(use: Use, of: Plan) -> Step:
    return Step(
        *_resized(use, of),
        f"its pods used no more than {use.share:.0%} of their {use.what}",
        f"use rises to about {ROOM:.0%} of its {use.what}; nodes may become fewer",
        "alerts stay quiet over a peak and over the loss of a zone (make drill)",
    )


def _resized(use: Use, of: Plan) -> tuple[str, str]:
    """The key and the value with which the same use is as much as it should be."""
    needed = use.used / ROOM / of.component(use.component).pods
    size = cpu(rounding.cores(needed)) if use.what == "cpu" else quantity(rounding.memory(needed))
    return f"{_KEYS[use.component]}.{use.what}", size


def last(directory: Path, stack: str) -> tuple[str, Mapping[str, float]]:
    """Date and uses of the last review; empty where there is none. Raises ReviewError."""
    files = sorted(directory.glob(f"capacity-{stack}-*.json"))
    if not files:
        return "", {}
    try:
        found: Any = json.loads(files[-1].read_text(encoding="utf-8"))
        return str(found["date"]), {str(name): float(value) for name, value in found["used"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ReviewError(f"{files[-1]} is no review: move it away, then try again") from None


def written(directory: Path, stack: str, today: datetime.date, found: list[Use], made: list[Step]) -> Path:
    """Writes the review of a day. Raises ReviewError."""
    file = directory / f"capacity-{stack}-{today.isoformat()}.json"
    kept = {
        "date": today.isoformat(),
        "stack": stack,
        "used": {f"{use.component}.{use.what}": use.used for use in found},
        "given": {f"{use.component}.{use.what}": use.given for use in found},
        "steps": [step._asdict() for step in made],
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ReviewError(f"{file}: {error.strerror}: name another directory (--directory)") from None
    return file


def rows(found: list[Use], since: str) -> list[tuple[str, ...]]:
    """A table of what was used."""
    head = ("component", "used", "given", "share", f"at {since}" if since else "before")
    return [
        head,
        *(
            (
                f"{use.component} {use.what}",
                _size(use, use.used),
                _size(use, use.given),
                f"{use.share:.0%}",
                "–" if use.before is None else _size(use, use.before),
            )
            for use in found
        ),
    ]


def _size(use: Use, value: float) -> str:
    return f"{plain(value)} cores" if use.what == "cpu" else shown(value, "B")
