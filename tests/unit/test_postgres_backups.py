"""Backups of PostgreSQL: archived by every region into a place of its own, read back by whoever needs it."""

from typing import Any

import pytest

from rehearsal.engine.model import Secret
from tests.unit.aws_region import ACCOUNT, THREE, Regions, recorded, two
from tests.unit.recorded import Recorded, Resource
from tests.unit.recorder import record_stack
from tests.unit.test_aws_eks import before

S3 = {
    "endpoint": "https://objects.example.com:9000",
    "bucket": "soma",
    "access_key_id": "AKEY",
    "secret_access_key": "hush/hush",
}
PLUGIN = "barman-cloud.cloudnative-pg.io"


@pytest.fixture(scope="module")
def regions() -> tuple[Recorded, Recorded]:
    return two()


@pytest.fixture(scope="module")
def own() -> Recorded:
    """Home on a cluster with an object store of one's own."""
    return record_stack("us-east", overrides={"backups": {"s3": S3}})


def cluster(run: Recorded, region: str = "us-east") -> dict[str, Any]:
    return run.one("Cluster", f"postgresql-{region}").spec


def store(run: Recorded, region: str) -> Resource:
    return run.one("ObjectStore", f"postgresql-{region}")


def server(run: Recorded, region: str = "us-east") -> str:
    (plugin,) = cluster(run, region)["plugins"]
    return str(plugin["parameters"]["serverName"])


def followed(run: Recorded, region: str, of: str) -> dict[str, Any]:
    return next(other for other in cluster(run, region)["externalClusters"] if other["name"] == f"postgresql-{of}")


def multiregion(**generations: int) -> dict[str, Any]:
    """Both regions, with how often their PostgreSQL was made."""
    return {
        "regions": [
            {"name": "us-east", "primary": True, "generation": generations.get("east", 1)},
            {"name": "us-west", "generation": generations.get("west", 1)},
        ]
    }


class TestArchiving:
    def test_every_region_archives_to_its_own_bucket(self, regions: tuple[Recorded, Recorded]) -> None:
        for run, region in zip(regions, ("us-east", "us-west"), strict=True):
            (plugin,) = cluster(run, region)["plugins"]
            assert (plugin["name"], plugin["isWALArchiver"]) == (PLUGIN, True)
            spec = store(run, region).spec
            path = f"s3://somafractalmemory-backups-{ACCOUNT}-{region}/postgresql"
            assert spec["configuration"]["destinationPath"] == path
            assert spec["configuration"]["s3Credentials"] == {"inheritFromIAMRole": True}
            assert spec["retentionPolicy"] == "30d"

    def test_a_server_that_is_made_anew_archives_where_nobody_did(self, own: Recorded) -> None:
        again = record_stack("us-east", overrides={"backups": {"s3": S3}, "multiregion": multiregion(east=2)})
        assert (server(own), server(again)) == ("postgresql-us-east-g1", "postgresql-us-east-g2")

    def test_what_archives_is_named_by_the_cluster_and_not_by_the_store(self, own: Recorded) -> None:
        """The plugin refuses a `serverName` there."""
        assert "serverName" not in store(own, "us-east").spec["configuration"]

    def test_roles_and_stores_are_there_before_the_first_instance(self, regions: tuple[Recorded, Recorded]) -> None:
        run = regions[0]
        there = before(run, run.one("Cluster", "postgresql-us-east").urn)
        assert store(run, "us-east").urn in there
        association = next(one for one in run.resources if one.name.endswith("platform-backups-postgresql"))
        assert association.urn in there

    def test_a_base_backup_is_made_at_once_and_each_day_from_a_replica(self, own: Recorded) -> None:
        spec = own.one("ScheduledBackup", "postgresql-us-east").spec
        assert (spec["schedule"], spec["immediate"]) == ("0 0 2 * * *", True)
        assert (spec["method"], spec["pluginConfiguration"]) == ("plugin", {"name": PLUGIN})
        assert spec["target"] == "prefer-standby"

    def test_without_a_place_there_are_none(self, us_east: Recorded) -> None:
        assert not [one for one in us_east.objects if one.kind in ("ObjectStore", "ScheduledBackup")]
        assert "plugins" not in cluster(us_east)


class TestFollowing:
    def test_a_standby_catches_up_from_homes_copy(self, regions: tuple[Recorded, Recorded]) -> None:
        west = regions[1]
        home = followed(west, "us-west", "us-east")
        assert home["plugin"]["parameters"]["serverName"] == "postgresql-us-east-g1"
        assert home["connectionParameters"]["host"] == "postgresql.us-east.somafractalmemory.internal"
        assert cluster(west, "us-west")["replica"]["source"] == "postgresql-us-east"
        assert "pg_basebackup" in cluster(west, "us-west")["bootstrap"]
        read = store(west, home["plugin"]["parameters"]["barmanObjectName"].removeprefix("postgresql-")).spec
        path = f"s3://somafractalmemory-copies-{ACCOUNT}-us-east/postgresql"
        assert read["configuration"]["destinationPath"] == path

    def test_nobody_deletes_what_others_wrote(self, regions: tuple[Recorded, Recorded]) -> None:
        assert "retentionPolicy" not in store(regions[1], "us-east").spec

    def test_home_knows_a_standby_archive_for_the_day_it_follows(self, regions: tuple[Recorded, Recorded]) -> None:
        """And asks nothing of the standby for it: names are computed."""
        assert followed(regions[0], "us-east", "us-west")["plugin"]["parameters"] == {
            "barmanObjectName": "postgresql-us-west",
            "serverName": "postgresql-us-west-g1",
        }

    def test_of_three_regions_the_third_reads_homes_copy_where_it_lies(self) -> None:
        spec = store(recorded(THREE)["eu-west"], "us-east").spec
        assert f"copies-{ACCOUNT}-us-east" in spec["configuration"]["destinationPath"]


class TestAStoreOfYours:
    def test_keys_come_from_a_secret(self, own: Recorded) -> None:
        configuration = store(own, "us-east").spec["configuration"]
        assert configuration["endpointURL"] == "https://objects.example.com:9000"
        assert configuration["s3Credentials"]["secretAccessKey"] == {
            "name": "backup-credentials",
            "key": "secret-access-key",
        }
        data = own.one("Secret", "backup-credentials").inputs["stringData"]
        assert isinstance(data, Secret) or all(isinstance(value, Secret) for value in data.values())

    def test_keys_are_nowhere_in_the_clear(self, own: Recorded) -> None:
        for key in ("AKEY", "hush/hush"):
            assert own.in_the_clear(key) == []

    def test_instances_reach_it(self, own: Recorded) -> None:
        policy = own.one("NetworkPolicy", "postgresql").spec
        assert {"ports": [{"protocol": "TCP", "port": 9000}]} in policy["egress"]

    def test_instances_on_aws_reach_who_hands_out_roles(self, regions: tuple[Recorded, Recorded]) -> None:
        policy = regions[0].one("NetworkPolicy", "postgresql").spec
        agent = {"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"protocol": "TCP", "port": 80}]}
        assert agent in policy["egress"]


class TestRestoring:
    def test_home_begins_with_what_an_earlier_server_left(self) -> None:
        restore = {"region": "us-east", "generation": 1, "target_time": "2026-11-28T14:05:00Z"}
        run = record_stack(
            "us-east",
            overrides={
                "backups": {"s3": S3},
                "multiregion": multiregion(east=2),
                "postgresql": {"restore": restore},
            },
        )
        spec = cluster(run)
        assert spec["bootstrap"] == {
            "recovery": {
                "source": "restored-from",
                "recoveryTarget": {"targetTime": "2026-11-28T14:05:00Z"},
                "database": "somamemory",
                "owner": "soma",
                "secret": {"name": "postgresql-role"},
            }
        }
        source = spec["externalClusters"][-1]
        assert (source["name"], source["plugin"]["parameters"]["serverName"]) == (
            "restored-from",
            "postgresql-us-east-g1",
        )
        assert server(run) == "postgresql-us-east-g2"

    def test_a_region_that_is_lost_is_restored_in_another_from_its_copy(self) -> None:
        more = {"postgresql": {"restore": {"region": "us-west", "generation": 1}}}
        run = Regions(more=more).up("us-east")
        source = cluster(run)["externalClusters"][-1]
        assert source["plugin"]["parameters"]["barmanObjectName"] == "postgresql-us-west"
        assert f"copies-{ACCOUNT}-us-west" in store(run, "us-west").spec["configuration"]["destinationPath"]
        assert "recoveryTarget" not in cluster(run)["bootstrap"]["recovery"]
