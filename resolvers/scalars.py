"""The scalars of the schema: exact amounts and local times."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal

import strawberry
from strawberry.types.scalar import ScalarDefinition

_THREE_DIGITS = Decimal("0.001")
# A sum of the ledger has up to 34 digits; the default context of Decimal would keep 28.
_ROUNDING = Context(prec=40, rounding=ROUND_HALF_UP)


def to_three_digits(amount: Decimal) -> Decimal:
    """`amount` with exactly three fraction digits, rounded half up."""
    return amount.quantize(_THREE_DIGITS, context=_ROUNDING)


def write_second(local: datetime) -> str:
    """A local time with its UTC offset and without its fraction of a second."""
    return local.isoformat(timespec="seconds")


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number: a string with three fraction digits, such as `"600.000"`.',
        specified_by_url="https://www.w3.org/TR/xmlschema-2/#decimal",
        serialize=str,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A date and time to the second in the time zone of the organisation, with its UTC "
        'offset, such as `"2025-07-22T17:36:21+05:30"`.',
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339#section-5.6",
        serialize=write_second,
    ),
}
