"""Regions on AWS: what happens there is what the policies prove, and leaves nothing behind."""

import json

import pytest

from settings.aws import STATEFUL, STATELESS
from tests.rehearsal.aws.stand import Document, Stand, changed, settled


@pytest.mark.timeout(900)
def test_drills_find_what_the_policies_prove_and_leave_the_region_as_it_was(first: Document, stand: Stand) -> None:
    ended = stand.make("drill", "--json", seconds=600.0)
    assert ended.stdout, ended.stderr
    document = json.loads(ended.stdout)
    differing = [
        (case["case"], row["component"], row["differs"])
        for case in document["cases"]
        for row in case["components"]
        if row["differs"]
    ]
    assert (ended.returncode, document["region"], differing) == (0, "us-east", [])
    zones = [f"us-east-1{letter}" for letter in "abc"]
    drained = [f"drain {zone}-{use}-{number}" for use in (STATEFUL, STATELESS) for zone in zones for number in (1, 2)]
    expected = [*(f"lose {zone}" for zone in zones), *(f"evict, lose {zone}" for zone in zones), *drained]
    expected += ["roll every workload", "one node less a zone", "load comes and goes"]
    assert [case["case"] for case in document["cases"]] == expected
    for case in document["cases"]:
        assert len(case["components"]) == 6
        for row in case["components"]:
            # not everything outlives an eviction and a zone: the proof says the same, else it would differ
            assert row["served"] or case["case"].startswith("evict"), (case["case"], row)
    # somebody was lost, evicted against a budget, and scaled: the drills are no idle ones
    lost = [row for case in document["cases"][:3] for row in case["components"]]
    assert {row["component"] for row in lost if row["degraded_seconds"] > 0} == {row["component"] for row in lost}
    assert all(row["lost"] for row in lost if "memory-service" not in row["component"])
    for case in document["cases"][:6]:
        gone = [place for row in case["components"] for place in row["lost_pods"]]
        back = [place for row in case["components"] for place in row["came_back"]]
        evicted = sum(row["evicted"] or 0 for row in case["components"])
        assert len(gone) == len(back), case["case"]
        assert sum(place["zone"] != case["zone"] for place in gone) == evicted
        assert {place["zone"] for place in back} <= set(zones)
    voting = [row for case in document["cases"][3:6] for row in case["components"] if row["wants"]]
    assert voting and not any(row["served"] for row in voting), "a majority of three does not outlive both"
    again = stand.up("--no-report")
    assert changed(again["us-east"]) == {"same"}
    assert settled(again["us-east"])
