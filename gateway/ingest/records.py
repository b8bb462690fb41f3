"""One line of an import: decoded, checked, and translated for the loaders.

The format is described in `docs/import.md` and, for programs, in `docs/import.schema.json`.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from loaders.customers import CustomerIdentifier
from loaders.enums import LONGEST_NAME, Benefit, IdentifierName, IssuanceType
from loaders.ledger import Issuance, check_amount
from loaders.organizations import Organization
from loaders.promotions import Promotion
from resolvers.arguments import CustomerSource

LONGEST_LINE = 1024 * 1024

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_KEY = re.compile(rb'"\s*:')
_AMOUNT = re.compile(rb'"amount"\s*:\s*("?)[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\1\s*[,}]')


class RecordInvalid(ValueError):
    """A line or an event is not valid; the message says why, in words."""


class _Strict(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    pass


class _Record(_Strict, tag_field="record"):
    pass


class OrganizationRecord(_Record, tag="organization"):
    """An organisation: its name and its IANA time zone."""

    org_id: Id
    name: str
    time_zone: str

    def organization(self) -> Organization:
        try:
            return Organization(self.org_id, self.name, ZoneInfo(self.time_zone))
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise RecordInvalid("timeZone is not the name of an IANA time zone") from error


class PromotionRecord(_Record, tag="promotion"):
    """A promotion of a programme."""

    org_id: Id
    program_id: Id
    promotion_id: Id
    promotion_identifier: Name
    name: str

    def promotion(self) -> Promotion:
        return Promotion(self.program_id, self.promotion_id, self.promotion_identifier)


class Identifier(_Strict):
    """One of a customer's identifiers; of the types, only mobile and externalId are kept."""

    type: str
    value: Name


class Profile(_Strict):
    """The identifiers by which one source knows a customer."""

    source: CustomerSource
    identifiers: list[Identifier]


class CustomerRecord(_Record, tag="customer"):
    """A customer, and the identifiers by which each source knows the customer."""

    org_id: Id
    customer_id: Id
    profiles: Annotated[list[Profile], msgspec.Meta(min_length=1)]

    def identifiers(self) -> Iterator[CustomerIdentifier]:
        """The identifiers that are kept; each source also knows the customer by its id."""
        for profile in self.profiles:
            source = profile.source.name
            yield CustomerIdentifier(source, IdentifierName.ID, str(self.customer_id))
            for identifier in profile.identifiers:
                if identifier.type in _KEPT:
                    yield CustomerIdentifier(source, IdentifierName(identifier.type), identifier.value)

    def ignored(self) -> int:
        """How many identifiers are of a type that is not kept."""
        return sum(one.type not in _KEPT for profile in self.profiles for one in profile.identifiers)


class IssuanceRecord(_Record, tag="issuance"):
    """Points, a currency, a reward or a badge issued; its promotion is named by id or by identifier."""

    org_id: Id
    event_id: Name
    customer_id: Id
    benefit: Benefit
    issued_on: Instant
    promotion_id: Id | None = None
    promotion_identifier: Name | None = None
    item: Name | None = None
    type: IssuanceType | None = None
    amount: Decimal | None = None

    def check(self) -> None:
        """Raises `RecordInvalid` for a violation of the rules that types alone cannot express."""
        if (self.promotion_id is None) is (self.promotion_identifier is None):
            raise RecordInvalid("exactly one of promotionId and promotionIdentifier is required")
        check_year(self.issued_on)
        for field, benefits in _FIELDS_OF.items():
            if (getattr(self, field) is not None) is not (self.benefit in benefits):
                must = "needs" if self.benefit in benefits else "has no"
                raise RecordInvalid(f"{self.benefit} {must} {field}")
        if self.amount is not None:
            try:
                check_amount(self.amount)
            except ValueError as error:
                raise RecordInvalid(str(error)) from error

    def issuance(self, promotion_id: int) -> Issuance:
        return Issuance(
            self.event_id,
            self.customer_id,
            promotion_id,
            self.benefit,
            self.issued_on,
            self.item,
            self.type,
            self.amount,
        )


Record = OrganizationRecord | PromotionRecord | CustomerRecord | IssuanceRecord

_KEPT = {IdentifierName.MOBILE.value, IdentifierName.EXTERNAL_ID.value}
_WITH_AMOUNT = {Benefit.POINTS, Benefit.ALTERNATE_CURRENCY}
_FIELDS_OF = {
    "item": {Benefit.ALTERNATE_CURRENCY, Benefit.REWARD, Benefit.BADGE},
    "type": _WITH_AMOUNT,
    "amount": _WITH_AMOUNT,
}
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def check_year(instant: datetime) -> None:
    """Raises `RecordInvalid` for a time that some time zone or program cannot show."""
    if not (1970 < instant.year < 9998 and 1970 < instant.astimezone(UTC).year < 9998):
        raise RecordInvalid("a time is between the years 1971 and 9997")


def decode(line: bytes) -> Record:
    """The record that a line holds; raises `RecordInvalid`."""
    if len(line) > LONGEST_LINE:
        raise RecordInvalid(f"a line has at most {LONGEST_LINE} bytes")
    try:
        record = _decoder.decode(line)
    except msgspec.ValidationError as error:
        raise RecordInvalid(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordInvalid("not valid JSON in UTF-8") from error
    except RecursionError as error:
        raise RecordInvalid("nested too deeply") from error
    _refuse_repeated_keys(line, record)
    if isinstance(record, IssuanceRecord):
        record.check()
        if record.amount is not None and not _AMOUNT.search(line):
            # The decoder would also take blanks, underscores and the digits of other scripts.
            raise RecordInvalid("amount is not written as a decimal number")
    elif isinstance(record, CustomerRecord):
        if len({profile.source for profile in record.profiles}) < len(record.profiles):
            raise RecordInvalid("a source has one profile")
    elif isinstance(record, OrganizationRecord):
        record.organization()
    return record


def _refuse_repeated_keys(line: bytes, record: Record) -> None:
    # The decoder takes the last of repeated keys. An issuance is flat: if it has as many keys as fields, no
    # key is repeated. Everything else is parsed a second time.
    if isinstance(record, IssuanceRecord):
        given = 1 + sum(getattr(record, field) is not None for field in record.__struct_fields__)
        if len(_KEY.findall(line)) == given:
            return
    # Numbers stay texts, because Python refuses to parse very long ones.
    json.loads(line, object_pairs_hook=_distinct, parse_int=str, parse_float=str)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated = next(key for key, _ in pairs if [other for other, _ in pairs].count(key) > 1)
        raise RecordInvalid(f"{repeated} is given twice")
    return found
