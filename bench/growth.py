"""Measurements over growing sizes: `python -m bench.growth [--help]`.

The sizes are the issuances in the ledger of one customer and promotion, and the customers in one query. `raw`
is measured too, as in `bench.load`.
"""

import random
from collections.abc import Iterator

import click
from rich.console import Console

from bench import seed
from bench.measure import opened
from bench.rounds import Case, measured, table
from bench.seed import Tenant
from bench.workloads import HOST, WORKLOADS, full
from loaders.enums import Benefit
from loaders.ledger import Issuance
from loaders.store import Store

RAW, REST = WORKLOADS["raw"], WORKLOADS["rest"]

# Issuances of one customer and promotion.
LEDGER_SIZES = 10, 100, 1_000, 10_000, 100_000
CUSTOMERS_PER_QUERY = 1, 3, 10, 30, 100

_WIDE = seed.tenant(0, seed.CUSTOMERS, 1)
_LEDGERS = {size: seed.tenant(_WIDE.program + n, 1, 1) for n, size in enumerate(LEDGER_SIZES, start=1)}

# For each panel, the sizes with their cases.
CASES = {
    "issuances": [
        (size, Case(workload, (one,), 1)) for size, one in _LEDGERS.items() for workload in (RAW, REST)
    ],
    "customers": [(1, Case(RAW, (_WIDE,), 1))]
    + [(width, Case(full(width, "graphql"), (_WIDE,), 1)) for width in CUSTOMERS_PER_QUERY],
}


async def fill(store: Store) -> None:
    await seed.seed(store, [_WIDE, *_LEDGERS.values()])
    for size, one in _LEDGERS.items():
        # The seed has issued some of these already; the same event ids count once.
        await seed.issue(store, one, _ledger(one, size))


def _ledger(to: Tenant, size: int) -> Iterator[Issuance]:
    """`size` issuances for each customer and promotion, evenly over the benefits."""
    dice = random.Random(size)
    for customer in range(to.customers):
        for n, benefit in enumerate(Benefit):
            times = size // len(Benefit) + (n < size % len(Benefit))
            yield from seed.issuances(to, dice, customer, 0, benefit, times)


@click.command()
@click.option("--seconds", default=2, show_default=True, help="How long each measurement takes.")
@click.option("--rounds", default=3, show_default=True)
def main(seconds: int, rounds: int) -> None:
    """Measure the gateway over growing ledgers and queries."""
    # Each POS client has an address of its own, because few may log in at once from one address.
    with opened(fill, GATEWAY_TRUSTED_PROXIES=HOST) as bench:
        panels = {what: measured(bench, cases, rounds, seconds) for what, cases in CASES.items()}
    console = Console(width=150)
    for what, results in panels.items():
        console.print(table(what, results))
    console.print("; ".join(bench.where.values()))


if __name__ == "__main__":
    main()
