"""The CPU of a list of 20 summaries against that of 20 aliases: `python -m bench.lists`.

Both are executed in this process, in turns, by the compiler and by graphql-core's executor, on the embedded
database; its own CPU does not count.
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
from loaders import Dispatchers, Loaders, ledger
from loaders.enums import Benefit, IssuanceType
from loaders.ledger import Issuance
from loaders.promotions import Promotion
from loaders.store import Store
from resolvers.context import Context
from resolvers.schema import create_schema

SUMMARIES = 20
AT = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS, REPETITIONS = 15, 20
_CUSTOMER = f'source: INSTORE, identifierName: MOBILE, identifierValue: "{MOBILE}"'
IDS = [str(2_000_100 + n) for n in range(SUMMARIES)]
LIST = (
    f"query ($ids: [ID!]) {{ customer({_CUSTOMER}) {{ promotionActionSummaries(promotionIds: $ids) "
    f"{{ {FULL} }} }} }}"
)
_DECLARED = ", ".join(f"$p{n}: ID!" for n in range(SUMMARIES))
_ALIASES = " ".join(
    f"a{n}: customerPromotionActionSummary({_CUSTOMER}, programId: {PROGRAM}, promotionId: $p{n}) {{ ...F }}"
    for n in range(SUMMARIES)
)
ALIASES = f"query ({_DECLARED}) {{ {_ALIASES} }} fragment F on CustomerPromotionActionSummary {{ {FULL} }}"
FORMS: dict[str, tuple[str, dict[str, object]]] = {
    "list": (LIST, {"ids": IDS}),
    "aliases": (ALIASES, {f"p{n}": one for n, one in enumerate(IDS)}),
}


async def measure(store: Store) -> None:
    """Print the median CPU of one warm operation of each form, and their ratio."""
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
        a, b = (median(taken[form]) for form in FORMS)
        print(f"compiled {compiled}: list {a:.2f} ms, aliases {b:.2f} ms, ratio {a / b:.2f}")


async def _issue(store: Store) -> None:
    """Give the customer points, two currencies, a reward and a badge from each promotion."""
    promotions = [Promotion(PROGRAM, int(one), f"list-{one}") for one in IDS]
    await ledger.put_promotions(store, DEMO.id, [(one, "List") for one in promotions])
    regular, amount = IssuanceType.REGULAR, Decimal("12.5")
    issued = [
        Issuance(f"list-{one}-{n}", CUSTOMER, int(one), benefit, AT, item, type_, paid)
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
