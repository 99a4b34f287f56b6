"""Definitions fetched from a Go module, with a Go that says what the test wants."""

import io
import json
from pathlib import Path

import pytest

from rehearsal import schemas, upstream
from rehearsal.progress import Progress

MODULE = upstream.MODULES[0]
FILE = f"{MODULE.group}_clusters.yaml"
VERSION = '[ "$1" = version ] && { echo "go version go1.99.0 linux/amd64"; exit 0; }\n'


class Proxy:
    """A Go on PATH whose `mod download` answers with a folder of the test's making."""

    def __init__(self, root: Path) -> None:
        self.bin, self.asked, self.module = root / "bin", root / "asked", root / "module"
        for folder in (self.bin, self.module / MODULE.folder):
            folder.mkdir(parents=True)
        (self.module / MODULE.folder / FILE).write_text("kind: CustomResourceDefinition\n")
        (self.module / MODULE.folder / "other.yaml").write_text("not one of them\n")
        self.said = io.StringIO()

    def answers(self, **answer: str) -> None:
        document = json.dumps({"Dir": str(self.module), "Sum": MODULE.checksum, **answer})
        self._script(f"echo \"$@\" >> {self.asked}\ncat <<'END'\n{document}\nEND\n")

    def refuses(self, words: str) -> None:
        self._script(f"cat <<'END'\n{json.dumps({'Error': words})}\nEND\nexit 1\n")

    def _script(self, text: str) -> None:
        (self.bin / "go").write_text(f"#!/bin/sh\n{VERSION}{text}")
        (self.bin / "go").chmod(0o755)

    def ensure(self) -> str:
        upstream.ensure(Progress(self.said), {MODULE.group, "k8s.nginx.org"})
        return self.said.getvalue()


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Proxy(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/bin:/bin")
    return made


def test_definitions_are_fetched_once_and_found_by_the_search_path(proxy: Proxy) -> None:
    proxy.answers()
    proxy.ensure()
    proxy.ensure()
    assert proxy.asked.read_text().split("\n")[:-1] == [f"mod download -json {MODULE.path}@{MODULE.version}"]
    assert [file.name for file in MODULE.directory.iterdir()] == [FILE]
    assert MODULE.directory in schemas.search_path()


def test_a_module_that_is_not_the_pinned_one_is_not_used(proxy: Proxy) -> None:
    proxy.answers(Sum="h1:another")
    assert "not the one that was pinned: h1:another" in proxy.ensure()
    assert upstream.directories() == []


def test_a_module_without_definitions_is_told(proxy: Proxy) -> None:
    (proxy.module / MODULE.folder / FILE).unlink()
    proxy.answers()
    assert "has no definitions in config/crd/bases" in proxy.ensure()
    assert upstream.directories() == []


def test_a_proxy_that_refuses_is_told_and_stops_nothing(proxy: Proxy) -> None:
    proxy.refuses("dial tcp: no such host")
    assert f"{MODULE.group} will not be validated: cannot fetch" in proxy.ensure()
    assert "no such host" in proxy.ensure()
    assert upstream.directories() == []


def test_a_proxy_that_hangs_is_given_up(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "FETCH_SECONDS", 0.3)
    proxy._script("exec sleep 60\n")
    assert "did not answer within" in proxy.ensure()


def test_kinds_that_a_directory_defines_are_known(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "search_path", lambda: [proxy.module / MODULE.folder])
    (proxy.module / MODULE.folder / FILE).write_text(
        "kind: CustomResourceDefinition\n  name: clusters.x\nspec:\n  group: x.example.com\n"
        "  names:\n    kind: Cluster\n  versions:\n  - name: v1\n"
    )
    kinds = [("x.example.com/v1", "Cluster"), ("x.example.com/v1", "Other"), ("apps/v1", "Deployment")]
    assert schemas.unknown(kinds) == {("x.example.com/v1", "Other")}
    assert schemas.unknown([("networking.k8s.io/v1", "Ingress"), ("v1", "Pod")]) == set()
