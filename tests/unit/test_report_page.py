"""The page of a run: all that its document says, in order, escaped, and with nothing from elsewhere."""

import base64
import hashlib
import re
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from dashboards import paper
from report.capacity import about
from report.document import Capacity, Cost, Document, Finding, Pack, Pod, Zone
from report.page import Page, html
from tests.unit.html_read import Read
from tests.unit.report_documents import AT, HOSTILE, NAMES, advice, document, drill, planned, region, sized

_KINDS = ("command", "role", "state", "unit", "change", "level", "form")
"""Fields with few values."""


def refused() -> Document:
    """A plan that a policy refuses."""
    no = Finding(policy="enough-replicas", level="mandatory", message="lonely has 1 replica", remedy="Have `3`.")
    pack = Pack(name="high-availability", refused=("enough-replicas",), findings=(advice(), no))
    plan = document(2, plan=True)
    regions = (plan.regions[0].model_copy(update={"packs": (*plan.regions[0].packs, pack)}), plan.regions[1])
    return plan.model_copy(update={"refused": True, "regions": regions})


def with_capacity(*each: Capacity | None) -> Document:
    """As many regions, each with such a capacity."""
    made = document(len(each))
    regions = zip(made.regions, each, strict=True)
    return made.model_copy(update={"regions": tuple(one.model_copy(update={"capacity": it}) for one, it in regions)})


def hostile(value: Any, key: str = "") -> Any:
    """The same with every text of others in place."""
    if isinstance(value, dict):
        return {name: hostile(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [hostile(one, key) for one in value]
    return HOSTILE if isinstance(value, str) and key not in _KINDS else value


DOCUMENTS = {
    "none": document(0),
    "one": document(1),
    "two": document(2),
    "twelve": document(12),
    "plan": document(2, plan=True),
    "refused": refused(),
    "sized": with_capacity(sized(), sized(), Capacity(unknown="redis.cluster.nodes is missing")),
    "first": document(2).model_copy(update={"since": None}),
    "drills": Document(command="drill", at=AT, drills=document(2).drills),
    "bare": Document(command="up", at=AT, regions=(region("us-east").model_copy(update={
        "zones": (), "packs": (), "proofs": (), "cost": None, "capacity": None,
    }),)),
    "hostile": Document.model_validate(hostile(document(2).model_dump(mode="json"))),
}  # fmt: skip


@pytest.fixture(params=DOCUMENTS.values(), ids=list(DOCUMENTS))
def read(request: pytest.FixtureRequest) -> Read:
    return Read(html(request.param))


def test_it_is_whole_and_its_parts_are_named(read: Read) -> None:
    assert not read.open, "every element is closed"
    assert read.all("html") == [{"lang": "en"}]
    for one in ("main", "header", "h1", "title", "nav"):
        assert len(read.all(one)) == 1, one
    assert read.all("nav")[0]["aria-label"]
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert max(Counter(ids).values()) == 1
    for section in read.all("section"):
        assert section["aria-labelledby"] in ids
    for link in read.all("a"):
        assert link["href"][0] == "#" and link["href"][1:] in ids


def test_headings_are_in_order(read: Read) -> None:
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_have_captions_and_their_headers_a_scope(read: Read) -> None:
    tables = len(read.all("table"))
    assert len(read.all("caption")) == tables
    assert all(header["scope"] in ("col", "row", "rowgroup") for header in read.all("th"))
    scrolling = [one for one in read.all("div") if one.get("class", "").startswith("scroll")]
    assert len(scrolling) == tables
    assert all(one["tabindex"] == "0" and one["role"] == "region" and one["aria-label"] for one in scrolling)


def test_drawings_repeat_what_is_written_and_are_not_read_out(read: Read) -> None:
    assert all(svg["aria-hidden"] == "true" for svg in read.all("svg"))


def test_it_needs_nothing_from_elsewhere_and_runs_nothing(read: Read) -> None:
    names = {tag for tag, _ in read.tags}
    assert not names & {"script", "img", "iframe", "object", "form", "base", "embed"}
    assert [link["href"] for link in read.all("link")] == ["data:,"]
    assert all(use["href"].startswith("#m-") for use in read.all("use"))
    for _, attributes in read.tags:
        assert "style" not in attributes, "the policy would refuse it"
        assert not [name for name in attributes if name.startswith("on")]


def test_the_policy_names_the_one_style_there_is() -> None:
    page = html(document(2))
    style = page[page.index("<style>") + 7 : page.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    metas = Read(page).all("meta")
    policy = next(meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style and "@import" not in style


@pytest.mark.parametrize("number", [1, 2, 12])
def test_every_region_is_told_with_all_that_is_in_it(number: int) -> None:
    made = document(number)
    read = Read(html(made))
    for one in made.regions:
        for told in (one.name, one.endpoint, one.kubeconfig):
            assert told in read.text
        for where in one.zones:
            assert where.name in read.text
            for node in where.nodes:
                assert node.name in read.text
                for pod in node.pods:
                    words = {"held": "held until promotion"}.get(pod.state, pod.state)
                    assert f"{pod.component}, {pod.name}, {words}" in read.text
    pods = [item for item in read.all("li") if item.get("class", "").startswith("pod ")]
    assert len(pods) == sum(len(one.pods) for one in made.regions)
    for link in made.links:
        assert f"{link.source} to {link.target}: {link.carries}" in read.text
    cards = read.all("article")
    assert [card["id"] for card in cards] == [f"region-{index}" for index in range(1, number + 1)]


def test_what_was_found_is_told() -> None:
    text = Read(html(document(2))).text
    for told in (
        "2 regions are up", "home is us-east, 1 edge", "36 of 39", "3 held until promotion",
        "6 passed", "0 refused, 4 advise", "6 of 6", "2 of 2", "as proven, 1 with something down",
        "2,482 USD", "by prices of 2026-06-01", "Counted without NAT gateways.",
        "the region has no backups: name an object store", "backups.s3",
        "data-safety · us-east, us-west", "the StorageClass", "4 of 6", "its nodes are given up", "8.2 s",
        "Whole all the time: Pooler pooler", "StatefulSet us-east-qdrant", "spec.replicas", "9 GiB", "2027-08-07",
        "20 years and more", "load balancer: no packet flows", "Policy (k8s.nginx.org/v1)", "18.3 s",
        "134, all created",
    ):  # fmt: skip
        assert told in text, told


class TestHeadlines:
    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("none", "No region"),
            ("one", "1 region is up"),
            ("plan", "2 regions planned"),
            ("refused", "Refused: nothing is applied to 2 regions"),
            ("drills", "Drills"),
        ],
    )
    def test_the_state_is_the_first_thing_said(self, name: str, says: str) -> None:
        assert Page(DOCUMENTS[name]).headline == says
        assert f"<h1>{says}</h1>" in html(DOCUMENTS[name])

    def test_without_regions_it_says_what_to_do(self) -> None:
        assert "List one under multiregion.regions in Pulumi.yaml" in Read(html(DOCUMENTS["none"])).text
        assert "make up writes it" in Read(html(DOCUMENTS["drills"])).text

    def test_a_plan_tells_what_would_be_done(self) -> None:
        text = Read(html(DOCUMENTS["plan"])).text
        assert "134, all to create" in text and "a plan runs nothing" in text
        assert "no packet flows" not in text, "nothing runs"


class TestPolicies:
    def test_what_is_refused_stands_first_with_its_remedy(self) -> None:
        page = Page(refused())
        assert [one.level for one in page.said] == ["mandatory", "advisory", "advisory"]
        text = Read(html(refused())).text
        assert "A mandatory policy is violated" in text
        assert text.index("lonely has 1 replica") < text.index("the region has no backups")
        assert "Remedy: Have 3." in text
        assert next(tile for tile in page.tiles if tile.label == "Policies").state == "bad"

    def test_what_is_said_of_several_regions_is_said_once(self) -> None:
        (said,) = Page(document(12)).said
        assert said.where == NAMES
        (unjudged,) = Page(document(12)).not_judged
        assert unjudged.finding.policy == "not-judged"


class TestTiles:
    def test_a_pod_that_is_not_ready_shows(self) -> None:
        zone = Zone(name="unscheduled", pods=(Pod(name="a", component="a", state="waiting"),))
        made = document(1)
        waiting = made.regions[0].model_copy(update={"zones": (*made.regions[0].zones, zone)})
        page = Page(made.model_copy(update={"regions": (waiting,)}))
        tile = next(tile for tile in page.tiles if tile.label == "Pods")
        assert (tile.value, tile.detail, tile.state) == ("18 of 19", "ready, 1 not", "bad")

    def test_a_component_that_stops_shows(self) -> None:
        made = document(1)
        proofs = tuple(one.model_copy(update={"serves": False}) for one in made.regions[0].proofs[:1])
        page = Page(made.model_copy(update={"regions": (made.regions[0].model_copy(update={"proofs": proofs}),)}))
        tile = next(tile for tile in page.tiles if tile.anchor == "proof")
        assert (tile.value, tile.state) == ("0 of 1", "bad")
        assert "stops" in Read(html(page.document)).text

    def test_a_drill_that_differs_from_the_proof_shows_and_is_open(self) -> None:
        made = document(1)
        cases = (drill(), drill("other"), drill("drain", differs=["1 pods went on, the proof says 2"]))
        drills = made.drills[0].model_copy(update={"cases": cases})
        page = Page(made.model_copy(update={"drills": (drills,)}))
        tile = next(tile for tile in page.tiles if tile.label == "Drills")
        assert (tile.value, tile.state) == ("2 of 3", "bad")
        read = Read(html(page.document))
        assert "StatefulSet qdrant: 1 pods went on, the proof says 2" in read.text
        opened = ["open" in one for one in read.all("details") if one.get("class") == "drill"]
        assert opened == [True, False, True]

    def test_the_capacity_is_told_by_the_day_on_which_it_is_outgrown(self) -> None:
        def tile(*each: Capacity | None) -> tuple[str, str, str]:
            (one,) = [tile for tile in Page(with_capacity(*each)).tiles if tile.anchor == "capacity"]
            return one.value, one.detail, one.state

        short = planned()
        assert short.plan is not None
        later = short.model_copy(update={"plan": short.plan.model_copy(update={"end": "2027-08-06"})})
        never = short.model_copy(update={"carries": short.carries[:1]})
        assert tile(short) == ("2027-08-07", "then qdrant is outgrown", "warn")
        assert tile(later) == ("2027-08-07", "then qdrant is outgrown", "good")
        assert tile(never) == ("20 years", "and more, by the plan", "good")
        assert tile(never, short)[0] == "2027-08-07"
        assert tile(sized()) == ("9", "memories, then redis binds first", "")
        assert tile(Capacity(unknown="no record")) == ("not known", "no record", "warn")
        assert not [one for one in Page(with_capacity(None)).tiles if one.anchor == "capacity"]

    def test_a_cost_that_is_not_known_is_no_nought(self) -> None:
        unknown = Cost(parts={}, currency="USD", date="2026-06-01", unknown="no price for eu-west")
        made = document(2)
        regions = (made.regions[0], made.regions[1].model_copy(update={"cost": unknown}))
        text = Read(html(made.model_copy(update={"regions": regions}))).text
        assert "1,241 USD" in text and "without 1 region" in text
        assert "not known: no price for eu-west" in text

    def test_a_part_that_is_not_known_is_no_nought_and_the_total_says_it_is_without_it(self) -> None:
        part = Cost(parts={"stateful nodes": None, "qdrant": 1200.0}, currency="USD", date="2026-06-01")
        made = document(2)
        regions = tuple(
            region.model_copy(update={"cost": cost}) for region, cost in zip(made.regions, (part, None), strict=True)
        )
        page = Page(made.model_copy(update={"regions": regions}))
        (tile,) = (one for one in page.tiles if one.anchor == "cost")
        name = made.regions[0].name
        assert (tile.value, tile.detail) == (
            "1,200 USD",
            f"a month, by prices of 2026-06-01, without stateful nodes of {name}",
        )
        text = Read(html(page.document)).text
        assert "not known" in text and "1,200 without stateful nodes" in " ".join(text.split())


class TestCapacity:
    def test_without_a_workload_it_says_what_the_sizes_carry_and_what_would_say_more(self) -> None:
        text = Read(html(with_capacity(sized()))).text
        for told in (
            "us-east holds 9 memories as it is set: redis binds first, by its memory",
            "; memory-service would next, at 310.",
            "it answers 0.2 requests a second at peak, of 2.5 users: redis binds first, by its CPU.",
            "2,200,000", "time to answer", "memory.namespaces", "qdrant.resources.requests.cpu", "10,000",
            "Counted with memories of 1,024 bytes.", "State a workload in the stack file",
        ):  # fmt: skip
            assert told in text, told
        assert text.count("binds first") == 5, "in words, in the tile, and beside the two numbers"
        assert "against the plan" not in text

    def test_with_one_it_says_what_is_left_and_when_that_ends(self) -> None:
        text = Read(html(with_capacity(planned()))).text
        for told in (
            "us-east: qdrant is outgrown first, by its memory, on 2027-08-07; the plan ends on 2027-12-01 with "
            "1,000,000 memories and 53 requests a second at peak, of 530 users.",
            "1,200,000", "16%", "too little", "87%", "2027-08-07, memory", "not in 20 years",
        ):  # fmt: skip
            assert told in text, told
        assert "State a workload" not in text

    def test_regions_alike_are_told_once(self) -> None:
        text = Read(html(document(12))).text
        assert text.count("Carried on that day") == 1
        assert f"{', '.join(NAMES)}: qdrant is outgrown first" in text
        mixed = Read(html(with_capacity(sized(), planned(), sized(), None))).text
        assert "us-east, eu-west each holds 9 memories" in mixed and "us-west: qdrant is outgrown first" in mixed

    def test_what_is_not_known_says_why(self) -> None:
        assert "not known: no record" in Read(html(with_capacity(Capacity(unknown="no record")))).text
        assert "No region tells its sizes" in Read(html(with_capacity(None))).text

    @pytest.mark.parametrize(
        ("value", "says"),
        [
            (0, "0"),
            (0.04, "0"),
            (0.25, "0.2"),
            (9.99, "9.9"),
            (10, "10"),
            (99.9, "99"),
            (316, "310"),
            (2_265_144, "2,200,000"),
        ],
    )
    def test_numbers_have_two_digits_and_are_never_more_than_there_is(self, value: float, says: str) -> None:
        assert about(value) == says


def test_what_others_say_is_text() -> None:
    read = Read(html(DOCUMENTS["hostile"]))
    assert not read.all("script") and not read.all("img")
    assert HOSTILE in read.text
    assert len(read.all("style")) == 1


def test_a_name_that_is_long_may_be_broken_anywhere() -> None:
    style = paper.environment().get_template("base.css").render()
    assert "overflow-wrap: anywhere" in style


class TestContrast:
    """As WCAG 2 has it: 4.5 for text, 3 for what is drawn (AA)."""

    TEXT = (
        *(
            (ink, ground)
            for ink in ("text", "soft", "link", "good", "warn", "bad")
            for ground in ("ground", "panel", "raised")
        ),
        ("text", "code"),
    )  # fmt: skip
    DRAWN = (
        *((f"k{number}", ground) for number in range(10) for ground in ("panel", "ground")),
        *((ink, "panel") for ink in ("accent", "whole", "down", "need", "good", "warn", "bad")),
    )  # fmt: skip

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_everything_can_be_read(self, scheme: str) -> None:
        tokens = self.tokens(scheme)
        for pairs, least in ((self.TEXT, 4.5), (self.DRAWN, 3.0)):
            for ink, ground in pairs:
                has = self.contrast(tokens[ink], tokens[ground])
                assert has >= least, (scheme, ink, ground, round(has, 2))

    def test_chips_can_be_read(self) -> None:
        style = paper.environment().get_template("base.css").render()
        for name in ("green", "blue", "orange", "red"):
            found = re.search(rf"\.solid\.{name} {{ background: (#\w+);(?: color: (#\w+);)? }}", style)
            assert found is not None
            assert self.contrast(found[2] or "#ffffff", found[1]) >= 4.5, name

    @staticmethod
    def tokens(scheme: str) -> dict[str, str]:
        page = html(document(1))
        light: dict[str, str] = {}
        dark: dict[str, str] = {}
        for block in re.findall(r"(?:@media \(prefers-color-scheme: dark\) {\s*)?:root {[^}]*}", page):
            found = dict(re.findall(r"--([\w-]+): (#\w+);", block))
            (dark if block.startswith("@media") else light).update(found)
        assert dark.keys() == light.keys() and len(light) > 30
        return light if scheme == "light" else dark

    @classmethod
    def contrast(cls, one: str, other: str) -> float:
        low, high = sorted((cls.luminance(one), cls.luminance(other)))
        return (high + 0.05) / (low + 0.05)

    @staticmethod
    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue
