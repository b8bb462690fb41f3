"""The log entry of the current request; every part of the gateway can add to it."""

from contextvars import ContextVar
from dataclasses import dataclass

from gateway.telemetry.metrics import ERRORS

# Not a standard status; nginx logs it too.
CLIENT_CLOSED_REQUEST = 499
# Instead of a name: the GraphQL operation is not in the operator's manifest, or it has no name there.
AD_HOC, UNNAMED = "ad hoc", "unnamed"


@dataclass(slots=True)
class RequestLog:
    """The facts of one request.

    `operation` is the name of a GraphQL operation, `AD_HOC` or `UNNAMED`. `code` is the API's code of the
    first error. `batch_size` is the number of loads that shared the largest aggregation of the request.
    """

    request_id: str
    operation: str | None = None
    operation_type: str | None = None
    client_id: str | None = None
    status: int = CLIENT_CLOSED_REQUEST
    code: int | None = None
    aggregations: int = 0
    batch_size: int = 0
    traceparent: str | None = None


active_request_log: ContextVar[RequestLog] = ContextVar("request_log")

_NO_REQUEST = RequestLog("")


def current_request_log() -> RequestLog:
    """The facts of the request that this code runs for; outside of a request, a dummy."""
    return active_request_log.get(_NO_REQUEST)


def note_error(code: int) -> None:
    """Count an error of a response by the API's code."""
    ERRORS.labels(code).inc()
    request_log = current_request_log()
    if request_log.code is None:
        request_log.code = code
