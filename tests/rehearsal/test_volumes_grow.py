"""Volumes grow by the setting and `up`, on a real API server: no pod, claim or StatefulSet is made anew.

Pods run nothing here. So the script of the Jobs is run by the test: as their container has it, from the Job's own
files, with a token of its account, which the API server gives these rights and no others. What a driver and a kubelet
do when a claim asks for more is played (rehearsal/standins/volumes.py); whether it may ask is the API server's to say.
"""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from rehearsal import kubeconfig
from rehearsal.controlplane import ControlPlane
from rehearsal.engine.model import Change
from rehearsal.errors import RehearsalError
from rehearsal.kube import Client, Manifest
from rehearsal.summary import RegionSummary
from settings import Quantity
from tests.rehearsal.stand import NAMESPACE, Stand, standing

REGION = "us-east"
LARGER = {
    "qdrant": {"storage": "150Gi"},
    "redis": {"storage": "30Gi"},
    "postgresql": {"storage": "120Gi", "wal_storage": "25Gi"},
}
WANTED = {"storage-qdrant": "150Gi", "snapshots-qdrant": "100Gi", "data-redis": "30Gi"}
"""What claims ask for afterwards, by how their names begin."""


class Region:
    """One region that is up, and what its Jobs would do."""

    def __init__(self, stand: Stand, directory: Path) -> None:
        self.stand = stand
        self.directory = directory

    @property
    def client(self) -> Client:
        return self.stand.client(REGION)

    def up(self, **settings: Any) -> RegionSummary:
        for key, value in settings.items():
            self.stand.set(REGION, key, value)
        (summary,) = self.stand.up().regions
        return summary

    def claims(self) -> dict[str, Manifest]:
        return {one["metadata"]["name"]: one for one in self.client.list("v1", "PersistentVolumeClaim", NAMESPACE)}

    def uids(self) -> set[str]:
        """Of every claim, and of every pod and StatefulSet of a store, with how often its spec was changed."""
        stores = [
            one
            for kind, version in (("Pod", "v1"), ("StatefulSet", "apps/v1"))
            for one in self.client.list(version, kind, NAMESPACE)
            if one["metadata"]["name"].startswith(("qdrant", "redis-zone", "postgresql-")) and not _ends(one)
        ]
        return {
            f"{one['metadata']['uid']} {one['metadata'].get('generation') if one['kind'] == 'StatefulSet' else ''}"
            for one in (*stores, *self.claims().values())
        }

    def job(self, store: str) -> Manifest:
        """The one of the last update."""
        jobs = [
            one
            for one in self.client.list("batch/v1", "Job", NAMESPACE)
            if one["metadata"]["name"].startswith(f"{store}-volumes-") and not one["metadata"].get("ownerReferences")
        ]
        return max(jobs, key=lambda one: one["metadata"]["creationTimestamp"])

    def run(self, store: str, claims: str | None = None, wait: str | None = None) -> tuple[int, str]:
        """The script as the Job's container has it, or for other claims: exit code and log."""
        pod = self.job(store)["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        files = self.client.get("v1", "ConfigMap", pod["volumes"][0]["configMap"]["name"], NAMESPACE)["data"]
        root = self.directory / self.job(store)["metadata"]["name"]
        (mount,) = container["volumeMounts"]
        mounted = root / mount["mountPath"].removeprefix(f"{container['workingDir']}/")
        mounted.mkdir(parents=True, exist_ok=True)
        for name, text in {**files, **({"claims.json": claims} if claims else {})}.items():
            (mounted / name).write_text(text)
        stated = {one["name"]: one["value"] for one in container["env"]}
        environment = {
            **stated,
            "CLAIMS": str(mounted / "claims.json"),
            "WAIT_SECONDS": wait or stated["WAIT_SECONDS"],
            **self._account(pod["serviceAccountName"], root),
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run(
            [sys.executable, *container["command"][1:]],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    def _account(self, name: str, root: Path) -> dict[str, str]:
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{name}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        endpoint = kubeconfig.endpoint(ControlPlane(REGION).kubeconfig)
        assert endpoint is not None
        address, authority = urlsplit(endpoint[0]), base64.b64decode(endpoint[1])
        account = root / "account"
        account.mkdir(exist_ok=True)
        (account / "token").write_text(self.client.call("POST", path, body=request)["status"]["token"])
        (account / "namespace").write_text(NAMESPACE)
        (account / "ca.crt").write_bytes(authority)
        return {
            "SERVICE_ACCOUNT": str(account),
            "KUBERNETES_SERVICE_HOST": str(address.hostname),
            "KUBERNETES_SERVICE_PORT": str(address.port),
        }


def _ends(one: Manifest) -> bool:
    """Whether it is of a Job: those come and go."""
    return any(owner["kind"] == "Job" for owner in one["metadata"].get("ownerReferences", []))


def asked_and_had(claim: Manifest) -> tuple[str, str]:
    return claim["spec"]["resources"]["requests"]["storage"], claim["status"]["capacity"]["storage"]


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    """Alone, for one control plane is enough."""
    with standing(tmp_path_factory.mktemp("volumes")) as stand:
        (stand.directory / "Pulumi.us-west.yaml").unlink()
        stand.set(REGION, "multiregion", {"enabled": False})
        made = Region(stand, tmp_path_factory.mktemp("pods"))
        made.up()
        yield made


@pytest.fixture(scope="module")
def grown(region: Region) -> tuple[set[str], set[str], RegionSummary]:
    """After a larger size was stated: what there was before and after, and what the update did."""
    before = region.uids()
    summary = region.up(**LARGER)
    for store in ("qdrant", "redis"):
        code, log = region.run(store)
        assert code == 0, log
    return before, region.uids(), summary


def test_every_claim_has_what_is_stated(region: Region, grown: object) -> None:
    found = {name: asked_and_had(claim) for name, claim in region.claims().items()}
    assert len(found) == 18
    for name, sizes in found.items():
        wanted = next((size for begin, size in WANTED.items() if name.startswith(begin)), None)
        if wanted is None:  # PostgreSQL's operator names them
            wanted = "25Gi" if name.endswith("-wal") else "120Gi"
        assert sizes == (wanted, wanted), name


def test_no_pod_claim_or_statefulset_is_made_anew_or_changed(grown: tuple[set[str], set[str], RegionSummary]) -> None:
    before, after, summary = grown
    assert after == before
    # Pods of Qdrant, Redis, PostgreSQL and its pooler; StatefulSets; claims.
    assert len(before) == 3 + 6 + 3 + 3 + 4 + 18
    steps = {step.name: step.change for step in summary.outcome.steps if step.change is not Change.SAME}
    assert not [name for name in steps if name.endswith(("statefulset", "zone-a", "zone-b", "zone-c"))]
    assert steps["us-east-postgresql-cluster"] is Change.UPDATE


def test_again_it_has_nothing_to_do(region: Region, grown: object) -> None:
    assert [step for step in region.up().outcome.steps if step.change is not Change.SAME] == []
    code, log = region.run("qdrant")
    assert code == 0
    assert "is asked" not in log


def test_nodes_that_are_added_begin_with_the_template_and_grow_like_the_others(region: Region, grown: object) -> None:
    region.up(qdrant={**LARGER["qdrant"], "replicas": 5})
    new = ("storage-qdrant-3", "storage-qdrant-4")
    assert [asked_and_had(region.claims()[name]) for name in new] == [("100Gi", "100Gi")] * 2
    code, log = region.run("qdrant")
    assert code == 0
    assert [asked_and_had(region.claims()[name]) for name in new] == [("150Gi", "150Gi")] * 2
    asked = [f"{name} is asked to grow from 100Gi to 150Gi" for name in new]
    assert [line for line in log.splitlines() if "is asked" in line] == asked


def test_less_is_refused_before_anything_is_changed(region: Region, grown: object) -> None:
    before = region.uids()
    region.stand.set(REGION, "redis", {"storage": "20Gi"})
    try:
        with pytest.raises(RehearsalError, match=r"volumes only grow\n  redis\.storage = 20Gi   30Gi is there"):
            region.stand.up()
    finally:
        region.stand.set(REGION, "redis", LARGER["redis"])
    assert region.uids() == before


def test_a_class_that_lets_nothing_grow_is_named_and_the_claim_stays(region: Region, grown: object) -> None:
    region.client.patch("storage.k8s.io/v1", "StorageClass", "standard", {"allowVolumeExpansion": False})
    try:
        code, log = region.run("qdrant", '{"storage-qdrant-0": "200Gi"}')
    finally:
        region.client.patch("storage.k8s.io/v1", "StorageClass", "standard", {"allowVolumeExpansion": True})
    assert code == 1
    assert log.startswith("storage-qdrant-0 is refused it: stays at 150Gi: ")
    assert "only dynamically provisioned pvc can be resized" in log
    assert Quantity(asked_and_had(region.claims()["storage-qdrant-0"])[0]) == Quantity("150Gi")


def test_its_account_may_touch_no_other_claim(region: Region, grown: object) -> None:
    other = next(name for name in region.claims() if name.startswith("postgresql"))
    code, log = region.run("qdrant", f'{{"{other}": "200Gi"}}', wait="0")
    assert code == 1
    assert f'{other} cannot be asked for: persistentvolumeclaims "{other}" is forbidden' in log
