"""The bucket of the stacks' state by the real engine: on the simulated account, and kept in a bucket of moto's."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from components.aws.state_store import StateStoreArgs
from rehearsal.engine.aws_accounts import Accounts
from rehearsal.engine.aws_service import VARIABLE, Service, serving
from state import store
from state.cli import FOLDER, STACK, CliAccess
from state.errors import StateError

ARGS = StateStoreArgs("123456789012", "us-east-1", "us-west-2", {"project": "somafractalmemory"})


class Bucket:
    """Made by hand in moto, where the simulated account does not reach."""

    def __init__(self, port: int) -> None:
        self._client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name=ARGS.region)

    def make(self) -> None:
        self._client.create_bucket(Bucket=ARGS.bucket)

    def state(self) -> dict[str, object]:
        found = self._client.get_object(Bucket=ARGS.bucket, Key=f".pulumi/stacks/somafractalmemory-state/{STACK}.json")
        return json.loads(found["Body"].read())


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    for name, value in (("ACCESS_KEY_ID", "none"), ("SECRET_ACCESS_KEY", "none"), ("REGION", ARGS.region)):
        monkeypatch.setenv(f"AWS_{name}", value)
    here = f"endpoint=http://127.0.0.1:{port}&use_path_style=true"
    monkeypatch.setattr(StateStoreArgs, "backend", lambda self, *_, **__: f"s3://{self.bucket}?{here}")
    with serving(Service(Accounts())) as aws:
        monkeypatch.setenv(VARIABLE, f"aws:{aws}")
        yield Bucket(port)
    server.stop()


def make(access: CliAccess) -> list[str]:
    said: list[str] = []
    store.make(access, ARGS, said.append, lambda _: True)
    return said


def test_the_bucket_is_made_and_takes_its_own_state_whatever_interrupts_it(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    access = CliAccess(tmp_path, ARGS, lines.append)
    assert not access.moved()
    # Interrupted when the bucket is up: in moto it is not there yet.
    with pytest.raises(StateError, match="run the command again to go on"):
        make(access)
    assert (tmp_path / FOLDER).is_dir()
    bucket.make()
    assert "makes in account 123456789012:" in make(access)
    assert not (tmp_path / FOLDER).exists()
    types = [one["type"] for one in bucket.state()["checkpoint"]["latest"]["resources"]]  # pyright: ignore[reportIndexIssue]
    assert types.count("aws:s3/bucket:Bucket") == 2
    assert "aws:kms/replicaKey:ReplicaKey" in types
    lines.clear()
    assert "keeps in account 123456789012:" in make(access)
    assert any("unchanged" in line for line in lines) and not any("created" in line for line in lines), lines
