"""`python -m capacity review`: what it asks, what it keeps, and what it refuses."""

import contextlib
import datetime
import http.server
import itertools
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from capacity import facts, observed
from capacity.as_set import layout
from capacity.command import main
from capacity.files import StackFile
from capacity.observed import CLAIMS
from capacity.plan import plan_on
from observability import recording
from observability.__main__ import EVERYTHING
from observability.rule import Recording
from settings import load
from tests.unit.recorded import Recorded
from tests.unit.reviewed import (
    BUCKET,
    CPU,
    LOAD,
    MEMORY,
    ONE,
    ROOT,
    VOLUMES,
    WORKLOAD,
    Told,
    proposed,
    recorded_in,
    stack,
    told,
    used,
)
from tests.unit.serving import serving
from tests.unit.test_settings import region


@pytest.fixture
def prometheus() -> Iterator[Callable[[Told], str]]:
    """Starts what answers as Prometheus does."""

    def start(told: Told) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                (query,) = parse_qs(urlsplit(self.path).query)["query"]
                label = re.match(r"(?:1 - )?(?:max|min) by \((\w+)\)", query)
                found = [
                    {"metric": {label[1]: name} if label else {}, "value": [0, str(value)]}
                    for name, value in told.get(recorded_in(query)[0], {}).items()
                ]
                text = json.dumps({"status": "success", "data": {"result": found}}).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        server = servers.enter_context(serving(http.server.HTTPServer(("127.0.0.1", 0), Handler)))
        return f"http://127.0.0.1:{server.server_port}"

    with contextlib.ExitStack() as servers:
        yield start


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stacks of this repository; each review is made a minute after the last."""
    for name in ("Pulumi.yaml", "Pulumi.us-east.yaml", "Pulumi.us-west.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    first, minutes = datetime.datetime(2026, 3, 1, 9, tzinfo=datetime.UTC), itertools.count()
    monkeypatch.setattr("capacity.command._now", lambda: first + datetime.timedelta(minutes=next(minutes)))
    return tmp_path


def asked(checkout: Path, url: str, *more: str) -> int:
    return main(
        [
            *("review", "--stack", "us-east", "--directory", str(checkout), "--reviews", str(checkout / "reviews")),
            *("--prometheus", url, *more),
        ]
    )


def kept(checkout: Path) -> list[Any]:
    return [json.loads(file.read_text()) for file in sorted(checkout.glob("reviews/*.json"))]


# The command


def test_a_review_proposes_one_step_and_is_compared_with_the_next_of_the_same_day(
    checkout: Path, prometheus: Callable[[Told], str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = StackFile(checkout, "us-east").settings()
    both = {"qdrant.memory": 0.95, "redis.cpu": 0.85}
    assert asked(checkout, prometheus(told(settings, both))) == 0
    said = capsys.readouterr().out
    assert "change qdrant.resources.requests.memory = 12Gi\n" in said
    assert "redis.resources" not in said and "high, too: redis.cpu (85%); the next review" in said
    assert all(f"  {word}: " in said for word in ("why", "effect", "test"))
    assert asked(checkout, prometheus(told(settings))) == 0
    said = capsys.readouterr().out
    assert "at 2026-03-01 09:00:00Z" in said and "nothing to change" in said
    assert re.search(r"qdrant.memory +4 GiB +8 GiB +50% +– +7.6 GiB", said)
    first, second = kept(checkout)
    assert first["step"]["changes"] == {"qdrant.resources.requests.memory": "12Gi"} and second["step"] is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("series", [CPU, VOLUMES, *ONE.values()])
def test_what_is_no_number_is_as_good_as_missing(
    series: str,
    value: float,
    checkout: Path,
    prometheus: Callable[[Told], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers = told(StackFile(checkout, "us-east").settings())
    first = next(iter(answers[series]))
    answers[series][first] = value
    assert asked(checkout, prometheus(answers)) == 1
    said = capsys.readouterr()
    assert series in said.err and "recording rules" in said.err and not said.out
    assert len(said.err.splitlines()) == 3 and not kept(checkout)


def test_a_review_without_the_series_says_which(
    checkout: Path, prometheus: Callable[[Told], str], capsys: pytest.CaptureFixture[str]
) -> None:
    answers = told(StackFile(checkout, "us-east").settings())
    del answers[MEMORY]["redis"], answers[VOLUMES]["postgresql-us-east-2-wal"]
    assert asked(checkout, prometheus(answers)) == 1
    said = capsys.readouterr().err
    assert "  redis.memory: " in said and "  postgresql.wal_storage: " in said and "qdrant" not in said
    assert 'region="us-east"' in said and not kept(checkout)


def test_the_plan_is_that_of_the_stack_or_of_a_workload_beside_it(
    checkout: Path, prometheus: Callable[[Told], str], capsys: pytest.CaptureFixture[str]
) -> None:
    def row() -> str:
        """With the plan for the nodes, shards and copies that the stack has."""
        there = StackFile(checkout, "us-east").settings()
        planned = plan_on(WORKLOAD, layout(there)).component("qdrant").memory / facts.GIB
        return rf"qdrant.memory +4 GiB +8 GiB +50% +{planned:g} GiB"

    url = prometheus(told(StackFile(checkout, "us-east").settings()))
    assert asked(checkout, url, *LOAD) == 0
    assert re.search(row(), capsys.readouterr().out)
    file = checkout / "Pulumi.us-east.yaml"
    sizes = {"resources": {"requests": {"memory": "8Gi"}}}
    file.write_text(
        file.read_text()
        + "  somafractalmemory:workload: {memories_per_day: 20, concurrent_users: 5, start: '2026-01-01', "
        "objectives: {latency_ms: 20000}}\n" + f"  somafractalmemory:qdrant: {json.dumps(sizes)}\n"
    )
    assert asked(checkout, url) == 0
    stated = capsys.readouterr().out
    assert re.search(row(), stated)
    assert re.search(r"memory-service.latency +\S+ s +20 s", stated)
    assert [one["given"]["qdrant.memory"] for one in kept(checkout)] == [8 * facts.GIB] * 2


def test_a_workload_that_is_larger_than_planned_and_sizes_under_the_plan_are_said(
    checkout: Path, prometheus: Callable[[Told], str], capsys: pytest.CaptureFixture[str]
) -> None:
    url = prometheus(told(StackFile(checkout, "us-east").settings(), {"qdrant.memory": 0.9}))
    assert asked(checkout, url, *LOAD) == 0
    assert "the workload is larger than was planned for" in capsys.readouterr().out
    assert asked(checkout, url, *LOAD, "memories=9000000", "objectives.latency_ms=600000") == 0
    said = capsys.readouterr().out
    assert re.search(r"less than the plan has: .*qdrant\.memory", said) and "larger than was planned" not in said


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:9", "does not answer"),
        ("ftp://here", "write the address of Prometheus"),
        ("http://127.0.0.1:port", "name its address"),
    ],
)
def test_no_prometheus_is_said_in_a_sentence(
    url: str, words: str, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(checkout, url) == 1
    assert words in capsys.readouterr().err and not kept(checkout)


def test_an_answer_without_end_is_no_prometheus(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[" * 20_000)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with serving(http.server.HTTPServer(("127.0.0.1", 0), Handler)) as server:
        assert asked(checkout, f"http://127.0.0.1:{server.server_port}") == 1
    assert "does not answer as a Prometheus does" in capsys.readouterr().err and not kept(checkout)


@pytest.mark.parametrize(
    "text", ["", "[]", "[" * 20_000, '{"at": "now", "used": {}}', '{"at": "now", "peaks": {"redis.cpu": NaN}}']
)
def test_a_file_that_is_no_review_is_named(
    text: str, checkout: Path, prometheus: Callable[[Told], str], capsys: pytest.CaptureFixture[str]
) -> None:
    url = prometheus(told(StackFile(checkout, "us-east").settings()))
    (checkout / "reviews").mkdir()
    (checkout / "reviews" / "capacity-us-east-2-2026-02-01T000000Z.json").write_text("of another stack")
    file = checkout / "reviews" / "capacity-us-east-2026-02-01T000000Z.json"
    file.write_text(text)
    assert asked(checkout, url) == 1
    assert f"{file} is no review" in capsys.readouterr().err
    file.unlink()
    assert asked(checkout, url) == 0


def test_a_stack_file_that_settings_refuse_is_not_reviewed(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = checkout / "Pulumi.us-east.yaml"
    file.write_text(file.read_text().replace("image:", "imago:"))
    assert asked(checkout, "http://127.0.0.1:9") == 1
    assert "imago" in capsys.readouterr().err


# What is asked


def test_every_series_that_is_asked_for_is_recorded() -> None:
    recorded = {
        rule.record for group in recording.groups(EVERYTHING) for rule in group.rules if isinstance(rule, Recording)
    }
    settings = stack()
    expressions = [query.expr for query in observed.queries("us-east", observed.given(settings, None), 7)]
    found = {name for expr in expressions for name in recorded_in(expr)}
    assert found == {CPU, MEMORY, VOLUMES, *ONE.values()} and found <= recorded
    assert all(expr.count('region="us-east"') == len(recorded_in(expr)) == 1 for expr in expressions)
    # Nothing else is: what is left are functions and labels.
    for expr in expressions:
        words = set(re.findall(r"[a-z_]+(?=\{)|[a-z]+_[a-z_]+(?![\w:]*\{)", re.sub(r"\w+:\w+:\w+\{[^}]*\}", "", expr)))
        assert words <= {"max_over_time", "min_over_time", "quantile_over_time"}, expr


def test_every_volume_of_the_region_is_looked_at(us_east: Recorded) -> None:
    claims = {
        f"{claim['metadata']['name']}-{one.object_name}-0"
        for one in us_east.of("StatefulSet")
        for claim in one.spec.get("volumeClaimTemplates", [])
    }
    assert len(claims) >= 3
    # Those of PostgreSQL are the operator's: the Cluster's name, a number, what it is for.
    (cluster,) = (one.object_name for one in us_east.of("Cluster"))
    for claim in [*claims, f"{cluster}-1", f"{cluster}-1-wal"]:
        assert len([name for name, pattern in CLAIMS.items() if pattern.fullmatch(claim)]) == 1, claim


def test_a_standby_is_asked_for_its_stores_alone() -> None:
    standby = load(region(), "us-west")
    assert not [use for use in used(standby) if use.component == "memory-service"]
    assert {use.name for use in used(standby)} < {use.name for use in used(stack())}


# What there is to be compared with


def test_all_containers_of_a_pod_are_counted() -> None:
    stated = stack(backups={"s3": BUCKET})
    has, bare = observed.given(stated, None), observed.given(stack(backups={"enabled": False}), None)
    assert has["postgresql.memory"] - bare["postgresql.memory"] == facts.BACKUP_BYTES.value
    assert has["postgresql.cpu"] - bare["postgresql.cpu"] == facts.BACKUP_CPU.value
    assert bare["postgresql.memory"] == stated.postgresql.primary.resources.requests.memory.value
    service = stated.memory_resources.requests
    assert has["memory-service.memory"] == float(service.memory.value) + facts.GATEWAYS_BYTES.value
    assert has["redis.cpu"] == float(stated.redis.resources.requests.cpu.value) + facts.REDIS_EXPORTER_CPU.value


def test_what_a_sidecar_has_is_no_part_of_the_step() -> None:
    """9 of 8.5 GiB: 15 for the pod are 14.5 for the server, and half as much again as it has are 12."""
    settings = stack(backups={"s3": BUCKET})
    assert settings.postgresql.primary.resources.requests.memory.text == "8Gi"
    for share, size in ((0.81, "11Gi"), (3, "12Gi")):
        assert proposed(settings, {"postgresql.memory": share}) == {
            "postgresql.primary.resources.requests.memory": size,
            "postgresql.primary.resources.limits.memory": size,
        }
