"""What grows with the data and with the question: `python -m bench.growth [--help]`.

Over the size of a ledger, over the customers that one query asks for, and over the organisations that ask at
once; each as far as possible beside `raw`, as under `bench.load`.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console

from bench import seed
from bench.faces import FACES, HOST, full
from bench.measure import opened
from bench.rounds import Case, lines, measured, table
from bench.seed import Tenant
from loaders.enums import Benefit
from loaders.ledger import Issuance
from loaders.store import Store

RAW, REST = FACES["raw"], FACES["rest"]
BUSY = 32

# Issuances per customer and promotion, customers per query, organisations.
LEDGERS = 10, 100, 1_000, 10_000, 100_000
WIDTHS = 1, 3, 10, 30, 100
ORGANIZATIONS = 1, 10, 100

_ASKING = [seed.tenant(n, 20, 1) for n in range(max(ORGANIZATIONS))]
_WIDE = seed.tenant(len(_ASKING), seed.CUSTOMERS, 1)
_LEDGERS = {size: seed.tenant(_WIDE.program + n, 1, 1) for n, size in enumerate(LEDGERS, start=1)}

# Each number with its cases.
CASES = {
    "issuances": [(size, Case(face, (one,), 1)) for size, one in _LEDGERS.items() for face in (RAW, REST)],
    "customers": [(1, Case(RAW, (_WIDE,), 1))]
    + [(width, Case(full(width, "graphql"), (_WIDE,), 1)) for width in WIDTHS],
    "organizations": [
        (count, Case(face, tuple(_ASKING[:count]), BUSY)) for count in ORGANIZATIONS for face in (RAW, REST)
    ],
}


async def fill(store: Store) -> None:
    await seed.seed(store, [*_ASKING, _WIDE, *_LEDGERS.values()])
    for size, one in _LEDGERS.items():
        # The few that are there already come again under the same event ids, and count once.
        await seed.issue(store, one, _ledger(one, size))


def _ledger(to: Tenant, size: int) -> Iterator[Issuance]:
    """`size` issuances for each customer and promotion, of all benefits as evenly as can be."""
    dice = random.Random(size)
    for customer in range(to.customers):
        for n, benefit in enumerate(Benefit):
            times = size // len(Benefit) + (n < size % len(Benefit))
            yield from seed.issuances(to, dice, customer, 0, benefit, times)


@click.command()
@click.option("--seconds", default=2, show_default=True, help="How long each measurement takes.")
@click.option("--rounds", default=3, show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the results here as JSON."
)
def main(seconds: int, rounds: int, out: Path | None) -> None:
    """Measure the gateway over growing ledgers, queries and numbers of organisations."""
    # As tills do, each calls from an address of its own: few may log in at once from one.
    with opened(fill, GATEWAY_TRUSTED_PROXIES=HOST) as bench:
        panels = {what: measured(bench, cases, rounds, seconds) for what, cases in CASES.items()}
    console = Console(width=150)
    for what, results in panels.items():
        console.print(table(what, results))
    console.print("; ".join(bench.where.values()))
    if out:
        kept = {"where": bench.where, **{what: lines(what, results) for what, results in panels.items()}}
        out.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
