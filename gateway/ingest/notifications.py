"""An event notification of the loyalty platform: what it says, in the words of the ledger."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.ingest.payloads import (
    AlternateCurrenciesIssued,
    BadgeEarned,
    CouponIssue,
    CustomerDescribed,
    CustomerIdentifiers,
    Envelope,
    Event,
    EventHeader,
    IssuedAmount,
    MayNamePromotion,
    PointsIssued,
    PromotionDescribed,
    RewardIssued,
)
from gateway.ingest.records import RecordInvalid, check_year
from loaders.customers import CustomerIdentifier
from loaders.enums import Benefit
from loaders.ledger import Issuance, check_amount
from loaders.promotions import Promotion

# Stands in for the promotion of an issuance until that is looked up.
_NO_PROMOTION = -1
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class IssuedItem:
    """One thing that an event issued. Its promotion is named by id, by identifier, or not at all."""

    issuance: Issuance
    promotion_id: int | None
    promotion_identifier: str | None


@dataclass
class Notification:
    """What an event says: identifiers of customers, a promotion, things issued.

    Of one that is not `known` by its name, nothing is said.
    """

    name: str
    event_id: str
    organization_id: int
    created_at: datetime
    identifiers: list[tuple[CustomerIdentifier, int]] = field(default_factory=list)
    promotions: list[tuple[Promotion, str]] = field(default_factory=list)
    items: list[IssuedItem] = field(default_factory=list)
    known: bool = True

    def issue(
        self,
        customer: CustomerIdentifiers,
        benefit: Benefit,
        item: str | None,
        promotion: MayNamePromotion,
        issued_on: datetime | None = None,
    ) -> None:
        """Note a reward or a badge, issued at the time of the event unless it has its own."""
        issuance = Issuance(
            f"{self.event_id}#{len(self.items)}",
            customer.customer_id,
            _NO_PROMOTION,
            benefit,
            issued_on or self.created_at,
            item,
        )
        check_year(issuance.issued_on)
        self.items.append(IssuedItem(issuance, promotion.promotion_id, promotion.promotion_identifier))

    def issue_amounts(
        self,
        customer: CustomerIdentifiers,
        benefit: Benefit,
        entries: Iterable[tuple[str | None, IssuedAmount]],
    ) -> None:
        """Note the points or currencies (with their names) that belong to a promotion."""
        for n, (item, entry) in enumerate(entries):
            # Nothing was issued where the amount is 0.
            if entry.promotion_identifier is None or (entry.amount.is_finite() and entry.amount == 0):
                continue
            check_amount(entry.amount)
            issuance = Issuance(
                # The place in the event, by which a repetition is known again.
                f"{self.event_id}#{n}",
                customer.customer_id,
                _NO_PROMOTION,
                benefit,
                self.created_at,
                item,
                entry.type,
                entry.amount,
            )
            self.items.append(IssuedItem(issuance, None, entry.promotion_identifier))


def read(body: bytes | str) -> Notification:
    """What a notification says; raises `RecordInvalid`."""
    try:
        # The decoder does not look into fields that it skips.
        text = body if isinstance(body, str) else body.decode()
        named = msgspec.json.decode(text, type=EventHeader)
        if named.event_name not in READERS:
            return Notification(named.event_name, named.event_id, named.org_id, _EPOCH, known=False)
        envelope = msgspec.json.decode(text, type=Envelope)
        created_at = _instant(envelope.created_at)
        check_year(created_at)
        notification = Notification(named.event_name, named.event_id, named.org_id, created_at)
        data_type, tell = READERS[named.event_name]
        tell(notification, msgspec.json.decode(envelope.data, type=data_type))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        described = isinstance(error, msgspec.ValidationError)
        raise RecordInvalid(str(error) if described else "not valid JSON in UTF-8") from error
    except ValueError as error:
        raise RecordInvalid(str(error)) from error
    return notification


def _points(said: Notification, data: PointsIssued) -> None:
    said.identifiers += data.customer_identifiers.known()
    entries = (*(data.promotional_points_issued or ()), *(data.promised_points_issued or ()))
    said.issue_amounts(data.customer_identifiers, Benefit.POINTS, ((None, entry) for entry in entries))


def _currencies(said: Notification, data: AlternateCurrenciesIssued) -> None:
    said.identifiers += data.customer_identifiers.known()
    entries = (
        (currency.alternate_currency_name, entry)
        for currency in data.alternate_currencies
        for entry in (
            *(currency.promotional_alternate_currencies_issued or ()),
            *(currency.promised_alternate_currencies_issued or ()),
        )
    )
    said.issue_amounts(data.customer_identifiers, Benefit.ALTERNATE_CURRENCY, entries)


def _badge(said: Notification, data: BadgeEarned) -> None:
    said.identifiers += data.customer_identifiers.known()
    earned_on = None if data.earned_on is None else _instant(data.earned_on)
    said.issue(data.customer_identifiers, Benefit.BADGE, data.badge_id, data, earned_on)


def _reward(said: Notification, data: RewardIssued) -> None:
    said.identifiers += data.customer_identifiers.known()
    said.issue(data.customer_identifiers, Benefit.REWARD, str(data.reward_id), data)


def _coupons(said: Notification, data: CouponIssue) -> None:
    for coupon in data.coupons:
        said.identifiers += coupon.customer_identifiers.known()
        issued_on = _instant(coupon.issued_on) if isinstance(coupon.issued_on, int) else coupon.issued_on
        said.issue(coupon.customer_identifiers, Benefit.REWARD, str(data.series_info.id), data, issued_on)


def _promotion(said: Notification, data: PromotionDescribed) -> None:
    promotion = Promotion(data.loyalty_program_id, data.promotion_id, data.external_identifier)
    said.promotions.append((promotion, data.promotion_name))


def _customer(said: Notification, data: CustomerDescribed) -> None:
    said.identifiers += data.customer_identifiers.known()


READERS: dict[str, tuple[type[Event], Callable[[Notification, Any], None]]] = {
    "pointsIssued": (PointsIssued, _points),
    "alternateCurrenciesIssued": (AlternateCurrenciesIssued, _currencies),
    "badgeEarned": (BadgeEarned, _badge),
    "rewardIssued": (RewardIssued, _reward),
    "CouponIssue": (CouponIssue, _coupons),
    "promotionCreated": (PromotionDescribed, _promotion),
    "promotionUpdated": (PromotionDescribed, _promotion),
    "customerAdded": (CustomerDescribed, _customer),
    "customerUpdated": (CustomerDescribed, _customer),
}


def _instant(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)
