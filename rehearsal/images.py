"""Programs that are neither pulled nor installed, built into the cache: ours (images/), and others from Go modules."""

import hashlib
from pathlib import Path

from rehearsal import build, paths
from rehearsal.progress import Progress

IMAGES = paths.CHECKOUT / "images"


def postgresql_gateway(progress: Progress) -> Path:
    """The PostgreSQL gateway; built when its sources have changed."""
    return _program(IMAGES / "postgresql-gateway", progress)


def redis_gateway(progress: Progress) -> Path:
    """The Redis gateway; built when its sources have changed."""
    return _program(IMAGES / "redis-gateway", progress)


def redis_exporter(progress: Progress) -> Path:
    """The Redis exporter, at the version that rehearsal/go/exporter pins: that of its published image."""
    return _program(build.MODULE / "exporter", progress, "github.com/oliver006/redis_exporter")


def actionlint(progress: Progress) -> Path:
    """What checks the workflows, at the version that rehearsal/go/actionlint pins."""
    return _program(build.MODULE / "actionlint", progress, "github.com/rhysd/actionlint/cmd/actionlint")


def _program(module: Path, progress: Progress, package: str = ".") -> Path:
    target = paths.cache() / "images" / f"{module.name}-{_key(module)}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        build.one(module, target, progress, package)
    return target


def _key(module: Path) -> str:
    """A digest of all that the program is made from."""
    digest = hashlib.sha256()
    for file in sorted([*module.glob("*.go"), module / "go.mod", module / "go.sum"]):
        digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
