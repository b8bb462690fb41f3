"""Measurements side by side: every case in turn, round after round.

Whatever else the machine does so meets all of them. The medians of the rounds count, and of these the ratios
to `raw` for the same tenants on as many connections; the times themselves depend on the machine.
"""

import math
import statistics
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.progress import track

from bench.faces import FACES, Face, ask
from bench.measure import Bench, Counts, Figures
from bench.seed import Tenant

SUMMARIES = 3_000
SAMPLE = 20
WARM_UP_SECONDS = 2
WARM_UP_CONNECTIONS = 8
# How often each connection should be answered at least, where that takes longer than was asked for.
TURNS = 2


@dataclass(frozen=True)
class Case:
    """A face, whose customers it is asked for, and on how many connections."""

    face: Face
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

    def as_json(self, **labels: int) -> dict[str, Any]:
        """What is kept of it, behind these labels."""
        return {
            "face": self.case.face.name,
            **labels,
            "connections": self.case.connections,
            "figures": _rounded(self.figures),
            "counts": _rounded(self.counts),
            "to_raw": self.to_raw and _rounded(self.to_raw),
        }


def measured(bench: Bench, cases: list[Case], rounds: int, seconds: int) -> list[Result]:
    """The cases' results; raises `wrk.WentWrong`."""
    scripts, rates = {}, {}
    for of in track(dict.fromkeys((one.face, one.tenants) for one in cases), "Warming up", transient=True):
        face, tenants = of
        asked = ask(face, list(tenants), SUMMARIES // face.summaries)
        distinct = list(dict.fromkeys(map(tuple, asked)))
        bench.check(face, map(list, distinct[: math.ceil(SAMPLE / face.summaries)]))
        scripts[of] = bench.script(face, asked)
        rates[of] = bench.measure(face, scripts[of], WARM_UP_CONNECTIONS, WARM_UP_SECONDS).rate
    counts, figures = {}, defaultdict(list)
    for one in track(cases, "Counting commands", transient=True):
        counts[one] = bench.count(one.face, scripts[one.face, one.tenants], one.connections)
    for one in track(cases * rounds, "Measuring", transient=True):
        of = one.face, one.tenants
        enough = max(seconds, math.ceil(TURNS * one.connections / rates[of]))
        figures[one].append(bench.measure(one.face, scripts[of], one.connections, enough))
    medians = {one: _median(figures[one]) for one in cases}
    raw = {one: medians.get(replace(one, face=FACES["raw"])) for one in cases}
    return [
        Result(one, own, counts[one], _ratios(one.face, own, beside) if (beside := raw[one]) else None)
        for one, own in medians.items()
    ]


def _median(figures: list[Figures]) -> Figures:
    columns = zip(*(asdict(one).values() for one in figures), strict=True)
    return Figures(*map(statistics.median, columns))


def _rounded(figures: Figures | Counts) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(figures).items()}


def _ratios(face: Face, own: Figures, raw: Figures) -> Figures:
    return Figures(
        own.rate * face.summaries / raw.rate,
        own.p50 / raw.p50,
        own.p99 / raw.p99,
        own.cpu / face.summaries / raw.cpu,
    )
