"""What is noted of a request while it runs, by whoever comes to know it."""

from contextvars import ContextVar
from dataclasses import dataclass

from gateway.telemetry.metrics import ERRORS

# What a proxy logs of a request whose sender did not wait for the answer.
UNANSWERED = 499


@dataclass(slots=True)
class RequestLog:
    """One request. `batch_size` is how many loads shared its largest aggregation.

    `operation` is a name only where the operator gave it, because others come from the caller; `code` is
    that of the first error.
    """

    request_id: str
    operation: str | None = None
    client_id: str | None = None
    status: int = UNANSWERED
    code: int | None = None
    aggregations: int = 0
    batch_size: int = 0
    traceparent: str | None = None


running: ContextVar[RequestLog] = ContextVar("entry")

_NO_REQUEST = RequestLog("")


def current_request_log() -> RequestLog:
    """The entry of the request that this runs for; what a command of the command line notes is lost."""
    return running.get(_NO_REQUEST)


def note_error(code: int) -> None:
    """Count an error that the caller is shown by its code in the API's documentation."""
    ERRORS.labels(code).inc()
    entry = current_request_log()
    if entry.code is None:
        entry.code = code
