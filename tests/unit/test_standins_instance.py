"""What the instance manager of the CloudNativePG stand-in writes for PostgreSQL and PgBouncer, and its secrets."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from rehearsal.standins.cnpg import credentials
from rehearsal.standins.cnpg.instance import bouncer, certificates, config
from rehearsal.standins.cnpg.instance.following import LOST_SECONDS, TRIES_SECONDS, Following
from rehearsal.standins.cnpg.instance.layout import Layout
from tests.unit.recorded import Recorded
from tests.unit.standins_cluster import cluster, pooler

LAYOUT = Layout(name="db-2", namespace="soma", cluster="db")


def test_a_commit_waits_for_any_of_the_others_also_while_they_are_away(us_east: Recorded) -> None:
    spec = us_east.one("Cluster", "postgresql-us-east").spec
    assert config.synchronous(spec, ("db-1", "db-3")) == 'ANY 1 ("db-1","db-3")'
    assert "placeholder" in config.synchronous(spec, ()), "without standbys writes wait for the first"
    assert config.synchronous({}, ("db-1",)) == ""


def test_the_programs_parameters_stand_over_the_operators_and_under_what_it_insists_on(us_east: Recorded) -> None:
    spec = us_east.one("Cluster", "postgresql-us-east").spec
    lines = config.postgresql_conf(spec, LAYOUT, ("db-1",)).splitlines()
    assert "wal_level = 'replica'" in lines
    assert "max_connections = '200'" in lines
    forced = {"postgresql": {"parameters": {"ssl": "off", "work_mem": "it's"}}}
    text = config.postgresql_conf(forced, LAYOUT, ())
    assert "ssl = 'on'" in text
    assert "work_mem = 'it''s'" in text


def test_the_programs_rule_comes_before_the_one_that_lets_everybody_in(us_east: Recorded) -> None:
    rules = config.pg_hba(us_east.one("Cluster", "postgresql-us-east").spec).splitlines()
    assert rules.index("hostnossl all all all reject") < rules.index("host all all all scram-sha-256")
    assert [rule for rule in rules if "streaming_replica" in rule and not rule.startswith("hostssl")] == []


def test_pgbouncer_has_every_parameter_that_the_program_declares(us_east: Recorded) -> None:
    spec = us_east.one("Pooler", "postgresql-pooler").spec
    text = bouncer.pgbouncer_ini(spec, bouncer.Place(host="db-rw"))
    for key, value in spec["pgbouncer"]["parameters"].items():
        assert f"\n{key} = {value}\n" in text
    assert "\npool_mode = transaction\n" in text
    assert "* = host=db-rw port=5432" in text


def test_the_user_does_not_change_where_pgbouncer_listens() -> None:
    made = pooler(pgbouncer={"parameters": {"listen_port": "1", "auth_hba_file": "/tmp/x"}})
    text = bouncer.pgbouncer_ini(made["spec"], bouncer.Place(host="db-rw"))
    assert "listen_port = 5432" in text
    assert "/tmp/x" not in text


def test_a_file_is_the_owners_alone_and_only_written_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "key"
    assert certificates.write(path, "one")
    assert not certificates.write(path, "one")
    assert certificates.write(path, "two")
    assert path.stat().st_mode & 0o777 == 0o600


def test_secrets_that_nobody_gave_are_made_with_keys_that_fit() -> None:
    made = {secret["metadata"]["name"]: secret["stringData"] for secret in credentials.missing(cluster(), none)}
    assert set(made) == {"db-ca", "db-server", "db-replication", "db-pooler", "db-app"}
    authority = x509.load_pem_x509_certificate(made["db-ca"]["ca.crt"].encode())
    for name, subject in (("db-replication", "streaming_replica"), ("db-pooler", "cnpg_pooler_pgbouncer")):
        leaf = x509.load_pem_x509_certificate(made[name]["tls.crt"].encode())
        leaf.verify_directly_issued_by(authority)
        assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == subject
    assert len(made["db-app"]["password"]) > 30


def test_the_poolers_certificate_is_signed_by_the_authority_that_the_user_gave() -> None:
    made = {secret["metadata"]["name"]: secret["stringData"] for secret in credentials.missing(cluster(), none)}
    given = cluster(
        certificates={"clientCASecret": "mine", "serverCASecret": "mine", "serverTLSSecret": "tls"},
        bootstrap={"initdb": {"secret": {"name": "app"}}},
    )
    own = {"mine": made["db-ca"], "tls": made["db-server"], "app": made["db-app"]}
    later = {s["metadata"]["name"]: s["stringData"] for s in credentials.missing(given, own.get)}
    assert set(later) == {"db-replication", "db-pooler"}
    leaf = x509.load_pem_x509_certificate(later["db-pooler"]["tls.crt"].encode())
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(made["db-ca"]["ca.crt"].encode()))


def test_a_replica_is_not_given_up_because_its_primary_was_away() -> None:
    """Its receiver tries every five seconds, the manager looks every second and sees the primary first."""
    follows, back = Following(0), 2 * LOST_SECONDS
    for now in range(int(back + TRIES_SECONDS)):
        assert not follows.lost(now, lambda now=now: now >= back), now
    follows.receives(back + TRIES_SECONDS)
    assert not follows.lost(back + TRIES_SECONDS + 1, lambda: True)


def test_a_replica_that_receives_nothing_from_a_primary_that_answers_is_given_up() -> None:
    follows = Following(0)
    lost = [now for now in range(90) if follows.lost(now, lambda: True)]
    assert lost[0] == LOST_SECONDS + TRIES_SECONDS


def test_a_primary_that_comes_and_goes_is_waited_for() -> None:
    follows = Following(0)
    assert not any(follows.lost(now, lambda now=now: now % 10 > 0) for now in range(300))


def test_an_authority_without_its_key_is_told() -> None:
    given = cluster(certificates={"clientCASecret": "mine"})
    with pytest.raises(ValueError, match=r"secret mine holds no ca\.key"):
        credentials.missing(given, {"mine": {"ca.crt": "x"}}.get)


def none(name: str) -> Mapping[str, str] | None:
    """There is no such secret."""
    return None
