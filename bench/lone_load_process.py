"""The process that `bench.lone_load` counts: `python -m bench.lone_load_process KIND WAY LOADS`.

It loads one key after another from the database that the settings name, each with loaders of its own, as a
request has them.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import click
import uvloop

from bench.seed import Tenant, tenant
from gateway.settings import Settings
from loaders import Dispatchers, Loaders
from loaders.customers import CustomerDispatcher, CustomerIdentifier
from loaders.enums import Benefit, IdentifierName
from loaders.promotions import PromotionDispatcher, PromotionReference
from loaders.store import Store
from loaders.totals import BenefitsKey, TotalsDispatcher

TENANT = tenant(0, 10, 10)
_ALL = frozenset(Benefit)


class _Customers(CustomerDispatcher):
    load = CustomerDispatcher.find


class _Promotions(PromotionDispatcher):
    load = PromotionDispatcher.find


class _Totals(TotalsDispatcher):
    load = TotalsDispatcher.find


def direct(store: Store) -> Dispatchers:
    """Dispatchers that send each load at once as a command of its own."""
    dispatchers = Dispatchers(store)
    dispatchers.customers = _Customers(store)
    dispatchers.promotions = _Promotions(store)
    dispatchers.totals = _Totals(store)
    return dispatchers


def _customer(loaders: Loaders, to: Tenant, n: int) -> asyncio.Future[Any]:
    return loaders.customers.load(CustomerIdentifier("INSTORE", IdentifierName.MOBILE, to.mobile(n)))


def _promotion(loaders: Loaders, to: Tenant, n: int) -> asyncio.Future[Any]:
    return loaders.promotions.load(PromotionReference("promotionId", to.promotion(n).promotion_id))


def _totals(loaders: Loaders, to: Tenant, n: int) -> asyncio.Future[Any]:
    return loaders.totals.load(BenefitsKey(to.customer(n), to.promotion(n).promotion_id, _ALL))


WAYS: dict[str, Callable[[Store], Dispatchers]] = {"direct": direct, "dispatched": Dispatchers}
KINDS = {"customer": _customer, "promotion": _promotion, "totals": _totals}


async def run(settings: Settings, kind: str, way: str, loads: int) -> None:
    """Load one key `loads` times, and check that each load finds something."""
    store = Store(settings.mongodb_uri.get_secret_value(), settings.database, driver=settings.driver)
    dispatchers = WAYS[way](store)
    for n in range(loads):
        loaders = Loaders(dispatchers, TENANT.organization, settings.benefits_since)
        assert await KINDS[kind](loaders, TENANT, n % TENANT.customers)
    await store.close()


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("way", type=click.Choice(list(WAYS)))
@click.argument("loads", type=int)
def main(kind: str, way: str, loads: int) -> None:
    # A garbage collection would be part of one run and not of another.
    gc.disable()
    uvloop.run(run(Settings.from_environment(), kind, way, loads))


if __name__ == "__main__":
    main()
