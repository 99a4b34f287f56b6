"""The Kubernetes client against a real API server."""

import secrets
import threading
import time
from collections.abc import Iterator

import pytest

from rehearsal import kube
from rehearsal.kube import Client, Manifest

ONE, OTHER = "one", "other"


@pytest.fixture
def config_map(admin: Client) -> Iterator[Manifest]:
    """A ConfigMap that is not there yet, in a namespace of its own."""
    namespace = f"kube-{secrets.token_hex(4)}"
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, ONE)
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}, "data": {}}
    admin.delete("v1", "Namespace", namespace)


def of(config_map: Manifest) -> tuple[str, str, str, str]:
    return "v1", "ConfigMap", config_map["metadata"]["name"], config_map["metadata"]["namespace"]


def test_apply_keeps_what_another_manager_set_and_drops_what_this_one_no_longer_names(
    admin: Client, config_map: Manifest
) -> None:
    admin.apply({**config_map, "data": {"mine": "1", "gone": "1"}}, ONE)
    admin.apply({**config_map, "data": {"theirs": "2"}}, OTHER)
    assert admin.apply({**config_map, "data": {"mine": "3"}}, ONE)["data"] == {"mine": "3", "theirs": "2"}


def test_another_managers_field_is_a_conflict_unless_forced(admin: Client, config_map: Manifest) -> None:
    admin.apply({**config_map, "data": {"a": "1"}}, ONE)
    with pytest.raises(kube.Conflict) as caught:
        admin.apply({**config_map, "data": {"a": "2"}}, OTHER, force=False)
    assert any(".data.a" in cause for cause in caught.value.causes)
    assert admin.apply({**config_map, "data": {"a": "2"}}, OTHER)["data"] == {"a": "2"}


def test_a_dry_run_makes_nothing(admin: Client, config_map: Manifest) -> None:
    assert admin.apply(config_map, ONE, dry_run=True)["metadata"]["uid"]
    assert admin.find(*of(config_map)) is None


def test_lists_name_the_kind_of_their_items(admin: Client, config_map: Manifest) -> None:
    admin.apply({**config_map, "metadata": {**config_map["metadata"], "labels": {"a": "b"}}}, ONE)
    namespace = config_map["metadata"]["namespace"]
    found = admin.list("v1", "ConfigMap", namespace, label_selector="a=b")
    assert [(item["apiVersion"], item["kind"]) for item in found] == [("v1", "ConfigMap")]
    assert admin.list("v1", "ConfigMap", namespace, label_selector="a=c") == []


def test_an_immutable_field_is_invalid_and_named(admin: Client, config_map: Manifest) -> None:
    admin.apply({**config_map, "immutable": True, "data": {"a": "1"}}, ONE)
    with pytest.raises(kube.Invalid) as caught:
        admin.apply({**config_map, "immutable": True, "data": {"a": "2"}}, ONE)
    assert any(cause.startswith("data") for cause in caught.value.causes)


def test_creating_twice_is_a_conflict(admin: Client, config_map: Manifest) -> None:
    admin.create(config_map)
    with pytest.raises(kube.Conflict) as caught:
        admin.create(config_map)
    assert caught.value.reason == "AlreadyExists"


def test_waiting_ends_when_the_object_is_as_wanted(admin: Client, config_map: Manifest) -> None:
    later = threading.Timer(0.3, lambda: admin.apply({**config_map, "data": {"a": "1"}}, ONE))
    later.start()
    seen = admin.wait(config_map, lambda found: found is not None and "a" in (found.get("data") or {}), 10)
    assert seen is not None
    assert seen["data"] == {"a": "1"}
    later.join()
    threading.Timer(0.3, lambda: admin.delete(*of(config_map))).start()
    assert admin.wait(config_map, lambda found: found is None, 10) is None


def test_waiting_gives_up_in_time(admin: Client, config_map: Manifest) -> None:
    started = time.monotonic()
    with pytest.raises(kube.WaitTimeout, match="ConfigMap a"):
        admin.wait(config_map, lambda found: found is not None, 1)
    assert time.monotonic() - started < 4


def test_a_watch_begins_with_what_is_there_and_tells_every_change(admin: Client, config_map: Manifest) -> None:
    admin.create(config_map)
    namespace = config_map["metadata"]["namespace"]
    told: list[str] = []
    for event in admin.watch("v1", "ConfigMap", namespace, field_selector="metadata.name=a", timeout=10):
        told.append(event.type)
        if event.type == "ADDED":
            admin.patch(*of(config_map)[:3], {"data": {"a": "1"}}, namespace)
        elif event.type == "MODIFIED":
            admin.delete(*of(config_map))
        else:
            break
    assert told == ["ADDED", "MODIFIED", "DELETED"]


def test_many_threads_share_one_client(admin: Client, config_map: Manifest) -> None:
    faults: list[Exception] = []

    def work(number: int) -> None:
        mine = {**config_map, "metadata": {**config_map["metadata"], "name": f"m{number}"}}
        try:
            for _ in range(5):
                admin.apply(mine, ONE)
                admin.get(*of(mine))
        except kube.KubeError as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
