"""The shapes of the loyalty platform's event notifications.

Only the fields that count here are described; a notification may have any others beside them.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated

import msgspec

from gateway.ingest.records import Id, Instant, Name
from loaders.customers import CustomerIdentifier
from loaders.enums import LONGEST_NAME, IdentifierName, IssuanceType

# Epoch milliseconds, up to the year 9998.
EpochMillis = Annotated[int, msgspec.Meta(ge=0, le=253_370_764_800_000)]


class Event(msgspec.Struct, rename="camel"):
    """A part of a notification."""


class EventHeader(Event):
    """What every notification has, whatever it is about."""

    event_name: str
    # Short enough for the number that its items get behind it.
    event_id: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    org_id: Id


class Envelope(Event):
    """What every notification has that is known here; `data` depends on its name."""

    created_at: EpochMillis
    data: msgspec.Raw


class Instore(Event):
    # Either may be empty, which is none.
    mobile: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)] | None = None
    external_id: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)] | None = None


class CustomerIdentifiers(Event):
    customer_id: Id
    instore: Instore | None = None

    def known(self) -> Iterator[tuple[CustomerIdentifier, int]]:
        instore = self.instore or Instore()
        for name, value in (
            (IdentifierName.ID, str(self.customer_id)),
            (IdentifierName.MOBILE, instore.mobile),
            (IdentifierName.EXTERNAL_ID, instore.external_id),
        ):
            if value:
                yield CustomerIdentifier("INSTORE", name, value), self.customer_id


class IssuedAmount(Event, kw_only=True):
    """Points or a currency issued; only with an identifier do they belong to a promotion."""

    amount: Decimal
    promotion_identifier: Name | None = None

    @property
    def type(self) -> IssuanceType:
        return IssuanceType.REGULAR


class Promised(IssuedAmount, kw_only=True):
    is_external_trigger_based: bool = False

    @property
    def type(self) -> IssuanceType:
        return (
            IssuanceType.EXTERNAL_TRIGGER_BASED if self.is_external_trigger_based else IssuanceType.PROMISED
        )


class PromotionalPoints(IssuedAmount, kw_only=True):
    amount: Decimal = msgspec.field(name="promotionPoints")


class PromisedPoints(Promised, kw_only=True):
    amount: Decimal = msgspec.field(name="promisedPoints")


class PointsIssued(Event):
    customer_identifiers: CustomerIdentifiers
    promotional_points_issued: list[PromotionalPoints] | None = None
    promised_points_issued: list[PromisedPoints] | None = None


class PromotionalCurrency(IssuedAmount, kw_only=True):
    amount: Decimal = msgspec.field(name="promotionAlternateCurrencies")


class PromisedCurrency(Promised, kw_only=True):
    amount: Decimal = msgspec.field(name="promisedAlternateCurrencies")


class Currency(Event):
    alternate_currency_name: Name
    promotional_alternate_currencies_issued: list[PromotionalCurrency] | None = None
    promised_alternate_currencies_issued: list[PromisedCurrency] | None = None


class AlternateCurrenciesIssued(Event):
    customer_identifiers: CustomerIdentifiers
    alternate_currencies: list[Currency]


class MayNamePromotion(Event):
    promotion_id: Id | None = None
    promotion_identifier: Name | None = None


class BadgeEarned(MayNamePromotion, kw_only=True):
    customer_identifiers: CustomerIdentifiers
    badge_id: Name
    earned_on: EpochMillis | None = None


class RewardIssued(MayNamePromotion, kw_only=True):
    customer_identifiers: CustomerIdentifiers
    reward_id: Id | Name


class SeriesInfo(Event):
    id: Id | Name


class Coupon(msgspec.Struct):
    customer_identifiers: CustomerIdentifiers = msgspec.field(name="customerIdentifiers")
    issued_on: EpochMillis | Instant | None = None


class CouponIssue(MayNamePromotion, kw_only=True):
    series_info: SeriesInfo = msgspec.field(name="series_info")
    coupons: list[Coupon]


class PromotionDescribed(Event):
    loyalty_program_id: Id
    promotion_id: Id
    external_identifier: Name
    promotion_name: str = ""


class CustomerDescribed(Event):
    customer_identifiers: CustomerIdentifiers
