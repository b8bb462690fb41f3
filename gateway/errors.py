"""The gateway's own errors, and one table of how a caller sees each error.

    Refused
    ├── Unauthenticated
    │   ├── TokenExpired
    │   └── InvalidClient
    ├── TooManyFailures
    ├── AccessDenied
    └── AuthorizationUnavailable
    DeadlineInvalid
    LimitExceeded
    OperationUnknown
    PersistedQueryNotFound
    DocumentNotTrusted

`resolvers.errors` and `loaders.errors` list the others. Any exception that is not in the table is a defect;
the caller sees only "Internal Server Error". Each API renders an `ErrorSpec` in a shape of its own.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal, NamedTuple

from starlette.exceptions import HTTPException

from gateway.telemetry.current_request import note_error
from gateway.telemetry.logs import log, without_message
from loaders.errors import DeadlineExceeded, StoreUnavailable, SummaryTooLarge, forget_frames
from resolvers import errors


class Refused(Exception):
    """The caller may not do this, or the gateway cannot tell whether it may."""


class Unauthenticated(Refused):
    """The request has no credentials, or credentials that are not valid.

    `reason` says what is wrong with their form. It never says whether a name or a secret is right.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class TokenExpired(Unauthenticated):
    """The token is past its end; `expired_at` is in epoch seconds."""

    def __init__(self, expired_at: float) -> None:
        instant = datetime.fromtimestamp(int(expired_at), UTC)
        super().__init__()
        self.args = (f"Token expired at {instant:%Y-%m-%dT%H:%M:%SZ}",)


class InvalidClient(Unauthenticated):
    """The key and the secret of a token request are not valid."""


class TooManyFailures(Refused):
    """This client failed to log in too often from this address."""


class AccessDenied(Refused):
    """The caller's access group does not allow the request."""


class AuthorizationUnavailable(Refused):
    """The credentials could not be checked."""


class DeadlineInvalid(ValueError):
    """X-CAP-DEADLINE-MS is not a positive number of milliseconds."""


class LimitExceeded(Exception):
    """A GraphQL request asks for more than a limit allows; `got` is "more" if that was not counted."""

    def __init__(self, what: str, got: int | Literal["more"], most: int) -> None:
        super().__init__(f"The limit of {what} is {most}; this request has {got}.")


class OperationUnknown(Exception):
    """The document has no operation with the requested name, or it has several and the request names none."""


class PersistedQueryNotFound(Exception):
    """No document is known by this id. Apollo's clients then send the document."""


class DocumentNotTrusted(Exception):
    """The document is not in the manifest of trusted documents."""


class ErrorSpec(NamedTuple):
    """How a caller sees an error: the API's code and message, the HTTP status, the GraphQL code.

    `reason` is the `reason` of an exception that has one. It adds to a message that cannot change.
    """

    code: int
    message: str
    status: int
    graphql_code: str
    reason: str = ""


# The phrases of RFC 9110 that older versions of Python do not know.
_NEWER_PHRASES = {413: "Content Too Large", 414: "URI Too Long"}
_PROMOTION_DATA = "Error fetching promotion data. Verify programs/promotionIdentifier passed."

# In the order of the API's documentation, word for word; an empty message stands for the exception's own.
# The status of an 8xxx code is the one of GATEWAY_REST_STATUS=semantic.
ERRORS: Mapping[type[Exception], ErrorSpec] = {
    Unauthenticated: ErrorSpec(401, "Unauthorized", 401, "UNAUTHENTICATED"),
    TokenExpired: ErrorSpec(498, "", 401, "UNAUTHENTICATED"),
    InvalidClient: ErrorSpec(320001, "Invalid client key and secret", 401, "UNAUTHENTICATED"),
    TooManyFailures: ErrorSpec(429, "Too Many Requests", 429, "TOO_MANY_REQUESTS"),
    AuthorizationUnavailable: ErrorSpec(
        4001, "Authorization status unavailable!", 503, "AUTHORIZATION_UNAVAILABLE"
    ),
    AccessDenied: ErrorSpec(4000, "Not authorized. Access is denied!", 403, "FORBIDDEN"),
    errors.SourceMissing: ErrorSpec(8001, "Lookup failed, No source passed", 400, "BAD_USER_INPUT"),
    errors.SourceInvalid: ErrorSpec(8003, "Invalid source", 400, "BAD_USER_INPUT"),
    errors.IdentifierMissing: ErrorSpec(
        8002, "Lookup failed, No identifiers passed", 400, "IDENTIFIER_MISSING"
    ),
    errors.IdentifierNameInvalid: ErrorSpec(8013, "Lookup,Invalid identifier passed", 400, "BAD_USER_INPUT"),
    errors.ParametersInsufficient: ErrorSpec(
        8883,
        "Insufficient parameters passed, program id and one of promotion id/identifier are required.",
        400,
        "INSUFFICIENT_PARAMETERS",
    ),
    # Only the GraphQL API has lists and pages.
    errors.ArgumentInvalid: ErrorSpec(400, "Invalid argument", 400, "BAD_USER_INPUT"),
    errors.CustomerNotFound: ErrorSpec(
        8015, "Customer not found for the given identifiers", 404, "CUSTOMER_NOT_FOUND"
    ),
    errors.PromotionNotFound: ErrorSpec(8874, "promotion id passed is invalid", 404, "PROMOTION_NOT_FOUND"),
    errors.PromotionInOtherProgram: ErrorSpec(8105, _PROMOTION_DATA, 409, "PROMOTION_IN_OTHER_PROGRAM"),
    SummaryTooLarge: ErrorSpec(8105, _PROMOTION_DATA, 409, "SUMMARY_TOO_LARGE"),
    StoreUnavailable: ErrorSpec(8105, _PROMOTION_DATA, 503, "DATA_UNAVAILABLE"),
    DeadlineExceeded: ErrorSpec(8105, _PROMOTION_DATA, 503, "DEADLINE_EXCEEDED"),
    DeadlineInvalid: ErrorSpec(400, "X-CAP-DEADLINE-MS takes milliseconds, 1 or more.", 400, "BAD_REQUEST"),
    LimitExceeded: ErrorSpec(400, "", 400, "LIMIT_EXCEEDED"),
    OperationUnknown: ErrorSpec(
        400, "operationName must name an operation of the document.", 400, "OPERATION_RESOLUTION_FAILURE"
    ),
    # Apollo's clients know the message and the code, and then send the document.
    PersistedQueryNotFound: ErrorSpec(404, "PersistedQueryNotFound", 404, "PERSISTED_QUERY_NOT_FOUND"),
    DocumentNotTrusted: ErrorSpec(
        403, "Only operations of the manifest are executed here.", 400, "PERSISTED_QUERY_NOT_IN_LIST"
    ),
}


def status_phrase(status: int) -> str:
    """The standard phrase of an HTTP status, the same on every version of Python."""
    return _NEWER_PHRASES.get(status) or HTTPStatus(status).phrase


def describe(error: Exception) -> ErrorSpec:
    """How a caller sees `error`. Counts it, logs a defect or a failed database, and drops its traceback."""
    spec = _look_up(error)
    note_error(spec.code)
    cause = error if isinstance(error, StoreUnavailable) else error.__cause__
    if isinstance(cause, StoreUnavailable):
        # Its text is the kind of failure, without the driver's words.
        log.warning("database_unavailable", code=spec.code, reason=str(cause))
    forget_frames(error)
    return spec


def _look_up(error: Exception) -> ErrorSpec:
    if (spec := ERRORS.get(type(error))) is not None:
        return spec._replace(message=spec.message or str(error), reason=getattr(error, "reason", ""))
    if isinstance(error, HTTPException):
        status = error.status_code
        return ErrorSpec(status, error.detail, status, status_phrase(status).upper().replace(" ", "_"))
    log.error("unexpected", **without_message(error))
    return _look_up(HTTPException(HTTPStatus.INTERNAL_SERVER_ERROR))
