"""Lines of an import: the accepted kinds, and the reason for each kind of rejected line."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import jsonschema
import pytest

from gateway.ingest.records import (
    LONGEST_LINE,
    CustomerRecord,
    ErasureRecord,
    IssuanceRecord,
    MergeRecord,
    OrganizationRecord,
    PromotionRecord,
    RecordInvalid,
    decode,
)
from loaders.enums import Benefit, IssuanceType
from tests.helpers.records import CUSTOMER, ERASURE, ISSUANCE, MERGE, ORGANIZATION, PROMOTION, changed
from tests.helpers.repository import ROOT

SCHEMA = json.loads((ROOT / "docs" / "import.schema.json").read_text())


def at(column: int) -> str:
    return f"not valid JSON at line 1, column {column}"


def test_each_kind_of_record_is_decoded() -> None:
    assert isinstance(decode(changed(ORGANIZATION).encode()), OrganizationRecord)
    assert isinstance(decode(changed(PROMOTION).encode()), PromotionRecord)
    customer = decode(changed(CUSTOMER).encode())
    assert isinstance(customer, CustomerRecord)
    assert [(one.name.value, one.value) for one in customer.identifiers()] == [
        ("id", "387729100"),
        ("mobile", "919078345795"),
    ]
    assert decode(changed(MERGE).encode()) == MergeRecord(51135, 387729101, 387729100)
    assert decode(changed(ERASURE).encode()) == ErasureRecord(51135, 387729102)
    issuance = decode(changed(ISSUANCE).encode())
    assert issuance == IssuanceRecord(
        51135,
        "e-1",
        387729100,
        Benefit.ALTERNATE_CURRENCY,
        datetime(2025, 7, 22, 12, 6, 21, tzinfo=UTC),
        promotion_id=2000065,
        item="DocCoin",
        type=IssuanceType.REGULAR,
        amount=Decimal("700.000"),
    )


GOOD = [
    changed(ORGANIZATION),
    changed(ORGANIZATION, orgId=0),
    changed(PROMOTION, promotionId=2**63 - 1, name=""),
    changed(PROMOTION, promotionIdentifier=None),
    changed(PROMOTION, promotionIdentifier="Fête \u2028 \U0001f389"),
    changed(CUSTOMER, profiles=[{"source": "LINE", "identifiers": []}]),
    changed(CUSTOMER, profiles=[{"source": "LINE", "identifiers": [{"type": "email", "value": "a@b.c"}]}]),
    changed(MERGE),
    changed(ERASURE),
    changed(ISSUANCE),
    changed(ISSUANCE, promotionId=None, promotionIdentifier="021a"),
    changed(ISSUANCE, benefit="POINTS", item=None),
    changed(ISSUANCE, benefit="REWARD", type=None, amount=None),
    changed(ISSUANCE, benefit="BADGE", type=None, amount=None),
    changed(ISSUANCE, amount=0.1),
    changed(ISSUANCE, amount="999999999999999999999999.999999"),
    changed(ISSUANCE, amount="0.000001"),
    changed(ISSUANCE, issuedOn="2025-07-22T12:06:21.123Z"),
    changed(ISSUANCE, eventId='quote " colon: \\'),
]


@pytest.mark.parametrize("line", GOOD)
def test_an_accepted_line_is_valid_in_the_published_schema(line: str) -> None:
    decode(line.encode())
    jsonschema.validate(json.loads(line), SCHEMA)


def test_an_amount_never_passes_through_a_float() -> None:
    for written in ("0.1", "123456789012345678901234.123456", "1e3", "0.30000000000000004"):
        line = changed(ISSUANCE).replace('"700.000"', written)
        if written == "0.30000000000000004":
            with pytest.raises(RecordInvalid):
                decode(line.encode())
        else:
            record = decode(line.encode())
            assert isinstance(record, IssuanceRecord)
            assert record.amount == Decimal(written)


AMOUNT = "an amount must be above 0, with at most 24 digits before and 6 after the point"
YEAR = "the year of a time must be 1973 to 9997"
NOT_STRICT = "not valid JSON: it has NaN, Infinity, a number out of range or half of a surrogate pair"
LONG = "1" * 6000
CONTROL = "Expected `str` without control characters"
EMPTY = "Expected `str` of length >= 1"

# A rejected line, the reason, and whether the published schema rejects it too.
BAD: list[tuple[str | bytes, str, bool]] = [
    ("{", at(2), False),
    (changed(ISSUANCE)[:-1], at(238), False),
    (changed(ISSUANCE) + "x", at(239), False),
    (changed(ISSUANCE) * 2, at(239), False),
    (b"\xff\xfe", at(1), False),
    (changed(PROMOTION).encode().replace(b"Summer", b"\xff"), at(124), False),
    (changed(PROMOTION).replace("Summer", "\\ud800"), NOT_STRICT, False),
    ("\ufeff" + changed(PROMOTION), at(1), False),
    ("[" * 100_000, "Expected `object`, got `array`", False),
    ('{"x": ' + "[" * 100_000, "nested too deeply", False),
    (changed(ISSUANCE).replace('"700.000"', "NaN"), NOT_STRICT, False),
    (changed(ISSUANCE).replace('"700.000"', "Infinity"), NOT_STRICT, False),
    ("null", "Expected `object`, got `null`", True),
    ("[]", "Expected `object`, got `array`", True),
    ('"issuance"', "Expected `object`, got `str`", True),
    ("{}", "Object missing required field `record`", True),
    ('{"record": "points"}', "Invalid value 'points' - at `$.record`", True),
    ('{"record": 1}', "Expected `str` - at `$.record`", True),
    (changed(ISSUANCE, orgId=None), "Object missing required field `orgId`", True),
    (changed(ISSUANCE, orgId="51135"), "Expected `int`, got `str` - at `$.orgId`", True),
    (changed(ISSUANCE, orgId=1.5), "Expected `int`, got `float` - at `$.orgId`", True),
    (changed(ISSUANCE, orgId=True), "Expected `int`, got `bool` - at `$.orgId`", True),
    (changed(ISSUANCE, orgId=-1), "Expected `int` >= 0 - at `$.orgId`", True),
    (changed(ISSUANCE, customerId=2**63), f"Expected `int` <= {2**63 - 1} - at `$.customerId`", True),
    (changed(ISSUANCE, customerId=10**30), f"Expected `int` <= {2**63 - 1} - at `$.customerId`", True),
    (changed(ISSUANCE, eventId=""), "Expected `str` of length >= 1 - at `$.eventId`", True),
    (changed(ISSUANCE, eventId="x" * 1025), "Expected `str` of length <= 1024 - at `$.eventId`", True),
    (changed(ISSUANCE, eventId=7), "Expected `str`, got `int` - at `$.eventId`", True),
    (changed(ISSUANCE, benefit="COUPON"), "Invalid enum value 'COUPON' - at `$.benefit`", True),
    (changed(ISSUANCE, benefit="points"), "Invalid enum value 'points' - at `$.benefit`", True),
    (changed(ISSUANCE, type="REGULAR_POINTS"), "Invalid enum value 'REGULAR_POINTS' - at `$.type`", True),
    (changed(ISSUANCE, more=1), "Object contains unknown field `more`", True),
    (changed(ISSUANCE, amount="x"), "Invalid decimal string - at `$.amount`", True),
    (changed(ISSUANCE, amount="NaN"), AMOUNT, True),
    (changed(ISSUANCE, amount="Infinity"), AMOUNT, True),
    (changed(ISSUANCE, amount=0), AMOUNT, True),
    (changed(ISSUANCE, amount="0.000000"), AMOUNT, True),
    (changed(ISSUANCE, amount=-1), AMOUNT, True),
    (changed(ISSUANCE, amount="-0.5"), AMOUNT, True),
    (changed(ISSUANCE, amount="1" + "0" * 24), AMOUNT, True),
    (changed(ISSUANCE, amount="0.0000001"), AMOUNT, True),
    (changed(ISSUANCE, amount="1e999999"), AMOUNT, True),
    (changed(ISSUANCE, amount="x").replace('"x"', LONG), AMOUNT, False),
    (changed(ISSUANCE, amount="x").replace('"x"', f'{LONG}, "amount": 1'), "amount is given twice", False),
    (changed(ISSUANCE, issuedOn="9997-12-31T23:59:59-23:59"), YEAR, False),
    (changed(ISSUANCE, amount="1_0"), "amount is not written as a decimal number", True),
    (changed(ISSUANCE, amount=" 7"), "amount is not written as a decimal number", True),
    (changed(ISSUANCE, amount="+7"), "amount is not written as a decimal number", True),
    (changed(ISSUANCE, amount="\u0661"), "amount is not written as a decimal number", True),
    (changed(ISSUANCE, amount=[]), "Expected `decimal | null`, got `array` - at `$.amount`", True),
    (changed(ISSUANCE, amount=None), "ALTERNATE_CURRENCY needs amount", True),
    (changed(ISSUANCE, type=None), "ALTERNATE_CURRENCY needs type", True),
    (changed(ISSUANCE, item=None), "ALTERNATE_CURRENCY needs item", True),
    (changed(ISSUANCE, benefit="POINTS"), "POINTS has no item", True),
    (changed(ISSUANCE, benefit="REWARD"), "REWARD has no type", True),
    (changed(ISSUANCE, benefit="BADGE", type=None), "BADGE has no amount", True),
    (
        changed(ISSUANCE, promotionId=None),
        "exactly one of promotionId and promotionIdentifier is required",
        True,
    ),
    (
        changed(ISSUANCE, promotionIdentifier="021a"),
        "exactly one of promotionId and promotionIdentifier is required",
        True,
    ),
    (
        changed(ISSUANCE, issuedOn="2025-07-22T17:36:21"),
        "Expected `datetime` with a timezone component - at `$.issuedOn`",
        True,
    ),
    (changed(ISSUANCE, issuedOn="22.7.2025"), "Invalid RFC3339 encoded datetime - at `$.issuedOn`", True),
    (
        changed(ISSUANCE, issuedOn="0000-07-22T17:36:21Z"),
        "Invalid RFC3339 encoded datetime - at `$.issuedOn`",
        False,
    ),
    (
        changed(ISSUANCE, issuedOn="10000-07-22T17:36:21Z"),
        "Invalid RFC3339 encoded datetime - at `$.issuedOn`",
        True,
    ),
    *(
        (changed(ISSUANCE, issuedOn=issued_on), YEAR, False)
        for issued_on in ("1972-01-07T00:00:00Z", "1972-12-31T23:59:59Z", "1973-01-01T00:00:00+05:30")
    ),
    (changed(ISSUANCE, issuedOn="0001-01-01T00:00:00+05:30"), YEAR, False),
    (changed(ISSUANCE, issuedOn="9999-12-31T23:59:59-05:00"), YEAR, False),
    (changed(ISSUANCE, issuedOn=1753187181000), "Expected `datetime`, got `int` - at `$.issuedOn`", True),
    (changed(ISSUANCE).replace('"e-1"', '"e-1", "eventId": "e-2"'), "eventId is given twice", False),
    (changed(ORGANIZATION).replace('"Demo"', '"Demo", "name": "x"'), "name is given twice", False),
    (changed(ORGANIZATION, timeZone="Mars/Base"), "timeZone is not the name of an IANA time zone", False),
    *(
        (changed(ORGANIZATION, timeZone=name), "timeZone is not the name of an IANA time zone", False)
        for name in (
            *(
                "localtime",
                "posixrules",
                "posix/Asia/Kolkata",
                "right/UTC",
                "leapseconds",
                "zones",
                "tzdata.zi",
            ),
            *(
                "../etc/passwd",
                "/etc/localtime",
                "Asia",
                "Asia/",
                "asia/kolkata",
                "Asia/Kolkata\n",
                "EST5EDT4",
            ),
        )
    ),
    (changed(ORGANIZATION, timeZone=""), "timeZone is not the name of an IANA time zone", True),
    (changed(PROMOTION, promotionIdentifier=""), f"{EMPTY} - at `$.promotionIdentifier`", True),
    *(
        (changed(record, **{field: f"a{control}b"}), f"{CONTROL} - at `$.{field}`", True)
        for record, field in ((PROMOTION, "promotionIdentifier"), (ISSUANCE, "eventId"), (ISSUANCE, "item"))
        for control in ("\n", "\x1b[31m", "\x7f", "\x9b")
    ),
    (
        changed(CUSTOMER, profiles=[{"source": "LINE", "identifiers": [{"type": "mobile", "value": "\t"}]}]),
        f"{CONTROL} - at `$.profiles[0].identifiers[0].value`",
        True,
    ),
    (changed(MERGE, victimId=None), "Object missing required field `victimId`", True),
    (changed(MERGE, survivorId="1"), "Expected `int`, got `str` - at `$.survivorId`", True),
    (changed(MERGE, customerId=1), "Object contains unknown field `customerId`", True),
    (changed(ERASURE, customerId=None), "Object missing required field `customerId`", True),
    (changed(PROMOTION, programId=None), "Object missing required field `programId`", True),
    (changed(CUSTOMER, profiles=[]), "Expected `array` of length >= 1 - at `$.profiles`", True),
    (
        changed(CUSTOMER, profiles=[{"source": "SHOP", "identifiers": []}]),
        "Invalid enum value 'SHOP' - at `$.profiles[0].source`",
        True,
    ),
    (
        changed(CUSTOMER, profiles=[{"source": "LINE", "identifiers": []}] * 2),
        "two profiles have the same source",
        False,
    ),
    (
        changed(CUSTOMER, profiles=[{"source": "LINE", "identifiers": [{"type": "mobile", "value": 91}]}]),
        "Expected `str`, got `int` - at `$.profiles[0].identifiers[0].value`",
        True,
    ),
    (" " * (LONGEST_LINE + 1), f"a line may have at most {LONGEST_LINE} bytes", False),
]


@pytest.mark.parametrize(("line", "reason", "in_schema"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_a_bad_line_is_rejected_with_its_reason(line: str | bytes, reason: str, in_schema: bool) -> None:
    encoded = line if isinstance(line, bytes) else line.encode()
    with pytest.raises(RecordInvalid) as raised:
        decode(encoded)
    assert str(raised.value) == reason
    if in_schema:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(encoded), SCHEMA)


def test_there_are_at_least_60_kinds_of_bad_lines() -> None:
    assert len(BAD) >= 60
