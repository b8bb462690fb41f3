"""How far an import has come: a bar on a terminal, a line every few seconds elsewhere."""

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol

import rich.progress
from rich.console import Console

from gateway.commands.terminal import printable
from gateway.ingest.import_summary import Summary

SECONDS_BETWEEN_LINES = 5.0


class Progress(Protocol):
    """Shows how far an import has come."""

    def show(self, summary: Summary) -> None: ...


@contextmanager
def new_progress(name: str, raw: BinaryIO) -> Iterator[Progress]:
    """Progress on standard error, for a file that is read from `raw` (gzipped or not)."""
    status = os.fstat(raw.fileno())
    size = status.st_size if stat.S_ISREG(status.st_mode) else None
    if not sys.stderr.isatty():
        yield _Lines(printable(name), raw, size)
        return
    with rich.progress.Progress(
        rich.progress.TextColumn("{task.description}", markup=False),
        rich.progress.BarColumn(),
        rich.progress.DownloadColumn(),
        rich.progress.TextColumn("{task.fields[speed]:,.0f} records/s"),
        rich.progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        yield _Bar(bar, bar.add_task(printable(name), total=size, speed=0.0), raw, size)


class _Lines:
    def __init__(self, name: str, raw: BinaryIO, size: int | None) -> None:
        self._name, self._raw, self._size = name, raw, size
        self._started = self._shown = time.monotonic()

    def show(self, summary: Summary) -> None:
        now = time.monotonic()
        if now - self._shown < SECONDS_BETWEEN_LINES:
            return
        self._shown = now
        done = "" if self._size is None else f"{self._raw.tell() / max(self._size, 1):.0%}, "
        speed = summary.lines / (now - self._started)
        print(f"{self._name}: {done}{summary.lines:,} lines, {speed:,.0f} records/s", file=sys.stderr)


class _Bar:
    def __init__(
        self, bar: rich.progress.Progress, task: rich.progress.TaskID, raw: BinaryIO, size: int | None
    ) -> None:
        self._bar, self._task, self._raw, self._size = bar, task, raw, size
        self._started = time.monotonic()

    def show(self, summary: Summary) -> None:
        speed = summary.lines / max(time.monotonic() - self._started, 0.001)
        done = None if self._size is None else self._raw.tell()
        self._bar.update(self._task, completed=done, speed=speed)
