"""The CPU of lists of 20 summaries, of 20 aliases, and for merged customers: `python -m bench.lists`.

All are executed in this process, in turns, by the compiler and by graphql-core's executor. The CPU of the
embedded database does not count.
"""

import asyncio
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from time import process_time

from bench.workloads import FULL
from gateway import json_format
from gateway.commands.embedded_database import embedded_database
from gateway.commands.sample_data import CUSTOMER, DEMO, MOBILE, PROGRAM, fill
from gateway.graphql.operations import Operations
from gateway.settings import Settings
from loaders import Dispatchers, Loaders, ledger, merges_and_erasures
from loaders.customers import CustomerIdentifier
from loaders.enums import Benefit, IdentifierName, IssuanceType
from loaders.ledger import Issuance
from loaders.promotions import Promotion
from loaders.store import Store
from resolvers.context import Context
from resolvers.schema import create_schema

SUMMARIES = 20
AT = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS, REPETITIONS = 15, 20
# Survivors by the number of customers that were merged into them; the first merged customer has issuances.
SURVIVORS = {1: 1_000, 9: 2_000}


def _named(mobile: str) -> str:
    return f'source: INSTORE, identifierName: MOBILE, identifierValue: "{mobile}"'


_CUSTOMER = _named(MOBILE)
IDS = [str(2_000_100 + n) for n in range(SUMMARIES)]
LIST = "query ($ids: [ID!]) {{ customer({}) {{ promotionActionSummaries(promotionIds: $ids) {{ {} }} }} }}"
_DECLARED = ", ".join(f"$p{n}: ID!" for n in range(SUMMARIES))
_ALIASES = " ".join(
    f"a{n}: customerPromotionActionSummary({_CUSTOMER}, programId: {PROGRAM}, promotionId: $p{n}) {{ ...F }}"
    for n in range(SUMMARIES)
)
ALIASES = f"query ({_DECLARED}) {{ {_ALIASES} }} fragment F on CustomerPromotionActionSummary {{ {FULL} }}"
FORMS: dict[str, tuple[str, dict[str, object]]] = {
    "list": (LIST.format(_CUSTOMER, FULL), {"ids": IDS}),
    "aliases": (ALIASES, {f"p{n}": one for n, one in enumerate(IDS)}),
    **{
        f"list with {merged} merged": (LIST.format(_named(str(survivor)), FULL), {"ids": IDS})
        for merged, survivor in SURVIVORS.items()
    },
}


async def measure(store: Store) -> None:
    """Print the median CPU of one warm operation of each form, and its ratio to that of the list."""
    dispatchers, since = Dispatchers(store, lookup_seconds=3600), Settings().benefits_since
    for compiled in (True, False):
        operations = Operations(create_schema(), compiled=compiled)
        taken: dict[str, list[float]] = {form: [] for form in FORMS}
        for _ in range(ROUNDS):
            for form, (query, variables) in FORMS.items():
                began = process_time()
                for _ in range(REPETITIONS):
                    context = Context(Loaders(dispatchers, DEMO, since))
                    operation = operations.prepare(query, None)
                    result = await operations.execute(operation, variables, context)
                    json_format.encode({"data": result.data})
                    assert not result.errors, result.errors
                taken[form].append((process_time() - began) / REPETITIONS * 1000)
        for form, times in taken.items():
            ratio = median(times) / median(taken["list"])
            print(f"compiled {compiled}: {form} {median(times):.2f} ms, {ratio:.2f} times the list")


async def _issue(store: Store) -> None:
    """Give points, two currencies, a reward and a badge from each promotion, and merge customers."""
    promotions = [Promotion(PROGRAM, int(one), f"list-{one}", "List") for one in IDS]
    await ledger.put_promotions(store, DEMO.id, promotions)
    regular, amount = IssuanceType.REGULAR, Decimal("12.5")
    issued = [
        Issuance(f"list-{owner}-{one}-{n}", owner, int(one), benefit, AT, item, type_, paid)
        for owner in (CUSTOMER, *(survivor + 1 for survivor in SURVIVORS.values()))
        for one in IDS
        for n, (benefit, item, type_, paid) in enumerate(
            (
                (Benefit.POINTS, None, regular, amount),
                (Benefit.ALTERNATE_CURRENCY, "Coin", regular, amount),
                (Benefit.ALTERNATE_CURRENCY, "Star", regular, amount),
                (Benefit.REWARD, "7", None, None),
                (Benefit.BADGE, "9", None, None),
            )
        )
    ]
    await ledger.add_issuances(store, DEMO.id, issued)
    for merged, survivor in SURVIVORS.items():
        mobile = CustomerIdentifier("INSTORE", IdentifierName.MOBILE, str(survivor))
        await ledger.put_identifiers(store, DEMO.id, [(mobile, survivor)])
        for n in range(1, merged + 1):
            await merges_and_erasures.merge(store, DEMO.id, survivor + n, survivor)


async def main() -> None:
    """Fill an embedded database, and measure on it."""
    with tempfile.TemporaryDirectory() as directory, embedded_database(Path(directory), durable=False) as uri:
        store = Store(uri, "lists")
        await fill(store)
        await _issue(store)
        await measure(store)
        await store.close()


if __name__ == "__main__":
    asyncio.run(main())
