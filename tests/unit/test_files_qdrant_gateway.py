"""HAProxy's configuration beside the service, read as text: what gets through and what is answered there."""

import re

import pytest

from components import objects, qdrant

TEXT = objects.script("qdrant-gateway.cfg")
LINES = [line.strip() for line in TEXT.splitlines() if line.strip() and not line.strip().startswith("#")]


def answered(method: str, path: str) -> str:
    """What the frontend's rules do with a call, in their order: `return <status>` or `pass`."""
    named = dict(line.split(maxsplit=2)[1:] for line in LINES if line.startswith("acl is_"))

    def holds(condition: str) -> bool:
        if condition.startswith("METH_"):
            return condition == f"METH_{method}"
        kind, _, wanted = named[condition].partition(" ")
        return path == wanted if kind == "path" else re.search(wanted, path) is not None

    allowed = False
    for line in LINES:
        rule = re.fullmatch(r"http-request (return status (\d+)|set-var\(txn\.allowed\)).* (if|unless) (.+)", line)
        if rule is None or "{" in rule[4]:
            continue
        if rule[3] == "unless":
            return "pass" if allowed else f"return {rule[2]}"
        if all(holds(condition) for condition in rule[4].split()):
            if rule[2]:
                return f"return {rule[2]}"
            allowed = True
    raise AssertionError("no rule decides")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/collections"),
        ("GET", "/collections/default"),
        ("GET", "/collections/default/exists"),
        ("PUT", "/collections/default/points"),
        ("POST", "/collections/default/points/query"),
        ("POST", "/collections/default/points/search"),
        ("POST", "/collections/default/points/scroll"),
        ("POST", "/collections/default/points/delete"),
    ],
)
def test_the_services_calls_get_through(method: str, path: str) -> None:
    assert answered(method, path) == "pass"


def test_making_a_collection_is_answered_as_done_and_dropping_one_refused() -> None:
    assert answered("PUT", "/collections/default") == "return 200"
    assert answered("DELETE", "/collections/default") == "return 403"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/collections/default/cluster"),
        ("DELETE", "/cluster/peer/1"),
        ("PATCH", "/collections/default"),
        ("PUT", "/collections/default/index"),
        ("POST", "/collections/default/snapshots"),
        ("POST", "/collections/aliases"),
        ("GET", "/metrics"),
        ("GET", "/telemetry"),
        ("POST", "/collections/default/points"),
    ],
)
def test_nothing_else_gets_through(method: str, path: str) -> None:
    assert answered(method, path) == "return 403"


def test_the_service_is_answered_as_by_qdrant() -> None:
    assert """string '{"result":true,"status":"ok","time":0}' if METH_PUT is_collection""" in TEXT


def test_calls_are_taken_on_loopback_alone_and_elsewhere_figures_are_told() -> None:
    assert [line for line in LINES if line.startswith("bind")] == ["bind 127.0.0.1:6333", 'bind ":${METRICS_PORT}"']
    metrics = LINES[LINES.index("frontend metrics") : LINES.index("backend peers")]
    assert not [line for line in metrics if line.startswith(("use_backend", "default_backend"))]
    assert metrics[-1] == "http-request return status 404"


def test_the_key_comes_from_the_fragment_and_stands_nowhere_here() -> None:
    assert 'http-request set-header api-key "%[var(proc.qdrant_api_key)]"' in LINES


def test_a_peer_that_went_without_a_word_is_left_out() -> None:
    server = next(line for line in LINES if line.startswith("default-server"))
    assert "tcp-ut 1500ms" in server


def test_two_tries_fit_into_the_patience_of_the_services_client_and_a_peers_own_fits_into_one() -> None:
    (patience,) = [float(line.split()[-1].removesuffix("ms")) for line in LINES if line.startswith("timeout server")]
    assert 2 * patience < 5000
    assert patience > qdrant.GRPC_TIMEOUT_MS + qdrant.CONNECTION_TIMEOUT_MS


def test_only_a_request_that_is_here_to_its_end_is_passed_on() -> None:
    """HAProxy sends no other one again (observed: 504 without a second try)."""
    assert "option http-buffer-request" in LINES
    assert "option redispatch 1" in LINES


def test_it_starts_while_dns_has_no_answer() -> None:
    assert "init-addr none" in TEXT
    assert 'server-template qdrant 1-64 "${QDRANT_HEADLESS}:6333"' in LINES
