"""Log lines: one JSON object each, on standard error. The name of an event never varies; facts are fields.

A thread of its own writes the lines, so a slow reader of standard error delays no request. A line that finds
the queue full, or that cannot be written, is lost and counted.

Records of libraries are logged without their messages, because a message can contain a customer's phone
number. For example, asyncio quotes an exception that was never retrieved.
"""

import atexit
import logging
import os
import threading
import time
import traceback
from datetime import UTC, datetime
from functools import cache
from queue import Full, Queue
from select import PIPE_BUF

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from gateway.telemetry.current_request import current_request_log
from gateway.telemetry.metrics import LOST_LINES

MAX_QUEUED_LINES = 4096
PAUSE_SECONDS = 0.01
# How long the end of the process waits for a slow reader.
FLUSH_SECONDS = 1.0
_STANDARD_ERROR = 2
# Its messages are about processes and sockets; the first line is static, the rest may be a traceback.
_WITH_MESSAGE = "uvicorn."

# The logger of the whole gateway.
log: FilteringBoundLogger = structlog.get_logger()


def configure(*, colored: bool = False) -> None:
    """Write the log lines of this process as JSON, or as coloured text for a terminal."""
    structlog.configure(
        processors=[_add_common_fields, _render_colored if colored else _render_json],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=_LineQueue,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_LibraryRecords()], level=logging.WARNING, force=True)


def flush() -> None:
    """Wait until the queued lines are written, but not for long."""
    waiting = threading.Thread(target=_queue().join, daemon=True)
    waiting.start()
    waiting.join(FLUSH_SECONDS)


def without_message(error: BaseException) -> dict[str, str]:
    """An exception's type and place as fields; its message may quote a customer's data."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return {"error": type(error).__qualname__, "frames": frames}


def _add_common_fields(_: WrappedLogger, level: str, event: EventDict) -> EventDict:
    fields = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "event": event.pop("event"),
        **event,
    }
    if request_id := current_request_log().request_id:
        fields["request_id"] = request_id
    return fields


def _render_json(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return msgspec.json.encode(event) + b"\n"


_console = structlog.dev.ConsoleRenderer(timestamp_key="time", sort_keys=False)


def _render_colored(logger: WrappedLogger, level: str, event: EventDict) -> bytes:
    return f"{_console(logger, level, event)}\n".encode()


class _LineQueue:
    """The logger under structlog's: it queues rendered lines, whatever their level is."""

    def __init__(self, *_: object) -> None:
        self._lines = _queue()

    def info(self, line: bytes) -> None:
        try:
            self._lines.put_nowait(line)
        except Full:
            LOST_LINES.inc()

    warning = error = critical = info


class _LibraryRecords(logging.Handler):
    """Logs the place and the exception of a library's record."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, str] = {"logger": record.name, "place": f"{record.module}:{record.lineno}"}
        if record.name.startswith(_WITH_MESSAGE):
            fields["said"] = record.getMessage().partition("\n")[0]
        if record.exc_info and (error := record.exc_info[1]) is not None:
            fields |= without_message(error)
        log.log(record.levelno, "library", **fields)


@cache
def _queue() -> "Queue[bytes]":
    """The queue of lines, with the thread that writes them."""
    lines: Queue[bytes] = Queue(MAX_QUEUED_LINES)
    threading.Thread(target=_write, args=[lines], daemon=True).start()
    atexit.register(flush)
    return lines


def _write(lines: "Queue[bytes]") -> None:
    while True:
        text, taken = lines.get(), 1
        # As much of what is waiting as a pipe takes in one piece, so that lines of several processes do not
        # mix.
        while lines.queue and len(text) + len(lines.queue[0]) <= PIPE_BUF:
            text, taken = text + lines.get(), taken + 1
        try:
            # Not sys.stderr: it would keep what it could not write, and fail once more when the process ends.
            while text:
                text = text[os.write(_STANDARD_ERROR, text) :]
        except OSError:
            LOST_LINES.inc(text.count(b"\n"))
        for _ in range(taken):
            lines.task_done()
        if lines.empty():
            # A thread that woke for each line would cost a request more than the line does.
            time.sleep(PAUSE_SECONDS)
