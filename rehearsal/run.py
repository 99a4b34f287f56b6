"""The main job: regions planned, judged, brought up and shown; and their end."""

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, cast

from rehearsal import binaries, costs, minimums, nodes, overlay, paths, pods, processes, schemas, upstream, watchdog
from rehearsal.controlplane import NODES_PER_ZONE, ControlPlane
from rehearsal.engine import choose, cli_workspace
from rehearsal.engine.model import Engine, PlannedResource, Preview, Result, Value
from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError
from rehearsal.kube import Client
from rehearsal.packs import Pack, Report, directories
from rehearsal.progress import Progress
from rehearsal.standins import STANDINS, launch
from rehearsal.summary import RegionSummary, Standing, Summary

READY_SECONDS = 300.0
"""Longest wait for the pods of a region, in seconds."""
POLL_SECONDS = 0.5
SIMULATED = ("nodes and kubelets (KWOK): pods are scheduled for real but run nothing", *STANDINS)

_NO_REGIONS = (cli_workspace.NAME, overlay.NAME)
_T = TypeVar("_T")


class RefusedError(RehearsalError):
    """A mandatory policy was violated; nothing was applied."""

    def __init__(self, summary: Summary) -> None:
        super().__init__("a mandatory policy is violated: nothing was applied")
        self.summary = summary


class Rehearsal:
    """The stacks of one checkout on this machine; one run at a time in a run directory."""

    def __init__(
        self,
        progress: Progress,
        engine: str | None = None,
        checkout: Path = paths.CHECKOUT,
        prices: Path | None = None,
    ) -> None:
        """`prices` is a table in place of the project's own."""
        self._progress = progress
        self._checkout = checkout
        self._project = Project.load(checkout)
        self._settings = self._project.settings()
        self._costs = {region: costs.of(settings, prices) for region, settings in self._settings.items()}
        self._engine: Engine = choose(engine, checkout)
        self._interrupted = threading.Event()

    @property
    def regions(self) -> tuple[str, ...]:
        """The home region first: standbys read what it made."""
        return tuple(sorted(self._settings, key=lambda region: not self._settings[region].is_home))

    def preview(self) -> Summary:
        """What `up` would do, and what the policies say to it. Touches nothing."""
        with self._progress.step("evaluate the program"):
            previews = self._home_first(self._engine.preview)
        with self._progress.step("ask the policies"):
            reports = self._ask(previews)
        counted = {
            region: pods.planned(preview.resources, minimums.zones(self._settings[region]))
            for region, preview in previews.items()
        }
        kinds = {kind for preview in previews.values() for kind in _kinds(preview.resources)}
        return self._summary(previews, reports, counted, unvalidated=schemas.named(schemas.unknown(kinds)))

    def up(self) -> Summary:
        """Bring every region up. Raises RefusedError, with nothing made, when a mandatory policy is violated."""
        with processes.exclusive(paths.home()):
            planned = self.preview()
            if any(region.refused for region in planned.regions):
                raise RefusedError(planned)
            planes = self._start(binaries.ensure(self._progress))
            unvalidated = self._prepare(planes, planned)
            with self._progress.step("apply"):
                results = self._home_first(lambda region: self._apply(region, planes[region]))
            with self._progress.step("wait for the pods"):
                counted = self._side_by_side(
                    lambda region: self._watched(planes[region], lambda: self._await_pods(region, planes[region])),
                    planes,
                )
        reports = {region.region: region.reports for region in planned.regions}
        placed = {region: pods.placed(plane.admin(), self._namespace(region)) for region, plane in planes.items()}
        return self._summary(results, reports, counted, planes, unvalidated, placed)

    def status(self) -> tuple[Standing, ...]:
        """Which control planes run, and their pods."""
        left = (name for name in _directories() if name not in (*self.regions, *_NO_REGIONS))
        return tuple(self._standing(region) for region in (*self.regions, *left))

    def _standing(self, region: str) -> Standing:
        plane, listed = ControlPlane(region), region in self._settings
        counted = pods.live(plane.admin(), self._namespace(region)) if listed and plane.alive() else {}
        return Standing(region, plane.alive(), str(plane.kubeconfig), counted, listed)

    def _namespace(self, region: str) -> str:
        return self._settings[region].kubernetes.namespace

    def _home_first(self, work: Callable[[str], _T]) -> dict[str, _T]:
        """The home region alone, then its standbys side by side."""
        home, *standbys = self.regions
        # A link on AWS is made by the later one of two regions, which reads what the earlier one has made.
        linked = any(settings.platform == "aws" for settings in self._settings.values())
        batches = [[home], *([[region] for region in standbys] if linked else [standbys])]
        return {region: done for batch in batches for region, done in self._side_by_side(work, batch).items()}

    def _side_by_side(self, work: Callable[[str], _T], regions: Iterable[str]) -> dict[str, _T]:
        """`_parallel`, which Ctrl-C ends soon: what is under way is recorded, nothing new is begun."""
        return _parallel(work, regions, self._interrupt)

    def _watched(self, plane: ControlPlane, work: Callable[[], _T]) -> _T:
        return watchdog.watched(plane, self._progress, work)

    def _interrupt(self) -> None:
        self._interrupted.set()
        self._engine.interrupt()

    def _ask(self, previews: Mapping[str, Preview]) -> dict[str, list[Report]]:
        reports: dict[str, list[Report]] = {region: [] for region in previews}
        for directory in directories(self._checkout):
            with Pack(directory, self._project.name, self.regions[0]) as pack:
                for region, preview in previews.items():
                    settings = self._settings[region]
                    level, values = minimums.level(pack.name, settings), minimums.values(settings)
                    reports[region].append(pack.ask(preview.resources, region, level, values))
        return reports

    def _start(self, tools: binaries.Binaries) -> dict[str, ControlPlane]:
        groups = {region: nodes.groups(self._settings[region], NODES_PER_ZONE) for region in self.regions}
        planes = {region: ControlPlane(region, groups[region]) for region in self.regions}
        with self._progress.step(f"start {len(planes)} control planes"):
            self._side_by_side(lambda region: planes[region].start(tools, self._progress), planes)
        return planes

    def _prepare(self, planes: Mapping[str, ControlPlane], planned: Summary) -> list[str]:
        """Custom kinds and stand-ins. Returns the kinds that no schema was found for."""
        plans = {region.region: region.outcome.resources for region in planned.regions}
        kinds = {region: _kinds(resources) for region, resources in plans.items()}
        unknown = schemas.unknown(kind for used in kinds.values() for kind in used)
        upstream.ensure(self._progress, {schemas.group(kind) for kind in unknown})

        def prepare(region: str) -> list[str]:
            launch.start(planes[region].kubeconfig, paths.region_dir(region), self._progress)
            _ensure_namespaces(planes[region].admin(), plans[region])
            return schemas.ensure_kinds(planes[region].admin(), kinds[region])

        with self._progress.step("install custom resource definitions, start the stand-ins"):
            found = self._side_by_side(lambda region: self._watched(planes[region], lambda: prepare(region)), planes)
        return sorted({kind for unvalidated in found.values() for kind in unvalidated})

    def _apply(self, region: str, plane: ControlPlane) -> Result:
        return self._watched(plane, lambda: self._engine.up(region, self._progress))

    def _await_pods(self, region: str, plane: ControlPlane) -> dict[str, pods.ZonePods]:
        deadline = time.monotonic() + READY_SECONDS
        client = plane.admin()
        while True:
            counted = pods.live(client, self._namespace(region))
            if all(zone.settled for zone in counted.values()):
                return counted
            if time.monotonic() > deadline:
                lagging = "".join(f"\n  {line}" for line in pods.lagging(client, self._namespace(region)))
                raise RehearsalError(
                    f"{region}: not every pod is ready after {READY_SECONDS:.0f} s:{lagging}\n"
                    f"look at: kubectl --kubeconfig {plane.kubeconfig} get pods -n {self._namespace(region)}"
                )
            if self._interrupted.wait(POLL_SECONDS):
                raise RehearsalError(f"{region}: interrupted while pods were awaited")

    def _summary(
        self,
        outcomes: "Mapping[str, Preview] | Mapping[str, Result]",
        reports: Mapping[str, Sequence[Report]],
        counted: Mapping[str, Mapping[str, pods.ZonePods]],
        planes: Mapping[str, ControlPlane] | None = None,
        unvalidated: Iterable[str] = (),
        placed: Mapping[str, pods.Placed] | None = None,
    ) -> Summary:
        regions = [
            RegionSummary(
                region=region,
                role="home" if self._settings[region].is_home else "standby",
                outcome=outcome,
                reports=reports[region],
                pods=counted[region],
                endpoint=str(outcome.outputs.get("endpoint", "")),
                kubeconfig=str(planes[region].kubeconfig) if planes else "",
                platform=self._settings[region].platform,
                zones=minimums.zones(self._settings[region]),
                edge=self._settings[region].has_edge,
                placed=placed[region] if placed else None,
                cost=self._costs[region],
            )
            for region, outcome in outcomes.items()
        ]
        return Summary(self._engine.name, regions, list(unvalidated), SIMULATED, dict(self._progress.seconds))


def down(progress: Progress) -> tuple[str, ...]:
    """End every process of the run directory and remove its state, whatever the settings say. Returns the regions."""
    with processes.exclusive(paths.home()):
        directories = _directories()
        with progress.step("end the control planes"):
            _parallel(_end, directories)
        for leftover in paths.home().iterdir():
            if leftover.is_file() and leftover.name != paths.MARK:
                leftover.unlink()
    return tuple(name for name in directories if name not in _NO_REGIONS)


def _directories() -> list[str]:
    """Names of the directories of the run directory: the regions that were begun, and the CLI's."""
    return sorted(path.name for path in paths.home().iterdir() if path.is_dir())


def _end(region: str) -> None:
    launch.stop(paths.region_dir(region))
    ControlPlane(region).stop()
    shutil.rmtree(paths.region_dir(region))


def _ensure_namespaces(client: Client, resources: Iterable[PlannedResource]) -> None:
    """Those that the plan puts objects into and does not make: of services that count as installed."""
    placed, made = set[str](), set[str]()
    for resource in resources:
        metadata = resource.inputs.get("metadata")
        if isinstance(metadata, Mapping):
            named = made if resource.inputs.get("kind") == "Namespace" else placed
            found = cast(Mapping[str, Value], metadata).get("name" if named is made else "namespace")
            named.update([found] if isinstance(found, str) else [])
    for name in sorted(placed - made):
        if client.find("v1", "Namespace", name) is None:
            client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, schemas.MANAGER)


def _kinds(resources: Iterable[PlannedResource]) -> list[tuple[str, str]]:
    """apiVersion and kind of the Kubernetes objects of a plan, each once, sorted."""
    return sorted(
        {
            (resource.inputs["apiVersion"], resource.inputs["kind"])
            for resource in resources
            if resource.custom and {"apiVersion", "kind"} <= resource.inputs.keys()
        }
    )


def _parallel(
    work: Callable[[str], _T], regions: Iterable[str], interrupt: Callable[[], None] = lambda: None
) -> dict[str, _T]:
    """The same work for every region, side by side. The first failure is raised when all have ended.

    The work runs beside the main thread, which alone hears Ctrl-C: `interrupt` then tells the work to end soon.
    """
    names = list(regions)
    if not names:
        return {}
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        try:
            return dict(zip(names, pool.map(work, names), strict=True))
        except KeyboardInterrupt:
            interrupt()
            raise
