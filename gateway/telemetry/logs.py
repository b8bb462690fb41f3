"""Log lines: one JSON object each, on standard error. The name of an event never varies; facts are fields.

Whatever a library logs comes here too, without its words: asyncio, for one, quotes the exception that
nobody retrieved, and with it perhaps a customer's phone number.
"""

import asyncio
import logging
import os
import select
import traceback
from collections import deque
from datetime import UTC, datetime

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from gateway.telemetry.metrics import LOST
from gateway.telemetry.request_log import current_request_log

PATIENCE_MS = 100
_STANDARD_ERROR = 2
# Its words are about processes and sockets; their first line is static, the rest may be a traceback.
_OUTSPOKEN = "uvicorn."

log: FilteringBoundLogger = structlog.get_logger()


def configure(*, for_people: bool = False) -> None:
    """Have all lines of this process look as said, or be coloured text `for_people`."""
    structlog.configure(
        processors=[_lead, _for_people if for_people else _as_json],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _lines,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


def without_message(error: BaseException) -> dict[str, str]:
    """An exception's kind and place as fields; its message may quote a customer's data."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return {"error": type(error).__qualname__, "frames": frames}


def _lead(_: WrappedLogger, level: str, event: EventDict) -> EventDict:
    """Put first what every line has."""
    fields = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "event": event.pop("event"),
        **event,
    }
    if request_id := current_request_log().request_id:
        fields["request_id"] = request_id
    return fields


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return msgspec.json.encode(event)


_console = structlog.dev.ConsoleRenderer(timestamp_key="time", sort_keys=False)


def _for_people(logger: WrappedLogger, level: str, event: EventDict) -> bytes:
    return str(_console(logger, level, event)).encode()


class _Lines:
    """Standard error, as it is when lines are written.

    A full disk, a closed pipe, or one that nobody reads loses lines, never requests.
    """

    def __init__(self) -> None:
        self._patience = PATIENCE_MS
        self._held: deque[bytes] = deque()
        self._flushed_by: asyncio.AbstractEventLoop | None = None

    def info(self, line: bytes) -> None:
        """Hold the line for this turn of the event loop: requests that shared a batch end together."""
        self._held.append(line)
        loop = self._flushed_by
        if loop is None or not loop.is_running():
            try:
                loop = self._flushed_by = asyncio.get_running_loop()
            except RuntimeError:
                self.flush()
            else:
                loop.call_soon(self.flush)

    def msg(self, line: bytes) -> None:
        """Write the line at once, behind those that were held."""
        self._held.append(line)
        self.flush()

    debug = warning = error = critical = msg

    def flush(self) -> None:
        """Write what was held."""
        self._flushed_by = None
        chunk: list[bytes] = []
        size = 0
        # Threads log too, and flush what another is flushing.
        while line := self._next():
            # So much is written whole, or not at all; other processes may write to the same pipe.
            if chunk and size + len(line) > select.PIPE_BUF:
                self._write(chunk)
                chunk, size = [], 0
            chunk.append(line)
            size += len(line)
        if chunk:
            self._write(chunk)

    def _next(self) -> bytes | None:
        try:
            return self._held.popleft() + b"\n"
        except IndexError:
            return None

    def _write(self, lines: list[bytes]) -> None:
        # Threads may wait at the same time, each needs a poll object of its own.
        room = select.poll()
        room.register(_STANDARD_ERROR, select.POLLOUT)
        if not room.poll(self._patience):
            # Whoever reads has had its chance; until it has made room, no line waits for it again.
            self._patience = 0
            LOST.inc(len(lines))
            return
        self._patience = PATIENCE_MS
        try:
            # A buffer would keep what found no room, and fail once more when the process ends.
            os.write(_STANDARD_ERROR, b"".join(lines))
        except OSError:
            LOST.inc(len(lines))


_lines = _Lines()


def flush() -> None:
    """Write what is held for the end of this turn of the event loop."""
    _lines.flush()


class _Libraries(logging.Handler):
    """Hands on what libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, str] = {"logger": record.name, "place": f"{record.module}:{record.lineno}"}
        if record.name.startswith(_OUTSPOKEN):
            fields["said"] = record.getMessage().partition("\n")[0]
        if record.exc_info and (error := record.exc_info[1]) is not None:
            fields |= without_message(error)
        log.log(record.levelno, "library", **fields)
