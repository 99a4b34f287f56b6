"""The pieces that components share."""

import pytest

from components import objects


def test_an_instance_is_found_among_its_kind() -> None:
    labels = objects.labels("redis", "cache", "redis-zone-a")
    assert objects.selector("redis", "redis-zone-a").items() <= labels.items()
    assert objects.every("redis").items() <= labels.items()
    assert not objects.selector("redis", "redis-zone-b").items() <= labels.items()


def test_labels_say_nothing_that_an_upgrade_changes() -> None:
    """Selectors cannot be changed later."""
    assert not [key for key in objects.labels("redis", "cache") if "version" in key]


def test_a_quorum_is_held_apart_and_a_lost_zones_other_pods_are_replaced() -> None:
    chosen = {"a": "b"}
    quorum, stateless = objects.quorum_spread(chosen, 3)[0], objects.stateless_spread(chosen)[0]
    assert quorum["minDomains"] == 3
    assert "minDomains" not in stateless
    for spread in (quorum, stateless):
        assert spread["whenUnsatisfiable"] == "DoNotSchedule"
        assert spread["labelSelector"] == {"matchLabels": chosen}


@pytest.mark.parametrize(("zones", "domains"), [(1, 1), (2, 2), (3, 3), (5, 3)])
def test_a_quorum_waits_for_no_more_zones_than_there_are(zones: int, domains: int) -> None:
    """Else one pod a zone would be scheduled and the others never."""
    assert objects.quorum_spread({}, zones)[0]["minDomains"] == domains


def test_the_same_content_has_the_same_hash_in_any_order() -> None:
    assert objects.content_hash({"a": 1, "b": [2]}) == objects.content_hash({"b": [2], "a": 1})
    assert objects.content_hash({"a": 1}) != objects.content_hash({"a": 2})
    assert len(objects.content_hash("x")) == 8


def test_limits_default_to_the_requests() -> None:
    assert objects.small_resources("1", "2Gi")["limits"] == {"cpu": "1", "memory": "2Gi"}
    assert objects.small_resources("1", "2Gi", "3", "4Gi")["limits"] == {"cpu": "3", "memory": "4Gi"}


def test_every_script_is_a_file_with_a_first_line_that_says_what_it_runs_on() -> None:
    assert objects.script("await-primary.sh").startswith("#!/bin/sh\n")
