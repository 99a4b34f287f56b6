"""Custom resource definitions, and a file more, that upstream ships in its Go module, fetched by its proxy.

Modules without definitions, or whose newer releases the proxy does not carry (NGINX's ingress controller), are left
to the other places of the search path (rehearsal/schemas.py).
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rehearsal import build, paths, toolchain
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress

FETCH_SECONDS = 180.0
MONITORING = "config/manager/default-monitoring.yaml"
"""Of CloudNativePG: the queries by which its instances tell of PostgreSQL."""


@dataclass(frozen=True)
class Module:
    """A Go module at a pinned version, and what of it is wanted."""

    path: str
    version: str
    checksum: str
    """As in go.sum."""
    folder: str
    """Where its definitions lie."""
    group: str
    """API group that they define."""

    @property
    def directory(self) -> Path:
        """Where its definitions are kept, fetched or not."""
        return paths.cache() / "crds" / f"{self.path.replace('/', '_')}@{self.version}"


MODULES = (
    Module(
        path="github.com/cloudnative-pg/cloudnative-pg",
        version="v1.30.0",  # the release that components/postgres.py is written for
        checksum="h1:fnhVq44xXx97MNiuvJsPrX1vSjYbgdyBK5MSGfdHdp0=",
        folder="config/crd/bases",
        group="postgresql.cnpg.io",
    ),
    Module(
        path="github.com/prometheus-operator/prometheus-operator",
        version="v0.93.0",  # what kube-prometheus-stack 88.5.3 installs (components/versions.py)
        checksum="h1:AohlYJT+En8TmNpAcEUJ3GsaJTAqfEBwHmGTVpRm/Io=",
        folder="example/prometheus-operator-crd",
        group="monitoring.coreos.com",
    ),
)


def default_monitoring(progress: Progress) -> Path:
    """CloudNativePG's own queries, fetched where they are not there; RehearsalError where they cannot be."""
    (module,) = (one for one in MODULES if one.group == "postgresql.cnpg.io")
    kept = paths.cache() / "monitoring" / f"{module.directory.name}.yaml"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with progress.step(f"fetch the queries of {module.group} {module.version}"):
            found = _module(module, toolchain.find(build.needed_go(), progress), kept.parent)
            new = kept.with_name(f"{kept.name}.new")
            new.write_bytes((found / MONITORING).read_bytes())
            new.replace(kept)
    return kept


def directories() -> list[Path]:
    """What has been fetched, for the search path."""
    return [module.directory for module in MODULES if module.directory.is_dir()]


def ensure(progress: Progress, groups: Iterable[str]) -> None:
    """Fetches the definitions of these API groups, once; a failure is told and no more.

    Without them the API server accepts these kinds unchecked, which the summary says by name.
    """
    wanted = [module for module in MODULES if module.group in set(groups) and not module.directory.is_dir()]
    for module in wanted:
        try:
            with progress.step(f"fetch the definitions of {module.group} {module.version}"):
                _fetch(module, toolchain.find(build.needed_go(), progress))
        except RehearsalError as error:
            progress.note(f"  {module.group} will not be validated: {error}")


def _fetch(module: Module, tool: toolchain.Go) -> None:
    module.directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=module.directory.parent, prefix=".fetch-") as scratch:
        found = sorted((_module(module, tool, Path(scratch)) / module.folder).glob(f"{module.group}_*.yaml"))
        if not found:
            raise RehearsalError(f"{module.path}@{module.version} has no definitions in {module.folder}")
        whole = Path(scratch) / "whole"
        whole.mkdir()
        for file in found:
            (whole / file.name).write_bytes(file.read_bytes())
        # Whole or not at all; another run may have been quicker.
        if not module.directory.exists():
            shutil.move(whole, module.directory)


def _module(module: Module, tool: toolchain.Go, scratch: Path) -> Path:
    """Where Go keeps a module, checked against its pin."""
    downloaded = _download(module, tool, scratch)
    if downloaded.get("Sum") != module.checksum:
        raise RehearsalError(f"{module.path}@{module.version} is not the one that was pinned: {downloaded['Sum']}")
    return Path(downloaded["Dir"])


def _download(module: Module, tool: toolchain.Go, directory: Path) -> dict[str, str]:
    command = [tool.path, "mod", "download", "-json", f"{module.path}@{module.version}"]
    try:
        asked = subprocess.run(
            command,
            cwd=directory,  # no go.mod: the module is asked for by itself
            env=tool.environment(offline=False),
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RehearsalError(f"the Go module proxy did not answer within {FETCH_SECONDS:.0f} s") from None
    said = json.loads(asked.stdout) if asked.stdout.startswith("{") else {}
    if asked.returncode != 0 or "Dir" not in said:
        words = str(said.get("Error") or asked.stderr).strip().splitlines()
        raise RehearsalError(f"cannot fetch {module.path}@{module.version}: {words[-1] if words else 'no answer'}")
    return said
