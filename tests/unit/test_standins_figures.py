"""What CloudNativePG's stand-in tells Prometheus: its queries' conditions, and how rows become figures."""

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from rehearsal.standins.cnpg.instance import figures
from rehearsal.standins.cnpg.instance.layout import Layout

QUERIES = """
data:
  queries: |
    pg_replication:
      query: "SELECT 1 AS lag"
      metrics:
        - lag: { usage: "GAUGE", description: "Lag" }
    newer:
      runonserver: ">=17.0.0"
      name: same
      query: "SELECT 2"
      metrics: []
    older:
      runonserver: "<17.0.0"
      query: "SELECT 3"
      metrics: []
    of_a_primary:
      primary: true
      predicate_query: |
        SELECT true
      query: |
        SELECT 4
      metrics: []
"""


def test_a_query_is_asked_where_its_conditions_hold(tmp_path: Path) -> None:
    file = tmp_path / "queries.yaml"
    file.write_text(QUERIES)
    asked = figures.script(figures.read(file))
    version = "pg_catalog.current_setting('server_version_num')::int"
    assert (
        "SELECT (true) AS wanted \\gset\n\\if :wanted\n\\echo query:pg_replication\nSELECT 1 AS lag;\n\\endif" in asked
    )
    assert f"SELECT ({version} >= 170000) AS wanted \\gset\n\\if :wanted\n\\echo query:newer\n" in asked
    assert f"SELECT ({version} < 170000) AS wanted" in asked
    assert "SELECT (NOT pg_catalog.pg_is_in_recovery() AND (SELECT true)) AS wanted" in asked


def test_without_the_file_there_are_no_queries(tmp_path: Path) -> None:
    assert figures.read(tmp_path / "none.yaml") == {}


def test_rows_are_told_apart_by_their_query() -> None:
    said = 'query:synchronous\nobserved\n1\nquery:backends\ndatname,total\n"a,b",2\nc,3\nquery:none\nx\n'
    assert figures.answers(said) == {
        "synchronous": [{"observed": "1"}],
        "backends": [{"datname": "a,b", "total": "2"}, {"datname": "c", "total": "3"}],
        "none": [],
    }


def test_columns_are_labels_or_figures() -> None:
    columns = [{"name": {"usage": "LABEL"}}, {"on": {"usage": "GAUGE"}}, {"seen": {"usage": "COUNTER"}}]
    rows = [{"name": 'a "b"\\c', "on": "t", "seen": ""}, {"name": "d", "on": "f", "seen": "7.5"}]
    assert figures.told("pg_x", columns, rows) == [
        'cnpg_pg_x_on{name="a \\"b\\"\\\\c"} 1',
        'cnpg_pg_x_seen{name="a \\"b\\"\\\\c"} NaN',
        'cnpg_pg_x_on{name="d"} 0',
        'cnpg_pg_x_seen{name="d"} 7.5',
    ]
    assert figures.told("pg_y", [{"count": {"usage": "GAUGE"}}], [{"count": "3"}]) == ["cnpg_pg_y_count 3"]


def test_a_pooler_tells_each_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*command: str, seconds: float) -> str:
        assert command[-2:] == ("SHOW POOLS", "pgbouncer")
        assert seconds > 0
        return "database,user,cl_waiting,maxwait,pool_mode\nsoma,app,2,1,transaction\n"

    monkeypatch.setattr(figures, "output", run)
    said = figures.of_pooler(Layout("pooler", "soma", ""))
    labels = '{database="soma",user="app"}'
    assert said == f"cnpg_pgbouncer_pools_cl_waiting{labels} 2\ncnpg_pgbouncer_pools_maxwait{labels} 1\n"


@pytest.mark.parametrize("path", ["/metrics", "/other"])
def test_the_port_answers_at_one_path(path: str) -> None:
    port = figures.Figures(("127.0.0.1", 0), lambda: "up 1\n")
    try:
        url = f"http://127.0.0.1:{port.server_address[1]}{path}"
        try:
            said = urllib.request.urlopen(url, timeout=5).read()
        except urllib.error.HTTPError as error:
            said = error.code
        assert said == (b"up 1\n" if path == "/metrics" else 404)
    finally:
        port.shutdown()
        port.server_close()
