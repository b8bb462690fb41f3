"""The data of the benches, written by the loaders."""

import asyncio
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice, product

from gateway.auth.credentials import authorization, md5_hex
from gateway.auth.password_check import hash_secret
from gateway.commands.database import set_up
from gateway.commands.sample_data import DEMO, PASSWORD
from loaders import ledger
from loaders.clients import Account, add_account
from loaders.customers import CustomerIdentifier
from loaders.enums import Benefit, ClientKind, IdentifierName, IssuanceType
from loaders.ledger import Issuance
from loaders.organizations import Organization
from loaders.promotions import Promotion
from loaders.store import Store

CUSTOMERS = 320
ORGANIZATIONS = 200
BATCH = 500
CONNECTIONS = 4

_FIRST_DAY = datetime(2025, 7, 1, tzinfo=DEMO.time_zone)
_ITEMS = {
    Benefit.ALTERNATE_CURRENCY: ("DocCoin", "StarCoin"),
    Benefit.REWARD: ("113336.0", "113337.0"),
    Benefit.BADGE: ("67ce697296dcfc6386c64f8a", "67ce697296dcfc6386c64f8b"),
}


@dataclass(frozen=True)
class Tenant:
    """An organisation with a POS client and a programme; customers and promotions are numbered from 0."""

    organization: Organization
    program: int
    customers: int
    promotions: int

    @property
    def authorization(self) -> str:
        return authorization(self.till, PASSWORD)

    @property
    def headers(self) -> dict[str, str]:
        """The credentials of the POS client, and the address that it has behind a proxy."""
        address = f"10.0.{self.program // 256}.{self.program % 256}"
        return {"Authorization": self.authorization, "X-Forwarded-For": address}

    @property
    def till(self) -> str:
        return f"till-{self.organization.id}"

    @staticmethod
    def customer(n: int) -> int:
        return 387_730_000 + n

    @staticmethod
    def mobile(n: int) -> str:
        return f"9198{n:08}"

    def promotion(self, n: int) -> Promotion:
        return Promotion(self.program, 2_000_066 + n, f"promotion-{n}", "Generated")


def organization(n: int) -> Organization:
    """The `n`th organisation, whose programme has the number `n`."""
    return Organization(DEMO.id + n, f"Organisation {n}", DEMO.time_zone)


def tenant(n: int, customers: int, promotions: int) -> Tenant:
    return Tenant(organization(n), n, customers, promotions)


async def seed(store: Store, tenants: Iterable[Tenant]) -> None:
    """Set the database up; each customer has one or two issuances of each benefit of each promotion."""
    await set_up(store)
    secret = hash_secret(md5_hex(PASSWORD))
    for one in tenants:
        organization_id = one.organization.id
        await ledger.put_organizations(store, [one.organization])
        await add_account(
            store, Account(one.till, one.till, ClientKind.TILL, organization_id, "default", 0, secret)
        )
        await ledger.put_promotions(store, organization_id, [one.promotion(n) for n in range(one.promotions)])
        await ledger.put_identifiers(
            store,
            organization_id,
            [
                (CustomerIdentifier("INSTORE", IdentifierName.MOBILE, one.mobile(n)), one.customer(n))
                for n in range(one.customers)
            ],
        )
        dice = random.Random(organization_id)
        await issue(
            store,
            one,
            (
                issuance
                for customer, promotion in product(range(one.customers), range(one.promotions))
                for benefit in Benefit
                for issuance in issuances(one, dice, customer, promotion, benefit, dice.randint(1, 2))
            ),
        )


def issuances(
    to: Tenant, dice: random.Random, customer: int, promotion: int, benefit: Benefit, times: int
) -> Iterator[Issuance]:
    """`times` issuances of `benefit` from `promotion` to `customer`, in up to four groups."""
    customer_id, promotion_id = to.customer(customer), to.promotion(promotion).promotion_id
    with_amount = benefit in (Benefit.POINTS, Benefit.ALTERNATE_CURRENCY)
    for n in range(times):
        yield Issuance(
            f"{customer}-{promotion}-{benefit}-{n}",
            customer_id,
            promotion_id,
            benefit,
            _FIRST_DAY + timedelta(seconds=dice.randrange(300 * 24 * 3600)),
            item=dice.choice(_ITEMS[benefit]) if benefit in _ITEMS else None,
            type=dice.choice([IssuanceType.REGULAR, IssuanceType.PROMISED]) if with_amount else None,
            amount=Decimal(dice.randrange(1, 500_000)).scaleb(-3) if with_amount else None,
        )


async def issue(store: Store, to: Tenant, issued: Iterable[Issuance]) -> None:
    """Write to the ledger, on several connections side by side."""
    rest = iter(issued)

    async def write() -> None:
        while batch := list(islice(rest, BATCH)):
            await ledger.add_issuances(store, to.organization.id, batch)

    await asyncio.gather(*(write() for _ in range(CONNECTIONS)))
