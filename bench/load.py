"""The gateway beside a bare handler, under load: `python -m bench.load [--help]`.

It measures on the embedded database and on a fast stand-in, for one organisation and for many, and on one
connection and on many.
"""

import json
from itertools import product
from pathlib import Path

import click
from rich.console import Console

from bench import seed
from bench.measure import opened
from bench.rounds import Case, lines, measured, table
from bench.workloads import HOST, WORKLOADS

DATABASES = "embedded", "fast"
ONE = seed.tenant(0, seed.CUSTOMERS, 1)
MANY = [seed.tenant(n, 5, 1) for n in range(1, 101)]
CONNECTIONS = 1, 32


def _workloads(_: click.Context, __: click.Parameter, text: str) -> list[str]:
    if unknown := set(names := text.split(",")) - set(WORKLOADS):
        raise click.BadParameter(f"{', '.join(sorted(unknown))}; known are {', '.join(WORKLOADS)}.")
    return names


@click.command()
@click.option("--seconds", default=3, show_default=True, help="How long each measurement takes.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--workloads", default=",".join(WORKLOADS), show_default=True, callback=_workloads)
@click.option("--databases", default=",".join(DATABASES), show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the results here as JSON."
)
def main(seconds: int, rounds: int, workloads: list[str], databases: str, out: Path | None) -> None:
    """Measure the gateway's workloads beside a bare handler."""
    console, kept = Console(width=150), {}
    cases = [
        (len(tenants), Case(WORKLOADS[workload], tuple(tenants), on))
        for tenants, on, workload in product(([ONE], MANY), CONNECTIONS, workloads)
        # The many tenants have too few customers for a request of several summaries.
        if len(tenants) == 1 or WORKLOADS[workload].summaries == 1
    ]
    for database in databases.split(","):
        # Each POS client has an address of its own, because few may log in at once from one address.
        with opened(
            lambda store: seed.seed(store, [ONE, *MANY]),
            fast=database == "fast",
            GATEWAY_TRUSTED_PROXIES=HOST,
        ) as bench:
            results = measured(bench, cases, rounds, seconds)
        console.print(f"{database}: {'; '.join(bench.where.values())}")
        console.print(table("tenants", results))
        kept[database] = {"where": bench.where, "results": lines("tenants", results)}
    if out:
        out.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
