"""The checks of arguments that need no database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.customers import CustomerIdentifier
from loaders.enums import IdentifierName
from loaders.promotions import PromotionReference
from resolvers.arguments import CustomerIdentifierName, check_summary, parse_id
from resolvers.errors import IdentifierMissing, ParametersInsufficient


@given(number=st.integers(0, 2**64), zeros=st.integers(0, 5000))
def test_every_64_bit_number_is_an_id_and_no_larger_one(number: int, zeros: int) -> None:
    assert parse_id("0" * zeros + str(number)) == (number if number < 2**63 else None)


@given(st.text())
def test_no_text_with_another_character_is_an_id(text: str) -> None:
    if not text or set(text) - set("0123456789"):
        assert parse_id(text) is None


@pytest.mark.parametrize(
    "text", [None, "", " 1", "1 ", "+1", "-1", "1.0", "1e3", "1_000", "0x1", "²", "१", "1\n"]
)
def test_an_id_consists_of_ascii_digits_only(text: str | None) -> None:
    assert parse_id(text) is None


def test_the_api_has_every_identifier_name_of_the_database() -> None:
    assert [name.name for name in CustomerIdentifierName] == [name.name for name in IdentifierName]


CUSTOMER = CustomerIdentifier("LINE", IdentifierName.EXTERNAL_ID, "x")


@pytest.mark.parametrize(
    ("promotion_id", "promotion_identifier", "reference"),
    [
        ("1", None, PromotionReference("promotionId", 1)),
        ("1", "", PromotionReference("promotionId", 1)),
        ("1", "one", PromotionReference("promotionId", 1)),
        ("", "one", PromotionReference("promotionIdentifier", "one")),
        ("x", "one", None),
    ],
)
def test_an_id_wins_over_an_identifier(
    promotion_id: str, promotion_identifier: str, reference: PromotionReference | None
) -> None:
    assert check_summary(CUSTOMER, "7", promotion_id, promotion_identifier) == (7, reference)


@pytest.mark.parametrize(
    ("value", "program_id", "promotion_id", "error"),
    [
        ("", None, None, IdentifierMissing),
        ("", "x", "", IdentifierMissing),
        ("x", None, "1", ParametersInsufficient),
        ("x", "x", "1", ParametersInsufficient),
        ("x", "7", None, ParametersInsufficient),
    ],
)
def test_the_first_check_that_fails_raises_its_error(
    value: str, program_id: str | None, promotion_id: str | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        check_summary(CUSTOMER._replace(value=value), program_id, promotion_id, None)
