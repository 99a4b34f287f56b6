"""Carries actions out: server-side apply in dependency order, waits beside it, deletions last, the state after each."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from rehearsal import kube
from rehearsal.engine import awaiting, identity, removal, schedule
from rehearsal.engine import property_path as at
from rehearsal.engine.clusters import MISSING, Cluster, Clusters, Manifest, is_object, manifest
from rehearsal.engine.diff import Action, is_protected, is_retained
from rehearsal.engine.failures import summed_up
from rehearsal.engine.model import Change, PlannedResource, Step, Value, has_unknown
from rehearsal.engine.scrub import Scrubber
from rehearsal.engine.state import Held, State
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress

FIELD_MANAGER = "soma-rehearsal"
"""Owner of the fields that the program states."""
UNPROCESSABLE, FORBIDDEN_UPDATE = 422, ("immutable", "updates to", "may not change", "cannot change")
"""How API servers say that a field cannot be changed in place (apimachinery validation, apps validation)."""


@dataclass
class Update:
    """One region's update while it runs."""

    region: str
    state: State
    clusters: Clusters
    progress: Progress
    scrub: Scrubber
    providers: Mapping[str, Mapping[str, Value]]
    """Inputs of every provider, planned or held, by URN."""
    stop: threading.Event
    steps: dict[str, Step] = field(default_factory=dict)
    """What was done so far, by URN."""

    def run(self, actions: Iterable[Action]) -> None:
        """Does all of it; RehearsalError names every failure. What was done is in the state, also then."""
        actions = list(actions)
        wanted = {action.step.urn: action for action in actions if action.planned is not None}
        unwanted = {action.step.urn: action for action in actions if action.planned is None}
        self._run({urn: self._work(action) for urn, action in wanted.items()}, _before(wanted))
        leaving = {f"{held.resource.urn} (former {number})": held for number, held in enumerate(self.state.leaving, 1)}
        removals = {urn: self._removal(action) for urn, action in unwanted.items()}
        removals |= {key: self._leave(held, wanted.values()) for key, held in leaving.items()}
        held = {urn: action.held for urn, action in unwanted.items() if action.held is not None}
        self._run(removals, removal.order(held, leaving))

    def _run(self, work: Mapping[str, schedule.Work], after: Mapping[str, Iterable[str]]) -> None:
        failures = schedule.run(work, after, self.stop, fatal=kube.Unreachable)
        told = {urn: error for urn, error in failures.items() if not isinstance(error, awaiting.InterruptedUpdateError)}
        if told:
            raise summed_up(self.region, told, len(work), self.scrub) from None
        if self.stop.is_set():
            raise RehearsalError(f"{self.region}: the update was interrupted; the next one takes up where it stopped")

    def _done(self, action: Action, note: str = "") -> None:
        step = action.step
        self.steps[step.urn] = replace(step, reasons=(*step.reasons, note)) if note else step
        if step.change is not Change.SAME and is_object(step.type):
            why = f" ({note})" if note else ""
            tell = self.progress.passing if step.change is Change.CREATE else self.progress.note
            tell(f"  {self.region}: {_PAST[step.change]} {step.type.rsplit(':', 1)[-1]} {step.name}{why}")

    # What the program wants

    def _work(self, action: Action) -> schedule.Work:
        def work() -> schedule.Then | None:
            planned = action.planned
            assert planned is not None  # noqa: S101  (run() sorts them)
            if action.step.change is Change.SAME:
                self._keep(action)
                return None
            if planned.custom and has_unknown(planned.inputs):
                raise RehearsalError(
                    "an input needs what only the cluster knows (such as a status), which the in-process engine "
                    "evaluates before it is there; use the Pulumi CLI"
                )
            if not is_object(planned.type):
                self._record(action, None)
                return None
            return self._apply(action, planned)

        return work

    def _keep(self, action: Action) -> None:
        """Nothing to do in the cluster; options (protect, dependencies) may have changed all the same."""
        held, planned = action.held, action.planned
        assert held is not None and planned is not None  # noqa: S101
        if held.resource != planned:
            self._record(action, held.cluster)
        else:
            self._done(action)

    def _record(
        self,
        action: Action,
        cluster: str | None,
        pending: bool = False,
        note: str = "",
        leaving: Held | None = None,
    ) -> None:
        planned = action.planned
        assert planned is not None  # noqa: S101
        if is_object(planned.type):
            planned = replace(planned, outputs={})  # the inputs again; only generated values have to be kept
        former = (
            action.held.resource.urn if action.held is not None and action.held.resource.urn != planned.urn else None
        )
        self.state.put(Held(planned, cluster, pending), former, leaving)
        if not pending:
            self._done(action, note)

    def _apply(self, action: Action, planned: PlannedResource) -> schedule.Then | None:
        provider = self.providers.get(planned.provider or "", {})
        cluster = self.clusters.of(provider)
        uid = self.clusters.uid(cluster)
        obj = manifest(planned, provider)
        note, leaving = "", None
        if action.step.change is Change.REPLACE:
            leaving = self._make_room(action, planned)
        elif action.held is not None and planned.ignore_changes and MISSING not in action.step.reasons:
            obj = _with_live(obj, planned, cluster)
        try:
            applied = cluster.apply(obj, FIELD_MANAGER)
        except kube.KubeError as error:
            if not _asks_for_replacement(error, action):
                raise
            _refuse_to_replace(action, error)
            note = f"replaced: {self.scrub(error.message).splitlines()[0][:120]}"
            self._delete_former(action)
            applied = cluster.apply(obj, FIELD_MANAGER)
            action = replace(action, step=replace(action.step, change=Change.REPLACE))
        if not awaiting.awaits(applied):
            self._record(action, uid, note=note, leaving=leaving)
            return None
        self._record(action, uid, pending=True, leaving=leaving)
        return lambda: self._await(action, cluster, applied, uid, note)

    def _await(self, action: Action, cluster: Cluster, applied: Manifest, uid: str, note: str) -> None:
        assert action.planned is not None  # noqa: S101
        kind = "create" if action.step.change in (Change.CREATE, Change.REPLACE) else "update"
        awaiting.await_ready(cluster, applied, action.planned.timeouts.get(kind), self.stop)
        self._record(action, uid, note=note)

    def _make_room(self, action: Action, planned: PlannedResource) -> Held | None:
        """Deletes the former object where it has to go first; answers it where it goes when all else is made.

        Under the same identity there is no room for both. Else the new one comes first, unless the program says
        `delete_before_replace`: pulumi-kubernetes' rule (provider/pkg/provider/provider.go, deleteBeforeReplace).
        """
        if is_retained(action):
            return None
        if action.in_place or planned.delete_before_replace:
            self._delete_former(action)
            return None
        return action.held

    def _delete_former(self, action: Action) -> None:
        """Takes the object away that a replacement comes after, and waits until it is gone."""
        assert action.held is not None  # noqa: S101
        former = action.held.resource
        provider = self.providers.get(former.provider or "", {})
        self._delete(former, manifest(former, provider), self.clusters.of(provider))
        self.state.remove(former.urn)

    # What the program no longer wants

    def _removal(self, action: Action) -> schedule.Work:
        held = action.held
        assert held is not None  # noqa: S101

        def record() -> None:
            self.state.remove(held.resource.urn)
            self._done(action)

        return self._without(held, held.resource.retain_on_delete, record)

    def _leave(self, held: Held, wanted: Iterable[Action]) -> schedule.Work:
        """The end of what a replacement was made beside of; it stays where the program wants it once more."""
        former, provider = held.resource, self.providers.get(held.resource.provider or "", {})
        kept = identity.of(former, provider) in {
            identity.of(planned, self.providers.get(planned.provider or "", {}))
            for planned in (action.planned for action in wanted)
            if planned is not None and is_object(planned.type)
        }

        def record() -> None:
            self.state.left(held)
            if not kept:
                kind, name = former.type.rsplit(":", 1)[-1], identity.of(former, provider)[-1]
                self.progress.note(f"  {self.region}: deleted {kind} {name}, which {former.name} was before")

        return self._without(held, kept, record)

    def _without(self, held: Held, kept: bool, record: Callable[[], None]) -> schedule.Work:
        """Deletes the object, unless it is kept or of another cluster, and records it."""

        def work() -> schedule.Then | None:
            former = held.resource
            if is_object(former.type) and not kept:
                provider = self.providers.get(former.provider or "", {})
                cluster = self.clusters.of(provider)
                if held.cluster == self.clusters.uid(cluster):
                    return lambda: self._remove(former, manifest(former, provider), cluster, record)
            record()
            return None

        return work

    def _remove(self, former: PlannedResource, obj: Manifest, cluster: Cluster, record: Callable[[], None]) -> None:
        self._delete(former, obj, cluster)
        record()

    def _delete(self, former: PlannedResource, obj: Manifest, cluster: Cluster) -> None:
        name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace")
        try:
            there = cluster.find(obj["apiVersion"], obj["kind"], name, namespace)
            if there is None:
                return
            cluster.delete(obj["apiVersion"], obj["kind"], name, namespace)
        except kube.UnknownKind:
            return  # its definition went, and all objects with it
        awaiting.await_gone(cluster, there, former.timeouts.get("delete"), self.stop)


_PAST = {Change.CREATE: "created", Change.UPDATE: "updated", Change.REPLACE: "replaced", Change.DELETE: "deleted"}


def _before(wanted: Mapping[str, Action]) -> dict[str, list[str]]:
    """What each planned resource comes after: dependencies, its provider and its parent."""
    found: dict[str, list[str]] = {}
    for urn, action in wanted.items():
        planned = action.planned
        assert planned is not None  # noqa: S101
        found[urn] = [*planned.depends_on, *(other for other in (planned.provider, planned.parent) if other)]
    return found


def _with_live(obj: Manifest, planned: PlannedResource, cluster: Cluster) -> Manifest:
    """The object with the cluster's own values at each path of `ignore_changes`.

    Server-side apply would else set them back to what was first stated, such as `spec.replicas` under an autoscaler.
    """
    metadata = obj["metadata"]
    live = cluster.find(obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace"))
    if live is None:
        return obj
    for text in planned.ignore_changes:
        for path in at.spread(at.parse(text), obj):
            current = at.get(live, path)
            if current is not at.ABSENT:
                obj = at.placed(obj, path, current)
    return obj


def _asks_for_replacement(error: kube.KubeError, action: Action) -> bool:
    """Whether an in-place change was refused because a field cannot be changed."""
    in_place = action.held is not None and action.step.change is Change.UPDATE
    text = " ".join((error.message, *error.causes)).lower()
    return in_place and error.status == UNPROCESSABLE and any(words in text for words in FORBIDDEN_UPDATE)


def _refuse_to_replace(action: Action, error: kube.KubeError) -> None:
    """RehearsalError where the former object may not go. Only the server knew that the change takes a replacement."""
    if is_protected(action):
        raise RehearsalError(
            f"is protected, and this change takes a replacement ({error.message}): unset protect first"
        ) from None
    if is_retained(action):
        raise RehearsalError(
            f"is to be kept (retain_on_delete), and this change takes a replacement under the same name "
            f"({error.message}): give the new one another metadata.name, or unset retain_on_delete first"
        ) from None
