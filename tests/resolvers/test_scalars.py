"""Amounts are written exactly, and times in the organisation's time zone."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.scalars import to_three_digits, write_second

AMOUNTS = st.decimals(min_value=0, max_value=Decimal(10**28), places=6)


@given(AMOUNTS)
def test_an_amount_is_written_with_three_digits_and_off_by_half_a_digit_at_most(amount: Decimal) -> None:
    rounded = to_three_digits(amount)
    whole, _, fraction = str(rounded).partition(".")
    assert whole.isdigit()
    assert len(fraction) == 3
    assert Fraction(-1, 2000) < Fraction(rounded) - Fraction(amount) <= Fraction(1, 2000)


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("0", "0.000"),
        ("0.0005", "0.001"),
        ("0.0015", "0.002"),
        ("0.000499", "0.000"),
        ("1E+3", "1000.000"),
        ("9999999999999999999999999999.999999", "10000000000000000000000000000.000"),
    ],
)
def test_halves_are_rounded_up(amount: str, written: str) -> None:
    assert str(to_three_digits(Decimal(amount))) == written


@pytest.mark.parametrize(
    ("zone", "written"),
    [
        ("UTC", "2025-07-22T12:06:21+00:00"),
        ("Asia/Kolkata", "2025-07-22T17:36:21+05:30"),
        ("America/New_York", "2025-07-22T08:06:21-04:00"),
        ("Asia/Kathmandu", "2025-07-22T17:51:21+05:45"),
    ],
)
def test_a_time_is_cut_to_the_second_in_its_zone(zone: str, written: str) -> None:
    instant = datetime(2025, 7, 22, 12, 6, 21, 999_999, tzinfo=UTC)
    assert write_second(instant.astimezone(ZoneInfo(zone))) == written
