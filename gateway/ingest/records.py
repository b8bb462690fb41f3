"""One line of an import: decoded, checked, and translated for the loaders.

The format is described in `docs/import.md` and, for programs, in `docs/import.schema.json`.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from gateway import json_format
from loaders.customers import CustomerIdentifier
from loaders.enums import LONGEST_NAME, Benefit, IdentifierName, IssuanceType
from loaders.ledger import Issuance, check_amount
from loaders.organizations import Organization, find_time_zone
from loaders.promotions import Promotion
from resolvers.arguments import CustomerSource

LONGEST_LINE = 1024 * 1024

NO_CONTROL_CHARACTERS = r"\A[^\x00-\x1f\x7f-\x9f]*\Z"
Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, msgspec.Meta(max_length=LONGEST_NAME, pattern=NO_CONTROL_CHARACTERS)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME, pattern=NO_CONTROL_CHARACTERS)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]

_NOT_DECIMAL = "amount is not written as a decimal number"
_KEY = re.compile(rb'"\s*:')
# The decoder would also take blanks, underscores, a plus sign and the digits of other scripts in a text.
_DECIMAL = rb'("?)-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\1'
_AMOUNT = re.compile(rb'"amount"\s*:\s*' + _DECIMAL + rb"\s*[,}]")


class RecordInvalid(ValueError):
    """A line or an event is not valid; the message says why, in words."""


class _Strict(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    pass


class _Record(_Strict, tag_field="record"):
    def check(self) -> None:
        """Raises `ValueError` for a violation of the rules that types alone cannot express."""


class OrganizationRecord(_Record, tag="organization"):
    """An organisation: its name and its IANA time zone."""

    org_id: Id
    name: str
    time_zone: str

    def check(self) -> None:
        self.organization()

    def organization(self) -> Organization:
        return Organization(self.org_id, self.name, find_time_zone(self.time_zone))


class PromotionRecord(_Record, tag="promotion"):
    """A promotion of a programme."""

    org_id: Id
    program_id: Id
    promotion_id: Id
    name: str
    promotion_identifier: Name | None = None

    def promotion(self) -> Promotion:
        return Promotion(self.program_id, self.promotion_id, self.promotion_identifier or "", self.name)


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

    def check(self) -> None:
        if len({profile.source for profile in self.profiles}) < len(self.profiles):
            raise RecordInvalid("two profiles have the same source")

    def ignored(self) -> int:
        """How many identifiers are of a type that is not kept."""
        return sum(one.type not in _KEPT for profile in self.profiles for one in profile.identifiers)


class MergeRecord(_Record, tag="merge"):
    """A merge of one customer, the victim, into another, the survivor."""

    org_id: Id
    victim_id: Id
    survivor_id: Id


class ErasureRecord(_Record, tag="erasure"):
    """An erasure of a customer."""

    org_id: Id
    customer_id: Id


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
        if (self.promotion_id is None) is (self.promotion_identifier is None):
            raise RecordInvalid("exactly one of promotionId and promotionIdentifier is required")
        check_year(self.issued_on)
        for field, benefits in _FIELDS_OF.items():
            if (getattr(self, field) is not None) is not (self.benefit in benefits):
                must = "needs" if self.benefit in benefits else "has no"
                raise RecordInvalid(f"{self.benefit} {must} {field}")
        if self.amount is not None:
            check_amount(self.amount)

    def issuance(self, promotion_id: int) -> Issuance:
        """The issuance of this promotion, with the record's fields of the same names."""
        record = msgspec.structs.replace(self, promotion_id=promotion_id)
        return msgspec.convert(record, Issuance, from_attributes=True)


Record = OrganizationRecord | PromotionRecord | CustomerRecord | MergeRecord | ErasureRecord | IssuanceRecord

_KEPT = {IdentifierName.MOBILE.value, IdentifierName.EXTERNAL_ID.value}
_WITH_AMOUNT = {Benefit.POINTS, Benefit.ALTERNATE_CURRENCY}
_FIELDS_OF = {"item": {*Benefit} - {Benefit.POINTS}, "type": _WITH_AMOUNT, "amount": _WITH_AMOUNT}
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def check_year(instant: datetime) -> None:
    """Raises `RecordInvalid` for a time that some time zone or program cannot show.

    Until January 1972 the offset of Monrovia had seconds, which RFC 3339 cannot write.
    """
    if not (1972 < instant.year < 9998 and 1972 < instant.astimezone(UTC).year < 9998):
        raise RecordInvalid("the year of a time must be 1973 to 9997")


def parse_amount(written: bytes) -> Decimal:
    """The number that a piece of JSON holds, as a number or as a text; raises `RecordInvalid`."""
    if not re.fullmatch(_DECIMAL, written):
        raise RecordInvalid(_NOT_DECIMAL)
    return Decimal(written.strip(b'"').decode())


def is_name(text: str) -> bool:
    """Whether a text may name something in the database."""
    return 0 < len(text) <= LONGEST_NAME and bool(re.match(NO_CONTROL_CHARACTERS, text))


@contextmanager
def invalid_json(text: bytes | str, root: str = "") -> Iterator[None]:
    """Turn the errors of decoding a text into `RecordInvalid`; `root` names the field that holds the text."""
    try:
        yield
    except msgspec.ValidationError as error:
        reason = str(error).replace(f"matching regex {NO_CONTROL_CHARACTERS!r}", "without control characters")
        if root and " - at `$" not in reason:
            reason += " - at `$`"
        raise RecordInvalid(reason.replace("`$", f"`{root or '$'}")) from error
    except json_format.DECODE_ERRORS as error:
        raise RecordInvalid(json_format.explain(text)) from error


def check_keys(text: bytes | str) -> None:
    """Raises `RecordInvalid` if an object has a key twice. The decoder takes the last of repeated keys."""
    # Numbers stay texts, because Python refuses to parse very long ones.
    json.loads(text, object_pairs_hook=_distinct, parse_int=str, parse_float=str)


def decode(line: bytes) -> Record:
    """The record that a line holds; raises `RecordInvalid`."""
    if len(line) > LONGEST_LINE:
        raise RecordInvalid(f"a line may have at most {LONGEST_LINE} bytes")
    with invalid_json(line):
        record = _decoder.decode(line)
        if not _is_flat(line, record):
            check_keys(line)
    try:
        record.check()
    except ValueError as error:
        raise RecordInvalid(str(error)) from error
    if isinstance(record, IssuanceRecord) and record.amount is not None and not _AMOUNT.search(line):
        raise RecordInvalid(_NOT_DECIMAL)
    return record


def _is_flat(line: bytes, record: Record) -> bool:
    """Whether the line has no object inside and no key twice: it has as many keys as fields."""
    given = sum(getattr(record, field) is not None for field in record.__struct_fields__)
    return isinstance(record, IssuanceRecord) and len(_KEY.findall(line)) == 1 + given


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise RecordInvalid(f"{key[:100]} is given twice")
        found[key] = value
    return found
