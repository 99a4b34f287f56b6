"""The drills' own judgement: what they count, what they call a difference from the proof, and how they tell it."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from policies.checks.placement import Limit, Pods
from policies.checks.proof import Case, Component, Layout
from rehearsal.drills import faults, judging, report
from rehearsal.drills.faults import eventually
from rehearsal.drills.parts import Part, evictable, healthy, layout, parts
from rehearsal.drills.report import Outcome, Row
from rehearsal.drills.rolling import replaced
from rehearsal.drills.watching import Down, Event, Place, Watch
from rehearsal.errors import RehearsalError
from rehearsal.kube import Client, KubeError, Manifest, UnknownKind

ZONES = ("zone-a", "zone-b", "zone-c")
LABELS = {"app": "web"}
EVEN = Limit(1, None, leaves_out_tainted=True)
PODS = Pods(3, frozenset({0, 1, 2}), (EVEN,), apart=False, bound=False)
COMPONENT = Component("urn", "Deployment", "Deployment web", "soma", (PODS,), ("web",), needed=2, wants="", kept=2)
PART = Part(COMPONENT, (LABELS,))
LOSSES = ("lose", "evict, lose")
EVENLY: Layout = ((1, 1, 1),)


def pod(name: str, *, node: str = "", ready: bool = True, labels: Mapping[str, str] = LABELS, **more: Any) -> Manifest:
    status = {"conditions": [{"type": "Ready", "status": str(ready)}]}
    metadata = {"name": name, "uid": name, "namespace": "soma", "labels": dict(labels), **more}
    return {"metadata": metadata, "spec": {"nodeName": node} if node else {}, "status": status}


def budget(name: str, allowed: int, labels: Mapping[str, str] = LABELS) -> Manifest:
    spec = {"selector": {"matchLabels": dict(labels)}}
    return {"metadata": {"name": name}, "spec": spec, "status": {"disruptionsAllowed": allowed}}


def client(**kinds: Sequence[Manifest] | Callable[[], Sequence[Manifest]]) -> Client:
    """Lists what is given by kind, and knows no other."""

    def listed(_version: str, kind: str, *_: object, **__: object) -> Sequence[Manifest]:
        if kind not in kinds:
            raise UnknownKind(404, "NotFound", kind)
        found = kinds[kind]
        return found() if callable(found) else found

    return cast(Client, SimpleNamespace(list=listed))


class TestParts:
    def test_a_pod_that_is_ending_or_not_ready_is_not_healthy(self) -> None:
        assert healthy(pod("a"))
        assert not healthy(pod("a", ready=False))
        assert not healthy(pod("a", deletionTimestamp="now"))

    def test_pods_of_jobs_and_of_others_are_not_a_parts(self) -> None:
        job = pod("job", ownerReferences=[{"kind": "Job"}])
        assert PART.all([pod("a"), job, pod("b", labels={"app": "other"})]) == [pod("a")]

    def test_a_layout_counts_pods_by_zone_and_leaves_out_those_without_a_node(self) -> None:
        there = [pod("a", node="one"), pod("b", node="two"), pod("c", node="two"), pod("d")]
        assert layout(PART, there, {"one": "zone-c", "two": "zone-a"}, ZONES) == ((2, 0, 1),)

    @pytest.mark.parametrize(
        ("budgets", "allowed"),
        [
            ([], 2),
            ([budget("one", 1)], 1),
            ([budget("one", 1), budget("two", 1)], 0),
            ([budget("one", 1), budget("other", 1, {"app": "other"})], 1),
            ([budget("other", 1, {"app": "other"})], 2),
        ],
    )
    def test_what_budgets_allow(self, budgets: list[Manifest], allowed: int) -> None:
        there = [pod("a"), pod("b"), pod("c", ready=False)]
        assert evictable(PART, budgets, there) == allowed

    def test_budgets_of_different_pods_add_up(self) -> None:
        there = [pod("a", labels={**LABELS, "role": "primary"}), pod("b", labels={**LABELS, "role": "replica"})]
        budgets = [budget("one", 0, {"role": "primary"}), budget("two", 1, {"role": "replica"})]
        assert evictable(PART, budgets, there) == 1

    def test_what_an_operator_makes_is_no_component(self) -> None:
        spec = {"replicas": 3, "template": {"metadata": {"labels": LABELS}, "spec": {"containers": []}}}
        own = {"metadata": {"name": "web", "namespace": "soma"}, "spec": spec}
        made = {"metadata": {**own["metadata"], "name": "made", "ownerReferences": [{"kind": "Pooler"}]}, "spec": spec}
        (part,) = parts(client(Deployment=[own, made]), "soma", ZONES)
        assert (part.title, part.labels, part.component.number) == ("Deployment web", (LABELS,), 3)


class TestWatch:
    def test_it_adds_up_how_long_too_few_were_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        times = iter([0.0, 0.0, 1.0, 3.0, 6.0])
        monkeypatch.setattr("rehearsal.drills.watching.time.monotonic", lambda: next(times))
        looks = iter([["a", "b", "c"], ["a", "b"], ["a"], ["a", "b", "c"]])
        watch = Watch(client(Pod=lambda: [pod(name) for name in next(looks)], Node=[]), "soma", [PART])
        monkeypatch.setattr(watch, "_look_on", lambda: [watch._look() for _ in range(2)])  # pyright: ignore[reportPrivateUsage] (its thread, without its pauses)
        with watch:
            pass
        assert watch.down == {
            "Deployment web": Down(least=1, seconds=2.0, degraded=3.0, healthy=[(0.0, 3), (1.0, 2), (3.0, 1), (6.0, 3)])
        }

    def test_a_number_that_stays_is_told_once_and_marks_have_their_moment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        times = iter([10.0, 10.0, 12.5, 13.04])
        monkeypatch.setattr("rehearsal.drills.watching.time.monotonic", lambda: next(times))
        watch = Watch(client(Pod=[pod("a"), pod("b"), pod("c")], Node=[]), "soma", [PART])
        monkeypatch.setattr(watch, "_look_on", lambda: None)
        with watch:
            watch.mark("the nodes fall silent")
        assert watch.events == [Event(2.5, "the nodes fall silent")]
        assert watch.down[PART.title].healthy == [(0.0, 3)]

    def test_it_tells_who_was_lost_and_where_it_came_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = [pod("web-0", node="a-1"), pod("web-1", node="b-1"), pod("web-2", node="c-1")]
        same_name = pod("web-0", node="c-1") | {"metadata": {**first[0]["metadata"], "uid": "another"}}
        looks = iter([first, [same_name, *first[1:2], pod("web-9")]])
        there = client(
            Pod=lambda: next(looks), Node=[node("a-1", "zone-a"), node("b-1", "zone-b"), node("c-1", "zone-c")]
        )
        watch = Watch(there, "soma", [PART])
        monkeypatch.setattr(watch, "_look_on", lambda: None)
        with watch:
            pass
        assert watch.down[PART.title].lost == (Place("web-0", "zone-a"), Place("web-2", "zone-c"))
        assert watch.down[PART.title].back == (Place("web-0", "zone-c"), Place("web-9", ""))


def node(name: str, zone: str) -> Manifest:
    return {"metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}}}


def watched(least: int) -> Watch:
    return Watch(client(), "soma", [PART], {PART.title: Down(least)})


def evicted(*, least: int = 1, left: int = 1, gone: int = 1) -> Row:
    return judging.after_eviction(
        PART, Case(COMPONENT, EVENLY, 0), watched(least), {PART.title: left}, {PART.title: gone}
    )


def lost(*, least: int = 2, left: int = 2, allowed: int = 0, tainted: int = 3, gone: int = 3) -> Row:
    title = PART.title
    back = {"tainted": {title: tainted}, "gone": {title: gone}}
    return judging.lost(PART, Case(COMPONENT, EVENLY, 0), watched(least), {title: left}, {title: allowed}, back)


class TestJudgement:
    def test_what_is_as_proven_differs_in_nothing(self) -> None:
        row = lost()
        assert row.differs == ()
        assert (row.placement, row.left, row.lost, row.back, row.evictable, row.served) == ("1-1-1", 2, 1, 1, 0, True)

    @pytest.mark.parametrize(
        ("found", "words"),
        [
            ({"left": 1}, "1 pods went on, the proof says 2"),
            ({"least": 1}, "fell to 1 pods, the proof says that it serves"),
            ({"allowed": 1}, "1 evictions allowed, the proof says 0"),
            ({"tainted": 2}, "2 pods with the nodes tainted, the proof says 3"),
            ({"gone": 2}, "2 pods with the nodes gone, the proof says 3"),
        ],
    )
    def test_each_difference_is_told(self, found: dict[str, int], words: str) -> None:
        assert lost(**found).differs == (words,)

    def test_a_zone_that_is_lost_after_an_eviction_leaves_what_the_proof_says(self) -> None:
        row = evicted()
        assert row.differs == ()
        assert (row.left, row.lost, row.evicted, row.served) == (1, 1, 1, False), "a majority of three is two"

    @pytest.mark.parametrize(
        ("found", "words"),
        [
            ({"gone": 0}, "0 pods evicted before the loss, the proof says 1"),
            ({"left": 2}, "2 pods went on, the proof says 1"),
            ({"least": 2}, "fell to 2 pods, the proof says that it stops"),
        ],
    )
    def test_each_difference_after_an_eviction_is_told(self, found: dict[str, int], words: str) -> None:
        assert evicted(**found).differs == (words,)

    @pytest.mark.parametrize(("least", "differs"), [(2, ()), (1, ("fell to 1 healthy pods, its budgets keep 2",))])
    def test_a_drain_may_not_go_under_what_the_budgets_keep(self, least: int, differs: tuple[str, ...]) -> None:
        (row,) = judging.kept([PART], watched(least), {PART.title: EVENLY}, 4)
        assert (row.differs, row.denied) == (differs, 4)

    @pytest.mark.parametrize(
        ("reached", "high", "least", "differs"),
        [
            (6, ((2, 2, 2),), 3, ()),
            (5, ((2, 2, 1),), 3, ("5 pods under load, its autoscaler may have 6",)),
            (6, ((4, 1, 1),), 3, ("placed as (4, 1, 1) under load, which the proof knows not",)),
            (6, ((2, 2, 2),), 1, ("fell to 1 pods",)),
        ],
    )
    def test_under_load_there_are_as_many_as_there_may_be_where_they_may_be(
        self, reached: int, high: Layout, least: int, differs: tuple[str, ...]
    ) -> None:
        row = judging.scaled(PART, EVENLY, high, 6, {PART.title: reached}, watched(least))
        assert row.differs == differs

    def test_a_workload_is_rolled_when_all_its_pods_are_others_and_ready(self) -> None:
        assert replaced([pod("c"), pod("d")], {"a", "b"})
        assert not replaced([pod("c"), pod("b")], {"a", "b"})
        assert not replaced([pod("c"), pod("d", ready=False)], {"a", "b"})
        assert not replaced([pod("c")], {"a", "b"})

    def test_what_never_comes_about_is_given_up_with_words(self) -> None:
        with pytest.raises(RehearsalError, match="gave up after 0 s: the pods are gone"):
            eventually(lambda: False, "the pods are gone", 0.0)


class TestEviction:
    @pytest.mark.parametrize(
        ("answer", "granted"),
        [(None, True), (KubeError(429, "TooManyRequests", "budget"), False), (KubeError(404, "NotFound", "x"), True)],
    )
    def test_what_the_api_server_says(self, answer: KubeError | None, granted: bool) -> None:
        assert faults.evict(self.client(answer), pod("a")) is granted

    def test_another_refusal_is_an_error(self) -> None:
        with pytest.raises(KubeError, match="two budgets"):
            faults.evict(self.client(KubeError(500, "InternalError", "two budgets")), pod("a"))

    @staticmethod
    def client(answer: KubeError | None) -> Client:
        def call(*_: object, **__: object) -> None:
            if answer is not None:
                raise answer

        return cast(Client, SimpleNamespace(call=call, path_of=lambda *_: "/path"))


class TestReport:
    OUTCOMES = (
        Outcome("lose zone-a", 12.34, (lost(), lost(left=1))),
        Outcome("drain one", 1.0, (lost(),), (Event(0.5, "cordoned"),)),
    )

    def test_json_says_whether_all_agree(self) -> None:
        document = report.as_json("us-east", self.OUTCOMES)
        assert json.loads(json.dumps(document))["agrees"] is False
        assert (document["agrees"], [case["agrees"] for case in document["cases"]]) == (False, [False, True])
        assert document["cases"][0]["seconds"] == 12.3
        assert document["cases"][1]["events"] == [{"at": 0.5, "what": "cordoned"}]
        assert "simulated" in document["simulated"]
        assert report.as_json("us-east", self.OUTCOMES[1:])["agrees"]

    def test_the_table_has_a_row_for_each_drill_and_every_difference_is_told(self) -> None:
        out = io.StringIO()
        report.show("us-east", self.OUTCOMES, Console(file=out, width=80))
        told = out.getvalue()
        rows = {line.split("│")[0].strip(): [cell.strip() for cell in line.split("│")] for line in told.splitlines()}
        assert rows["lose zone-a"] == ["lose zone-a", "12", "2 of 2", "0.0 s", "", "no"]
        assert rows["drain one"] == ["drain one", "1", "1 of 1", "0.0 s", "", "yes"]
        assert "lose zone-a: Deployment web: 1 pods went on, the proof says 2" in told

    def test_who_stopped_serving_is_named(self) -> None:
        out = io.StringIO()
        down = replace(lost(), least=1, down_seconds=3.4)
        report.show("us-east", [Outcome("lose zone-a", 9.0, (down,))], Console(file=out, width=100))
        assert "Deployment web (3.4 s)" in out.getvalue()

    def test_all_drills_of_a_region_fit_a_screen(self) -> None:
        """On AWS: three zones of four nodes, and two pods of each component in a zone. The report has a line, too."""
        zones = [f"us-east-1{letter}" for letter in "abc"]
        row = replace(
            lost(), lost_pods=(Place("web", zones[0]),) * 2, came_back=tuple(Place("web", at) for at in zones)
        )
        lose = [Outcome(f"{how} {zone}", 40.0, (row,) * 6, zone=zone) for how in LOSSES for zone in zones]
        drain = [Outcome(f"drain us-east-1a-stateless-{number}", 2.4, (lost(),) * 7) for number in range(12)]
        rest = [Outcome(case, 40.0, (lost(),) * 7) for case in ("roll every workload", "one node less a zone", "load")]
        out = io.StringIO()
        report.show("us-east", [*lose, *drain, *rest], Console(file=out, width=80))
        lines = out.getvalue().splitlines()
        assert len(lines) <= 23 and max(map(len, lines)) <= 80
        assert [line.split("│")[1].strip() for line in lines if line.startswith("drain 12 nodes, in turn")] == ["29"]

    def test_a_drain_that_went_wrong_has_a_row_of_its_own(self) -> None:
        well, down = replace(lost(), degraded_seconds=1.5), replace(lost(), least=1, down_seconds=3.4)
        differs = replace(lost(), differs=("1 pods went on, the proof says 2",))
        whole = lost(least=3)
        rows = {"a": (well, lost()), "b": (down, whole), "c": (differs, whole), "d": (lost(), whole)}
        out = io.StringIO()
        drills = [Outcome(f"drain {one}", 2.0, of) for one, of in rows.items()]
        report.show("us-east", drills, Console(file=out, width=100))
        told = [[cell.strip() for cell in line.split("│")] for line in out.getvalue().splitlines() if "│" in line]
        assert told == [
            ["drain 2 nodes, in turn", "4", "2 of 2", "1.5 s", "", "yes"],
            ["drain b", "2", "1 of 2", "0.0 s", "Deployment web (3.4 s)", "yes"],
            ["drain c", "2", "1 of 2", "0.0 s", "", "no"],
        ]

    def test_who_was_lost_and_where_it_came_back_is_told_in_the_table_and_in_json(self) -> None:
        gone, back = (
            (Place("web-0", "zone-a"), Place("web-1", "zone-a")),
            (Place("web-0", "zone-a"), Place("w", "zone-c")),
        )
        case = Outcome("lose zone-a", 9.0, (replace(lost(), lost_pods=gone, came_back=back),), zone="zone-a")
        out = io.StringIO()
        report.show("us-east", [case], Console(file=out, width=100))
        assert "lose zone-a: 2 lost, back: zone-a 1, zone-c 1" in out.getvalue()
        (told,) = json.loads(json.dumps(report.as_json("us-east", [case])))["cases"]
        assert told["zone"] == "zone-a"
        (row,) = told["components"]
        assert row["lost_pods"] == [{"pod": "web-0", "zone": "zone-a"}, {"pod": "web-1", "zone": "zone-a"}]
        assert row["came_back"] == [{"pod": "web-0", "zone": "zone-a"}, {"pod": "w", "zone": "zone-c"}]

    def test_all_drills_are_told_with_what_they_may_take(self) -> None:
        out = io.StringIO()
        report.show("us-east", self.OUTCOMES, Console(file=out, width=80))
        assert "13 s in all, 300 s at most on two cores" in out.getvalue()
        document = report.as_json("us-east", self.OUTCOMES)
        assert (document["seconds"], document["goal_seconds"]) == (13.3, 300.0)

    def test_several_that_stopped_serving_are_counted(self) -> None:
        out = io.StringIO()
        down = [replace(lost(), least=1, down_seconds=seconds) for seconds in (3.4, 5.6)]
        report.show("us-east", [Outcome("evict, lose zone-a", 9.0, tuple(down))], Console(file=out, width=100))
        assert "2 (5.6 s)" in out.getvalue()

    def test_what_was_down_is_not_called_served(self) -> None:
        assert not replace(lost(), least=1).served
