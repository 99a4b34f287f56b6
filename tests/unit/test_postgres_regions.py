"""PostgreSQL of one region and another: the certificates by which they know each other, and who follows whom."""

from typing import Any

import pytest

from rehearsal.engine.model import Secret
from tests.unit.recorded import Recorded, Resource
from tests.unit.recorder import record_stack
from tests.unit.test_postgres import secret_data


@pytest.fixture
def cluster(us_east: Recorded) -> Resource:
    return us_east.one("Cluster", "postgresql-us-east")


@pytest.fixture
def standby(us_west: Recorded) -> Resource:
    return us_west.one("Cluster", "postgresql-us-west")


def external(cluster: Resource, name: str) -> dict[str, Any]:
    return next(other for other in cluster.spec["externalClusters"] if other["name"] == name)


class TestTheCertificates:
    def test_the_operator_is_given_all_four(self, us_east: Recorded, cluster: Resource) -> None:
        given = cluster.spec["certificates"]
        assert set(given) == {"serverCASecret", "serverTLSSecret", "clientCASecret", "replicationTLSSecret"}
        for name in given.values():
            assert "cnpg.io/reload" in us_east.one("Secret", name).metadata["labels"]
            assert us_east.one("Secret", name).urn in cluster.depends_on

    def test_the_servers_secrets_are_tls_secrets(self, us_east: Recorded, cluster: Resource) -> None:
        for kind in ("serverTLSSecret", "replicationTLSSecret"):
            secret = us_east.one("Secret", cluster.spec["certificates"][kind])
            assert secret.inputs["type"] == "kubernetes.io/tls"
            assert set(secret_data(us_east, secret.object_name)) == {"tls.crt", "tls.key"}

    def test_the_operator_can_sign_for_the_pooler(self, us_east: Recorded) -> None:
        """Without the client authority's key PgBouncer could not look passwords up; it has to be an EC key."""
        assert set(secret_data(us_east, "postgresql-client-ca")) == {"ca.crt", "ca.key"}
        keys = [r for r in us_east.resources if r.type == "tls:index/privateKey:PrivateKey"]
        assert {(key.inputs["algorithm"], key.inputs["ecdsaCurve"]) for key in keys} == {("ECDSA", "P256")}

    def test_the_key_of_the_servers_authority_is_in_no_secret(self, us_east: Recorded) -> None:
        assert set(secret_data(us_east, "postgresql-server-ca")) == {"ca.crt"}

    def test_the_servers_certificate_carries_every_name_it_is_called_by(self, us_east: Recorded) -> None:
        request = next(r for r in us_east.resources if r.name == "us-east-postgresql-server-ca-server-request")
        names = set(request.inputs["dnsNames"])
        assert {
            "postgresql-us-east-rw",
            "postgresql-us-east-ro.somafractalmemory.svc",
            "postgresql-pooler.somafractalmemory.svc.cluster.local",
            "postgresql.us-east.somafractalmemory.internal",
        } <= names

    def test_the_replicas_certificate_is_of_the_user_that_replicates(self, us_east: Recorded) -> None:
        request = next(r for r in us_east.resources if r.name.endswith("streaming-replica-request"))
        assert request.inputs["subject"]["commonName"] == "streaming_replica"

    def test_they_live_long_and_are_renewed_early(self, us_east: Recorded) -> None:
        certificates = [r for r in us_east.resources if "validityPeriodHours" in r.inputs and "-postgresql-" in r.name]
        assert len(certificates) == 4
        for certificate in certificates:
            assert certificate.inputs["validityPeriodHours"] >= 3 * certificate.inputs["earlyRenewalHours"]


class TestTwoRegions:
    def test_home_names_itself_the_primary_and_the_other_as_its_source_after_a_demotion(
        self, cluster: Resource
    ) -> None:
        assert cluster.spec["replica"] == {
            "self": "postgresql-us-east",
            "primary": "postgresql-us-east",
            "source": "postgresql-us-west",
        }

    def test_a_standby_is_cloned_from_home_and_follows_it(self, standby: Resource) -> None:
        assert standby.spec["replica"] == {
            "self": "postgresql-us-west",
            "primary": "postgresql-us-east",
            "source": "postgresql-us-east",
        }
        assert standby.spec["bootstrap"]["pg_basebackup"]["source"] == "postgresql-us-east"
        assert "initdb" not in standby.spec["bootstrap"]

    def test_every_cluster_lists_all(self, cluster: Resource, standby: Resource) -> None:
        for spec in (cluster.spec, standby.spec):
            assert [other["name"] for other in spec["externalClusters"]] == ["postgresql-us-east", "postgresql-us-west"]

    def test_a_standby_connects_by_settings_and_homes_certificates(
        self, us_east: Recorded, us_west: Recorded, standby: Resource
    ) -> None:
        home = external(standby, "postgresql-us-east")
        assert home["connectionParameters"]["host"] == "postgresql.us-east.somafractalmemory.internal"
        assert home["connectionParameters"]["sslmode"] == "verify-full"
        assert home["connectionParameters"]["tcp_user_timeout"] == "8000"
        copied = secret_data(us_west, home["sslKey"]["name"])
        assert copied["ca.crt"] == secret_data(us_east, "postgresql-server-ca")["ca.crt"]
        assert copied["tls.key"] == secret_data(us_east, "postgresql-replication-tls")["tls.key"]

    def test_both_know_the_same_password(self, us_east: Recorded, us_west: Recorded) -> None:
        assert secret_data(us_west, "postgresql-app") == secret_data(us_east, "postgresql-app")

    def test_what_a_standby_needs_is_a_secret_output_of_home(self, us_east: Recorded, us_west: Recorded) -> None:
        assert isinstance(us_east.outputs["postgresql_replication"], Secret)
        assert set(us_east.outputs["postgresql_replication"].value) == {
            "ca_cert",
            "client_cert",
            "client_key",
            "password",
            "next_password",
        }
        assert isinstance(us_west.outputs["postgresql_replication"], Secret)  # which home takes when it is demoted

    def test_other_regions_reach_the_primary_inside_the_private_network(self, cluster: Resource) -> None:
        (link,) = cluster.spec["managed"]["services"]["additional"]
        assert link["selectorType"] == "rw"
        assert link["serviceTemplate"]["spec"]["type"] == "LoadBalancer"
        annotations = link["serviceTemplate"]["metadata"]["annotations"]
        assert annotations["service.beta.kubernetes.io/aws-load-balancer-scheme"] == "internal"

    @pytest.mark.parametrize("others", [[], [{"name": "us-west"}]])
    def test_a_region_by_itself_has_no_topology(self, others: list[dict[str, Any]]) -> None:
        """Also one whose list names regions that multi-region, switched off, does not have."""
        regions = [{"name": "us-east", "primary": True}, *others]
        alone = record_stack("us-east", overrides={"multiregion": {"enabled": False, "regions": regions}})
        spec = alone.one("Cluster", "postgresql-us-east").spec
        assert not {"replica", "externalClusters", "managed"} & set(spec)
        assert not alone.has("NetworkPolicy", "postgresql-link")
        assert alone.outputs["shared"]["multiregion.regions"] == ["us-east"]
