"""How far an import has come: a bar on a terminal, a line every few seconds elsewhere."""

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import rich.progress
from rich.console import Console

from gateway.commands.terminal import printable
from gateway.ingest.import_summary import Summary

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def shown_progress(name: str, raw: BinaryIO) -> Iterator[Callable[[Summary], None]]:
    """Yields a function that shows on standard error how much of `raw`, gzipped or not, has been read."""
    status = os.fstat(raw.fileno())
    size = status.st_size if stat.S_ISREG(status.st_mode) else None
    started = shown = time.monotonic()

    def speed(summary: Summary) -> float:
        return summary.lines / max(time.monotonic() - started, 0.001)

    def print_line(summary: Summary) -> None:
        nonlocal shown
        if time.monotonic() - shown < SECONDS_BETWEEN_LINES:
            return
        shown = time.monotonic()
        done = "" if size is None else f"{raw.tell() / max(size, 1):.0%}, "
        text = f"{printable(name)}: {done}{summary.lines:,} lines, {speed(summary):,.0f} records/s"
        print(text, file=sys.stderr)

    if not sys.stderr.isatty():
        yield print_line
        return
    with rich.progress.Progress(
        rich.progress.TextColumn("{task.description}", markup=False),
        rich.progress.BarColumn(),
        rich.progress.DownloadColumn(),
        rich.progress.TextColumn("{task.fields[speed]:,.0f} records/s"),
        rich.progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task(printable(name), total=size, speed=0.0)

        def move_bar(summary: Summary) -> None:
            bar.update(task, completed=None if size is None else raw.tell(), speed=speed(summary))

        yield move_bar
