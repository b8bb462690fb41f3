"""Measurements side by side: each round measures every case once.

Other work of the machine then affects all cases alike. The medians of the rounds count, and most of all the
medians of the ratios to `raw` in the same round, for the same tenants and the same number of connections. The
times themselves depend on the machine.
"""

import math
import statistics
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.progress import track
from rich.table import Table

from bench.measure import Bench, Counts, Figures
from bench.seed import Tenant
from bench.workloads import WORKLOADS, Workload, random_requests

SUMMARIES = 3_000
SAMPLE = 20
WARM_UP_SECONDS = 2
# Each connection gets this number of responses, even if that takes longer than the requested time.
TURNS = 2
_NUMBER = "{:,.0f}", "{:.1f}", "{:.1f}", "{:.2f}"


@dataclass(frozen=True)
class Case:
    """A workload with its tenants and its number of connections."""

    workload: Workload
    tenants: tuple[Tenant, ...]
    connections: int


@dataclass(frozen=True)
class Result:
    """The medians of a case, its share of the database's work, and its ratios to `raw` if that ran too.

    The ratios of rate and CPU are per summary, those of latencies per request.
    """

    case: Case
    figures: Figures
    counts: Counts
    to_raw: Figures | None


# Results, each with the number that the bench varies.
Numbered = list[tuple[int, Result]]


def measured(bench: Bench, numbered: list[tuple[int, Case]], rounds: int, seconds: int) -> Numbered:
    """The cases' results; raises `wrk.WentWrong`."""
    cases = [one for _, one in numbered]
    scripts, rates = {}, {}
    for of in track(
        dict.fromkeys((one.workload, one.tenants) for one in cases), "Warming up", transient=True
    ):
        workload, tenants = of
        requests = random_requests(workload, list(tenants), SUMMARIES // workload.summaries)
        distinct = list(dict.fromkeys(map(tuple, requests)))
        sample = list(map(list, distinct[: math.ceil(SAMPLE / workload.summaries)]))
        began = time.perf_counter()
        bench.check(workload, sample)
        one_takes = (time.perf_counter() - began) / len(sample)
        scripts[of] = bench.script(workload, requests)
        rates[of] = bench.measure(scripts[of], 1, max(WARM_UP_SECONDS, math.ceil(one_takes))).rate
    counts, figures = {}, defaultdict(list)
    for one in track(cases, "Counting commands", transient=True):
        counts[one] = bench.count(scripts[one.workload, one.tenants], one.connections)
    for one in track(cases * rounds, "Measuring", transient=True):
        of = one.workload, one.tenants
        enough = max(seconds, math.ceil(TURNS * one.connections / rates[of]))
        figures[one].append(bench.measure(scripts[of], one.connections, enough))
    results = []
    for number, one in numbered:
        to_raw = None
        if raw := figures.get(replace(one, workload=WORKLOADS["raw"])):
            rounds_of_both = zip(figures[one], raw, strict=True)
            to_raw = _medians([_ratios(one.workload, own, beside) for own, beside in rounds_of_both])
        results.append((number, Result(one, _medians(figures[one]), counts[one], to_raw)))
    return results


def _medians(figures: list[Figures]) -> Figures:
    columns = zip(*(asdict(one).values() for one in figures), strict=True)
    return Figures(*map(statistics.median, columns))


def _ratios(workload: Workload, own: Figures, raw: Figures) -> Figures:
    return Figures(
        own.rate * workload.summaries / raw.rate,
        own.p50 / raw.p50,
        own.p99 / raw.p99,
        own.cpu / workload.summaries / raw.cpu,
    )


def lines(what: str, results: Numbered) -> list[dict[str, Any]]:
    """Each result as a line of JSON, with the varied number under the name `what`."""
    return [
        {
            "workload": one.case.workload.name,
            what: number,
            "connections": one.case.connections,
            "figures": _rounded(one.figures),
            "counts": _rounded(one.counts),
            "to_raw": one.to_raw and _rounded(one.to_raw),
        }
        for number, one in results
    ]


def _rounded(figures: Figures | Counts) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(figures).items()}


def table(what: str, results: Numbered) -> Table:
    """The figures, and the ratios to `raw` if it was measured too."""
    shown = Table(caption="Ratios to raw: rate and CPU per summary, latencies per request.")
    heads = "workload", what, "connections", "requests/s", "p50 ms", "p99 ms", "CPU ms", "finds"
    for head in (*heads, "aggregations", "rate/raw", "p50/raw", "p99/raw", "CPU/raw"):
        shown.add_column(head, justify="left" if head == "workload" else "right")
    for number, one in results:
        cells = [one.case.workload.name, f"{number:,}", str(one.case.connections)]
        cells += [
            form.format(value) for form, value in zip(_NUMBER, asdict(one.figures).values(), strict=True)
        ]
        cells += [f"{one.counts.finds:.2f}", f"{one.counts.aggregations:.2f}"]
        cells += [f"{ratio:.2f}" for ratio in asdict(one.to_raw).values()] if one.to_raw else []
        shown.add_row(*cells)
    return shown
