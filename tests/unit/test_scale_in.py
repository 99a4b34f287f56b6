"""Fewer nodes than hold data are refused before anything is changed, until a drain is known to be done."""

from pathlib import Path
from typing import Any, cast

import pulumi
import pytest

from components.scale_in import OUTPUT, ScaleIn, Size, for_next_run
from rehearsal import kube
from rehearsal.errors import RehearsalError
from settings import Settings, load
from tests.unit.engine_bench import Bench, config_map
from tests.unit.recorded import Recorded
from tests.unit.recorder import record_stack, stack_configuration


def cluster(**values: Any) -> dict[str, Any]:
    return {"redis": {"cluster": values}}


def after(before: Recorded, preview: bool = False, **values: Any) -> Recorded:
    """The run that follows one, with these numbers."""
    return record_stack("us-east", overrides=cluster(**values), stacks={"us-east": before.outputs}, preview=preview)


@pytest.fixture(scope="module")
def five() -> Recorded:
    return record_stack("us-east", overrides=cluster(nodes=5, replicas=2))


def test_a_run_says_down_to_what_the_next_one_may_go(five: Recorded, us_west: Recorded) -> None:
    assert five.outputs[OUTPUT]["redis.cluster.nodes"] == 5
    assert five.outputs[OUTPUT]["redis.cluster.replicas"] == 2
    assert us_west.outputs[OUTPUT]["redis.cluster.nodes"] == 3


@pytest.mark.parametrize("preview", [False, True])
def test_fewer_masters_are_refused_with_path_value_and_remedy(five: Recorded, preview: bool) -> None:
    with pytest.raises(pulumi.RunError) as caught:
        after(five, preview, nodes=3, replicas=2)
    assert str(caught.value) == (
        "Pulumi.us-east.yaml or Pulumi.yaml: what holds data is taken away only once it is empty\n"
        "  redis.cluster.nodes = 3   5 are in use and hold data: set redis.cluster.nodes back to what it was and "
        "redis.cluster.drain_to to 3, run pulumi up, then lower it and remove redis.cluster.drain_to"
    )


def test_all_that_is_too_low_is_told_at_once(five: Recorded) -> None:
    with pytest.raises(pulumi.RunError, match=r"redis\.cluster\.nodes = 3 [^\n]*\n  redis\.cluster\.replicas = 1 "):
        after(five, nodes=3, replicas=1)


def test_what_was_drained_may_be_lowered_and_no_further() -> None:
    drained = record_stack("us-east", overrides=cluster(nodes=7, drain_to=5))
    assert after(drained, nodes=5).outputs[OUTPUT]["redis.cluster.nodes"] == 5
    with pytest.raises(pulumi.RunError, match=r"redis\.cluster\.nodes = 3   5 are in use"):
        after(drained, nodes=3)


def test_more_is_never_refused(five: Recorded) -> None:
    assert after(five, nodes=7, replicas=2).outputs[OUTPUT]["redis.cluster.nodes"] == 7


def test_a_stack_of_an_earlier_release_has_said_nothing(us_east: Recorded) -> None:
    outputs = {key: value for key, value in us_east.outputs.items() if key != OUTPUT}
    record_stack("us-east", stacks={"us-east": outputs})


def test_nothing_is_made_before_that_is_checked(us_east: Recorded) -> None:
    namespace = us_east.one("Namespace", "somafractalmemory")
    assert any("StackReference" in urn for urn in namespace.depends_on)


def test_the_engine_hands_numbers_over_as_fractions() -> None:
    size = Size("qdrant.replicas", 3, "qdrant.drain_to", None)
    assert "5 are in use" in str(size.fault(cast(Any, {"qdrant.replicas": 5.0})))
    assert size.fault(cast(Any, {"qdrant.replicas": 3.0})) is None


class TestOneRunAfterAnother:
    """On the in-process engine, with its state between the runs."""

    @staticmethod
    def program(**values: Any) -> Any:
        settings: Settings = load({**stack_configuration("us-east"), **cluster(**values)}, "us-east")

        def run() -> None:
            before = ScaleIn("scale-in", settings)
            drain = config_map("drain", {"to": str(settings.redis.cluster.kept_nodes)}, depends_on=[before.checked])
            pulumi.export(OUTPUT, for_next_run(settings, [drain]))

        return run

    def test_a_drain_that_is_done_opens_the_way(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        bench.up(self.program(nodes=5))
        with pytest.raises(RehearsalError, match=r"redis\.cluster\.nodes = 3   5 are in use"):
            bench.up(self.program(nodes=3))
        bench.up(self.program(nodes=5, drain_to=3))
        bench.up(self.program(nodes=3))

    def test_a_drain_that_failed_does_not(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        bench.up(self.program(nodes=5))
        bench.cluster.refusals["drain"] = kube.KubeError(500, "InternalError", "the Job failed")
        with pytest.raises(RehearsalError, match="the Job failed"):
            bench.up(self.program(nodes=5, drain_to=3))
        with pytest.raises(RehearsalError, match=r"redis\.cluster\.nodes = 3   5 are in use"):
            bench.up(self.program(nodes=3))
