"""Where the page of a run goes: whole or not at all, beside its document, and never a reason to fail."""

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rehearsal import __main__ as command
from rehearsal import reporting
from rehearsal.costs import RegionCost
from rehearsal.drills.report import Outcome, Row
from rehearsal.drills.watching import Event
from rehearsal.engine.model import Change, PlannedResource, Preview, Result, Secret, Step
from rehearsal.packs import Policy, Report, Violation
from rehearsal.pods import Node, Placed, Pod, ZonePods
from rehearsal.run import RefusedError, Rehearsal
from rehearsal.summary import RegionSummary, Summary
from report.document import Document, read
from tests.unit.html_read import Read

ZONES = ("zone-a", "zone-b", "zone-c")
PASSWORD = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own run directory."""
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path / "run"))
    return tmp_path / "run"


def workload(name: str = "memory-service", replicas: int = 3) -> PlannedResource:
    labels = {"app.kubernetes.io/name": name}
    spec = {"topologySpreadConstraints": [], "containers": [{"name": "c", "image": "i"}]}
    inputs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "soma", "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    return PlannedResource("kubernetes:apps/v1:Deployment", name, f"urn:{name}", None, inputs)


def secret() -> PlannedResource:
    inputs = {"kind": "Secret", "stringData": Secret({"password": PASSWORD})}
    return PlannedResource("kubernetes:core/v1:Secret", "passwords", "urn:passwords", None, inputs)


def placed() -> Placed:
    nodes = tuple(Node(f"{zone}-1", zone, ready=zone != "zone-c") for zone in ZONES)
    pods = (
        Pod("memory-service-1", "memory-service", "zone-a-1", ready=True, held=False),
        Pod("memory-service-2", "memory-service", "zone-b-1", ready=False, held=True),
        Pod("memory-service-3", "memory-service", "", ready=False, held=False),
    )
    return Placed(nodes, pods)


def summary(
    *,
    resources: Sequence[PlannedResource] = (workload(), secret()),
    steps: Sequence[Step] | None = None,
    mandatory: bool = False,
) -> Summary:
    """A plan, or what is up, where there are steps."""
    level = "mandatory" if mandatory else "advisory"
    violation = Violation("security", "tokens", level, "urn:stack::memory-service", "has a token")
    policies = tuple(Policy(name, "", level, "high", "Take it away.", {}) for name in ("tokens", "limits"))
    outcome = (
        Preview("us-east", tuple(resources), ())
        if steps is None
        else Result("us-east", tuple(resources), tuple(steps), {"key": Secret(PASSWORD)})
    )
    regions = [
        RegionSummary(
            name, role, outcome, (Report("security", "1", policies, (violation,), 0.1),), {"zone-a": ZonePods(3)},
            platform="kubernetes", zones=ZONES, edge=role == "standby", placed=None if steps is None else placed(),
        )
        for name, role in (("us-east", "home"), ("us-west", "standby"))
    ]  # fmt: skip
    return Summary("in-process", regions, [], ["load balancer: no packet flows"], {"apply": 1.0})


def kept(file: Path) -> Document:
    found = read(file.read_text())
    assert found is not None
    return found


CREATED = [Step(Change.CREATE, "urn:memory-service", "kubernetes:apps/v1:Deployment", "memory-service")]


class TestDocument:
    def test_a_plan_has_pods_and_no_nodes(self, home: Path) -> None:
        assert reporting.of_run(summary(), "preview") == home / "preview.html"
        region = kept(home / "preview.json").regions[0]
        assert [(zone.name, [pod.component for pod in zone.pods]) for zone in region.zones] == [
            (zone, ["memory-service"]) for zone in ZONES
        ]
        assert {pod.state for pod in region.pods} == {"planned"}

    def test_what_is_up_has_its_nodes_and_pods_where_they_are(self, home: Path) -> None:
        reporting.of_run(summary(steps=CREATED), "up")
        zones = kept(home / "report.json").regions[0].zones
        assert [zone.name for zone in zones] == [*ZONES, "unscheduled"]
        nodes = [(node.name, node.ready, [pod.state for pod in node.pods]) for zone in zones for node in zone.nodes]
        assert nodes == [("zone-a-1", True, ["ready"]), ("zone-b-1", True, ["held"]), ("zone-c-1", False, [])]
        assert [(pod.name, pod.state) for pod in zones[-1].pods] == [("memory-service-3", "waiting")]

    def test_policies_proofs_and_links_are_told(self, home: Path) -> None:
        reporting.of_run(summary(), "preview")
        document = kept(home / "preview.json")
        (pack,) = document.regions[0].packs
        assert (pack.passed, pack.warned, pack.refused) == (("limits",), ("tokens",), ())
        assert [(one.message, one.remedy, one.resource) for one in pack.findings] == [
            ("has a token", "Take it away.", "memory-service")
        ]
        (proven,) = document.regions[0].proofs
        assert (proven.component, proven.pods, proven.serves) == ("Deployment memory-service", 3, False)
        assert [(link.source, link.target) for link in document.links] == [
            ("us-east", "us-west"),
            ("us-west", "us-east"),
        ]

    def test_a_cost_is_told_by_component_and_no_plan_is_made_up(self, home: Path) -> None:
        cost = RegionCost({"qdrant": 120.5, "nat": 30.0}, "USD", "2026-06-01")
        made = summary()
        dear = replace(made.regions[0], cost=cost)
        reporting.of_run(replace(made, regions=[dear, made.regions[1]]), "preview")
        home_region, standby = kept(home / "preview.json").regions
        assert home_region.cost is not None and standby.cost is None
        assert (home_region.cost.month, home_region.cost.date) == (150.5, "2026-06-01")
        assert home_region.capacity is None
        text = Read((home / "preview.html").read_text()).text
        assert "by prices of 2026-06-01" in text and "No region tells its sizes" in text

    def test_no_secret_is_kept_or_shown(self, home: Path) -> None:
        page = reporting.of_run(summary(steps=CREATED), "up")
        assert kept(home / "report.json").kept["us-east"]["urn:passwords"].kind == "Secret"
        for file in home.iterdir():
            assert PASSWORD not in file.read_text(), file
        assert "memory-service" in page.read_text()

    def test_a_secret_that_is_another_one_is_in_no_digest(self, home: Path) -> None:
        reporting.of_run(summary(), "preview")
        inputs = {"kind": "Secret", "stringData": Secret({"password": "another"})}
        other = PlannedResource("kubernetes:core/v1:Secret", "passwords", "urn:passwords", None, inputs)
        reporting.of_run(summary(resources=[workload(), other]), "preview")
        since = kept(home / "preview.json").since
        assert since is not None and since.changed == ()


class TestLastRun:
    def test_a_run_is_compared_with_the_last_one_of_its_kind(self, home: Path) -> None:
        reporting.of_run(summary(steps=CREATED), "up")
        reporting.of_run(summary(), "preview")
        assert kept(home / "report.json").since is None and kept(home / "preview.json").since is None
        reporting.of_run(summary(resources=[workload(replicas=4), secret()]), "preview")
        since = kept(home / "preview.json").since
        assert since is not None
        assert {(one.region, one.kind, one.name, one.change) for one in since.changed} == {
            (region, "Deployment", "memory-service", "update") for region in ("us-east", "us-west")
        }
        assert kept(home / "report.json").since is None

    def test_what_an_update_did_is_told_with_its_reasons(self, home: Path) -> None:
        reporting.of_run(summary(steps=CREATED), "up")
        steps = [Step(Change.REPLACE, "urn:memory-service", "t", "memory-service", ("spec.selector",))]
        reporting.of_run(summary(steps=steps), "up")
        since = kept(home / "report.json").since
        assert since is not None
        assert [(one.change, one.reasons) for one in since.changed] == [("replace", ("spec.selector",))] * 2

    def test_a_text_that_another_resource_gives_is_where_it_comes_from(self, home: Path) -> None:
        def certificate(pem: str, source: str) -> Summary:
            made = PlannedResource(
                "tls:index:LocallySignedCert", "cert", "urn:cert", None, {"certRequestPem": pem, "hours": 8},
                property_dependencies={"certRequestPem": (source,)},
            )  # fmt: skip
            return summary(resources=[made])

        changes: list[int] = []
        for pem, source in (("one", "urn:request"), ("two", "urn:request"), ("two", "urn:other")):
            reporting.of_run(certificate(pem, source), "preview")
            since = kept(home / "preview.json").since
            changes.append(-1 if since is None else len(since.changed))
        assert changes == [-1, 0, 2]

    @pytest.mark.parametrize("left", [b"", b"\xff\xfe", b'{"form": 9}'])
    def test_what_cannot_be_read_is_nothing_to_compare_with(self, home: Path, left: bytes) -> None:
        reporting.of_run(summary(), "preview")
        (home / "preview.json").write_bytes(left)
        reporting.of_run(summary(), "preview")
        assert kept(home / "preview.json").since is None


class TestDrills:
    ROW = Row("the StatefulSets a, b", 6, 4, "", "2-2-2", 4, 0.0, 3.0, healthy=((0.0, 6), (1.0, 4)))

    def outcomes(self, case: str = "lose zone-a") -> tuple[Outcome, ...]:
        return (Outcome(case, 12.34, (self.ROW,), (Event(0.5, "the nodes fall silent"),)),)

    def test_they_stand_on_the_page_of_what_is_up(self, home: Path) -> None:
        reporting.of_run(summary(steps=CREATED), "up")
        assert reporting.of_drills("us-east", self.outcomes()) == home / "report.html"
        document = kept(home / "report.json")
        assert len(document.regions) == 2
        (case,) = document.drills[0].cases
        assert (case.name, case.seconds, case.components[0].component) == ("lose zone-a", 12.3, "StatefulSets a, b")
        assert case.components[0].healthy == ((0.0, 6), (1.0, 4))
        text = Read((home / "report.html").read_text()).text
        assert "2 regions are up" in text and "the nodes fall silent" in text

    def test_those_of_a_region_take_the_place_of_its_former_ones(self, home: Path) -> None:
        for region, case in (("us-east", "one"), ("us-west", "two"), ("us-east", "three")):
            reporting.of_drills(region, self.outcomes(case))
        drills = kept(home / "report.json").drills
        assert {one.region: one.cases[0].name for one in drills} == {"us-west": "two", "us-east": "three"}

    def test_the_next_up_has_none(self, home: Path) -> None:
        reporting.of_run(summary(steps=CREATED), "up")
        reporting.of_drills("us-east", self.outcomes())
        reporting.of_run(summary(steps=[]), "up")
        assert kept(home / "report.json").drills == ()


class TestWriting:
    def test_a_page_that_cannot_be_put_in_its_place_leaves_the_old_one_whole(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = reporting.of_run(summary(), "preview")
        before = page.read_text()

        def no(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", no)
        with pytest.raises(OSError, match="No space left"):
            reporting.of_run(summary(mandatory=True), "preview")
        assert page.read_text() == before
        assert sorted(file.name for file in home.iterdir() if not file.name.startswith(".rehearsal")) == [
            "preview.html", "preview.json",
        ]  # fmt: skip

    def test_of_two_runs_at_once_one_page_stands_whole(self, home: Path) -> None:
        runs = [summary(resources=[workload(replicas=number)] * 1) for number in range(1, 5)]
        threads = [threading.Thread(target=reporting.of_run, args=(run, "preview")) for run in runs for _ in range(5)]
        seen: list[str] = []
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            seen += [file.read_text() for file in home.glob("preview.html")] if home.exists() else []
        seen.append((home / "preview.html").read_text())
        assert all(text.startswith("<!doctype html>") and text.endswith("</html>") for text in seen)
        assert read((home / "preview.json").read_text()) is not None

    def test_nobody_waits_for_a_name_in_the_run_directory_to_be_taken(self, home: Path) -> None:
        reporting.of_run(summary(), "preview")
        assert not [file for file in home.iterdir() if file.is_dir()], "a directory there is a region"


class TestCommand:
    @pytest.fixture(autouse=True)
    def planned(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def made(self: Rehearsal, *_: object) -> None:
            del self

        monkeypatch.setattr(Rehearsal, "__init__", made)
        monkeypatch.setattr(Rehearsal, "preview", lambda _: summary())
        monkeypatch.setattr(Rehearsal, "up", lambda _: summary(steps=CREATED))

    def ran(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
        code = command.main(arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    @pytest.mark.parametrize(("name", "page"), [("preview", "preview.html"), ("up", "report.html")])
    def test_the_last_line_says_where_the_page_is(
        self, capsys: pytest.CaptureFixture[str], home: Path, name: str, page: str
    ) -> None:
        code, out, _ = self.ran(capsys, name)
        assert code == 0
        assert out.splitlines()[-1].startswith("report: ") and out.rstrip().endswith(f"run/{page}")
        assert (home / page).exists()

    def test_json_keeps_standard_output_to_itself(self, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        code, out, err = self.ran(capsys, "preview", "--json")
        assert code == 0 and json.loads(out)["engine"] == "in-process"
        assert "report: " in err and (home / "preview.html").exists()

    def test_none_is_written_where_none_is_wanted(self, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        code, out, err = self.ran(capsys, "preview", "--no-report")
        assert code == 0 and "report" not in out + err and not home.exists()

    def test_it_goes_where_it_is_sent(self, capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path) -> None:
        there = tmp_path / "page.html"
        code, out, _ = self.ran(capsys, "preview", "--report", str(there))
        assert code == 0 and "page.html" in out
        assert there.read_text().startswith("<!doctype html>")
        assert not (home / "preview.html").exists() and (home / "preview.json").exists()

    @pytest.mark.parametrize("where", ["missing/page.html", ".", "/"])
    def test_a_place_that_takes_none_is_told_of_and_the_run_succeeds(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        code, out, err = self.ran(capsys, "up", "--report", where)
        assert code == 0 and "us-east (home)" in out
        (line,) = [line for line in err.splitlines() if line.startswith("no report: ")]
        assert line.endswith("name another place by --report")

    def test_a_refused_up_is_told_on_the_page_of_a_plan(
        self, capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.ran(capsys, "up")
        standing = (home / "report.html").read_text()

        def refuse(self: Any) -> Summary:
            raise RefusedError(summary(mandatory=True))

        monkeypatch.setattr(Rehearsal, "up", refuse)
        code, out, err = self.ran(capsys, "up")
        assert code == 1 and "nothing was applied" in err
        assert out.rstrip().endswith("run/preview.html")
        assert "us-east: tokens: has a token" in out
        assert "Refused: nothing is applied to 2 regions" in (home / "preview.html").read_text()
        assert (home / "report.html").read_text() == standing

    def test_to_a_place_and_to_none_are_not_both_wanted(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            self.ran(capsys, "up", "--no-report", "--report", "x.html")
