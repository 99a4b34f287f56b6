"""Which programs fit, what the cache's key depends on, and what Go says."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from rehearsal import binaries, build, toolchain
from rehearsal.progress import Progress


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the Go module that the test may change."""
    for name in ("go.mod", "go.sum", "tools.go"):
        (tmp_path / name).write_bytes((build.MODULE / name).read_bytes())
    monkeypatch.setattr(build, "MODULE", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(binaries.ASSETS, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    build.pinned.cache_clear()
    build.key.cache_clear()


@pytest.mark.parametrize(
    ("program", "said", "fits"),
    [
        ("kube-apiserver", "Kubernetes v1.36.3", True),
        ("kube-apiserver", "Kubernetes v1.36.0", True),
        ("kube-apiserver", "Kubernetes v1.32.4", False),
        ("kube-apiserver", "Kubernetes v0.0.0-master+$Format:%H$", False),
        ("kubectl", "Client Version: v1.36.1\nKustomize Version: v5.7.1", True),
        ("etcd", "etcd Version: 3.6.8\nGit SHA: Not provided", True),
        ("etcd", "etcd Version: 3.5.21", False),
        ("kwok", "kwok version v0.8.0 go1.26.8 (linux/amd64)", True),
        ("kwok", "kwok version v0.7.0 go1.26.8 (linux/amd64)", False),
        ("kwok", "", False),
    ],
)
def test_a_program_fits_when_its_minor_version_is_the_pinned_one(program: str, said: str, fits: bool) -> None:
    assert binaries.fits(program, said) is fits


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "tools.go"])
def test_programs_built_from_anything_else_lie_elsewhere(module: Path, name: str) -> None:
    before = build.directory()
    build.key.cache_clear()
    assert build.directory() == before
    with (module / name).open("a") as file:
        file.write("\n// changed\n")
    build.key.cache_clear()
    assert build.directory() != before


def test_the_server_states_the_version_that_it_is_built_from() -> None:
    flags = build.flags()
    assert f"version.gitVersion={build.pinned('k8s.io/kubernetes')}" in flags
    assert "version.gitMinor=36" in flags


def test_what_is_missing_is_named_with_the_remedy_and_nothing_is_built(module: Path) -> None:
    missing = binaries.missing()
    assert "kube-apiserver" in missing
    assert "make setup" in missing
    for program in binaries.REQUIRED:
        build.directory().mkdir(parents=True, exist_ok=True)
        (build.directory() / program).touch(mode=0o755)
    assert binaries.missing() == ""


def test_kubectl_is_built_where_it_is_asked_for(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(programs: Iterable[str], _: Progress) -> None:
        build.directory().mkdir(parents=True, exist_ok=True)
        for program in programs:
            (build.directory() / program).touch(mode=0o755)

    monkeypatch.setattr(build, "build", make)
    assert binaries.ensure(Progress(io.StringIO())).kubectl is None
    asked = binaries.ensure(Progress(io.StringIO()), (*binaries.REQUIRED, "kubectl"))
    assert asked.kubectl == build.directory() / "kubectl"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27 darwin/arm64", (1, 27, 0)),
        ("go version go1.26rc1 linux/amd64", None),
        ("go version devel", None),
    ],
)
def test_gos_version_is_read(said: str, version: tuple[int, ...] | None) -> None:
    assert toolchain.parse(said) == version


def test_every_program_is_built_from_a_package_that_the_module_names() -> None:
    named = (build.MODULE / "tools.go").read_text()
    assert all(f'_ "{package}"' in named for package in build.PACKAGES.values())
    assert {*binaries.REQUIRED, *binaries.OPTIONAL} == set(build.PACKAGES)
