"""The gateway beside a bare handler, under load: `python -m bench.load [--help]`.

Every face in turn, round after round, so that whatever else the machine does meets all of them. The medians
of the rounds count, and of these the ratios to `raw` at as many connections and promotions; the times
themselves depend on the machine.
"""

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench import machine, seed
from bench.faces import FACES, ask
from bench.measure import Bench, Counts, Figures, opened
from bench.seed import Tenant
from bench.servers import fresh_database
from gateway.database import with_store

REQUESTS = 3_000
SAMPLE = 20
WARM_UP_SECONDS = 2
WARM_UP_CONNECTIONS = 8
# How often each connection should be answered at least, where that takes longer than was asked for.
TURNS = 2
_NUMBER = "{:,.0f}", "{:.1f}", "{:.1f}", "{:.2f}"


@dataclass(frozen=True)
class Case:
    """A face, and under what it is measured."""

    face: str
    promotions: int
    connections: int


@dataclass(frozen=True)
class Result:
    """The medians of a case, and its share of the database's work."""

    case: Case
    figures: Figures
    counts: Counts

    def to(self, raw: "Result") -> Figures:
        """As ratios to `raw`: rate and CPU per summary, latencies per request."""
        width = FACES[self.case.face].summaries
        own, others = self.figures, raw.figures
        return Figures(
            own.rate * width / others.rate,
            own.p50 / others.p50,
            own.p99 / others.p99,
            own.cpu / width / others.cpu,
        )


def measured(
    bench: Bench, tenants: dict[int, Tenant], cases: list[Case], rounds: int, seconds: int
) -> Iterator[Result]:
    """The cases' results, once all rounds are over; `tenants` are by their number of promotions."""
    scripts, rates = {}, {}
    for tenant, name in dict.fromkeys((tenants[case.promotions], case.face) for case in cases):
        face = FACES[name]
        asked = ask(face, [tenant], REQUESTS)
        bench.check(face, asked[:SAMPLE])
        script = scripts[name, tenant.promotions] = bench.script(face, asked)
        warm = bench.measure(face, script, WARM_UP_CONNECTIONS, WARM_UP_SECONDS)
        rates[name, tenant.promotions] = warm.rate
    counts, figures = {}, defaultdict(list)
    for case in track(cases, "Counting commands", transient=True):
        counts[case] = bench.count(FACES[case.face], scripts[case.face, case.promotions], case.connections)
    for case in track(cases * rounds, "Measuring", transient=True):
        of = case.face, case.promotions
        enough = max(seconds, math.ceil(TURNS * case.connections / rates[of]))
        figures[case].append(bench.measure(FACES[case.face], scripts[of], case.connections, enough))
    for case in cases:
        columns = zip(*(asdict(one).values() for one in figures[case]), strict=True)
        yield Result(case, Figures(*map(statistics.median, columns)), counts[case])


def table(results: list[Result]) -> Table:
    """What was measured, and behind it the ratios to `raw`, where that was measured too."""
    shown = Table(caption="Ratios to raw: rate and CPU per summary, latencies per request.")
    heads = "face", "promotions", "connections", "requests/s", "p50 ms", "p99 ms", "CPU ms", "commands"
    for head in (*heads, "aggregations", "rate/raw", "p50/raw", "p99/raw", "CPU/raw"):
        shown.add_column(head, justify="left" if head == "face" else "right")
    by_case = {result.case: result for result in results}
    for result in results:
        case, counts = result.case, result.counts
        raw = by_case.get(Case("raw", case.promotions, case.connections))
        cells = [case.face, str(case.promotions), str(case.connections)]
        cells += [
            form.format(value) for form, value in zip(_NUMBER, asdict(result.figures).values(), strict=True)
        ]
        cells += [f"{counts.commands:.2f}", f"{counts.aggregations:.2f}"]
        cells += [f"{ratio:.2f}" for ratio in asdict(result.to(raw)).values()] if raw else []
        shown.add_row(*cells, end_section=case.face == list(FACES)[-1])
    return shown


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
    cases = [Case(face, of, on) for of, on, face in product(promotions, connections, faces)]
    tenants = {of: seed.tenant(n, seed.CUSTOMERS, of) for n, of in enumerate(promotions)}
    with fresh_database() as settings:
        where = machine.describe(settings.mongodb_uri)
        with_store(lambda store: seed.seed(store, tenants.values()), settings)
        with opened(settings) as bench:
            results = list(measured(bench, tenants, cases, rounds, seconds))
    console = Console(width=150)
    console.print(table(results))
    console.print("; ".join(where.values()))
    if out:
        out.write_text(
            json.dumps({"where": where, "results": [asdict(one) for one in results]}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
