"""The formats of the loyalty platform's event notifications.

Only the fields that count here are described; a notification may have any other fields beside them. A number
may come as a text and an id as a number, because the platform's samples differ from one another.
"""

import json
import re
from collections.abc import Collection, Iterator
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any

import msgspec

from gateway import json_format
from gateway.ingest.records import NO_CONTROL_CHARACTERS, Id, Instant, Name, Text, is_name
from loaders.customers import CustomerIdentifier
from loaders.enums import LONGEST_NAME, IdentifierName, IssuanceType

# The id of an issuance is the id of its event and a number.
LONGEST_EVENT_ID = LONGEST_NAME - 24
EventId = (
    Annotated[str, msgspec.Meta(max_length=LONGEST_EVENT_ID, pattern=NO_CONTROL_CHARACTERS)] | int | None
)
# In epoch milliseconds, up to the year 9998, or as RFC 3339 with an offset.
Moment = Annotated[int, msgspec.Meta(ge=0, le=253_370_764_800_000)] | Instant | None
# An empty reference is none.
Reference = Text | int | None
NULL = msgspec.Raw(b"null")
_CUSTOMER_ID = re.compile(r'"customerId"\s*:\s*"?(\d{1,19})\b')


class Payload(msgspec.Struct, rename="camel", kw_only=True):
    """A part of a notification."""


def as_text(reference: Reference) -> str | None:
    """The reference as a text; None where it is missing or empty."""
    return None if reference is None else str(reference) or None


def named_customers(payload: str) -> tuple[int, ...]:
    """The ids of the customers that a notification names, even if it cannot be read."""
    found = {int(digits) for digits in _CUSTOMER_ID.findall(payload)}
    return tuple(sorted(one for one in found if one < 2**63))


def without_identifiers(payload: str, customer_ids: Collection[int]) -> str:
    """The notification with nothing but the ids of these customers in the objects that name them."""
    # Numbers keep their digits.
    decoded = json.loads(payload, parse_int=Decimal, parse_float=Decimal)
    parts = [decoded]
    for part in parts:
        if isinstance(part, dict):
            customer_id = part.get("customerId")
            named = re.match(r"\d{1,19}\b", str(customer_id))
            if named and int(named[0]) in customer_ids:
                part.clear()
                part["customerId"] = customer_id
            parts += part.values()
        elif isinstance(part, list):
            parts += part
    return json_format.encode(decoded).decode()


class EventHeader(Payload):
    """The fields around `data`, whose format depends on the event's name.

    A wrapped notification has the event's id here, and the other fields in `attributes`.
    """

    org_id: Id | None = None
    event_name: Any = None
    event_id: EventId = None
    event_log_id: EventId = None
    ref_id: EventId = None
    created_at: msgspec.Raw = NULL
    data: msgspec.Raw = NULL
    attributes: msgspec.Raw = NULL

    @classmethod
    def read(cls, text: str) -> "EventHeader":
        header = msgspec.json.decode(text, type=cls, strict=False)
        if header.data != NULL or not bytes(header.attributes).startswith(b"{"):
            return header
        wrapped = msgspec.json.decode(header.attributes, type=cls, strict=False)
        return msgspec.structs.replace(wrapped, event_id=header.event_id or wrapped.event_id)

    def id(self, text: str) -> str:
        """The id by which a repetition of the event is recognised."""
        if event_id := as_text(self.event_id) or as_text(self.event_log_id):
            return event_id
        # One transaction, which `refId` names, may cause several events.
        event_id = f"{self.event_name}:{self.ref_id}"
        if as_text(self.ref_id) and len(event_id) <= LONGEST_EVENT_ID:
            return event_id
        return f"sha256:{sha256(text.encode()).hexdigest()}"


class CustomerIdentifiers(Payload):
    """A customer, and the identifiers by which stores know the customer."""

    customer_id: Id
    instore: Any = None

    def known(self) -> Iterator[tuple[CustomerIdentifier, int]]:
        """The identifiers by which the customer can be looked up, each with the customer's id."""
        found = self.instore if isinstance(self.instore, dict) else {}
        for name, value in (
            (IdentifierName.ID, self.customer_id),
            (IdentifierName.MOBILE, found.get("mobile")),
            (IdentifierName.EXTERNAL_ID, found.get("externalId")),
        ):
            text = str(value) if type(value) is int else value
            if isinstance(text, str) and is_name(text):
                yield CustomerIdentifier("INSTORE", name, text), self.customer_id


class OfCustomer(Payload):
    """Data about one customer."""

    customer_identifiers: CustomerIdentifiers


class CustomerUpdated(OfCustomer):
    customer_status: Any = None


class RequestUpdated(Payload):
    request_type: Any = None
    request_base_type: Any = None
    status: Any = None
    customer_identifiers: Any = None


class CustomersMerged(Payload):
    survivor: CustomerIdentifiers = msgspec.field(name="survivorCustomerIdentifiers")
    victim: CustomerIdentifiers = msgspec.field(name="victimCustomerIdentifiers")


class IssuedAmount(Payload):
    """Points or a currency issued; only with an identifier do they belong to a promotion."""

    amount: msgspec.Raw
    promotion_identifier: Reference = None

    @property
    def type(self) -> IssuanceType:
        return IssuanceType.REGULAR


class Promised(IssuedAmount):
    is_external_trigger_based: bool | None = None

    @property
    def type(self) -> IssuanceType:
        return (
            IssuanceType.EXTERNAL_TRIGGER_BASED if self.is_external_trigger_based else IssuanceType.PROMISED
        )


class PromotionalPoints(IssuedAmount):
    amount: msgspec.Raw = msgspec.field(name="promotionPoints", default=NULL)


class PromisedPoints(Promised):
    amount: msgspec.Raw = msgspec.field(name="promisedPoints", default=NULL)


class PointsIssued(OfCustomer):
    promotional_points_issued: list[PromotionalPoints] | None = None
    promised_points_issued: list[PromisedPoints] | None = None


class PromotionalCurrency(IssuedAmount):
    amount: msgspec.Raw = msgspec.field(name="promotionAlternateCurrencies", default=NULL)


class PromisedCurrency(Promised):
    amount: msgspec.Raw = msgspec.field(name="promisedAlternateCurrencies", default=NULL)


class Currency(Payload):
    alternate_currency_name: Reference = None
    promotional_alternate_currencies_issued: list[PromotionalCurrency] | None = None
    promised_alternate_currencies_issued: list[PromisedCurrency] | None = None


class AlternateCurrenciesIssued(OfCustomer):
    alternate_currencies: list[Currency] | None = None


class MayNamePromotion(Payload):
    """Data that names one promotion, by id or by identifier, or none."""

    promotion_id: Id | None = None
    promotion_identifier: Reference = None


class BadgeEarned(MayNamePromotion, kw_only=True):
    customer_identifiers: CustomerIdentifiers
    badge_id: Name | Id
    earned_on: Moment = None


class RewardIssued(MayNamePromotion, kw_only=True):
    customer_identifiers: CustomerIdentifiers
    reward_id: Name | Id


class SeriesInfo(Payload):
    id: Name | Id


class Coupon(Payload):
    customer_identifiers: CustomerIdentifiers
    issued_on: Moment = msgspec.field(name="issued_on", default=None)


class CouponIssue(MayNamePromotion, kw_only=True):
    series_info: SeriesInfo = msgspec.field(name="series_info")
    coupons: list[Coupon]


class PromotionDescribed(Payload):
    loyalty_program_id: Id
    promotion_id: Id
    external_identifier: Reference = None
    promotion_name: str | int | None = None
