"""Parts of a tier: every file in exactly one, none of them much heavier than another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import parts

KNOWN = st.dictionaries(st.text("abc/.", min_size=1), st.floats(10, 700), max_size=10)
FILES = st.dictionaries(st.text("abc/.", min_size=1), st.integers(1, 300), max_size=60)


@given(FILES, st.integers(1, 8), KNOWN)
def test_every_file_is_in_one_part(tests: dict[str, int], number: int, known: dict[str, float]) -> None:
    found = [file for part in range(1, number + 1) for file in parts.files(tests, part, number, known)]
    assert sorted(found) == sorted(tests)


@given(FILES, st.integers(1, 8), KNOWN)
def test_no_part_is_heavier_than_the_lightest_by_more_than_a_file(
    tests: dict[str, int], number: int, known: dict[str, float]
) -> None:
    weights = {file: parts.weight(tests[file], known.get(file, 0)) for file in tests}
    shared = [parts.files(tests, part, number, known) for part in range(1, number + 1)]
    loads = [sum(weights[file] for file in mine) for mine in shared]
    assert max(loads) - min(loads) <= max(weights.values(), default=0) + 1e-6


def test_what_takes_long_stands_alone() -> None:
    tests = {"long": 1, **{f"short-{number}": 5 for number in range(10)}}
    assert parts.files(tests, 1, 2, {"long": 60.0}) == {"long"}
    assert len(parts.files(tests, 1, 2, {})) > 1


def test_a_tier_is_weighed_by_what_pytest_prints() -> None:
    """Set-up, call and teardown of a file together; what does not take long, and is gone, has no weight."""
    printed = """\
=== slowest durations ===
12.34s setup    tests/unit/test_a.py::test_one[a b]
8.16s call     tests/unit/test_a.py::TestIt::test_two
9.00s call     tests/unit/test_b.py::test_three
"""
    before = {"tests/unit/test_gone.py": 99.0, "tests/rehearsal/test_c.py": 30.0}
    assert parts.weighed(printed, before) == {"tests/rehearsal/test_c.py": 30.0, "tests/unit/test_a.py": 20}
    assert parts.weighed("", before) == before


def test_what_a_folder_below_a_tier_brings_up_weighs_in_each_of_its_files() -> None:
    """They may be apart. What a tier shares does not: every part has files of it."""
    printed = """\
90.00s setup    tests/rehearsal/aws/test_a.py::test_one
10.00s call     tests/rehearsal/aws/test_a.py::test_one
0.50s setup    tests/rehearsal/aws/test_b.py::test_two
20.00s call     tests/rehearsal/aws/test_b.py::test_two
30.00s setup    tests/rehearsal/test_c.py::test_three
12.00s call     tests/rehearsal/test_d.py::test_four
"""
    assert parts.weighed(printed, {}) == {
        "tests/rehearsal/aws/test_a.py": 100,
        "tests/rehearsal/aws/test_b.py": 110,
        "tests/rehearsal/test_c.py": 30,
        "tests/rehearsal/test_d.py": 12,
    }


def test_every_file_that_has_a_weight_is_there() -> None:
    root = parts.FILE.parents[1]
    assert [file for file in parts.known() if not (root / file).is_file()] == []


def test_a_part_is_read_as_it_is_written() -> None:
    assert parts.of("2/3") == (2, 3)


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "-1/2", "a/b", "1/2/3"])
def test_what_is_no_part_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="is no part: write it like 2/3"):
        parts.of(text)
