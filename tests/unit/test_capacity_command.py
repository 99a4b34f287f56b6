"""`python -m capacity`: what it prints, what it writes, and what it refuses with the files untouched."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from capacity import page, stack
from capacity.calibration import measured
from capacity.command import main
from capacity.connections import HELD
from capacity.plan import plan
from capacity.redis import SERVERS
from capacity.workload import Objectives, Workload
from rehearsal.standins.memory.loop import THREADS
from settings import load

ROOT = Path(__file__).parents[2]
LOAD = ["memories_per_day=20", "concurrent_users=5", "objectives.latency_ms=20000", "start=2026-01-01"]

TOO_LARGE = ["memories_per_day=1e4", "concurrent_users=1000", "objectives.latency_ms=5000"]
"""Pods of PostgreSQL that no machine takes."""


def test_estimate_prints_every_component_with_its_cost_and_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", *LOAD]) == 0
    said = capsys.readouterr().out
    for part in ("memory-service", "qdrant", "postgresql", "redis", "stateful", "outgrown first by", "USD"):
        assert part in said, part
    assert re.search(r"prices of \d{4}-\d\d-\d\d", said)


def test_estimate_says_first_from_when_on_the_service_is_the_limit(capsys: pytest.CaptureFixture[str]) -> None:
    late = ["memories_per_day=200", "concurrent_users=10", "objectives.latency_ms=500", "start=2026-01-01"]
    assert main(["estimate", *late]) == 0
    said = capsys.readouterr().out.split("\n\n")
    assert said[1].startswith("NOT CARRIED from 2026-01-02 on: no number of pods answers in 500 ms then")
    assert main(["estimate", *LOAD]) == 0
    assert "NOT CARRIED" not in capsys.readouterr().out


def test_nodes_that_no_machine_is_large_enough_for_cost_no_nought(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["estimate", *TOO_LARGE]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert re.search(r"us-east: stateful nodes +not known +no machine of the table takes its pods\n", said)
    assert re.search(r"in all +[\d,]+  prices of \d{4}-\d\d-\d\d, without stateful nodes of us-east\n", said)
    assert main([*arguments, "--json"]) == 0
    month = {one["component"]: one["amount"] for one in json.loads(capsys.readouterr().out)["cost"]["month"]}
    assert month["stateful nodes"] is None and month["stateless nodes"] > 0


def test_estimate_for_programs_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "--json", *LOAD]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["components"]["qdrant"]["shards"] == 12
    assert found["cost"]["date"] and found["outgrown"]["qdrant.memory"] > "2027"


@pytest.mark.parametrize("memories", [0, 2_000_000, 90_000_000])
def test_what_estimate_prints_for_a_stack_file_is_taken_by_settings(memories: int) -> None:
    made = plan(
        Workload(
            memories_per_day=20,
            concurrent_users=5,
            memories=memories,
            namespaces=2,
            objectives=Objectives(latency_ms=600_000),
            peak_factor=1,
            write_read_ratio=0.001,
            round_trip_ms=0.001,
        )
    )
    blocks = stack.values(made)
    raw = {key: value for key, value in _stated("us-east").items() if key not in blocks}
    blocks["memory"]["image"] = "somewhere/memory:1"
    read = load({**raw, **blocks}, "us-east")
    assert read.qdrant.resources.requests.memory.value == made.component("qdrant").memory
    assert read.redis.cluster.nodes == made.layout.redis.masters
    assert read.postgresql.wal_storage.value == made.component("postgresql").notes["wal_storage"]
    nodes = stack.groups(made)["aws"]["nodes"]
    assert nodes["stateful"] == {"instance_types": [made.pools[0].instance_type], "per_zone": made.pools[0].with_spare}


def _stated(name: str) -> dict[str, Any]:
    """Blocks of a stack of this repository: its own, over those of Pulumi.yaml."""
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    own = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
    blocks = {key: block["default"] for key, block in project.items() if block.get("default") not in (None, {})}
    return blocks | {key.partition(":")[2]: value for key, value in own.items()}


def test_explain_tells_one_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--only", "redis", *LOAD]) == 0
    said = capsys.readouterr().out
    assert "redis.memory = " in said and "qdrant" not in said and "measured by make calibrate" in said
    assert main(["explain", "--only", "mysql", *LOAD]) == 1
    assert (
        "names begin with backups, connections, load, network, postgresql, qdrant, redis, se" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["estimate", "concurrent_users=5"], "memories_per_day"),
        (["estimate", "memories_per_day"], "write key=value"),
        (["estimate", *LOAD, "memories_per_day={"], "memories_per_day={: no YAML"),
        (["growth", *LOAD, "objectives.latency_ms=0.001"], "objectives.latency_ms = 0.001   too low"),
        (["estimate", "--workload", "none.yaml"], "none.yaml: No such file"),
        (["estimate", "--yaml", "memories_per_day=1e6", "concurrent_users=5"], "more than settings take"),
        (["estimate", "--prices", "none.json", *LOAD], "none.json: No such file"),
        (["apply", "--stack", "nowhere", *LOAD], "Pulumi.nowhere.yaml: No such file"),
        (["growth", "--png", "/nowhere/growth.png", *LOAD], "no picture"),
        (["estimate", "--workload", "Pulumi.us-east.yaml"], "a stack file, and no workload: `review --stack NAME`"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert words in said.err and "Traceback" not in said.err


def test_an_estimate_needs_no_pulumi_and_no_plot() -> None:
    code = "import sys; from capacity.command import main; main(sys.argv[1:]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "estimate", *LOAD], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not loaded & {"pulumi", "pulumi_kubernetes", "matplotlib", "numpy", "grpc", "httpx"}


# What it was measured with


def test_the_model_is_within_a_tenth_of_what_was_measured() -> None:
    """Of PostgreSQL, and of each server of Redis and Valkey on the allocator of its image."""
    real = dict.fromkeys(("PostgreSQL", "Redis", "Valkey"), 0)
    for words, found, modelled in page.deviations():
        assert modelled == pytest.approx(found, rel=0.1), words
        real = {name: number + words.startswith(name) for name, number in real.items()}
    sizes, partitions, between, kink = 3, 3, 2, 1
    assert real == {
        "PostgreSQL": sizes * partitions + 1 + 2 * (sizes + kink) + between,
        "Redis": 2 * (sizes + kink) + between,
        "Valkey": 2 * (sizes + kink) + between,
    }


def test_a_plan_is_within_a_tenth_whichever_server_runs() -> None:
    """It takes the server that needs most."""
    found = page.planned_deviations()
    assert len(found) == len(SERVERS) * 6
    for words, real, planned in found:
        assert planned == pytest.approx(real, rel=0.1), words


def test_what_was_measured_is_of_a_hundred_thousand_memories() -> None:
    found = measured()["measured"]
    whole = {(row["payload_bytes"], row["partitions"]) for row in found["postgresql"] if row["memories"] == 100_000}
    assert whole == {(size, partitions) for size in (256, 1024, 4096) for partitions in (1, 8, 64)}
    for name in SERVERS:
        sizes = {row["payload_bytes"] for row in found["redis"] if (row["server"], row["memories"]) == (name, 100_000)}
        assert sizes == {256, 512, 1024, 2048, 3072, 4096}, name
        assert "jemalloc" in name


def test_a_process_holds_one_connection_to_postgresql_however_much_it_does() -> None:
    """As the servers counted them; plans count as many."""
    found = measured()["measured"]["connections"]
    assert [(one["stores"], one["reads"]) for one in found] == [(1, 0), (0, 1), (1, THREADS)]
    assert [one["redis"] for one in found] == [1, 1, THREADS + 1], "one for each call under way"
    assert {one["postgresql"] for one in found} == {int(HELD.value)} == {1}


def test_the_page_is_what_the_model_says() -> None:
    assert main(["docs", "--check", str(ROOT / "docs" / "capacity.md")]) == 0
