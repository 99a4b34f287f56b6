"""What the CloudNativePG stand-in makes of a Cluster and a Pooler."""

import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rehearsal.kube import Client, Manifest
from rehearsal.standins.cnpg import names, objects, pods
from rehearsal.standins.cnpg import pooler as poolers
from rehearsal.standins.cnpg.decision import Decision, Instance, Report
from rehearsal.standins.cnpg.instance.data import Data
from rehearsal.standins.cnpg.instance.layout import Layout
from rehearsal.standins.cnpg.instance.server import Server
from rehearsal.standins.cnpg.operator import Operator
from rehearsal.standins.cnpg.status import cluster_status
from tests.unit.standins_cluster import cluster, pooler

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def affinity_of(**given: Any) -> Manifest:
    return pods.pod(cluster(affinity=given), 1)["spec"].get("affinity") or {}


def test_an_instance_carries_the_labels_that_services_budgets_and_policies_select_by() -> None:
    labels = pods.pod(cluster(), 2)["metadata"]["labels"]
    expected = {"cnpg.io/cluster": "db", "cnpg.io/instanceName": "db-2", "cnpg.io/podRole": "instance"}
    assert expected.items() <= labels.items()
    assert labels["app.kubernetes.io/version"] == "18"


def test_required_anti_affinity_keeps_instances_of_one_cluster_apart_by_zone() -> None:
    anti = pods.pod(cluster(), 1)["spec"]["affinity"]["podAntiAffinity"]
    (term,) = anti["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "topology.kubernetes.io/zone"
    assert term["labelSelector"]["matchExpressions"] == [
        {"key": "cnpg.io/cluster", "operator": "In", "values": ["db"]},
        {"key": "cnpg.io/podRole", "operator": "In", "values": ["instance"]},
    ]


def test_anti_affinity_is_only_preferred_and_by_node_when_nothing_is_said() -> None:
    (term,) = affinity_of()["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert (term["weight"], term["podAffinityTerm"]["topologyKey"]) == (100, "kubernetes.io/hostname")


def test_anti_affinity_can_be_switched_off() -> None:
    assert affinity_of(enablePodAntiAffinity=False) == {}


def test_additional_anti_affinity_joins_the_operators_own() -> None:
    more = {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "rack"}]}
    anti = affinity_of(podAntiAffinityType="required", additionalPodAntiAffinity=more)["podAntiAffinity"]
    keys = [term["topologyKey"] for term in anti["requiredDuringSchedulingIgnoredDuringExecution"]]
    assert keys == ["kubernetes.io/hostname", "rack"]


def test_every_container_has_the_declared_resources_and_passes_pod_security_restricted() -> None:
    spec = pods.pod(cluster(), 1)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in [*spec["initContainers"], *spec["containers"]]:
        assert container["resources"]["requests"] == {"cpu": "4", "memory": "8Gi"}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_data_and_wal_have_claims_of_their_own() -> None:
    data, wal = pods.claims(cluster(), 3)
    assert (data["metadata"]["name"], data["spec"]["resources"]["requests"]["storage"]) == ("db-3", "100Gi")
    assert (wal["metadata"]["name"], wal["spec"]["resources"]["requests"]["storage"]) == ("db-3-wal", "20Gi")
    assert data["spec"]["storageClassName"] == "fast"
    assert "storageClassName" not in wal["spec"]
    named = {volume["persistentVolumeClaim"]["claimName"] for volume in _claimed(pods.pod(cluster(), 3))}
    assert named == {"db-3", "db-3-wal"}


def _claimed(pod: Manifest) -> list[Manifest]:
    return [volume for volume in pod["spec"]["volumes"] if "persistentVolumeClaim" in volume]


def test_a_changed_resource_makes_every_pod_outdated_and_a_changed_count_none() -> None:
    before = pods.fingerprint(cluster())
    assert pods.fingerprint(cluster(resources={"requests": {"cpu": "8"}})) != before
    assert pods.fingerprint(cluster(instances=5, storage={"size": "1Ti"})) == before


def test_the_startup_probe_gives_an_instance_its_start_delay() -> None:
    probe = pods.pod(cluster(startDelay=95), 1)["spec"]["containers"][0]["startupProbe"]
    assert (probe["failureThreshold"], probe["periodSeconds"]) == (10, 10)


def test_probe_numbers_of_the_user_win() -> None:
    given = {"liveness": {"failureThreshold": 7, "isolationCheck": {"enabled": True}}}
    probe = pods.pod(cluster(probes=given), 1)["spec"]["containers"][0]["livenessProbe"]
    assert (probe["failureThreshold"], "isolationCheck" in probe) == (7, False)


def budget_of(made: Manifest) -> dict[str, tuple[int, str]]:
    return {
        budget["metadata"]["name"]: (
            budget["spec"]["minAvailable"],
            budget["spec"]["selector"]["matchLabels"][names.INSTANCE_ROLE],
        )
        for budget in objects.budgets(made)
    }


def test_two_budgets_keep_the_primary_and_all_replicas_but_one() -> None:
    assert budget_of(cluster()) == {"db-primary": (1, "primary"), "db": (1, "replica")}
    assert budget_of(cluster(instances=5))["db"] == (3, "replica")


def test_two_instances_have_no_budget_for_their_only_replica() -> None:
    assert set(budget_of(cluster(instances=2))) == {"db-primary"}


def test_budgets_can_be_switched_off() -> None:
    assert objects.budgets(cluster(enablePDB=False)) == []


def test_services_reach_the_primary_the_replicas_and_all() -> None:
    selectors = {made["metadata"]["name"]: made["spec"]["selector"] for made in objects.services(cluster())}
    assert selectors == {
        "db-rw": {"cnpg.io/cluster": "db", "cnpg.io/instanceRole": "primary"},
        "db-ro": {"cnpg.io/cluster": "db", "cnpg.io/instanceRole": "replica"},
        "db-r": {"cnpg.io/cluster": "db", "cnpg.io/podRole": "instance"},
    }


def test_a_managed_service_keeps_the_users_type_and_the_operators_selector() -> None:
    template = {"metadata": {"name": "link"}, "spec": {"type": "LoadBalancer", "selector": {"app": "mine"}}}
    managed = {"services": {"additional": [{"selectorType": "rw", "serviceTemplate": template}]}}
    made = objects.services(cluster(managed=managed))[-1]
    assert (made["metadata"]["name"], made["spec"]["type"]) == ("link", "LoadBalancer")
    assert made["spec"]["selector"][names.INSTANCE_ROLE] == "primary"


def test_secrets_that_the_user_gives_are_not_made_but_waited_for() -> None:
    given = cluster(
        certificates={"serverCASecret": "my-ca", "serverTLSSecret": "my-tls"},
        bootstrap={"initdb": {"secret": {"name": "my-app"}}},
    )
    assert {made["metadata"]["name"] for made in objects.secrets(given)} == {"db-ca", "db-replication", "db-pooler"}
    assert objects.secrets_needed(given) == {"my-ca", "my-tls", "my-app"}


def test_no_secret_that_the_stand_in_makes_holds_more_than_the_word_simulated() -> None:
    values = {value for made in objects.secrets(cluster()) for value in made["stringData"].values()}
    assert values == {"simulated"}


def test_a_replica_cluster_needs_the_secrets_of_its_source_and_of_no_other_cluster() -> None:
    external = [{"name": name, "sslKey": {"name": f"{name}-key", "key": "tls.key"}} for name in ("home", "db")]
    replica = {"self": "db", "primary": "home", "source": "home"}
    assert objects.secrets_needed(cluster(externalClusters=external, replica=replica)) == {"home-key"}


def test_a_primary_cluster_does_not_wait_for_the_secrets_of_its_standby() -> None:
    external = [{"name": "standby", "sslKey": {"name": "standby-key", "key": "tls.key"}}]
    replica = {"self": "db", "primary": "db", "source": "standby"}
    assert objects.secrets_needed(cluster(externalClusters=external, replica=replica)) == set()


def test_a_replica_cluster_names_its_designated_primary() -> None:
    made = cluster(replica={"self": "db", "primary": "home", "source": "home"})
    status = cluster_status(made, Decision("db-1", names.PHASE_HEALTHY), (Instance(1, "db-1"),), NOW)
    assert status["phaseReason"] == "db-1 is the designated primary of a replica cluster of home"
    assert cluster_status(cluster(), Decision("db-1", names.PHASE_HEALTHY), (), NOW)["phaseReason"] == ""


def test_a_home_cluster_that_lists_a_standby_is_no_replica_cluster() -> None:
    assert not objects.is_replica_cluster(cluster(replica={"self": "db", "primary": "db", "source": "other"}))


def test_status_times_change_only_with_what_they_are_about() -> None:
    made = cluster()
    made["status"] = cluster_status(made, Decision("db-1", names.PHASE_HEALTHY), (), NOW)
    later = NOW.replace(year=2027)
    same = cluster_status(made, Decision("db-1", names.PHASE_HEALTHY), (), later)
    moved = cluster_status(made, Decision("db-2", names.PHASE_FAILOVER), (), later)
    assert same == made["status"]
    assert moved["currentPrimaryTimestamp"] == "2027-01-01T00:00:00.000000Z"
    assert moved["conditions"][0]["lastTransitionTime"] == "2027-01-01T00:00:00Z"


def test_nobody_is_the_target_while_the_old_primary_has_to_stop() -> None:
    """Instances act on the target alone; the name of the old one is kept for the decision."""
    decision = Decision("db-1", names.PHASE_FAILOVER, pending=True, failing_since=NOW)
    status = cluster_status(cluster(), decision, (), NOW)
    assert (status["targetPrimary"], status["currentPrimary"]) == ("pending", "db-1")


def test_instances_find_each_other_by_the_addresses_of_those_that_answer() -> None:
    there = Instance(1, "db-1", report=Report(primary=True, receiving=False, lsn=1, timeline=3))
    away = Instance(2, "db-2", report=None)
    decision = Decision("db-1", names.PHASE_HEALTHY)
    status = cluster_status(cluster(), decision, (there, away), NOW, {"db-1": "10.0.0.1", "db-2": "10.0.0.2"})
    assert status["instancesReportedState"] == {"db-1": {"isPrimary": True, "timeLineID": 3, "ip": "10.0.0.1"}}


def test_pods_may_read_their_own_objects_and_secrets_and_no_others() -> None:
    given = cluster(bootstrap={"initdb": {"secret": {"name": "my-app"}}})
    role, binding = objects.access(given)
    kinds, secrets = role["rules"]
    assert (kinds["resources"], kinds["verbs"]) == (["clusters"], ["get", "list", "watch"])
    assert secrets["resourceNames"] == ["db-ca", "db-replication", "db-server", "db-superuser", "my-app"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "db", "namespace": "soma"}]
    pooler_role, _ = poolers.access(pooler(), given)
    assert "my-app" not in pooler_role["rules"][1]["resourceNames"], "PgBouncer looks passwords up"
    assert "db-pooler" in pooler_role["rules"][1]["resourceNames"]


def test_the_superusers_secret_is_made_where_that_access_is_asked_for() -> None:
    made = {secret["metadata"]["name"] for secret in objects.secrets(cluster(enableSuperuserAccess=True))}
    assert "db-superuser" in made
    assert "db-superuser" not in {secret["metadata"]["name"] for secret in objects.secrets(cluster())}


def test_everything_of_a_cluster_is_deleted_with_it() -> None:
    made = cluster()
    parts = [pods.pod(made, 1), *pods.claims(made, 1), *objects.budgets(made), *objects.services(made)]
    parts += [*objects.secrets(made), objects.service_account(made) or {}]
    assert {part["metadata"]["ownerReferences"][0]["uid"] for part in parts} == {"1234"}


def test_a_pooler_becomes_a_deployment_of_the_users_template_and_the_operators_container() -> None:
    constraint = {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1}
    container = {"name": "pgbouncer", "resources": {"requests": {"cpu": "1"}}}
    template = {
        "metadata": {"labels": {"app": "pool"}},
        "spec": {"containers": [container], "topologySpreadConstraints": [constraint]},
    }
    made = poolers.deployment(pooler(template=template), cluster())
    assert (made["spec"]["replicas"], made["spec"]["selector"]) == (3, {"matchLabels": {"cnpg.io/poolerName": "pool"}})
    pod = made["spec"]["template"]
    assert {"app": "pool", "cnpg.io/poolerName": "pool"}.items() <= pod["metadata"]["labels"].items()
    assert pod["spec"]["topologySpreadConstraints"] == [constraint]
    (only,) = pod["spec"]["containers"]
    assert only["resources"] == {"requests": {"cpu": "1"}}
    assert only["image"] == names.PGBOUNCER_IMAGE
    assert only["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_pooler_without_containers_gets_the_operators() -> None:
    made = poolers.deployment(pooler(template={"spec": {"containers": []}}), cluster())
    assert [each["name"] for each in made["spec"]["template"]["spec"]["containers"]] == ["pgbouncer"]


def test_the_poolers_image_is_the_templates_before_the_specs_before_the_operators() -> None:
    template = {"spec": {"containers": [{"name": "pgbouncer", "image": "mine:1"}]}}
    assert poolers.image(pooler(template=template, pgbouncer={"image": "other:2"})) == "mine:1"
    assert poolers.image(pooler(pgbouncer={"image": "other:2"})) == "other:2"
    assert poolers.image(pooler()) == names.PGBOUNCER_IMAGE


def test_a_pooler_waits_for_the_certificates_of_its_cluster() -> None:
    given = cluster(certificates={"serverCASecret": "my-ca", "serverTLSSecret": "my-tls", "clientCASecret": "clients"})
    assert poolers.secrets_needed(pooler(), given) == ["db-pooler", "my-tls", "clients", "my-ca"]
    assert poolers.status(pooler(), 0, 'Secret "my-ca" not found')["phase"] == "inactive"


def test_a_paused_pooler_says_so() -> None:
    assert poolers.status(pooler(pgbouncer={"paused": True}), 3, "")["phase"] == "paused"


def test_a_cluster_that_is_to_be_restored_is_refused_by_name_and_not_made_empty() -> None:
    asked = cluster(bootstrap={"recovery": {"source": "restored-from"}})
    assert objects.unplayed(asked).startswith("bootstrap.recovery: this stand-in restores nothing")
    assert objects.unplayed(cluster(bootstrap={"initdb": {"database": "somamemory"}})) == ""


def test_a_cordon_is_known_before_anybody_is_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop that decides is another thread: it looks at once, and nothing tells it again."""
    operator = Operator(cast(Client, None), "us-east")
    informers = {informer.kind: informer for informer in operator.informers}
    informers["Cluster"].put({"metadata": {"name": "postgresql", "namespace": "soma"}})
    pod = {"metadata": {"name": "postgresql-1"}, "spec": {"nodeName": "one"}, "status": {}}
    seen: list[bool] = []

    def put(*_: object) -> None:
        seen.append(operator._instance("postgresql-1", 1, {"postgresql-1": pod}, "").leaving)  # pyright: ignore[reportPrivateUsage] (what the loop reads)

    monkeypatch.setattr(operator.loops[0], "put", put)
    tell = informers["Node"]._tell  # pyright: ignore[reportPrivateUsage] (as its watch does)
    for unschedulable in (True, True, None):
        tell({"metadata": {"name": "one"}, "spec": {"unschedulable": unschedulable}})
    assert seen == [True, False]


@pytest.mark.parametrize(
    ("status", "full"),
    [
        ({"state": {"terminated": {"exitCode": 4}}}, True),
        ({"state": {"waiting": {}}, "lastState": {"terminated": {"exitCode": 4}}}, True),
        ({"state": {"running": {}}, "lastState": {"terminated": {"exitCode": 4}}, "ready": True}, False),
        ({"state": {"waiting": {}}, "lastState": {"terminated": {"exitCode": 1}}}, False),
        ({"state": {"running": {}}, "ready": True}, False),
    ],
)
def test_an_instance_that_ended_without_room_for_wal_is_known_by_its_exit_code(status: Manifest, full: bool) -> None:
    operator = Operator(cast(Client, None), "us-east")
    containers = [{"name": "other", "state": {"terminated": {"exitCode": 4}}}, {"name": "postgres", **status}]
    pod = {"metadata": {"name": "db-1"}, "spec": {}, "status": {"containerStatuses": containers}}
    assert operator._instance("db-1", 1, {"db-1": pod}, "").full is full  # pyright: ignore[reportPrivateUsage] (what it decides by)


@pytest.mark.parametrize(("free", "room"), [(32 << 20, True), ((32 << 20) - 4096, False)])
def test_postgresql_starts_where_two_segments_of_wal_fit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, room: bool
) -> None:
    def volume(place: Path) -> SimpleNamespace:
        assert place == tmp_path / "pg_wal"
        return SimpleNamespace(f_bavail=free // 4096, f_frsize=4096)

    monkeypatch.setattr(os, "statvfs", volume)
    layout = Layout("db-1", "soma", "db", data=tmp_path)
    assert Data(layout, Server(layout)).has_room() is room


def test_asking_for_a_restart_has_the_instances_replaced() -> None:
    """`kubectl cnpg restart` annotates the Cluster."""
    asked = cluster()
    before = pods.fingerprint(asked)
    asked["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "now"}
    first = pods.fingerprint(asked)
    asked["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "later"}
    assert len({before, first, pods.fingerprint(asked)}) == 3
