"""The gateway beside a bare handler, under load: `python -m bench.load [--help]`.

Each face of the gateway, with one promotion and with a dozen, on few connections and on many.
"""

import json
from dataclasses import asdict
from itertools import product
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench import seed
from bench.faces import FACES
from bench.measure import opened
from bench.rounds import Case, Result, measured

_NUMBER = "{:,.0f}", "{:.1f}", "{:.1f}", "{:.2f}"


def table(results: list[Result]) -> Table:
    """What was measured, and behind it the ratios to `raw`, where that was measured too."""
    shown = Table(caption="Ratios to raw: rate and CPU per summary, latencies per request.")
    heads = "face", "promotions", "connections", "requests/s", "p50 ms", "p99 ms", "CPU ms", "commands"
    for head in (*heads, "aggregations", "rate/raw", "p50/raw", "p99/raw", "CPU/raw"):
        shown.add_column(head, justify="left" if head == "face" else "right")
    for result in results:
        face, counts = result.case.face, result.counts
        cells = [face.name, str(_promotions(result)), str(result.case.connections)]
        cells += [
            form.format(value) for form, value in zip(_NUMBER, asdict(result.figures).values(), strict=True)
        ]
        cells += [f"{counts.commands:.2f}", f"{counts.aggregations:.2f}"]
        cells += [f"{ratio:.2f}" for ratio in asdict(result.to_raw).values()] if result.to_raw else []
        shown.add_row(*cells, end_section=face.name == list(FACES)[-1])
    return shown


def _promotions(result: Result) -> int:
    [tenant] = result.case.tenants
    return tenant.promotions


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
        Case(FACES[face], (tenants[of],), on) for of, on, face in product(promotions, connections, faces)
    ]
    with opened(lambda store: seed.seed(store, tenants.values())) as bench:
        results = measured(bench, cases, rounds, seconds)
    console = Console(width=150)
    console.print(table(results))
    console.print("; ".join(bench.where.values()))
    if out:
        lines = [one.as_json(promotions=_promotions(one)) for one in results]
        out.write_text(json.dumps({"where": bench.where, "results": lines}, indent=1) + "\n")


if __name__ == "__main__":
    main()
