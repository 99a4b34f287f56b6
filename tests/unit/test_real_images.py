"""The test images: names as the manifests use them, layers and archives as containerd takes them."""

import hashlib
import json
import re
import tarfile
from pathlib import Path

import pytest

from rehearsal import build
from rehearsal.real import images, oci
from settings import Settings
from tests.dataplane.cluster.bringing import region
from tests.unit.recorded import Recorded


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of the data tier's region."""
    return region(tmp_path_factory.mktemp("small"))[1]


def test_every_image_of_the_program_is_made(us_east: Recorded, small: Settings) -> None:
    made = {image.name for image in images.wanted(small)}
    used = {container["image"] for resource in us_east.resources for container in containers(resource.inputs)}
    assert used
    assert used <= made


def test_the_exporter_is_built_at_the_version_of_its_image(small: Settings) -> None:
    required = (build.MODULE / "exporter" / "go.mod").read_text()
    (version,) = re.findall(r"^require github.com/oliver006/redis_exporter (v\S+)$", required, re.M)
    assert small.images.redis_exporter.endswith(f"redis_exporter:{version}-alpine")


def containers(found: object) -> list[dict[str, str]]:
    """Whatever looks like a container in an object."""
    if isinstance(found, dict):
        here = [found] if isinstance(found.get("image"), str) and "name" in found else []
        return [*here, *(one for value in found.values() for one in containers(value))]
    return [one for value in found for one in containers(value)] if isinstance(found, list) else []


def test_names_are_completed_as_kubelet_completes_them(small: Settings) -> None:
    short = small.model_copy(update={"images": small.images.model_copy(update={"python": "python:3.13"})})
    assert "docker.io/library/python:3.13" in {image.name for image in images.wanted(short)}


def test_an_archive_holds_what_its_index_says(tmp_path: Path) -> None:
    file = tmp_path / "hello"
    file.write_text("hello")
    file.chmod(0o600)
    oci.write_layer(tmp_path / "one.tar", [(file, "/opt/hello")])
    layer = oci.Layer.of(tmp_path / "one.tar")
    named = [oci.Image("localhost/a:1", command=["sleep"], user="26"), oci.Image("localhost/b:1")]
    oci.write_archive(tmp_path / "all.oci", named, [layer], "amd64")
    with tarfile.open(tmp_path / "all.oci") as archive:
        blobs = {name: archive.extractfile(name) for name in archive.getnames() if name.startswith("blobs/")}
        content = {name: file.read() for name, file in blobs.items() if file is not None}
        index_file = archive.extractfile("index.json")
        assert index_file is not None
        index = json.loads(index_file.read())
    assert all(name.rpartition("/")[2] == hashlib.sha256(data).hexdigest() for name, data in content.items())
    assert [one["annotations"]["io.containerd.image.name"] for one in index["manifests"]] == [
        "localhost/a:1",
        "localhost/b:1",
    ]
    manifest = json.loads(content["blobs/" + index["manifests"][0]["digest"].replace(":", "/")])
    config = json.loads(content["blobs/" + manifest["config"]["digest"].replace(":", "/")])
    assert manifest["layers"][0]["digest"] == layer.digest
    assert config["rootfs"]["diff_ids"] == [layer.digest]
    assert config["config"]["Cmd"] == ["sleep"]
    assert config["config"]["User"] == "26"


def test_a_layer_that_is_there_already_is_not_sent_again(tmp_path: Path) -> None:
    file = tmp_path / "hello"
    file.write_text("hello")
    oci.write_layer(tmp_path / "one.tar", [(file, "/hello")])
    layer = oci.Layer.of(tmp_path / "one.tar")
    oci.write_archive(tmp_path / "all.oci", [oci.Image("localhost/a:1")], [layer], "amd64", present=[layer])
    with tarfile.open(tmp_path / "all.oci") as archive:
        assert f"blobs/{layer.digest.replace(':', '/')}" not in archive.getnames()


def test_files_of_a_layer_are_roots_and_readable_by_every_user(tmp_path: Path) -> None:
    file = tmp_path / "hello"
    file.write_text("hello")
    file.chmod(0o700)
    oci.write_layer(tmp_path / "one.tar", [(file, "/hello")])
    with tarfile.open(tmp_path / "one.tar") as layer:
        member = layer.getmember("hello")
    assert (member.uid, member.gid, member.mode & 0o777, member.mtime) == (0, 0, 0o755, 0)
