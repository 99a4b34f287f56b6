"""The test images: recipes under images/test/, built without a registry from Debian's and PyPI's packages.

All images share one root with everything in it and differ in their configuration. It is built once and kept in the
cache, unpacked as containerd wants it; a node takes it over by hard links. What changes with our own sources is a thin
layer above it, made at every start.
"""

import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from rehearsal import images as built
from rehearsal import paths, upstream
from rehearsal.errors import RehearsalError
from rehearsal.processes import Process
from rehearsal.progress import Progress
from rehearsal.real import containerd, oci, programs
from rehearsal.real.machine import Machine
from rehearsal.real.namespace import run
from rehearsal.standins.cnpg import archive as manager
from rehearsal.standins.cnpg.instance import figures
from settings import Settings

RECIPES = paths.CHECKOUT / "images" / "test"
SUITE = "trixie"
"""Debian's release, for Python, HAProxy, PgBouncer and PostgreSQL that are near those of the published images."""
USERS = {"postgres": 26}
"""Users whose numbers the published images fix; the others need no name."""
POSTGRESQL = "/usr/lib/postgresql"
"""Its programs are in `current/bin`, whichever version Debian has."""
BASE = "localhost/base:1"
CODE = "/usr/local/lib/somafractalmemory"
"""Where our own sources are in every image."""
SOURCES = ("rehearsal", "settings")
DEBIAN_SECONDS = 1800.0
IMPORT_SECONDS = 300.0
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def ready() -> bool:
    """Whether the shared root is built."""
    return (_place() / "root").exists()


def ensure(progress: Progress) -> Path:
    """The folder of the shared root, built where it is not there: its layers and, in `root`, what containerd makes of
    them. A second build of the same waits for the first."""
    place = _place()
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "root").exists():
            _build(place, progress)
    return place


def install(place: Path, machine: Machine) -> None:
    """Gives a node that does not run yet the shared root. Layers are never written to, so they can be shared."""
    target = containerd.root(machine)
    shared = subprocess.run(["cp", "-al", place / "root", target], capture_output=True, check=False)
    if shared.returncode != 0:  # another file system
        shutil.rmtree(target, ignore_errors=True)
        run(["cp", "-a", str(place / "root"), str(target)], seconds=IMPORT_SECONDS)
    for database in target.rglob("*.db"):
        own = database.with_suffix(".own")
        shutil.copy(database, own)
        own.replace(database)


def write(place: Path, settings: Settings, target: Path, progress: Progress) -> None:
    """Writes the archive with all images as the settings name them, for nodes that have the shared root."""
    code = target.with_suffix(".layer")
    code.with_suffix(".described").unlink(missing_ok=True)
    oci.write_layer(code, _own_files(progress))
    shared = _layers(place)
    oci.write_archive(target, wanted(settings), [*shared, oci.Layer.of(code)], _architecture(), shared)


def load(images: Path, machine: Machine) -> None:
    """Imports an archive of images into the containerd of a node, which must have started."""
    command = _ctr(containerd.socket(machine), "images", "import", str(images))
    run([*machine.enter, *command], seconds=IMPORT_SECONDS)


def wanted(settings: Settings) -> list[oci.Image]:
    """The images of the recipes, named as the settings name them."""
    recipes: dict[str, dict[str, Any]] = yaml.safe_load((RECIPES / "images.yaml").read_text())
    return [_image(recipe, settings) for recipe in recipes.values()]


def _image(recipe: Mapping[str, Any], settings: Settings) -> oci.Image:
    places = [
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
        f"{POSTGRESQL}/current/bin",
    ]
    python = [CODE, *([recipe["path"]] if "path" in recipe else [])]
    return oci.Image(
        name=_name(recipe["name"], settings),
        entrypoint=recipe.get("entrypoint", ()),
        command=recipe.get("command", ()),
        user=recipe.get("user", ""),
        folder=recipe.get("folder", "/"),
        environment={
            "PATH": ":".join(places),
            "PYTHONPATH": ":".join(python),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
        },
    )


def _name(given: str, settings: Settings) -> str:
    if "/" in given:
        return given
    found: Any = settings
    for part in given.split("."):
        found = getattr(found, part)
    return _completed(str(found))


def _completed(name: str) -> str:
    """A reference with its registry, as kubelet completes it (distribution/reference, normalize.go)."""
    registry, _, rest = name.partition("/")
    if rest and ("." in registry or ":" in registry or registry == "localhost"):
        return name
    return f"docker.io/{name}" if rest else f"docker.io/library/{name}"


def _own_files(progress: Progress) -> Iterator[tuple[Path, str]]:
    """Our sources, the recipes' files, gateways, exporter and the manager of PostgreSQL's pods, with their places."""
    for source in SOURCES:
        folder = paths.CHECKOUT / source
        for file in sorted(folder.rglob("*.py")):
            yield file, f"{CODE}/{file.relative_to(paths.CHECKOUT)}"
    files = RECIPES / "files"
    for file in sorted(path for path in files.rglob("*") if path.is_file()):
        yield file, f"/{file.relative_to(files)}"
    yield built.postgresql_gateway(progress), "/postgresql-gateway"
    yield built.redis_gateway(progress), "/redis-gateway"
    yield built.redis_exporter(progress), "/redis_exporter"
    with tempfile.TemporaryDirectory() as scratch:
        yield manager.build(Path(scratch) / "manager"), "/manager"
    yield upstream.default_monitoring(progress), str(figures.QUERIES)


def _layers(place: Path) -> list[oci.Layer]:
    return [oci.Layer.of(place / "debian.tar"), oci.Layer.of(place / "python.tar")]


def _build(place: Path, progress: Progress) -> None:
    with progress.step(f"build the test images' root from Debian {SUITE}: a minute or more"):
        _debian(place / "debian.tar")
    with progress.step("install the Python packages of the test images"):
        _python(place)
    with progress.step("unpack the test images' root"), _alone(place) as socket:
        base = place / "base.oci"
        oci.write_archive(base, [oci.Image(BASE)], _layers(place), _architecture())
        run(_ctr(socket, "images", "import", str(base)), seconds=IMPORT_SECONDS)
        base.unlink()
    (place / "root.new").rename(place / "root")
    for layer in _layers(place):
        layer.path.unlink()  # containerd has it


def _debian(target: Path) -> None:
    if target.exists():
        return
    packages = ",".join(_listed("debian.txt"))
    unneeded = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "info", "locale", "man")]
    hooks = [f'--customize-hook=chroot "$1" usermod --uid {number} {user}' for user, number in USERS.items()]
    hooks.append(f'--customize-hook=cd "$1{POSTGRESQL}" && ln -s [0-9]* current')
    made = target.with_suffix(".new.tar")
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={packages}", *unneeded, *hooks]
    run([*command, SUITE, str(made)], seconds=DEBIAN_SECONDS)
    made.rename(target)


def _python(place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place) as scratch:
        for line in _listed("python.txt"):
            folder, requirement = line.split()
            options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--no-compile"]
            target = f"{scratch}/opt/{folder}"
            run([sys.executable, "-m", "pip", "install", *options, "--target", target, requirement], seconds=300)
        files = sorted(path for path in Path(scratch).rglob("*") if path.is_file())
        oci.write_layer(place / "python.tar", ((file, f"/{file.relative_to(scratch)}") for file in files))


@contextmanager
def _alone(place: Path) -> Generator[Path]:
    """A containerd that unpacks into `root.new`; its socket."""
    root, socket = place / "root.new", place / "containerd.sock"
    shutil.rmtree(root, ignore_errors=True)
    process = Process(place, "containerd")
    config = place / "containerd.toml"
    state = tempfile.mkdtemp(prefix="soma-containerd-")
    config.write_text(
        f'version = 2\nroot = "{root}"\nstate = "{state}"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
        f'[grpc]\n  address = "{socket}"\n'
    )
    process.stop()
    # mounts of its own, so that none is left whatever happens
    process.start(["unshare", "--mount", "--", programs.find("containerd") or "containerd", "--config", config])
    try:
        containerd.await_answer(socket, process)
        yield socket
    finally:
        process.stop()
        shutil.rmtree(state, ignore_errors=True)


def _ctr(socket: Path, *arguments: str) -> list[str]:
    return [programs.find("ctr") or "ctr", f"--address={socket}", f"--namespace={containerd.NAMESPACE}", *arguments]


def _listed(name: str) -> list[str]:
    lines = (RECIPES / name).read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _architecture() -> str:
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise RehearsalError(f"no test images for {machine}: they are built for {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[machine]


def _place() -> Path:
    return paths.cache() / "test-images" / _key()


def _key() -> str:
    """What the shared root is built from, as a digest."""
    parts = [(RECIPES / name).read_bytes() for name in ("debian.txt", "python.txt")]
    parts += [SUITE.encode(), repr((USERS, POSTGRESQL)).encode(), platform.machine().encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
