"""The in-process engine against a real API server: what it applies, prunes, replaces, repairs and refuses."""

import io
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest
from pulumi import ResourceOptions

from rehearsal import kube
from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.model import Result
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress

REGION = "us-east"


class Stand:
    """An engine on a namespace of its own."""

    def __init__(self, directory: Path, kubeconfig: Path, client: kube.Client) -> None:
        (directory / "Pulumi.yaml").write_text("name: soma\nruntime: python\n")
        self.namespace = f"engine-{secrets.token_hex(4)}"
        self.client = client
        self.said = io.StringIO()
        self._program: Callable[[], object] = lambda: None
        self.engine = InProcessEngine(
            directory, directory / "run", lambda _: kubeconfig, program=lambda: (self._space(), self._program())
        )

    def up(self, program: Callable[[], object] | None = None) -> Result:
        self._program = program or self._program
        return self.engine.up(REGION, Progress(self.said))

    def _space(self) -> None:
        self.space = kubernetes.core.v1.Namespace("namespace", metadata=self.named(self.namespace, namespaced=False))

    def named(self, name: str, namespaced: bool = True, **more: Any) -> Any:
        return {"name": name, **({"namespace": self.space.metadata.name} if namespaced else {}), **more}

    def config_map(self, name: str, data: dict[str, Any] | None = None, **options: Any) -> kubernetes.core.v1.ConfigMap:
        return kubernetes.core.v1.ConfigMap(
            name, metadata=self.named(name), data=data or {}, opts=ResourceOptions(**options)
        )

    def held_set(self, **spec: Any) -> kubernetes.apps.v1.StatefulSet:
        """A StatefulSet without pods to wait for."""
        labels = {"app": "store"}
        wanted: Any = {
            "serviceName": "store",
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}},
            **spec,
        }
        return kubernetes.apps.v1.StatefulSet("store", metadata=self.named("store"), spec=wanted)

    def get(self, kind: str, name: str, api_version: str = "v1") -> kube.Manifest:
        return self.client.get(api_version, kind, name, self.namespace)

    def names(self) -> set[str]:
        maps = self.client.list("v1", "ConfigMap", self.namespace)
        return {found["metadata"]["name"] for found in maps} - {"kube-root-ca.crt"}


@pytest.fixture
def stand(tmp_path: Path, kubeconfig: Path) -> Iterator[Stand]:
    with kube.Client.from_kubeconfig(kubeconfig) as client:
        stand = Stand(tmp_path, kubeconfig, client)
        yield stand
        client.delete("v1", "Namespace", stand.namespace)


def test_a_second_update_changes_nothing_and_a_changed_setting_just_what_it_should(stand: Stand) -> None:
    def program(size: str) -> Callable[[], object]:
        return lambda: (stand.config_map("changed", {"size": size}), stand.config_map("same"))

    assert stand.up(program("3")).changes["create"] == 3
    before = stand.get("ConfigMap", "same")["metadata"]["resourceVersion"]
    assert stand.up().changes["same"] == 3
    third = stand.up(program("4"))
    assert (third.changes["replace"], third.changes["same"]) == (1, 2)
    assert stand.get("ConfigMap", "changed")["data"] == {"size": "4"}
    assert stand.get("ConfigMap", "same")["metadata"]["resourceVersion"] == before


def test_fields_that_left_the_program_leave_the_object(stand: Stand) -> None:
    def program(annotations: dict[str, str]) -> Callable[[], object]:
        return lambda: kubernetes.core.v1.ServiceAccount(
            "account", metadata=stand.named("account", annotations=annotations)
        )

    stand.up(program({"a": "1", "b": "2"}))
    stand.up(program({"a": "1"}))
    assert stand.get("ServiceAccount", "account")["metadata"]["annotations"] == {"a": "1"}


def test_what_left_the_program_is_pruned_and_what_others_made_stays(stand: Stand) -> None:
    stand.up(lambda: (stand.config_map("kept"), stand.config_map("dropped")))
    stranger = {"name": "stranger", "namespace": stand.namespace}
    stand.client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": stranger})
    stand.up(lambda: stand.config_map("kept"))
    assert stand.names() == {"kept", "stranger"}


def test_a_field_that_the_server_will_not_change_makes_a_replacement(stand: Stand) -> None:
    stand.up(lambda: stand.held_set())
    first = stand.get("StatefulSet", "store", "apps/v1")["metadata"]["uid"]
    template: Any = {"metadata": {"labels": {"app": "other"}}}
    changed = stand.up(
        lambda: stand.held_set(
            selector={"matchLabels": {"app": "other"}},
            template={**template, "spec": {"containers": [{"name": "a", "image": "a:1"}]}},
        )
    )
    assert changed.changes["replace"] == 1
    assert stand.get("StatefulSet", "store", "apps/v1")["metadata"]["uid"] != first


def test_an_object_of_another_name_comes_before_the_old_one_goes(stand: Stand) -> None:
    def program(name: str, **options: Any) -> Callable[[], object]:
        return lambda: kubernetes.core.v1.ConfigMap(
            "settings", metadata=stand.named(name), opts=ResourceOptions(**options)
        )

    stand.up(program("old"))
    assert stand.up(program("new", retain_on_delete=True)).changes["replace"] == 1
    assert stand.names() == {"new"}
    stand.up(program("newest"))
    assert stand.names() == {"new", "newest"}
    assert stand.up().changes["same"] == 2


def test_immutability_that_only_the_server_knows_makes_a_replacement_with_a_word_about_it(stand: Stand) -> None:
    def program(size: str) -> Callable[[], object]:
        return lambda: kubernetes.apps.v1.ControllerRevision(
            "revision", metadata=stand.named("revision"), revision=1, data={"size": size}
        )

    stand.up(program("1"))
    assert stand.up(program("2")).changes["replace"] == 1
    assert "is immutable" in stand.said.getvalue()
    assert stand.get("ControllerRevision", "revision", "apps/v1")["data"] == {"size": "2"}


def test_a_protected_object_is_neither_deleted_nor_replaced(stand: Stand) -> None:
    stand.up(lambda: stand.config_map("precious", {"size": "1"}, protect=True))
    for program in (lambda: None, lambda: stand.config_map("precious", {"size": "2"}, protect=True)):
        with pytest.raises(RehearsalError, match=r"what is protected:\n.*ConfigMap::precious"):
            stand.up(program)
    assert stand.get("ConfigMap", "precious")["data"] == {"size": "1"}


def test_an_autoscalers_replicas_survive_an_update(stand: Stand) -> None:
    def program(seconds: int) -> Callable[[], object]:
        labels = {"app": "service"}
        spec: Any = {
            "replicas": 0,
            "minReadySeconds": seconds,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}},
        }
        held = {"pulumi.com/skipAwait": "true"}
        return lambda: kubernetes.apps.v1.Deployment(
            "service",
            metadata=stand.named("service", annotations=held),
            spec=spec,
            opts=ResourceOptions(ignore_changes=["spec.replicas"]),
        )

    stand.up(program(1))
    stand.client.patch("apps/v1", "Deployment", "service", {"spec": {"replicas": 2}}, stand.namespace)
    stand.up(program(2))
    spec = stand.get("Deployment", "service", "apps/v1")["spec"]
    assert (spec["replicas"], spec["minReadySeconds"]) == (2, 2)


def test_a_refusal_half_way_names_the_object_and_the_next_update_goes_on(stand: Stand) -> None:
    def program(port: int) -> Callable[[], object]:
        def describe() -> None:
            spec: Any = {"clusterIP": "None", "ports": [{"port": port}]}
            broken = kubernetes.core.v1.Service("broken", metadata=stand.named("broken"), spec=spec)
            stand.config_map("after", depends_on=[broken])
            stand.config_map("apart")

        return describe

    with pytest.raises(RehearsalError, match=r"1 of 4 resources failed.*\n  broken: .*must be between 1 and 65535"):
        stand.up(program(99999))
    assert stand.names() == {"apart"}
    assert stand.up(program(80)).changes == {"create": 2, "update": 0, "replace": 0, "delete": 0, "same": 2}


def test_an_object_that_somebody_deleted_comes_back(stand: Stand) -> None:
    stand.up(lambda: stand.config_map("settings", {"size": "3"}))
    stand.client.delete("v1", "ConfigMap", "settings", stand.namespace)
    assert stand.up().changes["create"] == 1
    assert stand.get("ConfigMap", "settings")["data"] == {"size": "3"}


def test_a_secret_reaches_the_server_and_no_message(stand: Stand) -> None:
    def program() -> None:
        password = random.RandomPassword("password", length=24, special=False).result
        kubernetes.core.v1.Secret("auth", metadata=stand.named("auth"), string_data={"password": password})
        wrong: Any = {"name": password.apply(lambda text: f"{text}!"), "namespace": stand.space.metadata.name}
        kubernetes.core.v1.ConfigMap("wrong", metadata=wrong)
        pulumi.export("password", password)

    with pytest.raises(RehearsalError) as refused:
        stand.up(program)
    assert stand.get("Secret", "auth")["data"]["password"]
    assert 'ConfigMap "[secret]" is invalid' in str(refused.value)


def test_destroy_leaves_nothing(stand: Stand) -> None:
    stand.up(lambda: (stand.config_map("settings"), stand.held_set()))
    stand.engine.destroy(REGION, Progress(stand.said))
    assert stand.client.find("v1", "Namespace", stand.namespace) is None
    assert stand.up().changes["create"] == 3
