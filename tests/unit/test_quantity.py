"""Quantities: Kubernetes' grammar, order by value, and words for what was meant."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import Quantity
from settings.quantity import amount_of_bytes, cores

POWERS = {
    **{
        suffix: Decimal(10) ** power
        for suffix, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)
    },
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
    "": Decimal(1),
}

small = st.integers(min_value=-7, max_value=7)
suffixes = st.sampled_from(sorted(POWERS))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("4", "4"),
        ("+4", "4"),
        ("-4", "-4"),
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("500m", "0.5"),
        ("100u", "0.0001"),
        ("1n", "0.000000001"),
        ("1k", "1000"),
        ("1E", "1000000000000000000"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("7Ei", "8070450532247928832"),
        ("12e6", "12000000"),
        ("12E6", "12000000"),
        ("12e-3", "0.012"),
        ("1e+3", "1000"),
        ("0.1n", "0.000000001"),
    ],
)
def test_every_form_that_kubernetes_reads_has_its_value(text: str, value: str) -> None:
    assert Quantity(text).value == Decimal(value)
    assert str(Quantity(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "8gb",
        "8GB",
        "8 Gi",
        "8gi",
        "8GI",
        "8Gib",
        "1K",
        "4cores",
        "Gi",
        ".",
        "+",
        "1e",
        "1.2.3",
        "1e1.5",
        "0x10",
    ],
)
def test_what_kubernetes_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        Quantity(text)


@pytest.mark.parametrize("text", ["8Gi\n", "٨Gi", "1" * 65, "1_000", "1,5Gi", "-", "--1", "1ki", "1e99999"])
def test_look_alikes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        Quantity(text)


@pytest.mark.parametrize("text", ["8Ei", "10E", "9223372036854775808", "1e9999", "-8Ei"])
def test_more_than_kubernetes_can_count_is_refused_not_capped(text: str) -> None:
    with pytest.raises(ValueError, match="larger than Kubernetes can count"):
        Quantity(text)


@given(small, suffixes, small, suffixes)
def test_quantities_compare_as_their_values_do(one: int, unit: str, other: int, other_unit: str) -> None:
    left, right = Quantity(f"{one}{unit}"), Quantity(f"{other}{other_unit}")
    values = one * POWERS[unit], other * POWERS[other_unit]
    assert (left < right, left <= right, left == right, left > right) == (
        values[0] < values[1],
        values[0] <= values[1],
        values[0] == values[1],
        values[0] > values[1],
    )


@given(st.integers(min_value=0, max_value=2**32), st.sampled_from(["", "Ki", "Mi"]))
def test_equal_amounts_in_other_units_are_one_member_of_a_set(number: int, unit: str) -> None:
    larger = {"": "Ki", "Ki": "Mi", "Mi": "Gi"}[unit]
    assert len({Quantity(f"{number * 1024}{unit}"), Quantity(f"{number}{larger}")}) == 1


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_a_remedy(text: str) -> None:
    for read in (Quantity, cores, amount_of_bytes):
        try:
            quantity = read(text)
        except ValueError as error:
            assert re.search(r"did you mean|write it like|such as|use a multiple|larger than|counts bytes", str(error))
        else:
            assert quantity.text == text


@given(
    st.from_regex(
        r"[+-]?([0-9]{1,6}|[0-9]{1,6}\.[0-9]{0,9}|\.[0-9]{1,12})([numkMGT]|[KMGT]i|[eE][+-]?[0-9])?", fullmatch=True
    )
)
def test_the_whole_grammar_is_read(text: str) -> None:
    Quantity(text)


def test_a_quantity_is_no_number_and_no_text() -> None:
    assert Quantity("4") != 4
    assert Quantity("4") != "4"
    with pytest.raises(TypeError):
        _ = Quantity("4") < 5


@pytest.mark.parametrize(
    ("given_text", "meant"),
    [
        ("8gb", "8Gi"),
        ("8GB", "8Gi"),
        ("8 Gi", "8Gi"),
        ("8gi", "8Gi"),
        ("8 gigabytes", "8Gi"),
        ("512mb", "512Mi"),
        ("1.5tb", "1.5Ti"),
        ("1,5Gi", "1.5Gi"),
        ("100m", "100Mi"),
        ("8", "8Gi"),
        (8, "8Gi"),
        (1.5, "1.5Gi"),
    ],
)
def test_near_misses_of_bytes_are_told_what_was_meant(given_text: object, meant: str) -> None:
    with pytest.raises(ValueError, match=f'did you mean "{re.escape(meant)}"'):
        amount_of_bytes(given_text)


@pytest.mark.parametrize(
    ("given_text", "meant"),
    [
        ("4cores", "4"),
        ("4 CPU", "4"),
        ("2 vCPUs", "2"),
        ("500mi", "500m"),
        ("500 millicores", "500m"),
        ("500 m", "500m"),
        ("500Mi", "500m"),
        ("4Gi", "4"),
        ("4000", "4000m"),
        (4000, "4000m"),
    ],
)
def test_near_misses_of_cpu_are_told_what_was_meant(given_text: object, meant: str) -> None:
    with pytest.raises(ValueError, match=f'did you mean "{re.escape(meant)}"'):
        cores(given_text)


@pytest.mark.parametrize("given_text", ["0", "-1", 0, "0.0001", "1u", True, None, [4], float("nan"), float("inf")])
def test_senseless_cpu_is_refused(given_text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        cores(given_text)


@pytest.mark.parametrize("given_text", ["0", "-1Gi", "500n", "1023Ki", True, None, {}, float("nan")])
def test_senseless_bytes_are_refused(given_text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        amount_of_bytes(given_text)


def test_numbers_of_yaml_are_cpu() -> None:
    assert cores(4).text == "4"
    assert cores(0.5) == Quantity("500m")


def test_a_number_of_bytes_that_can_be_meant_is_accepted() -> None:
    assert amount_of_bytes(17179869184) == Quantity("16Gi")
