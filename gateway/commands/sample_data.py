"""The demo: sample data with the documented customer in it, and the requests to try on it."""

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from zoneinfo import ZoneInfo

import msgspec

from gateway.auth.credentials import md5_hex
from gateway.auth.passwords import hash_secret
from gateway.commands.database import set_up
from gateway.ingest.import_summary import Line
from gateway.ingest.importer import BATCH_LINES, Import
from gateway.ingest.records import (
    CustomerRecord,
    Identifier,
    IssuanceRecord,
    OrganizationRecord,
    Profile,
    PromotionRecord,
    Record,
)
from loaders.clients import Account, add_account
from loaders.enums import Benefit, ClientKind, IssuanceType
from loaders.ledger import Issuance
from loaders.organizations import Organization
from loaders.promotions import Promotion
from loaders.store import AlreadyExists, Store
from resolvers.arguments import CustomerSource

DEMO = Organization(51135, "Demo", ZoneInfo("Asia/Kolkata"))
OTHER = Organization(51136, "Other", ZoneInfo("America/New_York"))
TILL, OTHER_TILL, PASSWORD = "demo.till", "other.till", "demo"
OAUTH_KEY, OAUTH_SECRET = "demo-key", "demo-secret"

CUSTOMER, MOBILE = 387729100, "919078345795"
CUSTOMER_WITHOUT_BENEFITS, MOBILE_WITHOUT_BENEFITS = 387729101, "919078345796"
PROGRAM = 2568
PROMOTION = Promotion(PROGRAM, 2000065, "021a1876-17d9-4d7a-bd2c-e74a65298398")

GENERATED_CUSTOMERS = range(387730000, 387730300)
GENERATED_PROMOTIONS = tuple(
    Promotion(PROGRAM, promotion_id, f"demo-promotion-{promotion_id}")
    for promotion_id in range(2000066, 2000078)
)


async def fill(store: Store) -> None:
    """Set the database up and put the sample data in; safe to run again."""
    await set_up(store)
    password, secret = hash_secret(md5_hex(PASSWORD)), hash_secret(OAUTH_SECRET)
    for account in (
        Account(TILL, TILL, ClientKind.TILL, DEMO.id, "default", 0, password),
        Account(OTHER_TILL, OTHER_TILL, ClientKind.TILL, OTHER.id, "default", 0, password),
        Account(OAUTH_KEY, "Demo app", ClientKind.OAUTH, DEMO.id, "default", 300, secret),
    ):
        with suppress(AlreadyExists):
            await add_account(store, account)
    run = Import(store, pending_event_days=1)
    lines = (Line(number, msgspec.json.encode(record)) for number, record in enumerate(_records(), 1))
    while batch := list(islice(lines, BATCH_LINES)):
        await run.add(batch)
    await run.finish()
    assert run.summary.rejected == 0, run.summary.fresh_rejections


def _records() -> Iterator[Record]:
    for organization in (DEMO, OTHER):
        yield OrganizationRecord(organization.id, organization.name, organization.time_zone.key)
    yield _promotion(DEMO, PROMOTION, "Summer")
    for promotion in GENERATED_PROMOTIONS:
        yield _promotion(DEMO, promotion, "Generated")
    yield _customer(DEMO, CUSTOMER, MOBILE)
    yield _customer(DEMO, CUSTOMER_WITHOUT_BENEFITS, MOBILE_WITHOUT_BENEFITS)
    for n, customer_id in enumerate(GENERATED_CUSTOMERS):
        yield _customer(DEMO, customer_id, f"9198{n:08}")
    for issuances in (documented_issuances(), _too_old_issuances(), _generated_issuances()):
        yield from (_issuance(DEMO, issuance) for issuance in issuances)
    # The other organisation has the same ids and other totals: what it sees must never be the demo's.
    yield _promotion(OTHER, PROMOTION, "Winter")
    yield _customer(OTHER, CUSTOMER, MOBILE)
    yield from (_issuance(OTHER, issuance) for issuance in _other_issuances())


def _promotion(organization: Organization, promotion: Promotion, name: str) -> PromotionRecord:
    return PromotionRecord(
        organization.id, promotion.program_id, promotion.promotion_id, promotion.promotion_identifier, name
    )


def _customer(organization: Organization, customer_id: int, mobile: str) -> CustomerRecord:
    identifiers = [Identifier("mobile", mobile), Identifier("externalId", f"EXT-{customer_id}")]
    return CustomerRecord(organization.id, customer_id, [Profile(CustomerSource.INSTORE, identifiers)])


def _issuance(organization: Organization, issuance: Issuance) -> IssuanceRecord:
    return IssuanceRecord(
        organization.id,
        issuance.event_id,
        issuance.customer_id,
        issuance.benefit,
        issuance.issued_on,
        promotion_id=issuance.promotion_id,
        item=issuance.item,
        type=issuance.type,
        amount=issuance.amount,
    )


def documented_issuances() -> Iterator[Issuance]:
    """What adds up to the answer in the API's documentation."""
    last = datetime(2025, 7, 22, 17, 36, 21, tzinfo=DEMO.time_zone)
    points = Issuance(
        "documented-regular",
        CUSTOMER,
        PROMOTION.promotion_id,
        Benefit.POINTS,
        last,
        type=IssuanceType.REGULAR,
        amount=Decimal("100.000"),
    )
    promised = replace(points, event_id="documented-promised", type=IssuanceType.PROMISED)
    coins = replace(
        points,
        event_id="documented-coins",
        benefit=Benefit.ALTERNATE_CURRENCY,
        item="DocCoin",
        amount=Decimal("700.000"),
    )
    reward = Issuance(
        "documented-reward",
        CUSTOMER,
        PROMOTION.promotion_id,
        Benefit.REWARD,
        last.replace(day=29, hour=16, minute=30, second=1),
        item="113336.0",
    )
    badge = replace(
        reward,
        event_id="documented-badge",
        benefit=Benefit.BADGE,
        issued_on=last.replace(second=23),
        item="67ce697296dcfc6386c64f8a",
    )
    for issuance, times in ((points, 6), (promised, 6), (coins, 8), (reward, 2), (badge, 8)):
        yield from _repeated(issuance, times)


def _repeated(last: Issuance, times: int) -> Iterator[Issuance]:
    """`last` and what came before it, one a day."""
    for n in range(times):
        yield replace(last, event_id=f"{last.event_id}-{n}", issued_on=last.issued_on - timedelta(days=n))


def _too_old_issuances() -> Iterator[Issuance]:
    """From before the first day that counts; the latest misses it by a second."""
    latest = datetime(2025, 6, 11, 23, 59, 59, tzinfo=DEMO.time_zone)
    for issuance in documented_issuances():
        age = timedelta(days=int(issuance.event_id.rpartition("-")[2]))
        yield replace(issuance, event_id=f"too-old-{issuance.event_id}", issued_on=latest - age)


def _other_issuances() -> Iterator[Issuance]:
    for issuance in documented_issuances():
        amount = issuance.amount and issuance.amount / 4
        yield replace(issuance, amount=amount, issued_on=issuance.issued_on + timedelta(days=30))


def _generated_issuances() -> Iterator[Issuance]:
    dice = random.Random(PROGRAM)
    first = datetime(2025, 5, 1, tzinfo=DEMO.time_zone)
    for customer_id in GENERATED_CUSTOMERS:
        for promotion in dice.sample(GENERATED_PROMOTIONS, 3):
            for benefit in Benefit:
                for n in range(dice.randrange(4)):
                    amount = Decimal(dice.randrange(1, 500_000)).scaleb(-3)
                    with_amount = benefit in (Benefit.POINTS, Benefit.ALTERNATE_CURRENCY)
                    yield Issuance(
                        f"generated-{customer_id}-{promotion.promotion_id}-{benefit}-{n}",
                        customer_id,
                        promotion.promotion_id,
                        benefit,
                        first + timedelta(seconds=dice.randrange(365 * 24 * 3600)),
                        item=None if benefit is Benefit.POINTS else _ITEMS[benefit][n % 2],
                        type=dice.choice(list(IssuanceType)) if with_amount else None,
                        amount=amount if with_amount else None,
                    )


_ITEMS = {
    Benefit.ALTERNATE_CURRENCY: ("DocCoin", "StarCoin"),
    Benefit.REWARD: ("113336.0", "113337.0"),
    Benefit.BADGE: ("67ce697296dcfc6386c64f8a", "67ce697296dcfc6386c64f8b"),
}
