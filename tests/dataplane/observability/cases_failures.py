"""Cases of stores that fail the service, as its gateways and Qdrant's nodes count it."""

from collections.abc import Iterator

from observability.alerts.postgresql import FEWEST_FAILED
from observability.alerts.qdrant import FEWEST as FEWEST_OF_QDRANT
from observability.alerts.qdrant import REPEATED
from observability.alerts.redis import FEWEST_READS
from observability.alerts.waiting import FEWEST
from observability.scope import MEMORY, POSTGRESQL_GATEWAY, QDRANT, QDRANT_GATEWAY, REDIS_GATEWAY
from tests.dataplane.observability.cases import (
    OVER,
    RATE_BEGINS,
    UNDER,
    Case,
    Labels,
    Pod,
    Series,
    Watched,
    fires,
    growing,
    quiet,
    steady,
    steps,
)
from tests.dataplane.observability.cases_service import POD, SEARCH, STORE

RATE = 100
"""Requests, commands or statements per second."""


def cases(watched: Watched) -> Iterator[Case]:
    """All of them."""
    yield from _memories(watched)
    yield from _commands(watched)
    yield from _calls(watched)
    yield from _peers(watched)
    if watched.scope.home:
        yield from _statements(watched)
        yield from _logins(watched)


def _limit(watched: Watched) -> float:
    return watched.scope.monitoring.thresholds.errors.warning


def _service(watched: Watched) -> Labels:
    return {"service": watched.scope.services[0]}


def _memories(watched: Watched) -> Iterator[Case]:
    alert, limit = "MemoryStoresFail", _limit(watched)

    def asked(share: float, request: Labels = STORE, rate: float = RATE) -> list[Series]:
        parts = {"200": 1 - share, "500": share}
        return [
            watched.scraped(MEMORY, POD, "api_responses_total", growing(rate * part), **request, status=status)
            for status, part in parts.items()
        ]

    stored = asked(0, rate=10 * RATE)
    yield fires(alert, "more than the limit", asked(limit * OVER), _service(watched), begins=RATE_BEGINS)
    yield fires(
        alert, "among many searches", [*asked(limit * OVER), *asked(0, SEARCH, 50 * RATE)], _service(watched),
        begins=RATE_BEGINS,
    )  # fmt: skip
    yield quiet(alert, "just under the limit", asked(limit * UNDER))
    yield quiet(alert, "searches alone fail", [*stored, *asked(0.5, SEARCH)])
    yield quiet(alert, "hardly anybody stores", asked(1, rate=FEWEST * UNDER))


def _commands(watched: Watched) -> Iterator[Case]:
    alert, limit = "RedisCommandsFail", _limit(watched)

    def asked(share: float, rate: float = RATE) -> list[Series]:
        parts = {"ok": 1 - share, "error": share}
        return [
            watched.scraped(REDIS_GATEWAY, POD, "redis_gateway_answers_total", growing(rate * part), outcome=outcome)
            for outcome, part in parts.items()
        ]

    yield fires(alert, "more than the limit", asked(limit * OVER), _service(watched), begins=RATE_BEGINS)
    yield quiet(alert, "just under the limit", asked(limit * UNDER))
    yield quiet(alert, "hardly any", asked(1, FEWEST_READS * UNDER))


def _statements(watched: Watched) -> Iterator[Case]:
    alert, limit = "PostgresqlStatementsFail", _limit(watched)

    def counted(good: str, bad: str) -> list[Series]:
        return [
            watched.scraped(POSTGRESQL_GATEWAY, POD, "postgresql_gateway_statements_total", values, outcome=outcome)
            for outcome, values in (("ok", good), ("error", bad))
        ]

    def failing(share: float) -> list[Series]:
        return counted(growing(RATE * (1 - share)), growing(RATE * share))

    # A first rate, of two samples in five minutes, is a tenth of what it will be.
    many = max(FEWEST_FAILED / (RATE * limit * OVER), RATE_BEGINS)
    yield fires(alert, "more than the limit", failing(limit * OVER), _service(watched), begins=_sample(many))
    yield quiet(alert, "just under the limit", failing(limit * UNDER))
    few = steps((0, 150), then=FEWEST_FAILED * 0.8)
    yield quiet(alert, "pods that start, where few ask", counted(growing(0.1), few))


def _sample(seconds: float) -> int:
    """The first sample at which so much time has passed."""
    return -(-int(seconds) // RATE_BEGINS) * RATE_BEGINS


def _logins(watched: Watched) -> Iterator[Case]:
    alert = "PostgresqlNotReached"

    def tried(failed: float, good: float) -> list[Series]:
        return [
            watched.scraped(POSTGRESQL_GATEWAY, POD, "postgresql_gateway_logins_total", growing(rate), outcome=outcome)
            for outcome, rate in (("failed", failed), ("ok", good))
        ]

    yield fires(alert, "none of many tries succeeds", tried(2, 0), _service(watched), begins=RATE_BEGINS)
    yield quiet(alert, "one of many does", tried(2, 0.1))
    yield quiet(alert, "nobody tries", tried(0, 0))


def _calls(watched: Watched) -> Iterator[Case]:
    """To Qdrant, as the gateway beside the service counts them."""
    limit, service = _limit(watched), _service(watched)

    def told(name: str, rate: float, **labels: str) -> Series:
        return watched.scraped(QDRANT_GATEWAY, POD, f"haproxy_backend_{name}", growing(rate), proxy="peers", **labels)

    def asked(failed: float = 0, given_up: float = 0, repeated: float = 0, rate: float = RATE) -> list[Series]:
        codes = {"2xx": 1 - failed - given_up, "4xx": given_up, "5xx": failed}
        counted = [told("http_responses_total", rate * share, code=code) for code, share in codes.items()]
        others = {"client_aborts_total": given_up, "redispatch_warnings_total": repeated}
        return [*counted, *(told(name, rate * share) for name, share in others.items())]

    alert = "QdrantRequestsFail"
    yield fires(alert, "more than the limit", asked(limit * OVER), service, begins=RATE_BEGINS)
    given_up = asked(given_up=limit * OVER)
    yield fires(alert, "more are given up, for they take too long", given_up, service, begins=RATE_BEGINS)
    yield quiet(alert, "just under the limit, with those given up", asked(limit / 2 * UNDER, limit / 2 * UNDER))
    yield quiet(alert, "what one node fails another one answers", asked(repeated=1))
    yield quiet(alert, "hardly anybody asks", asked(1, rate=FEWEST_OF_QDRANT * UNDER))
    alert = "QdrantRequestsRepeated"
    yield fires(alert, "more than the limit", asked(repeated=REPEATED * OVER), service, begins=RATE_BEGINS)
    yield quiet(alert, "just under the limit", asked(repeated=REPEATED * UNDER))
    yield quiet(alert, "hardly anybody asks", asked(repeated=1, rate=FEWEST_OF_QDRANT * UNDER))


def _peers(watched: Watched) -> Iterator[Case]:
    """Nodes of Qdrant that a gateway asks, and those that Prometheus reads."""
    nodes, other = watched.component(QDRANT), Pod("memory-service-6d8f9c7b5-x1k2p")

    def found(count: int, well: int = len(nodes)) -> list[Series]:
        name = "haproxy_backend_active_servers"
        return [
            *(watched.scraped(QDRANT, node, "up", steady(at < well)) for at, node in enumerate(nodes)),
            watched.scraped(QDRANT_GATEWAY, POD, name, steady(count), proxy="peers"),
            watched.scraped(QDRANT_GATEWAY, other, name, steady(len(nodes)), proxy="peers"),
        ]

    lacks, without, here = "QdrantGatewayLacksPeers", "QdrantGatewayWithoutPeers", {"pod": POD.name}
    yield fires(lacks, "one fewer than there are", found(len(nodes) - 1), here)
    yield quiet(lacks, "all that there are", found(len(nodes)))
    yield quiet(lacks, "one fewer, which is away", found(len(nodes) - 1, well=len(nodes) - 1))
    yield quiet(lacks, "none at all", found(0))
    yield fires(without, "none of one pod", found(0), here)
    yield quiet(without, "one is left", found(1))
