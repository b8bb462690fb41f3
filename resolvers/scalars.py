"""How exact amounts and local times look in an answer."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from zoneinfo import ZoneInfo

import strawberry
from strawberry.types.scalar import ScalarDefinition

_THREE_DIGITS = Decimal("0.001")
# The largest sum that the ledger holds exactly has 34 digits; Decimal's default context has room for 28.
_ROUNDING = Context(prec=40, rounding=ROUND_HALF_UP)


def to_three_digits(amount: Decimal) -> Decimal:
    """`amount` with exactly three fraction digits, rounded half up."""
    return amount.quantize(_THREE_DIGITS, context=_ROUNDING)


def to_local_second(instant: datetime, zone: ZoneInfo) -> datetime:
    """`instant` in `zone`, with its fraction of a second cut off."""
    return instant.astimezone(zone).replace(microsecond=0)


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number: a string with three fraction digits, like `"600.000"`.',
        serialize=str,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A time in the organisation's time zone, to the second, with its offset from UTC: "
        '`"2025-07-22T17:36:21+05:30"`.',
        serialize=datetime.isoformat,
    ),
}
