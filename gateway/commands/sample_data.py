"""The sample data of the demo: the customer of the API's documentation, and others with random benefits."""

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.auth.credentials import md5_hex
from gateway.auth.password_check import hash_secret
from gateway.commands.database import set_up
from loaders import ledger
from loaders.clients import Account, add_account
from loaders.customers import CustomerIdentifier
from loaders.enums import Benefit, ClientKind, IdentifierName, IssuanceType
from loaders.errors import AlreadyExists
from loaders.ledger import Issuance
from loaders.organizations import Organization, find_time_zone
from loaders.promotions import Promotion
from loaders.store import Store

DEMO = Organization(51135, "Demo", find_time_zone("Asia/Kolkata"))
OTHER = Organization(51136, "Other", find_time_zone("America/New_York"))
TILL, OTHER_TILL, PASSWORD = "demo.till", "other.till", "demo"
OAUTH_KEY, OAUTH_SECRET = "demo-key", "demo-secret"

CUSTOMER, MOBILE = 387729100, "919078345795"
CUSTOMER_WITHOUT_BENEFITS, MOBILE_WITHOUT_BENEFITS = 387729101, "919078345796"
PROGRAM = 2568
PROMOTION = Promotion(PROGRAM, 2000065, "021a1876-17d9-4d7a-bd2c-e74a65298398", "Summer")

GENERATED_CUSTOMERS = range(387730000, 387730300)
_NAMES = (
    *("Weekend breakfast", "Double coins", "Bring a friend", "Birthday week", "Coffee hour", "New in town"),
    *("Free delivery", "Book month", "Winter coats", "Garden days", "Back to school", "Thank you"),
)
GENERATED_PROMOTIONS = tuple(
    Promotion(PROGRAM, promotion_id, f"demo-promotion-{promotion_id}", name)
    for promotion_id, name in enumerate(_NAMES, 2000066)
)
_ITEMS = {
    Benefit.ALTERNATE_CURRENCY: ("DocCoin", "StarCoin"),
    Benefit.REWARD: ("113336.0", "113337.0"),
    Benefit.BADGE: ("67ce697296dcfc6386c64f8a", "67ce697296dcfc6386c64f8b"),
}


async def fill(store: Store) -> None:
    """Set the database up and add the sample data. Running it again changes nothing."""
    await set_up(store)
    await ledger.put_organizations(store, [DEMO, OTHER])
    await _add_accounts(store)
    await ledger.put_promotions(store, DEMO.id, [PROMOTION, *GENERATED_PROMOTIONS])
    mobiles = {CUSTOMER: MOBILE, CUSTOMER_WITHOUT_BENEFITS: MOBILE_WITHOUT_BENEFITS}
    mobiles |= {customer_id: f"9198{n:08}" for n, customer_id in enumerate(GENERATED_CUSTOMERS)}
    await _add_customers(store, DEMO, mobiles)
    issuances = [*documented_issuances(), *_too_old_issuances(), *_generated_issuances()]
    await ledger.add_issuances(store, DEMO.id, issuances)
    # The other organisation has the same ids and other totals, which the demo's callers must never see.
    await ledger.put_promotions(store, OTHER.id, [replace(PROMOTION, name="Winter")])
    await _add_customers(store, OTHER, {CUSTOMER: MOBILE})
    await ledger.add_issuances(store, OTHER.id, _other_issuances())


async def _add_accounts(store: Store) -> None:
    password, secret = hash_secret(md5_hex(PASSWORD)), hash_secret(OAUTH_SECRET)
    for account in (
        Account(TILL, TILL, ClientKind.TILL, DEMO.id, "default", 0, password),
        Account(OTHER_TILL, OTHER_TILL, ClientKind.TILL, OTHER.id, "default", 0, password),
        Account(OAUTH_KEY, "Demo app", ClientKind.OAUTH, DEMO.id, "default", 300, secret),
    ):
        with suppress(AlreadyExists):
            await add_account(store, account)


async def _add_customers(store: Store, organization: Organization, mobiles: dict[int, str]) -> None:
    identifiers = [
        (CustomerIdentifier("INSTORE", name, value), customer_id)
        for customer_id, mobile in mobiles.items()
        for name, value in (
            (IdentifierName.ID, str(customer_id)),
            (IdentifierName.MOBILE, mobile),
            (IdentifierName.EXTERNAL_ID, f"EXT-{customer_id}"),
        )
    ]
    await ledger.put_identifiers(store, organization.id, identifiers)


def documented_issuances() -> Iterator[Issuance]:
    """The issuances of the answer in the API's documentation, each kind on consecutive days."""
    last = datetime(2025, 7, 22, 17, 36, 21, tzinfo=DEMO.time_zone)
    regular, promised = IssuanceType.REGULAR, IssuanceType.PROMISED
    currency, item = Benefit.ALTERNATE_CURRENCY, {benefit: items[0] for benefit, items in _ITEMS.items()}
    for name, times, last_on, benefit, type_, amount in (
        ("regular", 6, last, Benefit.POINTS, regular, Decimal("100.000")),
        ("promised", 6, last, Benefit.POINTS, promised, Decimal("100.000")),
        ("coins", 8, last, currency, regular, Decimal("700.000")),
        ("reward", 2, last.replace(day=29, hour=16, minute=30, second=1), Benefit.REWARD, None, None),
        ("badge", 8, last.replace(second=23), Benefit.BADGE, None, None),
    ):
        for n in range(times):
            issued_on = last_on - timedelta(days=n)
            yield Issuance(
                f"documented-{name}-{n}",
                CUSTOMER,
                PROMOTION.promotion_id,
                benefit,
                issued_on,
                item=item.get(benefit),
                type=type_,
                amount=amount,
            )


def _too_old_issuances() -> Iterator[Issuance]:
    """From before the first day that counts; the newest one misses it by a second."""
    documented = list(documented_issuances())
    newest = max(issuance.issued_on for issuance in documented)
    age = newest - datetime(2025, 6, 11, 23, 59, 59, tzinfo=DEMO.time_zone)
    for issuance in documented:
        yield replace(issuance, event_id=f"too-old-{issuance.event_id}", issued_on=issuance.issued_on - age)


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
                with_amount = benefit in (Benefit.POINTS, Benefit.ALTERNATE_CURRENCY)
                for n in range(dice.randrange(4)):
                    # Drawn first, also for benefits without an amount, because examples show these numbers.
                    amount = Decimal(dice.randrange(1, 500_000)).scaleb(-3)
                    yield Issuance(
                        f"generated-{customer_id}-{promotion.promotion_id}-{benefit}-{n}",
                        customer_id,
                        promotion.promotion_id,
                        benefit,
                        first + timedelta(seconds=dice.randrange(365 * 24 * 3600)),
                        item=_ITEMS[benefit][n % 2] if benefit in _ITEMS else None,
                        type=dice.choice(list(IssuanceType)) if with_amount else None,
                        amount=amount if with_amount else None,
                    )
