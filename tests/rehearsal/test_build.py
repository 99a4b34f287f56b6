"""Building the programs, with a Go that says what the test wants."""

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal import binaries, build
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress

GOOD = r"""#!/bin/sh
case "$1" in
  version) echo "go version go1.99.0 linux/amd64" ;;
  list) echo "go: downloading x" >&2; echo a; echo b ;;
  build) echo built >> "$COUNT"; sleep 0.3
         while [ $# -gt 0 ]; do [ "$1" = "-o" ] && out="$2"; shift; done
         for name in server kube-apiserver kube-controller-manager kube-scheduler kubectl kwok; do
           printf '#!/bin/sh\n' > "$out/$name"; chmod +x "$out/$name"; done ;;
esac
"""
OFFLINE = """#!/bin/sh
[ "$1" = version ] && { echo "go version go1.99.0 linux/amd64"; exit 0; }
echo 'go: k8s.io/kubernetes@v1.36.3: Get "https://example.com/": dial tcp: lookup example.com: no such host' >&2
exit 1
"""
SILENT = """#!/bin/sh
[ "$1" = version ] && { echo "go version go1.99.0 linux/amd64"; exit 0; }
exec sleep 60
"""
SLOW = r"""#!/bin/sh
case "$1" in
  version) echo "go version go1.99.0 linux/amd64" ;;
  build) [ "$GOPROXY" = off ] || exit 1
         sleep 1
         while [ $# -gt 0 ]; do [ "$1" = "-o" ] && out="$2"; shift; done
         echo program > "$out" ;;
esac
"""
"""Finds all modules at hand, and compiles for longer than a download may be silent."""
HALF_WAY = GOOD.replace("chmod +x", "kill -9 $$; chmod +x")


class Workshop:
    """A cache of its own and a Go of the test's making."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.built = root / "count"
        self.said = io.StringIO()

    def go(self, script: str) -> None:
        path = self.root / "bin" / "go"
        path.parent.mkdir(exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)

    def ensure(self) -> binaries.Binaries:
        return binaries.ensure(Progress(self.said))

    def left(self) -> set[str]:
        return {path.name for path in build.directory().iterdir()} - {".lock"}


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("COUNT", str(made.built))
    monkeypatch.delenv(binaries.ASSETS, raising=False)
    yield made


def test_programs_are_built_once_and_then_found(workshop: Workshop) -> None:
    workshop.go(GOOD)
    found = workshop.ensure()
    assert found.etcd.name == "etcd"
    assert found.directory == build.directory()
    assert found.kubectl is not None
    assert workshop.ensure() == found
    assert workshop.built.read_text() == "built\n"


def test_two_builds_at_once_are_one(workshop: Workshop) -> None:
    workshop.go(GOOD)
    found: list[binaries.Binaries] = []
    threads = [threading.Thread(target=lambda: found.append(workshop.ensure())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert workshop.built.read_text() == "built\n"


def test_a_registry_that_does_not_answer_is_said_in_words_and_nothing_is_left(workshop: Workshop) -> None:
    workshop.go(OFFLINE)
    with pytest.raises(RehearsalError, match=r"(?s)module proxy does not answer; check the network.*no such host"):
        workshop.ensure()
    assert workshop.left() == set()


def test_a_registry_that_hangs_is_given_up(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "SILENCE_SECONDS", 0.3)
    workshop.go(SILENT)
    with pytest.raises(RehearsalError, match="no answer"):
        workshop.ensure()
    assert workshop.left() == set()


def test_a_program_that_takes_long_to_compile_is_not_given_up(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(build, "SILENCE_SECONDS", 0.3)
    workshop.go(SLOW)
    build.one(tmp_path, tmp_path / "agent", Progress(workshop.said))
    assert (tmp_path / "agent").read_text() == "program\n"


def test_modules_of_a_program_that_do_not_come_are_given_up(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(build, "SILENCE_SECONDS", 0.3)
    workshop.go(SILENT)
    with pytest.raises(RehearsalError, match="cannot fetch the Go modules of agent: no answer"):
        build.one(tmp_path, tmp_path / "program", Progress(workshop.said), "./agent")


def test_a_build_that_dies_half_way_is_made_good_by_the_next(workshop: Workshop) -> None:
    workshop.go(HALF_WAY)
    with pytest.raises(RehearsalError, match="cannot build the control plane"):
        workshop.ensure()
    (build.directory() / ".build-killed").mkdir()
    assert binaries.missing() != ""
    workshop.go(GOOD)
    workshop.ensure()
    assert workshop.left() == {*binaries.REQUIRED, *binaries.OPTIONAL}


def test_programs_that_fit_are_taken_from_where_the_user_says(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workshop.go(GOOD)
    assets = tmp_path / "assets"
    assets.mkdir()
    for program, said in (("etcd", "etcd Version: 3.6.1"), ("kube-apiserver", "Kubernetes v1.30.0")):
        (assets / program).write_text(f"#!/bin/sh\necho '{said}'\n")
        (assets / program).chmod(0o755)
    monkeypatch.setenv(binaries.ASSETS, str(assets))
    found = workshop.ensure()
    assert found.etcd == assets / "etcd"
    assert found.kube_apiserver == build.directory() / "kube-apiserver"
