"""docs/api.md: every component with its token, what it takes and what it gives out, all of it explained."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from components import reference
from components.__main__ import main
from components.placement import Placement
from rehearsal import paths
from tests.unit.test_component_tokens import component_classes, our_modules, stated_token

PAGE = paths.CHECKOUT / "docs" / "api.md"


def section(name: str) -> str:
    """What the page says under a heading."""
    return reference.page().split(f"\n### {name}\n")[1].split("\n## ")[0].split("\n### ")[0]


def test_the_page_is_up_to_date() -> None:
    assert main(["--check", str(PAGE)]) == 0


def test_a_page_that_is_not_what_the_code_says_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stale = tmp_path / "api.md"
    stale.write_text(PAGE.read_text().replace("| `placement` |", "| `place` |", 1))
    assert main(["--check", str(stale)]) == 1
    assert "run `make docs`" in capsys.readouterr().err
    assert main(["--write", str(stale)]) == 0
    assert main(["--check", str(stale)]) == 0


def test_every_component_is_there_once_under_its_token() -> None:
    tokens = sorted(stated_token(kind) for kind in component_classes(our_modules()))
    assert [component.token for component in reference.catalogue()] == tokens
    headings = re.findall(r"^### (\w+)$", reference.page(), re.MULTILINE)
    assert len(set(headings)) == len(headings), "two of a name: a link to the one leads to the other"


def test_everything_that_is_taken_or_given_out_is_explained() -> None:
    assert reference.gaps() == []


def test_what_nobody_explains_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    component, *others = reference.catalogue()
    silent = tuple(replace(entry, meaning="") for entry in component.arguments[:1])
    monkeypatch.setattr(reference, "catalogue", lambda: (replace(component, arguments=silent), *others))
    assert reference.gaps() == [f"{component.name}.{silent[0].name}"]


def test_a_component_says_how_it_is_imported_what_it_takes_and_what_it_gives_out() -> None:
    said = section("RedisCluster")
    for line in (
        "`soma:data:RedisCluster`: `from components.redis import RedisArgs, RedisCluster`",
        "| `placement` | [`Placement`](#placement) | **required** | Where a component of one region lands. |",
        "| `image` | `str` | **required** | Valkey or Redis, 7 or newer. |",
        "| `monitoring_namespace` | `str` | `'monitoring'` | Namespace of Prometheus, which reads the figures. |",
        "| `secret_name` | `Output[str]` | Secret with `password`. |",
    ):
        assert line in said.splitlines(), line
    assert "[`Redis`](configuration.md#redis)" in said


def test_what_is_taken_without_args_and_what_can_be_called_is_there_too() -> None:
    assert "| `settings` | [`Settings`](configuration.md) | **required** |" in section("Region")
    assert "- `outputs()`: What the stack of a region has to export" in section("Region")
    assert "| `common_name` | `str` | **required** | what the authority is called" in section("CertificateAuthority")


def test_values_are_there_however_deep_they_lie() -> None:
    names = [kind.__name__ for kind in reference.values(reference.catalogue())]
    assert {"Placement", "StatefulNodes", "BackupStores", "ObjectStore", "Health"} <= set(names)
    assert names == sorted(names)


def test_every_link_of_the_page_leads_somewhere() -> None:
    text = reference.page()
    anchors = {heading.lower() for heading in re.findall(r"^#+ (\w+)$", text, re.MULTILINE)}
    configuration = (paths.CHECKOUT / "docs" / "configuration.md").read_text()
    blocks = set(re.findall(r"^### `(\w+)`$", configuration, re.MULTILINE))
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
    assert set(re.findall(r"\]\(configuration\.md#([^)]+)\)", text)) <= blocks


def test_a_name_is_explained_in_common_where_several_use_it() -> None:
    """One that a single class uses is explained beside it."""
    found = reference.catalogue()
    kinds = {c.args for c in found if c.args is not None} | {c.kind for c in found} | set(reference.values(found))
    for name, meaning in reference.COMMON.items():
        users = [
            kind for kind in kinds for entry in reference.fields(kind) if (entry.name, entry.meaning) == (name, meaning)
        ]
        assert len(users) > 1, name


@dataclass
class Explained:
    """An example of what is read."""

    first: str
    """Over two
    lines."""
    placement: Placement
    second: int = 3
    _hidden: str = ""


def test_a_docstring_goes_before_what_the_type_says() -> None:
    entries = {entry.name: entry for entry in reference.fields(Explained)}
    assert list(entries) == ["first", "placement", "second"]
    assert (entries["first"].meaning, entries["first"].default) == ("Over two lines.", "")
    assert entries["placement"].meaning == "Where a component of one region lands."
    assert (entries["second"].meaning, entries["second"].default) == ("", "3")
