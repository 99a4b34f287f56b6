"""The table of what peers check: each row has a policy that there is, or a reason why there is none."""

from pathlib import Path

import pytest

from policies import pages, union

PACKS = {"one": ["probes", "readable"], "other": ["readable"]}


def test_every_row_names_policies_that_there_are_or_says_why_not() -> None:
    areas = union.load(pages.names())
    assert all(row.by or row.why for area in areas for row in area.rows)
    checks = [row.check for area in areas for row in area.rows]
    assert len(set(checks)) == len(checks)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("check: a", "a: names neither a policy nor a reason"),
        ("{check: a, by: [nobody]}", "a: nobody is a policy of no pack"),
        ("{check: a, by: [readable]}", "a: readable is a policy of one/readable and other/readable"),
        ("{check: a, by: [other/probes]}", "a: other/probes is a policy of no pack"),
    ],
)
def test_a_row_that_leads_nowhere_is_refused(tmp_path: Path, row: str, words: str) -> None:
    file = tmp_path / "union.yaml"
    file.write_text(f"- area: some\n  rows:\n    - {row}\n", encoding="utf-8")
    with pytest.raises(union.UnionError) as caught:
        union.load(PACKS, file)
    assert str(caught.value) == words


def test_a_policy_is_found_by_its_name_or_with_its_pack(tmp_path: Path) -> None:
    file = tmp_path / "union.yaml"
    file.write_text("- area: some\n  rows:\n    - {check: a, by: [probes, other/readable]}\n", encoding="utf-8")
    ((row,),) = (area.rows for area in union.load(PACKS, file))
    assert row.by == ("one/probes", "other/readable")
