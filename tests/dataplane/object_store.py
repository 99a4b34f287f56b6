"""An object store on loopback: moto's server with rclone in front, as it stands beside the Jobs."""

import socket
import sys
import time
from contextlib import closing
from pathlib import Path

import boto3

from components.backup_store import ObjectStore
from components.qdrant_backup import RCLONE, remote
from rehearsal.ports import free_port
from tests.dataplane.conftest import Start, tool

BUCKET = "soma"


class Store:
    """A bucket of moto's, and rclone's address."""

    def __init__(self, start: Start, folder: Path) -> None:
        moto, rclone = free_port(), free_port()
        self.endpoint, self.url = f"http://127.0.0.1:{moto}", f"http://127.0.0.1:{rclone}"
        start([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(moto)], log=folder / "moto.log")
        _await(moto)
        client = boto3.client  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        self.s3 = client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )
        self.s3.create_bucket(Bucket=BUCKET)
        credentials = folder / "credentials"
        credentials.write_text("[default]\naws_access_key_id = key\naws_secret_access_key = secret\n")
        environment = {
            "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
            "AWS_CA_BUNDLE": "",  # of whoever runs the tests
            "RCLONE_CONFIG": str(folder / "rclone.conf"),
        }
        settings = {**remote(ObjectStore(BUCKET, "us-east-1", self.endpoint)), **environment}
        start([tool("rclone"), *RCLONE, f"--rc-addr=127.0.0.1:{rclone}"], settings, log=folder / "rclone.log")
        _await(rclone)

    def objects(self) -> list[str]:
        """Names of all objects."""
        return sorted(item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", []))


def _await(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens on {port}")
