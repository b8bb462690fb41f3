"""Draws what the benches wrote: `python -m bench.plot`.

`docs/bench/load.json` and `growth.json` become the files of the same names that end with `.svg`; the same
figures make the same bytes.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

DIRECTORY = Path("docs/bench")

Line = dict[str, Any]


class Style(NamedTuple):
    """How a curve looks; the colours are Okabe and Ito's, which the colour-blind tell apart."""

    label: str
    colour: str
    marker: str


FACES = {
    "raw": Style("bare handler", "#000000", ""),
    "rest": Style("REST", "#0072b2", "o"),
    "graphql": Style("GraphQL, full summary", "#d55e00", "s"),
    "points": Style("GraphQL, points only", "#009e73", "D"),
    "aliases": Style("GraphQL, 20 full summaries", "#cc79a7", "^"),
}


def draw_load(told: dict[str, Any]) -> Figure:
    """CPU and rate beside the bare handler's over connections, a column for each number of promotions."""
    numbers = sorted({line["promotions"] for line in told["results"]})
    figure = Figure(figsize=(9, 7), layout="constrained")
    panels = figure.subplots(2, len(numbers), sharey="row", squeeze=False)
    for column, number in enumerate(numbers):
        lines = [line for line in told["results"] if line["promotions"] == number]
        for axes, ratio in zip(panels[:, column], ("cpu", "rate"), strict=True):
            for face, style in FACES.items():
                own = [line for line in lines if line["face"] == face]
                _curve(axes, style, own, "connections", ("to_raw", ratio))
            _finish(axes, "connections")
        panels[0, column].set_title("one promotion" if number == 1 else f"{number} promotions")
    panels[0, 0].set_ylabel("CPU per summary\n(bare handler = 1; less is better)")
    panels[1, 0].set_ylabel("summaries a second\n(bare handler = 1; more is better)")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(_where(told), fontsize="small")
    return figure


def draw_growth(told: dict[str, Any]) -> Figure:
    """Larger ledgers, wider queries, more organisations: a panel each."""
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    ledgers, queries, organizations = figure.subplots(1, 3)
    for face in ("raw", "rest"):
        own = [line for line in told["issuances"] if line["face"] == face]
        _curve(ledgers, FACES[face], own, "issuances", ("figures", "p50"))
    ledgers.set_title("One summary on one connection")
    ledgers.set_ylabel("ms, median")
    _finish(ledgers, "issuances per customer and promotion")
    wide = [line for line in told["customers"] if line["face"] == "graphql"]
    latency = Style("median latency of the query", "#d55e00", "s")
    cpu = Style("CPU per summary", "#0072b2", "o")
    _curve(queries, latency, wide, "customers", ("to_raw", "p50"))
    _curve(queries, cpu, wide, "customers", ("to_raw", "cpu"))
    queries.set_title("One query on one connection")
    queries.set_ylabel("one summary by the bare handler = 1")
    _finish(queries, "customers, each with a full summary")
    busy = [line for line in told["organizations"] if line["face"] == "rest"]
    rate = Style("requests a second (bare handler = 1)", "#0072b2", "o")
    commands = Style("commands per request (bare handler: 3)", "#d55e00", "s")
    _curve(organizations, rate, busy, "organizations", ("to_raw", "rate"))
    _curve(organizations, commands, busy, "organizations", ("counts", "commands"))
    organizations.set_title(f"REST on {busy[0]['connections']} connections")
    _finish(organizations, "organisations")
    for axes in (ledgers, queries, organizations):
        # Room for it beside the curves.
        axes.margins(y=0.3)
        axes.legend()
    figure.suptitle(_where(told), fontsize="small")
    return figure


def _curve(axes: Axes, style: Style, lines: list[Line], over: str, shown: tuple[str, str]) -> None:
    kind, name = shown
    axes.loglog(
        [line[over] for line in lines],
        [line[kind][name] for line in lines],
        label=style.label,
        color=style.colour,
        marker=style.marker,
    )
    axes.xaxis.set_major_locator(FixedLocator([line[over] for line in lines]))


def _finish(axes: Axes, label: str) -> None:
    """Plain numbers on both axes; below, exactly what was measured."""
    plain = FuncFormatter(lambda number, _: f"{number:,.10g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(plain)
    axes.yaxis.set_major_formatter(plain)
    axes.grid(color="#dddddd")
    axes.set_xlabel(label)


def _where(told: dict[str, Any]) -> str:
    return "; ".join(told["where"].values())


def main() -> None:
    # Without a salt, the names inside the file are new each time.
    mpl.rcParams["svg.hashsalt"] = "promo-gateway"
    for name, draw in (("load", draw_load), ("growth", draw_growth)):
        told = json.loads((DIRECTORY / f"{name}.json").read_text())
        draw(told).savefig(DIRECTORY / f"{name}.svg", facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    main()
