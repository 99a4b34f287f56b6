"""Snapshots of Qdrant as a region registers them: when they run, what they reach, what a restore is told."""

import json
from typing import Any

import pytest

from tests.unit.aws_region import ACCOUNT, two
from tests.unit.guard import guarded_by
from tests.unit.network import may_connect, outside, peer
from tests.unit.recorded import PodTemplate, Recorded
from tests.unit.recorder import record_stack
from tests.unit.test_postgres_backups import S3

QDRANT = 6333


@pytest.fixture(scope="module")
def regions() -> tuple[Recorded, Recorded]:
    return two()


@pytest.fixture(scope="module")
def own() -> Recorded:
    return record_stack("us-east", overrides={"backups": {"s3": S3, "qdrant_schedule": "5 */2 * * *"}})


def plan(run: Recorded, job: str) -> dict[str, Any]:
    return json.loads(run.one("ConfigMap", job).inputs["data"]["backup.json"])


def rclone(pods: PodTemplate) -> dict[str, Any]:
    (sidecar,) = pods.spec["initContainers"]
    return sidecar


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"]}


def test_one_run_at_a_time_and_none_for_ever(own: Recorded) -> None:
    spec = own.one("CronJob", "qdrant-backup").spec
    assert (spec["schedule"], spec["concurrencyPolicy"]) == ("5 */2 * * *", "Forbid")
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 6 * 3600


def test_home_takes_snapshots_and_a_standby_sleeps(regions: tuple[Recorded, Recorded]) -> None:
    assert [run.one("CronJob", "qdrant-backup").spec["suspend"] for run in regions] == [False, True]


def test_every_node_is_told_by_its_own_name(own: Recorded) -> None:
    assert plan(own, "qdrant-backup") == {
        "nodes": {f"qdrant-{node}": f"http://qdrant-{node}.qdrant-headless:6333" for node in range(3)},
        "bucket": "soma",
        "folder": "qdrant/us-east",
    }


def test_a_standby_restores_homes_from_the_copy_beside_it(regions: tuple[Recorded, Recorded]) -> None:
    told = plan(regions[1], "qdrant-restore-us-east")
    assert (told["bucket"], told["folder"]) == (f"somafractalmemory-copies-{ACCOUNT}-us-east", "qdrant/us-east")
    assert told["copies"] == 2
    pods = regions[1].pods_of("qdrant-restore-us-east")
    assert environment(rclone(pods))["RCLONE_CONFIG_STORE_REGION"] == "us-west-2"
    assert plan(regions[1], "qdrant-restore-us-west")["bucket"] == f"somafractalmemory-backups-{ACCOUNT}-us-west"


def test_no_restore_runs_by_itself_or_replaces_anything_unasked(regions: tuple[Recorded, Recorded]) -> None:
    for run in regions:
        for region in ("us-east", "us-west"):
            assert run.one("CronJob", f"qdrant-restore-{region}").spec["suspend"] is True
            container = run.pods_of(f"qdrant-restore-{region}").container("qdrant-backup")
            assert environment(container)["OVERWRITE"] == "false"


def test_every_script_that_is_imported_is_there(own: Recorded) -> None:
    for job, module in (("qdrant-backup", "qdrant_backup"), ("qdrant-restore-us-east", "qdrant_restore")):
        data = own.one("ConfigMap", job).inputs["data"]
        wanted, to_do = set[str](), [module]
        while to_do:
            name = to_do.pop()
            wanted.add(f"{name}.py")
            text = data.get(f"{name}.py", "")
            lines = [line for line in text.splitlines() if line.startswith("from components.files")]
            modules = [
                line.split()[1].removeprefix("components.files").lstrip(".") or line.split()[3] for line in lines
            ]
            to_do += [found for found in modules if f"{found}.py" not in wanted]
        assert wanted == {name for name in data if name.endswith(".py")}, job


def test_rclone_goes_with_the_program_and_listens_to_its_pod_alone(own: Recorded) -> None:
    sidecar = rclone(own.pods_of("qdrant-backup"))
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["args"][-1] == "--rc-addr=127.0.0.1:5572"
    told = environment(sidecar)
    assert told["RCLONE_CONFIG_STORE_ENDPOINT"] == "https://objects.example.com:9000"
    assert told["AWS_SHARED_CREDENTIALS_FILE"] == "/run/store/credentials"
    assert told["RCLONE_CONFIG_STORE_NO_CHECK_BUCKET"] == "true"


def test_on_aws_a_role_takes_the_place_of_keys(regions: tuple[Recorded, Recorded]) -> None:
    pods = regions[0].pods_of("qdrant-backup")
    told = environment(rclone(pods))
    assert "AWS_SHARED_CREDENTIALS_FILE" not in told
    assert (told["RCLONE_CONFIG_STORE_PROVIDER"], told["RCLONE_CONFIG_STORE_ENV_AUTH"]) == ("AWS", "true")
    assert all(volume["name"] != "credentials" for volume in pods.spec["volumes"])
    assert pods.spec["serviceAccountName"] == "qdrant-backup"


def test_it_reaches_qdrant_and_the_store_and_nothing_reaches_it(own: Recorded) -> None:
    job, qdrant = peer(own.pods_of("qdrant-backup")), peer(own.pods_of("qdrant"))
    assert may_connect(own, job, qdrant, QDRANT)
    assert not may_connect(own, job, qdrant, 6335)
    assert may_connect(own, job, outside("203.0.113.7"), 9000)
    assert not may_connect(own, job, outside("203.0.113.7"), 5432)
    assert not may_connect(own, qdrant, job, 5572)
    assert not may_connect(guarded_by(own, "qdrant-backup"), job, qdrant, 6334)


def test_roles_are_there_before_it_runs(regions: tuple[Recorded, Recorded]) -> None:
    run = regions[0]
    association = next(one for one in run.resources if one.name.endswith("platform-backups-qdrant"))
    assert association.urn in run.one("CronJob", "qdrant-backup").depends_on


def test_the_region_says_where_backups_lie_and_which_figures_tell_their_age(
    own: Recorded, regions: tuple[Recorded, Recorded], us_east: Recorded
) -> None:
    told = regions[1].outputs["backups"]
    assert told["bucket"] == f"somafractalmemory-backups-{ACCOUNT}-us-west"
    assert told["postgresql"]["folder"] == "postgresql/postgresql-us-west-g1"
    last = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp"
    assert told["postgresql"]["metrics"]["last_backup"] == last
    assert own.outputs["backups"]["qdrant"]["folder"] == "qdrant/us-east"
    assert "qdrant-backup" in own.outputs["backups"]["qdrant"]["metrics"]["last_snapshot"]
    assert "backups" not in us_east.outputs


def test_how_far_a_standby_is_behind_is_told_without_backups_too(
    regions: tuple[Recorded, Recorded], us_east: Recorded, us_west: Recorded
) -> None:
    for run in (*regions, us_east, us_west):
        metrics = run.outputs["replication"]["postgresql"]["metrics"]
        assert metrics["lag_seconds"] == "cnpg_pg_replication_lag"


def test_without_a_place_there_are_none(us_east: Recorded) -> None:
    assert not [job for job in us_east.of("CronJob") if "backup" in job.object_name or "restore" in job.object_name]
