"""Moving home changes nothing on AWS: the control plane of a region, or of DNS, may be what was lost."""

from collections.abc import Mapping
from typing import Any

import pytest

from rehearsal.engine.model import revealed
from tests.unit.aws_region import Regions
from tests.unit.recorded import Recorded
from tests.unit.test_aws_reach import AWS, ZONE

MOVE = {"home": "us-west", "former": "us-east"}
STEPS: list[tuple[str, str, dict[str, Any]]] = [
    ("the service stops", "us-east", {"promotion": {**MOVE, "step": "hold"}}),
    ("it follows the new home", "us-east", {"promotion": {**MOVE, "step": "demote"}}),
    ("the new home takes over", "us-west", {"promotion": {**MOVE, "step": "promote", "token": "dG9rZW4="}}),
    ("the new home without a record", "us-west", {"home": "us-west"}),
    ("the old home as a standby", "us-east", {"home": "us-west"}),
    ("the new home took over by force", "us-west", {"promotion": {**MOVE, "step": "promote"}}),
    ("the old one is given up", "us-west", {"home": "us-west", "given up": "us-east"}),
    ("and cloned", "us-east", {"home": "us-west", "given up": "us-east"}),
]


class Moving(Regions):
    """Regions of which one is brought up with other settings than before."""

    laid: Mapping[str, Any] = {}

    def configuration(self, region: str) -> dict[str, Any]:
        found = super().configuration(region)
        if "home" not in self.laid:
            return found | dict(self.laid)
        listed = [
            {**one, "primary": False, "generation": 1 + (one["name"] == self.laid.get("given up"))}
            for one in found["multiregion"]["regions"]
        ]
        return found | {"multiregion": {**found["multiregion"], "regions": listed, "home": self.laid["home"]}}


def declared(run: Recorded) -> dict[str, Any]:
    """Each resource of AWS by its URN, as it is declared."""
    return {
        one.urn: (revealed(one.inputs), one.protect, one.ignore_changes)
        for one in run.resources
        if one.type.startswith(("aws:", "pulumi:providers:aws"))
    }


@pytest.mark.parametrize("routing", ["latency", "failover"])
def test_no_step_of_a_promotion_adds_changes_or_removes_anything_on_aws(routing: str) -> None:
    regions = Moving(aws={**AWS, "dns": {"hosted_zone": ZONE, "routing": routing}})
    before = {name: declared(regions.up(name)) for name in regions.names}
    assert all(len(found) > 100 for found in before.values())
    for words, name, laid in STEPS:
        regions.laid = laid
        after = declared(regions.up(name))
        assert after.keys() == before[name].keys(), words
        for urn, found in after.items():
            assert found == before[name][urn], f"{words}: {urn}"
