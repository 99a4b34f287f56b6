"""What `python -m dashboards` writes, and what it says where it cannot."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboards.__main__ import main
from dashboards.errors import DashboardError, PanelError
from dashboards.prometheus import Prometheus, Series
from dashboards.window import Window
from rehearsal.ports import free_port
from tests.unit.serving import serving

ROOT = Path(__file__).parents[2]
Answer = Callable[[str, dict[str, list[str]]], tuple[int, Any]]
"""Of a path and a form: status, and a document or text."""


@contextmanager
def prometheus(answer: Answer) -> Generator[str]:
    """Address of a server that answers like it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self.say(parts.path, parts.query)

        def do_POST(self) -> None:
            self.say(self.path, self.rfile.read(int(self.headers["content-length"])).decode())

        def say(self, path: str, form: str) -> None:
            status, told = answer(path, parse_qs(form))
            self.send_response(status)
            self.end_headers()
            self.wfile.write((told if isinstance(told, str) else json.dumps(told)).encode())

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 (the name of the method that it replaces)

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def always(status: int, told: Any) -> Answer:
    def answer(path: str, form: dict[str, list[str]]) -> tuple[int, Any]:
        return status, told

    return answer


def well(path: str, form: dict[str, list[str]]) -> tuple[int, Any]:
    """Has the region us-west and one series of it."""
    if path.startswith("/api/v1/label/"):
        return 200, {"status": "success", "data": ["us-west"] if "/region/" in path else []}
    labels, point = (
        {"region": "us-west", "pod": "qdrant-0"},
        [float(form.get("time", form.get("end", ["0"]))[0]), "0.5"],
    )
    if path == "/api/v1/query":
        return 200, {
            "status": "success",
            "data": {"resultType": "vector", "result": [{"metric": labels, "value": point}]},
        }
    assert path == "/api/v1/query_range"
    return 200, {
        "status": "success",
        "data": {"resultType": "matrix", "result": [{"metric": labels, "values": [point]}]},
    }


def refusing(path: str, form: dict[str, list[str]]) -> tuple[int, Any]:
    if "redis:hits" in form.get("query", [""])[0]:
        return 422, {"status": "error", "errorType": "execution", "error": "query timed out"}
    return well(path, form)


def run(address: str, *more: str) -> int:
    return main(["--directory", str(ROOT), "--prometheus", address, *more])


def test_the_page_is_written_and_what_it_lacks_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "page.html"
    with prometheus(well) as address:
        assert run(address, "--stack", "us-west", "-o", str(file), "--end", "2026-01-31T14:00Z", "--minutes", "30") == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{file}: ") and said.out.endswith("panels of us-west, 0 with nothing to draw\n")
    text = file.read_text(encoding="utf-8")
    assert "<h1>Dashboards of us-west</h1>" in text and address in text
    assert "2026-01-31 13:30 UTC" in text and "2026-01-31 14:00 UTC" in text


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (always(200, "<html>Grafana</html>"), "is no Prometheus: it answers 200 '<html>Grafana</html>'"),
        (always(404, "not here"), "is no Prometheus: it answers 404 'not here'"),
        (always(200, ["data"]), "is no Prometheus: it answers 200"),
        (well, "Prometheus has no region us-east, but us-west: name the STACK of one that it has"),
    ],
)
def test_who_has_not_the_figures_is_told(
    answer: Answer, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with prometheus(answer) as address:
        assert run(address, "-o", str(tmp_path / "page.html")) == 1
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_refused_queries_are_told_with_their_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(refusing) as address:
        assert run(address, "--stack", "us-west", "-o", str(tmp_path / "page.html")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("scaling-overview: Reads that find their key: Prometheus refuses `redis:hits:ratio_rate5m{")
    assert line.endswith("`: query timed out")


def test_who_does_not_answer_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    assert run(address) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"{address} does not answer (") and "Connection refused" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("",), "name the Prometheus that has the figures: make dashboards PROMETHEUS=http://127.0.0.1:9090"),
        (("localhost:9090",), "'localhost:9090' is no address of Prometheus: give one like http://127.0.0.1:9090"),
        (("ftp://here",), "'ftp://here' is no address of Prometheus"),
        (("http://me:secret@here",), "http://…@here is no address of Prometheus"),
        (("http://[here",), "'http://[here' is no address of Prometheus"),
        (("http://here:port",), "'http://here:port' is no address of Prometheus"),
        (("http://here", "--stack", "eu"), "no stack 'eu': there are us-east, us-west"),
        (("http://here", "--minutes", "0"), "--minutes 0: from 1 to a year of them can be shown"),
        (("http://here", "--minutes", "nan"), "--minutes nan: from 1"),
        (("http://here", "--end", "noon"), "--end noon: no moment; write it like 2026-01-31T14:00Z"),
    ],
)
def test_what_was_said_wrongly_is_told(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith(says) and said.count("\n") == 1 and "secret" not in said


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(well) as address:
        assert run(address, "--stack", "us-west", "-o", str(tmp_path)) == 1
    assert capsys.readouterr().err == f"cannot write {tmp_path}: Is a directory: name another place with -o\n"


def test_elsewhere_there_are_no_stacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--directory", str(tmp_path), "--prometheus", "http://here"]) == 1
    assert capsys.readouterr().err == "no Pulumi.yaml here: run the command in the checkout of the project\n"


class TestAnswers:
    WINDOW = Window.until(3600, 3600)

    def test_a_scalar_is_a_series_without_labels(self) -> None:
        told = {"status": "success", "data": {"resultType": "scalar", "result": [3600, "NaN"]}}
        with prometheus(always(200, told)) as address:
            (series,) = Prometheus(address).query("scalar(up)", 3600)
        assert series.labels == {} and str(series.points) == "((3600.0, nan),)"

    def test_a_text_is_no_value(self) -> None:
        told = {"status": "success", "data": {"resultType": "string", "result": [3600, "x"]}}
        with prometheus(always(200, told)) as address, pytest.raises(PanelError, match="but a string"):
            Prometheus(address).query("'x'", 3600)

    def test_what_is_asked_is_what_the_window_says(self) -> None:
        asked: list[dict[str, list[str]]] = []

        def keeping(path: str, form: dict[str, list[str]]) -> tuple[int, Any]:
            asked.append(form)
            return well(path, form)

        with prometheus(keeping) as address:
            series = Prometheus(f"{address}/").query_range("up", self.WINDOW)
            assert Prometheus(address).label_values("region", 'up{a="b"}', self.WINDOW) == ["us-west"]
        assert series == [Series({"region": "us-west", "pod": "qdrant-0"}, ((3600.0, 0.5),))]
        times = {"start": ["0.000"], "end": ["3600.000"]}
        assert asked == [{"query": ["up"], "step": ["15"], **times}, {"match[]": ['up{a="b"}'], **times}]

    def test_values_of_a_label_are_sorted(self) -> None:
        with prometheus(always(200, {"status": "success", "data": ["b", "c", "a"]})) as address:
            assert Prometheus(address).label_values("zone", None, self.WINDOW) == ["a", "b", "c"]

    def test_an_answer_that_breaks_off_is_told(self) -> None:
        with prometheus(always(200, "")) as address, pytest.raises(DashboardError, match="is no Prometh"):
            Prometheus(address).query("up", 0)
