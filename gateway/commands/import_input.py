"""The input of an import: its lines, unpacked and in batches, until the end or Ctrl-C."""

import gzip
import signal
import zlib
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, BinaryIO, cast

from gateway.ingest.importer import BATCH_LINES, Line
from gateway.ingest.records import LONGEST_LINE

# A batch is also full at this size, so that long lines do not take much memory.
BATCH_BYTES = 4 * 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# No line of JSON begins with this byte, every gzip file does.
_GZIP = b"\x1f"
_OTHER_FORMATS = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
    b"PK": "zip",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class InputUnusable(Exception):
    """The input is not read to its end; the message says why."""


class Batches:
    """The lines of an input, a batch at a time.

    Inside the context, Ctrl-C ends them, even while a read waits for more.
    """

    def __init__(self, raw: "BufferedReader[Any]") -> None:
        self.interrupted = False
        self._reading = False
        self._batches = _read(raw)

    def __enter__(self) -> "Batches":
        self._handler_before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._handler_before)

    def __iter__(self) -> Iterator[list[Line]]:
        while not self.interrupted:
            try:
                self._reading = True
                batch = next(self._batches, None)
            except KeyboardInterrupt:
                return
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise InputUnusable("its gzip data is cut short or damaged") from error
            except OSError as error:
                raise InputUnusable(str(error.strerror)) from error
            finally:
                self._reading = False
            if batch is None:
                return
            yield batch

    def _interrupt(self, *_: object) -> None:
        self.interrupted = True
        # A batch that is being written is written to its end first.
        if self._reading:
            raise KeyboardInterrupt


def _read(raw: "BufferedReader[Any]") -> Iterator[list[Line]]:
    opened = _unpacked(raw)
    batch: list[Line] = []
    size = number = 0
    while text := opened.readline(LONGEST_LINE + 2):
        number += 1
        if not text.endswith(b"\n") and len(text) > LONGEST_LINE:
            while (rest := opened.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
        if number == 1:
            text = text.removeprefix(BYTE_ORDER_MARK)
        if text.strip():
            batch.append(Line(number, text.rstrip(b"\r\n")))
            size += len(text)
        if len(batch) >= BATCH_LINES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _unpacked(raw: "BufferedReader[Any]") -> BinaryIO:
    start = raw.peek(8)
    for prefix, name in _OTHER_FORMATS.items():
        if start.startswith(prefix):
            raise InputUnusable(f"it is {name}; expected UTF-8, gzipped or not")
    return cast(BinaryIO, gzip.open(raw) if start.startswith(_GZIP) else raw)
