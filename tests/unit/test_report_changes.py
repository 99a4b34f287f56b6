"""What changed since the last run, and drills on an axis of time."""

from itertools import pairwise

import pytest

from report.changes import Steps, since
from report.document import Case, Changed, Document, Event, Kept, Tried, read
from report.timeline import timeline
from tests.unit.report_documents import AT, document, drill


def kept(digest: str = "a", name: str = "n", kind: str = "Service") -> Kept:
    return Kept(kind=kind, name=name, digest=digest)


def last(**resources: Kept) -> Document:
    return Document(command="up", at=AT, kept={"us-east": resources})


def changed(before: Document | None, now: dict[str, Kept], steps: Steps | None = None) -> dict[str, str]:
    found = since(before, {"us-east": now}, steps or {})
    assert found is not None
    return {one.name: one.change for one in found.changed}


class TestSince:
    def test_the_first_run_is_compared_with_nothing(self) -> None:
        assert since(None, {"us-east": {"u": kept()}}, {}) is None

    def test_what_stays_is_not_told(self) -> None:
        assert changed(last(u=kept()), {"u": kept()}) == {}

    def test_what_came_differs_and_went_is_told(self) -> None:
        before = last(same=kept(name="same"), other=kept("a", "other"), gone=kept(name="gone"))
        now = {"same": kept(name="same"), "other": kept("b", "other"), "new": kept(name="new")}
        assert changed(before, now) == {"other": "update", "new": "create", "gone": "delete"}

    def test_what_the_engine_did_counts_where_no_input_that_may_be_kept_tells_it(self) -> None:
        steps: Steps = {"us-east": {"u": ("replace", ("spec.selector",)), "v": ("update", ("data.key",))}}
        found = since(
            last(u=kept(name="u"), v=kept(name="v")), {"us-east": {"u": kept(name="u"), "v": kept(name="v")}}, steps
        )
        assert found is not None and found.at == AT
        assert [(one.name, one.change, one.reasons) for one in found.changed] == [
            ("u", "replace", ("spec.selector",)),
            ("v", "update", ("data.key",)),
        ]

    def test_a_region_that_left_and_one_that_came_are_told_whole(self) -> None:
        found = since(last(u=kept(name="u")), {"us-west": {"v": kept(name="v")}}, {})
        assert found is not None
        assert found.changed == (
            Changed(region="us-west", kind="Service", name="v", change="create"),
            Changed(region="us-east", kind="Service", name="u", change="delete"),
        )


class TestKept:
    def test_a_document_is_read_as_it_was_written(self) -> None:
        made = document(12)
        assert read(made.model_dump_json()) == made

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "{}", '{"form": 1, "command": "up", "at": 1}', '{"command": "up", "at": 1, "new": 1}']
    )
    def test_what_is_no_document_of_this_form_is_none(self, text: str) -> None:
        assert read(text) is None


class TestTimeline:
    def test_stretches_follow_each_other_and_say_how_bad_it_was(self) -> None:
        (lane,) = timeline(drill(least=1)).lanes
        assert [one.state for one in lane.stretches] == ["whole", "down", "whole"]
        assert [one.healthy for one in lane.stretches] == [3, 1, 3]
        for one, after in pairwise(lane.stretches):
            assert one.left + one.width == pytest.approx(after.left)
        assert lane.stretches[1].height == pytest.approx(100 / 3) and lane.needed == pytest.approx(200 / 3)
        assert [one.state for one in timeline(drill(least=2)).lanes[0].stretches] == ["whole", "degraded", "whole"]

    def test_the_axis_holds_the_drill_and_begins_at_nought(self) -> None:
        line = timeline(drill())
        assert (line.ticks[0].text, line.ticks[-1].text) == ("0 s", "30 s")
        assert line.end == pytest.approx(100 * 21.5 / 30)
        assert line.lanes[0].stretches[-1].left + line.lanes[0].stretches[-1].width == pytest.approx(line.end)

    def test_events_that_are_close_stand_in_different_rows(self) -> None:
        marks = timeline(drill()).marks
        assert [(mark.number, mark.row) for mark in marks] == [(1, 0), (2, 0), (3, 1), (4, 0)]
        crowd = Case(name="x", seconds=10, events=tuple(Event(at=5, what=str(n)) for n in range(4)))
        assert [mark.row for mark in timeline(crowd).marks] == [0, 1, 2, 3] and timeline(crowd).rows == 4

    def test_components_that_were_whole_have_no_lane(self) -> None:
        assert timeline(drill()).untouched == ("Pooler pooler",)

    def test_an_empty_drill_is_drawn(self) -> None:
        line = timeline(Case(name="nothing", seconds=0.0))
        assert line.lanes == () and line.marks == () and line.rows == 1
        nobody = Tried(component="c", pods=0, needed=0, least=0, down_seconds=0, degraded_seconds=0, differs=("x",))
        assert timeline(Case(name="x", seconds=0, components=(nobody,))).lanes[0].needed == 0
