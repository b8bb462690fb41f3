"""An event notification of the loyalty platform, translated for the loaders."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from gateway.ingest import payloads
from gateway.ingest.payloads import CustomerIdentifiers, EventHeader, Moment, Reference, as_text
from gateway.ingest.records import (
    IssuanceRecord,
    RecordInvalid,
    check_keys,
    check_year,
    invalid_json,
    parse_amount,
)
from loaders.customers import CustomerIdentifier
from loaders.enums import Benefit, IssuanceType
from loaders.ledger import check_amount, round_amount
from loaders.promotions import Promotion


@dataclass
class Notification:
    """What an event says of customers, of a promotion and of issuances.

    An event whose name means nothing here is not `known`. An event that cannot be counted has a `problem`.
    `merged` are the ids of a victim and its survivor, and `erased` is the id of an erased customer. The
    recorder adds the `missing` promotions, None for an issuance that names none, and whether an issuance with
    the same event id is `contradicting`.
    """

    organization_id: int
    event_id: str
    created_at: datetime
    known: bool = True
    problem: str | None = None
    identifiers: list[tuple[CustomerIdentifier, int]] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)
    issuances: list[IssuanceRecord] = field(default_factory=list)
    merged: tuple[int, int] | None = None
    erased: int | None = None
    missing: set[str | None] = field(default_factory=set)
    contradicting: bool = False

    def issue(
        self,
        place: int,
        customer: CustomerIdentifiers,
        benefit: Benefit,
        item: Reference,
        promotion: payloads.MayNamePromotion,
        issued_on: Moment = None,
        type: IssuanceType | None = None,
        amount: Decimal | None = None,
    ) -> None:
        """Add an issuance. Its id contains its place in the event, so that a repetition is recognised."""
        self.issuances.append(
            IssuanceRecord(
                self.organization_id,
                f"{self.event_id}#{place}",
                customer.customer_id,
                benefit,
                self.created_at if issued_on is None else _instant(issued_on),
                promotion.promotion_id,
                as_text(promotion.promotion_identifier),
                as_text(item),
                type,
                amount,
            )
        )


def read(body: bytes | str, received_on: datetime, event_id: str | None = None) -> Notification:
    """What an event says; raises `RecordInvalid` for what is not an event of an organisation.

    An event that does not say when it happened is taken to have happened when it was received. A pending
    event keeps the id that it came with: its text may have changed.
    """
    with invalid_json(body):
        text = body if isinstance(body, str) else body.decode()
        header = EventHeader.read(text)
        check_keys(text)
    if header.org_id is None:
        raise RecordInvalid("orgId is missing")
    event_id = event_id or header.id(text)
    notification = Notification(header.org_id, event_id, received_on)
    if not isinstance(header.event_name, str):
        notification.problem = "eventName is missing"
    elif header.event_name not in READERS:
        notification.known = False
    else:
        try:
            _read_data(notification, header)
        except ValueError as error:
            return Notification(header.org_id, event_id, received_on, problem=str(error))
    return notification


def _read_data(notification: Notification, header: EventHeader) -> None:
    data_type, tell = READERS[header.event_name]
    with invalid_json("", "createdAt"):
        created_at = msgspec.json.decode(header.created_at, type=Moment, strict=False)
    with invalid_json("", "data"):
        data = msgspec.json.decode(header.data, type=data_type, strict=False)
    if created_at is not None:
        notification.created_at = _instant(created_at)
    tell(notification, data)


def _points(said: Notification, data: payloads.PointsIssued) -> None:
    entries = (*(data.promotional_points_issued or ()), *(data.promised_points_issued or ()))
    _amounts(said, data.customer_identifiers, Benefit.POINTS, [(None, entry) for entry in entries])


def _currencies(said: Notification, data: payloads.AlternateCurrenciesIssued) -> None:
    entries = [
        (currency.alternate_currency_name, entry)
        for currency in data.alternate_currencies or ()
        for entry in (
            *(currency.promotional_alternate_currencies_issued or ()),
            *(currency.promised_alternate_currencies_issued or ()),
        )
    ]
    _amounts(said, data.customer_identifiers, Benefit.ALTERNATE_CURRENCY, entries)


def _amounts(
    said: Notification,
    customer: CustomerIdentifiers,
    benefit: Benefit,
    entries: list[tuple[Reference, payloads.IssuedAmount]],
) -> None:
    said.identifiers += customer.known()
    for place, (item, entry) in enumerate(entries):
        # Without an identifier, no promotion issued the amount.
        if not as_text(entry.promotion_identifier):
            continue
        amount = round_amount(parse_amount(bytes(entry.amount)))
        if amount == 0:
            continue
        check_amount(amount)
        if benefit is Benefit.ALTERNATE_CURRENCY and not as_text(item):
            raise RecordInvalid("alternateCurrencyName is missing")
        promotion = payloads.MayNamePromotion(promotion_identifier=entry.promotion_identifier)
        said.issue(place, customer, benefit, item, promotion, type=entry.type, amount=amount)


def _badge(said: Notification, data: payloads.BadgeEarned) -> None:
    said.identifiers += data.customer_identifiers.known()
    said.issue(0, data.customer_identifiers, Benefit.BADGE, data.badge_id, data, data.earned_on)


def _reward(said: Notification, data: payloads.RewardIssued) -> None:
    said.identifiers += data.customer_identifiers.known()
    said.issue(0, data.customer_identifiers, Benefit.REWARD, data.reward_id, data)


def _coupons(said: Notification, data: payloads.CouponIssue) -> None:
    for place, coupon in enumerate(data.coupons):
        customer = coupon.customer_identifiers
        said.identifiers += customer.known()
        said.issue(place, customer, Benefit.REWARD, data.series_info.id, data, coupon.issued_on)


def _promotion(said: Notification, data: payloads.PromotionDescribed) -> None:
    identifier = as_text(data.external_identifier) or ""
    name = str(data.promotion_name or "")
    said.promotions.append(Promotion(data.loyalty_program_id, data.promotion_id, identifier, name))


def _customer(said: Notification, data: payloads.CustomerUpdated) -> None:
    # A pending deletion has another label.
    if isinstance(data.customer_status, dict) and data.customer_status.get("currentLabel") == "Deleted":
        said.erased = data.customer_identifiers.customer_id
    else:
        said.identifiers += data.customer_identifiers.known()


def _request(said: Notification, data: payloads.RequestUpdated) -> None:
    # The personal data of the customer was deleted.
    said.known = (data.request_type, data.request_base_type, data.status) == ("CUSTOMER", "DELETE", "SUCCESS")
    if said.known:
        customer = msgspec.convert(data.customer_identifiers, CustomerIdentifiers, strict=False)
        said.erased = customer.customer_id


def _merge(said: Notification, data: payloads.CustomersMerged) -> None:
    said.merged = data.victim.customer_id, data.survivor.customer_id
    said.identifiers += (*data.victim.known(), *data.survivor.known())


READERS: dict[str, tuple[type[payloads.Payload], Callable[[Notification, Any], None]]] = {
    "pointsIssued": (payloads.PointsIssued, _points),
    "alternateCurrenciesIssued": (payloads.AlternateCurrenciesIssued, _currencies),
    "badgeEarned": (payloads.BadgeEarned, _badge),
    "rewardIssued": (payloads.RewardIssued, _reward),
    "CouponIssue": (payloads.CouponIssue, _coupons),
    "promotionCreated": (payloads.PromotionDescribed, _promotion),
    "promotionUpdated": (payloads.PromotionDescribed, _promotion),
    "customerAdded": (payloads.CustomerUpdated, _customer),
    "customerUpdated": (payloads.CustomerUpdated, _customer),
    "requestUpdated": (payloads.RequestUpdated, _request),
    "loyaltyCustomerMerge": (payloads.CustomersMerged, _merge),
}


def _instant(moment: int | datetime) -> datetime:
    instant = datetime.fromtimestamp(moment / 1000, UTC) if isinstance(moment, int) else moment
    check_year(instant)
    return instant
