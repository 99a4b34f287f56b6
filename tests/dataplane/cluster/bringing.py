"""Brings the program up on a cluster: our own real nodes, or one that was given; and takes it down again."""

import contextlib
import fcntl
import hashlib
import io
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from rehearsal import paths, schemas, upstream
from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.model import Preview
from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError
from rehearsal.kube import Client
from rehearsal.progress import Progress
from rehearsal.real.cluster import Cluster
from rehearsal.standins import launch
from settings import Settings
from tests.dataplane.cluster import given, toolbox
from tests.dataplane.cluster.logs import HeardLogs, LinkedLogs
from tests.dataplane.cluster.secrets import Ledger
from tests.dataplane.cluster.stand import KUBECONFIG, Logs, Pod, Stand, eventually
from tests.engine.checkouts import checkout

REGION = "us-east"
STACK = Path(__file__).with_name("Pulumi.us-east.yaml")
PLACE = Path("/var/lib/somafractalmemory")
"""A short path: sockets lie below it."""
SETTLED_SECONDS = 240


@contextmanager
def standing(folder: Path, said: io.StringIO) -> Generator[Stand]:
    """The program on the cluster that the environment names, or on our own nodes. `folder` is for its files.

    What the engine says is written to `said`, that of later updates too.
    """
    kubeconfig = os.environ.get(KUBECONFIG)
    directory, settings = region(folder)
    if kubeconfig:
        with _on_given(Path(kubeconfig), directory, folder, settings, said) as stand:
            yield stand
    else:
        with _on_own(directory, folder, settings, said) as stand:
            yield stand


def region(folder: Path) -> tuple[Path, Settings]:
    """A checkout with the stack file of the tier alone, and its settings."""
    directory = checkout(folder / "checkout", {STACK.name: STACK.read_text()})
    (directory / "Pulumi.us-west.yaml").unlink()
    return directory, Project.load(directory).settings()[REGION]


@contextmanager
def _on_own(directory: Path, folder: Path, settings: Settings, said: io.StringIO) -> Generator[Stand]:
    progress = Progress(said)
    name = hashlib.sha256(str(paths.CHECKOUT).encode()).hexdigest()[:8]
    cluster = Cluster(PLACE / name, REGION)
    with _alone(progress), contextlib.ExitStack() as stack:
        stack.callback(cluster.stop)
        cluster.start(progress)
        logs = stack.enter_context(LinkedLogs(cluster.directory))
        cluster.load(settings, progress)
        engine = InProcessEngine(directory, folder / "state", lambda _: cluster.kubeconfig)
        _install_kinds(cluster.admin(), engine.preview(REGION), progress)
        home = cluster.directory / REGION
        launch.start(cluster.inside, home, progress, "real", cluster.namespace.enter)
        stand = _stand(
            cluster.admin(), cluster.kubeconfig, settings, cluster, logs, _again(directory, engine, said), said
        )
        yield _brought_up(stand, engine, progress)


@contextmanager
def _alone(progress: Progress) -> Generator[None]:
    """One cluster at a time: each takes the whole machine for its own, and figures of two at once mean nothing."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step("wait for another run of the data tier on this machine"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _on_given(
    kubeconfig: Path, directory: Path, folder: Path, settings: Settings, said: io.StringIO
) -> Generator[Stand]:
    """A cluster of somebody's: nothing that was there is touched, and all that is ours goes with the tests."""
    namespace = settings.kubernetes.namespace
    given.refuse_without_toolbox()
    with Client.from_kubeconfig(kubeconfig) as client:
        if client.find("v1", "Namespace", namespace) is not None:
            raise RehearsalError(
                f"{kubeconfig}: the namespace {namespace} is there already: delete it, if it is of a run that was ended"
            )
        stack, there = directory / STACK.name, given.zones(client.list("v1", "Node"))
        stack.write_text(given.named(stack.read_text(), settings.high_availability.zones, there))
        settings = Project.load(directory).settings()[REGION]
        engine = InProcessEngine(directory, folder / "state", lambda _: kubeconfig)
        planned = engine.preview(REGION).resources
        try:
            again = _again(directory, engine, said)
            stand = _stand(client, kubeconfig, settings, None, HeardLogs(), again, said)
            yield _brought_up(stand, engine, Progress(said))
        finally:
            given.remove(client, planned)


def _stand(
    client: Client,
    kubeconfig: Path,
    settings: Settings,
    own: Cluster | None,
    logs: Logs,
    again: Callable[[Mapping[str, int]], Settings],
    said: io.StringIO,
) -> Stand:
    """One whose updates lose neither a log nor a secret value of before."""

    def up(numbers: Mapping[str, int]) -> Settings:
        logs.keep(stand, [Pod(one) for one in client.list("v1", "Pod", stand.namespace)])
        stand.remember_secrets()
        try:
            return again(numbers)
        finally:
            stand.remember_secrets()

    stand = Stand(client, kubeconfig, settings, own, up, logs, Ledger(), said.getvalue)
    return stand


def _brought_up(stand: Stand, engine: InProcessEngine, progress: Progress) -> Stand:
    with progress.step("bring the program up"):
        engine.up(REGION, progress)
    with progress.step("wait for its pods"):
        toolbox.make(stand.client, stand.namespace)

        def settled() -> bool:
            waiting = unready(stand)
            assert not waiting, ", ".join(waiting)
            return True

        eventually("every pod is ready", settled, SETTLED_SECONDS)
    stand.remember_secrets()
    return stand


def _again(directory: Path, engine: InProcessEngine, said: io.StringIO) -> Callable[[Mapping[str, int]], Settings]:
    """The update once more, of a stack file with other numbers. A version of a secret that was raised stays so."""
    raised: dict[str, int] = {}
    stack = directory / STACK.name
    first = stack.read_text()

    def up(numbers: Mapping[str, int]) -> Settings:
        raised.update({path: number for path, number in numbers.items() if path.endswith("_version")})
        stack.write_text(changed(first, {**raised, **numbers}))
        before = said.tell()
        try:
            engine.up(REGION, Progress(said))
        except RehearsalError as error:
            said.write(f"{error}\n")
            error.add_note(said.getvalue()[before:])
            raise
        return Project.load(directory).settings()[REGION]

    return up


def changed(stack: str, numbers: Mapping[str, int]) -> str:
    """A stack file with numbers set, by their paths in the settings."""
    document = yaml.safe_load(stack)
    for path, number in numbers.items():
        group, *parents, last = path.split(".")
        place = document["config"][f"somafractalmemory:{group}"]
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = number
    return yaml.safe_dump(document)


def unready(stand: Stand) -> list[str]:
    """Names of the program's pods that are neither ready nor done; a Job's failed try is done as well."""
    found = (Pod(one) for one in stand.client.list("v1", "Pod", stand.namespace))
    done = ("Succeeded", "Failed")
    return [pod.name for pod in found if not pod.ready and pod.manifest["status"].get("phase") not in done]


def _install_kinds(client: Client, preview: Preview, progress: Progress) -> None:
    """The custom kinds of the plan; on a cluster that was given its operators have brought them."""
    kinds = {
        (str(one.inputs["apiVersion"]), str(one.inputs["kind"]))
        for one in preview.resources
        if one.custom and {"apiVersion", "kind"} <= one.inputs.keys()
    }
    upstream.ensure(progress, {schemas.group(kind) for kind in schemas.unknown(kinds)})
    schemas.ensure_kinds(client, kinds)
