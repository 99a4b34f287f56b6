"""Image layers and archives in the OCI layout, written without a registry (opencontainers/image-spec, v1.1)."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PREFIX = "application/vnd.oci.image"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Layer:
    """A tar archive of files; not compressed, for it never leaves the machine."""

    path: Path
    digest: str
    size: int
    """Bytes."""

    @classmethod
    def of(cls, path: Path) -> "Layer":
        """The layer in a file. What it is is kept beside it, and known without the file from then on."""
        kept = path.with_suffix(".described")
        if not kept.exists():
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            kept.write_text(f"sha256:{digest.hexdigest()} {path.stat().st_size}")
        digest_, size = kept.read_text().split()
        return cls(path, digest_, int(size))


@dataclass(frozen=True)
class Image:
    """What an image says beside its layers."""

    name: str
    """Full reference, with registry and tag."""
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    user: str = ""
    folder: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def config(self, layers: Sequence[Layer], architecture: str) -> dict[str, Any]:
        """The image's configuration (config.md)."""
        return {
            "architecture": architecture,
            "os": "linux",
            "config": {
                "Entrypoint": list(self.entrypoint),
                "Cmd": list(self.command),
                "User": self.user,
                "WorkingDir": self.folder,
                "Env": [f"{key}={value}" for key, value in self.environment.items()],
            },
            "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        }


def write_layer(path: Path, files: Iterable[tuple[Path, str]]) -> None:
    """A layer of files and folders: where each lies, and its absolute path in the image. All are root's, undated."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for source, target in files:
            member = archive.gettarinfo(source, target.lstrip("/"))
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            member.mtime = 0
            member.mode |= 0o444 | (0o111 if member.mode & 0o100 or member.isdir() else 0)
            if member.isreg():
                with source.open("rb") as file:
                    archive.addfile(member, file)
            else:
                archive.addfile(member)


def write_archive(
    path: Path, images: Sequence[Image], layers: Sequence[Layer], architecture: str, present: Sequence[Layer] = ()
) -> None:
    """An archive of images that share their layers; without the blobs of those that are present where it goes."""
    entries: list[dict[str, Any]] = []
    with tarfile.open(path, "w") as archive:
        _add(archive, "oci-layout", {"imageLayoutVersion": "1.0.0"})
        for layer in layers:
            if layer not in present:
                archive.add(layer.path, _blob(layer.digest))
        described = [
            {"mediaType": f"{_PREFIX}.layer.v1.tar", "digest": layer.digest, "size": layer.size} for layer in layers
        ]
        for image in images:
            config = _put(archive, f"{_PREFIX}.config.v1+json", image.config(layers, architecture))
            media_type = f"{_PREFIX}.manifest.v1+json"
            manifest = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": described}
            entry = _put(archive, media_type, manifest)
            entries.append({**entry, "annotations": {"io.containerd.image.name": image.name}})
        _add(archive, "index.json", {"schemaVersion": 2, "manifests": entries})


def _put(archive: tarfile.TarFile, media_type: str, content: Mapping[str, Any]) -> dict[str, Any]:
    data = json.dumps(content, sort_keys=True).encode()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if _blob(digest) not in archive.getnames():
        _add(archive, _blob(digest), content)
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def _add(archive: tarfile.TarFile, name: str, content: Mapping[str, Any]) -> None:
    data = json.dumps(content, sort_keys=True).encode()
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")
