"""The rejected lines of an import, written with their reasons."""

import json
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click

from gateway.commands.terminal import printable
from gateway.ingest.import_summary import Line, Summary

# A small gzip file can hold many long lines, whose list must stay small as well.
LONGEST_TEXT = 2_048
LONGEST_REASON = 500


class Rejects:
    """A file of rejected lines, or standard error where that file cannot be made.

    Raises `OSError` if the file was `chosen` by the operator and cannot be made, or if the disk is full.
    """

    def __init__(self, path: Path, *, chosen: bool) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._to_stderr = False
        if chosen:
            self._file = path.open("w")
        else:
            # The list of an earlier import.
            with suppress(OSError):
                path.unlink(missing_ok=True)

    @property
    def where(self) -> str:
        """Where the rejected lines are."""
        return "above" if self._to_stderr else printable(str(self._path))

    def write(self, summary: Summary) -> None:
        """Write the lines that were rejected since the last time."""
        rejections, summary.fresh_rejections = summary.fresh_rejections, []
        if rejections and self._file is None and not self._to_stderr:
            try:
                self._file = self._path.open("w")
            except OSError:
                self._to_stderr = True
        try:
            for line, reason in rejections:
                click.echo(_format(line, reason), self._file, err=self._to_stderr)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error

    def close(self) -> None:
        # What could not be written has been reported.
        with suppress(OSError):
            if self._file is not None:
                self._file.close()


def _format(line: Line, reason: str) -> str:
    text = line.text[:LONGEST_TEXT].decode(errors="replace")
    # Escapes all control characters but one.
    written = json.dumps({"line": line.number, "reason": reason[:LONGEST_REASON], "text": text})
    return written.replace("\x7f", "\\u007f")
