"""What an import shows and writes: its progress, the rejected lines with their reasons, and its summary."""

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.commands.terminal import printable
from gateway.ingest.importer import Line, Summary

SECONDS_BETWEEN_LINES = 5.0
# A small gzip file can hold many long lines, whose list must stay small as well.
LONGEST_TEXT = 2_048
LONGEST_REASON = 500


@contextmanager
def shown_progress(name: str, raw: BinaryIO) -> Iterator[Callable[[Summary], None]]:
    """Yields a function that shows on standard error how much of `raw`, gzipped or not, has been read.

    It shows a bar on a terminal, and elsewhere a line every few seconds.
    """
    status = os.fstat(raw.fileno())
    size = status.st_size if stat.S_ISREG(status.st_mode) else None
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[speed]:,.0f} records/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    ) as bar:
        bar.add_task(printable(name), total=size, speed=0.0)
        [task] = bar.tasks
        shown = 0.0

        def show(summary: Summary) -> None:
            nonlocal shown
            elapsed = task.elapsed or 0.0
            speed = summary.lines / max(elapsed, 0.001)
            bar.update(task.id, completed=None if size is None else raw.tell(), speed=speed)
            if bar.disable and elapsed - shown >= SECONDS_BETWEEN_LINES:
                shown = elapsed
                done = "" if size is None else f"{task.percentage:.0f}%, "
                text = f"{task.description}: {done}{summary.lines:,} lines, {speed:,.0f} records/s"
                click.echo(text, err=True)

        yield show


class Rejects:
    """A file of rejected lines, or standard error where that file cannot be made.

    Raises `OSError` if the file was `chosen` by the operator and cannot be made, or if the disk is full.
    """

    def __init__(self, path: Path, *, chosen: bool) -> None:
        self._path = path
        self._file: TextIO | None = path.open("w") if chosen else None
        if not chosen:
            # The list of an earlier import.
            with suppress(OSError):
                path.unlink(missing_ok=True)

    @property
    def where(self) -> str:
        """Where the rejected lines are."""
        return "above" if self._file is sys.stderr else printable(str(self._path))

    def write(self, summary: Summary) -> None:
        """Write the lines that were rejected since the last time."""
        rejections, summary.fresh_rejections = summary.fresh_rejections, []
        if rejections and self._file is None:
            try:
                self._file = self._path.open("w")
            except OSError:
                self._file = sys.stderr
        try:
            for line, reason in rejections:
                click.echo(_format(line, reason), self._file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error

    def close(self) -> None:
        # What could not be written has been reported.
        if self._file is not None and self._file is not sys.stderr:
            with suppress(OSError):
                self._file.close()


def _format(line: Line, reason: str) -> str:
    text = line.text[:LONGEST_TEXT].decode(errors="replace")
    # Escapes all control characters but one.
    written = json.dumps({"line": line.number, "reason": reason[:LONGEST_REASON], "text": text})
    return written.replace("\x7f", "\\u007f")


def describe(file: str, summary: Summary, where: str) -> str:
    """The summary of the import of `file`, whose rejected lines are `where`."""
    described = (
        f"{printable(file)}: {summary.new} new, {summary.already_there} already there, "
        f"{summary.rejected} rejected"
    )
    if summary.pending:
        described += f", {summary.pending} pending until their promotion is known"
    if summary.contradicting:
        described += f", {summary.contradicting} pending because another issuance has their eventId"
    if summary.ignored_identifiers:
        described += f"; {summary.ignored_identifiers} identifiers of other types ignored"
    return described + (f". See {where}." if summary.rejected else ".")
