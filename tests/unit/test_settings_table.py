"""The configuration table: every key of the models, in docs/configuration.md, checked."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from settings import Configuration
from settings.__main__ import main
from settings.explain import model_in
from settings.model import keys
from settings.table import BEGIN, END, markdown, overview

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
README = Path(__file__).parents[2] / "README.md"
ROW = re.compile(
    r"^\| `(?P<key>[^`]+)` \| (?P<kind>[^|]+) \| (?P<default>[^|]+) \| (?P<meaning>[^|]+) \|$", re.MULTILINE
)


def leaves(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Paths of all keys that hold a value, list entries without their brackets."""
    for name, key in keys(model).items():
        inner = model_in(model.model_fields[name].annotation)
        if inner is None:
            yield f"{path}{key}"
        else:
            yield from leaves(inner, f"{path}{key}.")


def rows() -> dict[str, re.Match[str]]:
    return {match["key"]: match for match in ROW.finditer(markdown())}


def test_the_table_has_every_key_of_the_models() -> None:
    assert {key.replace("[]", "") for key in rows()} >= set(leaves(Configuration))


def test_the_table_states_type_default_and_meaning() -> None:
    found = rows()
    assert found["memory.image"]["default"] == "**required**"
    assert (found["qdrant.replicas"]["kind"], found["qdrant.replicas"]["default"]) == ("whole number", "`3`")
    assert found["redis.resources.requests.memory"]["default"] == '`"4Gi"`'
    assert found["redis.resources.limits.cpu"]["kind"] == "CPU quantity"
    assert found["ingress.class"]["default"] == '`"nginx"`'
    assert found["multiregion.regions[].resources.limits.cpu"]["default"] == "–"
    assert found["high_availability.zones"]["kind"] == "list of texts"
    assert "False relaxes them" in found["high_availability.enabled"]["meaning"]


@pytest.mark.parametrize("document", [DOCUMENT, README], ids=["configuration", "README"])
def test_the_documents_are_up_to_date(document: Path) -> None:
    assert main(["--check", str(document)]) == 0


def test_the_overview_names_every_block_and_its_keys() -> None:
    (redis,) = (line for line in overview().splitlines() if line.startswith("| `redis` |"))
    assert redis.endswith("| `cluster`, `resources`, `password_version`, `storage` |")
    assert {line.split("`")[1] for line in overview().splitlines()[2:]} == set(Configuration.model_fields)


def test_a_stale_document_is_found_and_renewed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "configuration.md"
    document.write_text(f"# Before\n{BEGIN}\noutdated\n{END}\nafter\n")
    assert main(["--check", str(document)]) == 1
    assert "run `make docs`" in capsys.readouterr().err
    assert main(["--write", str(document)]) == 0
    assert main(["--check", str(document)]) == 0
    text = document.read_text()
    assert text.startswith("# Before\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "outdated" not in text


@pytest.mark.parametrize("action", ["--check", "--write"])
def test_a_document_without_a_place_for_the_table_is_left_alone(
    action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "other.md"
    document.write_text("# Other\n")
    assert main([action, str(document)]) == 1
    assert "has no place for the table" in capsys.readouterr().err
    assert document.read_text() == "# Other\n"
    assert main([action, str(tmp_path / "none.md")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_without_arguments_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == markdown() + "\n"
