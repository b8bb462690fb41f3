"""The gateway beside a bare handler, under load: `python -m bench.load [--help]`.

Each face of the gateway, with one promotion and with a dozen, on few connections and on many.
"""

import json
from itertools import product
from pathlib import Path

import click
from rich.console import Console

from bench import seed
from bench.faces import FACES
from bench.measure import opened
from bench.rounds import Case, lines, measured, table


def _numbers(_: click.Context, __: click.Parameter, text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _faces(_: click.Context, __: click.Parameter, text: str) -> list[str]:
    if unknown := set(names := text.split(",")) - set(FACES):
        raise click.BadParameter(f"{', '.join(sorted(unknown))}; known are {', '.join(FACES)}.")
    return names


@click.command()
@click.option("--seconds", default=3, show_default=True, help="How long each measurement takes.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--connections", default="1,8,32,128", show_default=True, callback=_numbers)
@click.option("--promotions", default="1,12", show_default=True, callback=_numbers)
@click.option("--faces", default=",".join(FACES), show_default=True, callback=_faces)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the results here as JSON."
)
def main(
    seconds: int,
    rounds: int,
    connections: list[int],
    promotions: list[int],
    faces: list[str],
    out: Path | None,
) -> None:
    """Measure the gateway's faces beside a bare handler."""
    tenants = {of: seed.tenant(n, seed.CUSTOMERS, of) for n, of in enumerate(promotions)}
    cases = [
        (of, Case(FACES[face], (tenants[of],), on))
        for of, on, face in product(promotions, connections, faces)
    ]
    with opened(lambda store: seed.seed(store, tenants.values())) as bench:
        results = measured(bench, cases, rounds, seconds)
    console = Console(width=150)
    console.print(table("promotions", results))
    console.print("; ".join(bench.where.values()))
    if out:
        kept = {"where": bench.where, "results": lines("promotions", results)}
        out.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
