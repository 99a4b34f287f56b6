"""Secrets in an update of the in-process engine: where they are, and where they are not."""

import io
import json
import stat
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest

from rehearsal import kube
from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.model import PlannedResource, to_json
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from tests.unit.engine_bench import Bench, Describe, config_map
from tests.unit.engine_cluster import FakeCluster


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def secret_program() -> None:
    password = random.RandomPassword("password", length=24, special=False)
    metadata: Any = {"name": "auth", "namespace": "soma"}
    kubernetes.core.v1.Secret("auth", metadata=metadata, string_data={"password": password.result})
    pulumi.export("password", password.result)


def test_secrets_reach_the_cluster_and_a_private_state_and_nothing_else(bench: Bench) -> None:
    result = bench.up(secret_program)
    password = bench.cluster.object("Secret", "auth")["stringData"]["password"]
    assert len(password) == 24
    assert password in bench.state.read_text()
    assert stat.S_IMODE(bench.state.stat().st_mode) == 0o600
    shown = json.dumps(to_json(result)) + repr(result) + bench.said.getvalue() + str(result.outputs)
    assert password not in shown
    assert "[secret]" in shown


def test_a_secret_that_the_server_echoes_is_taken_out_of_the_message(bench: Bench) -> None:
    bench.up(secret_program)
    password = bench.cluster.object("Secret", "auth")["stringData"]["password"]
    bench.cluster.objects.clear()
    bench.cluster.refusals["auth"] = kube.KubeError(422, "Invalid", f'stringData: invalid value "{password}"')
    with pytest.raises(RehearsalError) as refused:
        bench.up()
    assert password not in str(refused.value)
    assert 'invalid value "[secret]"' in str(refused.value)


def test_a_generated_password_stays_until_its_inputs_change(bench: Bench) -> None:
    def program(length: int) -> Describe:
        return lambda: pulumi.export("password", random.RandomPassword("password", length=length).result)

    first = bench.up(program(20)).outputs["password"]
    assert bench.up(program(20)).outputs["password"] == first
    longer = bench.up(program(30))
    assert len(longer.outputs["password"].value) == 30
    assert longer.changes["replace"] == 1


def test_a_standby_reads_what_home_made(tmp_path: Path) -> None:
    cluster = FakeCluster()
    (tmp_path / "Pulumi.yaml").write_text("name: soma\nruntime: python\n")

    def program() -> None:
        if pulumi.get_stack() == "home":
            pulumi.export("word", pulumi.Output.secret("a-secret-word"))
            return
        reference = pulumi.StackReference("organization/soma/home")
        config_map("settings", {"word": reference.require_output("word")})

    engine = InProcessEngine(tmp_path, tmp_path, connect=cluster.connect, program=program)
    unknown = engine.preview("standby").resources[-1].inputs["data"]["word"]
    assert repr(unknown) == "[unknown]"
    engine.preview("home")
    assert engine.preview("standby").resources[-1].inputs["data"]["word"].value == "a-secret-word"
    engine.up("home", Progress(io.StringIO()))
    result = engine.up("standby", Progress(io.StringIO()))
    assert cluster.object("ConfigMap", "settings")["data"] == {"word": "a-secret-word"}
    assert "a-secret-word" not in json.dumps(to_json(result))


def test_planned_resources_do_not_show_secrets() -> None:
    from rehearsal.engine.model import Secret

    resource = PlannedResource("t", "n", "u", None, {"password": Secret("hunter2hunter2")})
    assert "hunter2" not in repr(resource)
    with pytest.raises(TypeError):
        json.dumps(resource.inputs)
